//! The binary's parts, so that tests reach them.
//!
//! Everything is put together here and nowhere else: configuration, database, operations, faces, listeners. There is
//! deliberately no rule of the product in this crate.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod cli;
pub mod config;
mod crawl;
mod demo;
mod http;
mod keys;
mod logs;
mod meters;
pub mod postgres;
mod probes;
mod serve;

pub use serve::{Server, database, start};

/// Every fixed SQL statement, for the test that prepares each against the migrated schema.
pub fn statements() -> Vec<(&'static str, &'static str)> {
    weir_db::statements()
}

/// A face that has an OpenAPI document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DocumentedFace {
    Management,
    Iceberg,
}

/// The document of a face, in YAML.
pub fn openapi(face: DocumentedFace) -> weir_core::Result<String> {
    let document = match face {
        DocumentedFace::Management => weir_api::document(),
        DocumentedFace::Iceberg => weir_api::iceberg_document(),
    };
    document.to_yaml().map_err(|error| {
        weir_core::Error::internal("The API document could not be written")
            .source(error.to_string())
    })
}
