//! Crawlers at work: they list storage, group files into tables, look into a sample of each, and tell the catalog what is
//! new. Every change goes through the operations, as the crawler's own principal.
//!
//! Deliberately not here: what a change does to the catalog (operations), how storage is reached (storage), and people's
//! definitions, which no crawl can touch.

pub mod classifier;
pub mod layout;
mod reconcile;
mod survey;
mod worker;

pub use worker::{CrawlerConfig, Worker};
