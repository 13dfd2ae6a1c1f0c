//! Partitions.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use weir_core::catalog::Partition;
use weir_operations::table;

use super::ApiState;
use super::auth::Authenticated;
use super::extract::{Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};
use super::table::{TablePath, ident};

/// The files of one combination of partition values.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartitionBody {
    /// `year=2013/month=1`
    key: String,
    values: Vec<String>,
    files: i64,
    bytes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<i64>,
    first_seen_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl From<Partition> for PartitionBody {
    fn from(partition: Partition) -> Self {
        Self {
            key: partition.key,
            values: partition.values,
            files: partition.files,
            bytes: partition.bytes,
            rows: partition.rows,
            first_seen_at: partition.first_seen_at,
            changed_at: partition.changed_at,
        }
    }
}

/// The partitions of a table by key.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/partitions", tag = "partition", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path), PageParams), responses((status = 200, body = PageBody<PartitionBody>), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<PartitionBody>>, ApiError> {
    Ok(PageBody::of(
        table::partitions(&state.weir, &who.caller, &ident(&path)?, &page.request()?).await?,
    ))
}
