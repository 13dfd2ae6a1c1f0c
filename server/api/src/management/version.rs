//! Schema versions.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use weir_core::catalog::SchemaVersion;
use weir_operations::table;

use super::ApiState;
use super::auth::Authenticated;
use super::extract::{Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};
use super::table::{TablePath, ident};

/// An immutable version of a table's schema, cut to the columns that you may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionBody {
    number: i32,
    /// crawl, engine or person
    origin: &'static str,
    made_by: String,
    created_at: DateTime<Utc>,
    /// What changed since the version before.
    changes: Vec<ChangeBody>,
    /// In Iceberg's JSON form.
    schema: serde_json::Value,
}

/// One change of a schema.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeBody {
    /// added, removed, renamed, retyped, requiredness, documented or reordered
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_id: Option<i32>,
    /// `+ discount string`
    line: String,
    /// Do readers of the version before go on working?
    safe: bool,
}

impl From<SchemaVersion> for VersionBody {
    fn from(version: SchemaVersion) -> Self {
        Self {
            number: version.number,
            origin: version.origin.as_str(),
            made_by: version.made_by,
            created_at: version.created_at,
            changes: version
                .changes
                .into_iter()
                .map(|change| ChangeBody {
                    kind: change.kind,
                    field_id: change.field_id.map(|id| id.0),
                    line: change.line,
                    safe: change.safe,
                })
                .collect(),
            schema: serde_json::to_value(version.schema).unwrap_or_default(),
        }
    }
}

/// The newest versions first.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/versions", tag = "version", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path), PageParams), responses((status = 200, body = PageBody<VersionBody>), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<VersionBody>>, ApiError> {
    Ok(PageBody::of(
        table::versions(&state.weir, &who.caller, &ident(&path)?, &page.request()?).await?,
    ))
}

/// One version.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/versions/{number}", tag = "version", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path), ("number" = i32, Path)), responses((status = 200, body = VersionBody), (status = 404, body = Problem)))]
pub async fn get(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((catalog, namespace, table, number)): Segments<(String, String, String, i32)>,
) -> Result<Json<VersionBody>, ApiError> {
    let ident = ident(&(catalog, namespace, table))?;
    Ok(Json(
        table::version(&state.weir, &who.caller, &ident, number)
            .await?
            .into(),
    ))
}
