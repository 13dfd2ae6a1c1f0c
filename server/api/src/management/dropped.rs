//! Dropped tables that can be put back, and protection from being dropped.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use weir_core::id::TableId;
use weir_core::name::{Name, NamespaceIdent};
use weir_operations::table::{self, DroppedTable};

use super::ApiState;
use super::auth::Authenticated;
use super::extract::{Body, Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};
use super::table::{TablePath, ident};

/// A table that was dropped.
#[derive(Debug, Serialize, ToSchema)]
pub struct DroppedTableBody {
    id: Uuid,
    name: String,
    dropped_at: DateTime<Utc>,
    dropped_by: String,
    /// It can be put back until then.
    undrop_until: DateTime<Utc>,
    /// Are its files deleted when that time is over?
    purge: bool,
}

impl From<DroppedTable> for DroppedTableBody {
    fn from(table: DroppedTable) -> Self {
        Self {
            id: table.table_id,
            name: table.name,
            dropped_at: table.dropped_at,
            dropped_by: table.dropped_by,
            undrop_until: table.purge_after,
            purge: table.purge_files,
        }
    }
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndropRequest {
    /// Another name than it had.
    name: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UndroppedBody {
    name: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectionBody {
    protected: bool,
}

/// The tables that were dropped from a namespace and can be put back.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/dropped-tables", tag = "table", params(("catalog" = String, Path), ("namespace" = String, Path), PageParams), responses((status = 200, body = PageBody<DroppedTableBody>), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((catalog, path)): Segments<(String, String)>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<DroppedTableBody>>, ApiError> {
    let ident = NamespaceIdent::parse(&catalog, &path)?;
    Ok(PageBody::of(
        table::dropped(&state.weir, &who.caller, &ident, &page.request()?).await?,
    ))
}

/// Put a dropped table back, with its versions, words and grants.
#[utoipa::path(post, path = "/catalogs/{catalog}/namespaces/{namespace}/dropped-tables/{id}/undrop", tag = "table", params(("catalog" = String, Path), ("namespace" = String, Path), ("id" = Uuid, Path)), request_body = UndropRequest, responses((status = 200, body = UndroppedBody), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn undrop(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((catalog, path, id)): Segments<(String, String, String)>,
    Body(body): Body<UndropRequest>,
) -> Result<Json<UndroppedBody>, ApiError> {
    let ident = NamespaceIdent::parse(&catalog, &path)?;
    let id: TableId = id.parse()?;
    let name = body
        .name
        .map(|name| Name::parse("name", &name))
        .transpose()?;
    let name = table::undrop(&state.weir, &who.caller, &ident, id, name.as_ref()).await?;
    Ok(Json(UndroppedBody { name }))
}

/// Protect a table from being dropped, or lift that.
#[utoipa::path(put, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/protection", tag = "table", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path)), request_body = ProtectionBody, responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn protect(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
    Body(body): Body<ProtectionBody>,
) -> Result<StatusCode, ApiError> {
    table::protect(&state.weir, &who.caller, &ident(&path)?, body.protected).await?;
    Ok(StatusCode::NO_CONTENT)
}
