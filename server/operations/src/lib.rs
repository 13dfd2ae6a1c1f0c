//! The whole product as functions: one module a noun, one function a verb. Every face calls these and nothing else.
//!
//! Each operation that touches a governed object begins at the [`gate`]. There is deliberately no protocol here, no HTML
//! and no SQL.

mod gate;
mod table_cache;
mod weir;

pub mod audit;
pub mod catalog;
pub mod column;
pub mod crawl;
pub mod crawler;
pub mod grant;
pub mod location;
pub mod namespace;
pub mod principal;
pub mod table;

pub use gate::Gate;
pub use weir::Weir;
