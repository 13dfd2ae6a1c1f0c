//! Views.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use weir_core::catalog::TableKind;
use weir_core::name::{Name, TableIdent};
use weir_operations::iceberg::document;
use weir_operations::iceberg::view::{ViewRequirement, ViewUpdate};
use weir_operations::{table, view};

use super::answer::{self, Common, Shape};
use super::error::{About, Failure, IcebergErrorResponse, Tell};
use super::extract::{Body, Keyed, PageParams, Params, Segments, Who};
use super::table::{ListTablesResponse, RenameTableRequest, TableIdentifier, names, shown};
use super::{ApiState, KeyHeader, ReferencedBy, ViewPath};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CreateViewRequest {
    name: String,
    #[serde(default)]
    location: Option<String>,
    #[schema(value_type = document::Schema)]
    schema: Box<RawValue>,
    #[schema(value_type = document::ViewVersion)]
    view_version: Box<RawValue>,
    properties: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct CommitViewRequest {
    /// View identifier to update
    #[serde(default)]
    identifier: Option<TableIdentifier>,
    #[serde(default)]
    requirements: Vec<ViewRequirement>,
    updates: Vec<ViewUpdate>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RegisterViewRequest {
    name: String,
    metadata_location: String,
}

/// Result used when a view is successfully loaded. The metadata is what the view's file has.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "documents what is spliced together from texts")]
pub struct LoadViewResult {
    metadata_location: String,
    metadata: document::ViewMetadata,
    config: Option<BTreeMap<String, String>>,
}

/// List all view identifiers underneath a given namespace.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces/{namespace}/views", operation_id = "listViews", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), PageParams), responses(
    (status = 200, body = ListTablesResponse), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn list(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Params(page): Params<PageParams>,
) -> Result<Json<ListTablesResponse>, Failure> {
    names(&state, &caller, &segments, &page, TableKind::View).await
}

/// Create a view in the given namespace.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/views", operation_id = "createView", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), KeyHeader), request_body = CreateViewRequest, responses(
    (status = 200, body = LoadViewResult), (status = 404, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse), Common))]
pub async fn create(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, key }: Body<CreateViewRequest>,
) -> Result<Response, Failure> {
    let request = view::CreateRequest {
        ident: TableIdent {
            namespace: segments.namespace().reading(About::Namespace, "")?,
            name: Name::parse("name", &value.name)?,
        },
        location: value.location,
        schema: value.schema,
        view_version: value.view_version,
        properties: value.properties,
    };
    let made = view::create(&state.weir, &caller, request, key.as_ref()).await;
    answer::plain(&*made.changing(About::Namespace, "")?, Shape::Load)
}

/// Register a view in the given namespace using given metadata file location.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/register-view", operation_id = "registerView", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), KeyHeader), request_body = RegisterViewRequest, responses(
    (status = 200, body = LoadViewResult), (status = 404, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse), Common))]
pub async fn register(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, key }: Body<RegisterViewRequest>,
) -> Result<Response, Failure> {
    let request = table::RegisterRequest {
        ident: TableIdent {
            namespace: segments.namespace().reading(About::Namespace, "")?,
            name: Name::parse("name", &value.name)?,
        },
        metadata_location: value.metadata_location,
        overwrite: false,
    };
    let made = view::register(&state.weir, &caller, request, key.as_ref()).await;
    answer::plain(&*made.changing(About::Namespace, "")?, Shape::Load)
}

/// Load a view from the catalog.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces/{namespace}/views/{view}", operation_id = "loadView", tag = "Catalog API", params(ViewPath, ReferencedBy), responses(
    (status = 200, body = LoadViewResult), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn load(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let ident = segments.view().reading(About::View, "")?;
    let found = view::load(&state.weir, &caller, &ident).await;
    answer::load(&*found.reading(About::View, shown(&ident))?, &headers).await
}

/// Check if a view exists.
#[utoipa::path(head, path = "/v1/{prefix}/namespaces/{namespace}/views/{view}", operation_id = "viewExists", tag = "Catalog API", params(ViewPath), responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn exists(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
) -> Result<StatusCode, Failure> {
    let ident = segments.view().reading(About::View, "")?;
    let found = view::exists(&state.weir, &caller, &ident).await;
    found.reading(About::View, shown(&ident))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace a view.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/views/{view}", operation_id = "replaceView", tag = "Catalog API", params(ViewPath, KeyHeader), request_body = CommitViewRequest, responses(
    (status = 200, body = LoadViewResult), (status = 404, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse),
    (status = 500, body = IcebergErrorResponse), (status = 502, body = IcebergErrorResponse), (status = 504, body = IcebergErrorResponse), Common))]
pub async fn replace(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, key }: Body<CommitViewRequest>,
) -> Result<Response, Failure> {
    let ident = segments.view().reading(About::View, "")?;
    let named = value
        .identifier
        .map(|named| named.ident(&ident.namespace.catalog))
        .transpose()?;
    if named.is_some_and(|named| named != ident) {
        return Err(weir_core::Error::invalid(
            "identifier",
            "This is another view than the address names.",
        )
        .into());
    }
    let name = shown(&ident);
    let request = view::CommitRequest {
        ident,
        requirements: value.requirements,
        updates: value.updates,
    };
    let done = view::replace(&state.weir, &caller, request, key.as_ref()).await;
    answer::plain(&*done.changing(About::View, name)?, Shape::Load)
}

/// Drop a view from the catalog.
#[utoipa::path(delete, path = "/v1/{prefix}/namespaces/{namespace}/views/{view}", operation_id = "dropView", tag = "Catalog API", params(ViewPath, KeyHeader), responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn drop_view(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Keyed(key): Keyed,
) -> Result<StatusCode, Failure> {
    let ident = segments.view().reading(About::View, "")?;
    let dropped = view::drop(&state.weir, &caller, &ident, key.as_ref()).await;
    dropped.changing(About::View, shown(&ident))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rename a view from its current name to a new name.
#[utoipa::path(post, path = "/v1/{prefix}/views/rename", operation_id = "renameView", tag = "Catalog API", params(("prefix" = String, Path), KeyHeader), request_body = RenameTableRequest, responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), (status = 406, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse), Common))]
pub async fn rename(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, key }: Body<RenameTableRequest>,
) -> Result<StatusCode, Failure> {
    let catalog = segments.catalog()?;
    let (from, to) = (
        value.source.ident(&catalog)?,
        value.destination.ident(&catalog)?,
    );
    let (weir, key) = (&state.weir, key.as_ref());
    let done = table::rename(weir, &caller, &from, &to, TableKind::View, key).await;
    done.changing(About::View, shown(&from))?;
    Ok(StatusCode::NO_CONTENT)
}
