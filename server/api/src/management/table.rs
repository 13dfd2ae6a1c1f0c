//! Tables and their columns, as far as the caller may see them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use weir_core::catalog::{Column, Table, TableSummary};
use weir_core::id::FieldId;
use weir_core::name::{NamespaceIdent, TableIdent};
use weir_core::page::Page;
use weir_operations::{column, grant, table};

use super::ApiState;
use super::annotation::{AnnotationEditBody, AnnotationsBody};
use super::auth::Authenticated;
use super::extract::{Body, Params, Segments};
use super::grant::GrantBody;
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};

/// The path of a table: catalog, namespace with dots, table.
pub type TablePath = (String, String, String);

/// A table in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct TableSummaryBody {
    id: Uuid,
    name: String,
    kind: &'static str,
    format: &'static str,
    /// The schema version that holds.
    version: i32,
    /// Absent where rows are not counted, as in text files.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<i64>,
    bytes: i64,
    files: i64,
    updated_at: DateTime<Utc>,
    business: AnnotationsBody,
}

impl From<TableSummary> for TableSummaryBody {
    fn from(table: TableSummary) -> Self {
        Self {
            id: table.id.into(),
            name: table.name,
            kind: table.kind.as_str(),
            format: table.format.as_str(),
            version: table.version,
            rows: table.rows,
            bytes: table.bytes,
            files: table.files,
            updated_at: table.updated_at,
            business: table.annotations.into(),
        }
    }
}

/// A table with the columns that you may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct TableBody {
    #[serde(flatten)]
    summary: TableSummaryBody,
    catalog: String,
    namespace: String,
    /// Absent when you see only some of the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crawled_at: Option<DateTime<Utc>>,
    /// Is it refused to drop it?
    protected: bool,
    /// Since when its files are gone, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_since: Option<DateTime<Utc>>,
    /// Are there columns that you may not see?
    restricted: bool,
    columns: Vec<ColumnBody>,
}

impl From<Table> for TableBody {
    fn from(table: Table) -> Self {
        Self {
            summary: table.summary.into(),
            catalog: table.catalog,
            namespace: table.namespace.join("."),
            location: table.location,
            created_at: table.created_at,
            crawled_at: table.crawled_at,
            protected: table.protected,
            missing_since: table.missing_since,
            restricted: table.restricted,
            columns: table.columns.into_iter().map(Into::into).collect(),
        }
    }
}

/// A column at any depth.
#[derive(Debug, Serialize, ToSchema)]
pub struct ColumnBody {
    /// Stable within the table: it survives renames and is never used again.
    field_id: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_field_id: Option<i32>,
    /// `address.city`
    path: String,
    name: String,
    /// `long`, `decimal(10,2)`, `struct<…>`
    #[serde(rename = "type")]
    data_type: String,
    required: bool,
    /// Is its value taken from the folder's name?
    partition_key: bool,
    /// What the source says.
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<String>,
    business: AnnotationsBody,
}

impl From<Column> for ColumnBody {
    fn from(column: Column) -> Self {
        Self {
            field_id: column.id.0,
            parent_field_id: column.parent.map(|id| id.0),
            path: column.path,
            name: column.name,
            data_type: column.data_type.to_string(),
            required: column.required,
            partition_key: column.partition_key,
            doc: column.doc,
            business: column.annotations.into(),
        }
    }
}

/// Who reaches a table.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessBody {
    /// All that reach it for who manages them; your own otherwise.
    grants: Vec<GrantBody>,
}

/// The tables of a namespace that you may see.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/tables", tag = "table", params(("catalog" = String, Path), ("namespace" = String, Path), PageParams), responses((status = 200, body = PageBody<TableSummaryBody>), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((catalog, path)): Segments<(String, String)>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<TableSummaryBody>>, ApiError> {
    let ident = NamespaceIdent::parse(&catalog, &path)?;
    Ok(PageBody::of(
        table::list(&state.weir, &who.caller, &ident, &page.request()?).await?,
    ))
}

/// One table with its columns.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}", tag = "table", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path)), responses((status = 200, body = TableBody), (status = 404, body = Problem)))]
pub async fn describe(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
) -> Result<Json<TableBody>, ApiError> {
    Ok(Json(
        table::describe(&state.weir, &who.caller, &ident(&path)?)
            .await?
            .into(),
    ))
}

/// Edit what people say about a table.
#[utoipa::path(patch, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}", tag = "table", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path)), request_body = AnnotationEditBody, responses((status = 200, body = AnnotationsBody), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn annotate(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
    Body(edit): Body<AnnotationEditBody>,
) -> Result<Json<AnnotationsBody>, ApiError> {
    Ok(Json(
        table::annotate(&state.weir, &who.caller, &ident(&path)?, &edit.into())
            .await?
            .into(),
    ))
}

/// Drop a table from the catalog. Its files stay.
#[utoipa::path(delete, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}", tag = "table", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path)), responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn drop_table(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
) -> Result<StatusCode, ApiError> {
    table::drop(&state.weir, &who.caller, &ident(&path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The columns of a table, depth first. The cursor is a place in that order.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/columns", tag = "column", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path), PageParams), responses((status = 200, body = PageBody<ColumnBody>), (status = 404, body = Problem)))]
pub async fn columns(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<ColumnBody>>, ApiError> {
    let page = page.request()?;
    let table = table::describe(&state.weir, &who.caller, &ident(&path)?).await?;
    let after = page
        .after()
        .and_then(|cursor| cursor.parse::<i32>().ok())
        .map(FieldId);
    let start = after
        .and_then(|id| table.columns.iter().position(|column| column.id == id))
        .map_or(0, |at| at + 1);
    let rows: Vec<Column> = table
        .columns
        .into_iter()
        .skip(start)
        .take(page.limit() as usize + 1)
        .collect();
    Ok(PageBody::of(Page::cut(rows, &page, |column| {
        column.id.to_string()
    })))
}

/// Edit what people say about a column.
#[utoipa::path(patch, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/columns/{field_id}", tag = "column", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path), ("field_id" = i32, Path)), request_body = AnnotationEditBody, responses((status = 200, body = AnnotationsBody), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn annotate_column(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((catalog, namespace, table, field)): Segments<(String, String, String, i32)>,
    Body(edit): Body<AnnotationEditBody>,
) -> Result<Json<AnnotationsBody>, ApiError> {
    let ident = TableIdent::parse(&catalog, &namespace, &table)?;
    Ok(Json(
        column::annotate(
            &state.weir,
            &who.caller,
            &ident,
            FieldId(field),
            &edit.into(),
        )
        .await?
        .into(),
    ))
}

/// Who reaches a table, and by which grant.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/access", tag = "grant", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path)), responses((status = 200, body = AccessBody), (status = 404, body = Problem)))]
pub async fn access(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
) -> Result<Json<AccessBody>, ApiError> {
    let grants = grant::on_table(&state.weir, &who.caller, &ident(&path)?).await?;
    Ok(Json(AccessBody {
        grants: grants.into_iter().map(Into::into).collect(),
    }))
}

pub fn ident((catalog, namespace, table): &TablePath) -> weir_core::Result<TableIdent> {
    TableIdent::parse(catalog, namespace, table)
}
