//! The whole product as functions: one module a noun, one function a verb. Every face calls these and nothing else.
//!
//! Each operation that touches a governed object begins at the [`gate`]. There is deliberately no protocol here, no HTML
//! and no SQL.

mod gate;
mod read_audit;
mod table_cache;
mod turns;
mod upkeep;
mod weir;

pub mod audit;
pub mod catalog;
pub mod column;
pub mod crawl;
pub mod crawler;
pub mod delivery;
pub mod function;
pub mod grant;
pub mod idempotency;
pub mod keys;
pub mod location;
pub mod namespace;
pub mod principal;
pub mod scan;
pub mod table;
pub mod transaction;
pub mod view;

pub use gate::Gate;
pub use weir::{Settings, Weir};
pub use weir_iceberg as iceberg;
