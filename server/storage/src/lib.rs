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

mod azure;
pub mod conditions;
mod config;
mod failure;
mod google;
mod keys;
mod local;
mod local_page;
mod local_stream;
mod local_uploads;
mod local_walk;
#[cfg(target_os = "linux")]
mod local_warm;
mod s3;
mod s3_list;
mod s3_stream;
mod s3_upload;
pub mod seal;
pub mod sign;
mod store;
pub mod stream;
pub mod vend;

pub use conditions::{Conditions, Mode, Span, Tags, unquoted};
pub use config::{
    AccountKey, ClientSecret, Credential, Credentials, FederatedIdentity, GoogleCredential,
    ManagedIdentity, S3Credential, StorageConfig, WebIdentity,
};
pub use s3::is_region;
pub use store::{Listed, ObjectMeta, Store, Stores};
pub use stream::{Answer, Entry, Found, Incoming, Page, Paging, Part};
