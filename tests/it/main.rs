//! What holds for the house as a whole: its walls, its document, its statements. What the product does is tested over HTTP
//! beside this, in `browser`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod iceberg_document;
mod openapi;
mod sql;
mod walls;
