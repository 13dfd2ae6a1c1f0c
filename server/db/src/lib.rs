//! Every SQL statement of Weir, and nothing else.
//!
//! Functions that read or write governed rows take a [`weir_core::authz::Permit`] or a [`Write`], which only a decision
//! makes. Fixed statements are constants that a test prepares against the migrated schema; sea-query is used only where
//! filters vary. There is deliberately no business rule here and no second connection inside a transaction.

#[macro_use]
mod statements;
mod error;
mod json;
mod pool;
mod write;

pub mod annotation;
pub mod audit;
pub mod bootstrap;
pub mod catalog;
pub mod crawl;
pub mod crawler;
pub mod directory;
pub mod dropped;
pub mod freshness;
pub mod grant;
pub mod iceberg;
pub mod idempotency;
pub mod location;
pub mod namespace;
pub mod partition;
pub mod place;
pub mod resolve;
pub mod run;
pub mod scan;
pub mod secret;
pub mod session;
pub mod staged;
pub mod table;
pub mod vended;
pub mod version;

pub use audit::Entry;
pub use error::map;
pub use pool::{Db, DbConfig};
pub use statements::statements;
pub use write::{Opened, Write};
