//! The words of the domain and the one decision they serve.
//!
//! Everything here is a value or a pure function. There is deliberately no IO, no async, no SQL and no HTTP in this
//! crate: what is decided here can be tested without a database and read without knowing any protocol.

pub mod annotation;
pub mod audit;
pub mod authz;
pub mod catalog;
pub mod clock;
pub mod crawl;
pub mod delivery;
pub mod error;
pub mod grant;
pub mod id;
pub mod idempotency;
pub mod location;
pub mod name;
pub mod page;
pub mod principal;
pub mod privilege;
pub mod resource;
pub mod schedule;
pub mod schema;
pub mod storage;
pub mod tag;

pub use error::{Error, ErrorKind, Result};
