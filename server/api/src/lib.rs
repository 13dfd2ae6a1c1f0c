//! Wire protocols. Each face parses, calls one operation, renders; none decides anything, and none knows another.
//!
//! There are two: the management API and Iceberg REST. The document of each is generated from its code.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]

mod iceberg;
mod management;
mod request;

use axum::Router;
use weir_identity::Identity;
use weir_operations::Weir;

pub use iceberg::{document as iceberg_document, failure as iceberg_failure};
pub use management::document;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct ApiState {
    pub weir: Weir,
    pub identity: Identity,
}

/// The routes of all faces, below `/api` and `/iceberg`.
pub fn router(state: ApiState) -> Router {
    management::router(state.clone()).merge(iceberg::router(state))
}
