//! Where the lake's files lie: S3-compatible and local storage, listed, read by ranges, and written one whole object at a time.
//!
//! A [`Store`] is bound to one root and refuses every location outside it; on a local file system that holds for symbolic
//! links too. Every call has a deadline and a bounded number of retries. Nothing here knows a file format. This is the only crate that names `object_store`.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod config;
mod failure;
mod keys;
mod local;
mod s3;
mod store;

pub use config::{S3Credential, StorageConfig};
pub use store::{Listed, ObjectMeta, Store, Stores};
