//! Commits to several tables at once.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use weir_core::Error;
use weir_operations::{table, transaction};

use super::answer::Common;
use super::error::{About, Failure, IcebergErrorResponse, Tell};
use super::extract::{Body, Segments, Who};
use super::table::CommitTableRequest;
use super::{ApiState, KeyHeader};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CommitTransactionRequest {
    table_changes: Vec<CommitTableRequest>,
}

/// Commit updates to multiple tables in an atomic operation.
#[utoipa::path(post, path = "/v1/{prefix}/transactions/commit", operation_id = "commitTransaction", tag = "Catalog API", params(("prefix" = String, Path), KeyHeader), request_body = CommitTransactionRequest, responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse),
    (status = 500, body = IcebergErrorResponse), (status = 502, body = IcebergErrorResponse), (status = 504, body = IcebergErrorResponse), Common))]
pub async fn commit(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, key }: Body<CommitTransactionRequest>,
) -> Result<StatusCode, Failure> {
    let catalog = segments.catalog()?;
    let missing = || {
        Error::invalid(
            "identifier",
            "Every change of a transaction names its table.",
        )
    };
    let mut requests = Vec::with_capacity(value.table_changes.len());
    for change in value.table_changes {
        requests.push(table::CommitRequest {
            ident: change.identifier.ok_or_else(missing)?.ident(&catalog)?,
            requirements: change.requirements,
            updates: change.updates,
        });
    }
    let done = transaction::commit(&state.weir, &caller, requests, key.as_ref()).await;
    done.changing(About::Table, "")?;
    Ok(StatusCode::NO_CONTENT)
}
