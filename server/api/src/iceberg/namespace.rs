//! Namespaces and their properties.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_core::Error;
use weir_core::catalog::Namespace;
use weir_core::name::{NamespaceIdent, NamespacePath};
use weir_operations::namespace::{self, PropertyEdit};

use super::ApiState;
use super::answer::Common;
use super::error::{About, Failure, IcebergErrorResponse, Tell};
use super::extract::{Body, Keyed, PageParams, Params, Segments, Who, all_or_page, path};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct ParentParams {
    /// An optional namespace, underneath which to list namespaces.
    #[param(required = false)]
    parent: Option<String>,
}

/// A namespace by its levels.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Namespace)]
pub struct NamespaceLevels(Vec<String>);

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ListNamespacesResponse {
    /// An opaque token that names the next page; null at the end.
    next_page_token: Option<String>,
    #[schema(value_type = Vec<NamespaceLevels>)]
    namespaces: Vec<Vec<String>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateNamespaceRequest {
    #[schema(value_type = NamespaceLevels)]
    namespace: Vec<String>,
    /// Configured string to string map of properties for the namespace
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CreateNamespaceResponse {
    #[schema(value_type = NamespaceLevels)]
    namespace: Vec<String>,
    properties: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct GetNamespaceResponse {
    #[schema(value_type = NamespaceLevels)]
    namespace: Vec<String>,
    properties: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct UpdateNamespacePropertiesRequest {
    #[serde(default)]
    removals: Vec<String>,
    #[serde(default)]
    updates: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UpdateNamespacePropertiesResponse {
    /// List of property keys that were added or updated
    updated: Vec<String>,
    /// List of properties that were removed
    removed: Vec<String>,
    /// List of properties requested for removal that were not found
    missing: Vec<String>,
}

/// A namespace as messages name it.
pub fn shown(ident: &NamespaceIdent) -> String {
    ident.path.to_string()
}

/// List namespaces, optionally providing a parent namespace to list underneath.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces", operation_id = "listNamespaces", tag = "Catalog API", params(("prefix" = String, Path), PageParams, ParentParams), responses(
    (status = 200, body = ListNamespacesResponse), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn list(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Params(page): Params<PageParams>,
    Params(query): Params<ParentParams>,
) -> Result<Json<ListNamespacesResponse>, Failure> {
    let catalog = segments.catalog()?;
    let parent = query.parent.filter(|parent| !parent.is_empty());
    let name = parent.clone().unwrap_or_default();
    let parent = parent
        .map(|parent| path("parent", &parent))
        .transpose()
        .map_err(|_| Error::not_found("There is no such namespace."))
        .reading(About::Namespace, &name)?;
    let found = all_or_page(&page, |request| {
        children(&state, &caller, &catalog, parent.as_ref(), request)
    });
    let found = found.await.reading(About::Namespace, &name)?;
    Ok(Json(ListNamespacesResponse {
        next_page_token: found.next,
        namespaces: found.items.into_iter().map(|it| it.path).collect(),
    }))
}

async fn children(
    state: &ApiState,
    caller: &weir_core::principal::Caller,
    catalog: &weir_core::name::Name,
    parent: Option<&NamespacePath>,
    request: weir_core::page::PageRequest,
) -> weir_core::Result<weir_core::page::Page<Namespace>> {
    namespace::children(&state.weir, caller, catalog, parent, &request).await
}

/// Create a namespace.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces", operation_id = "createNamespace", tag = "Catalog API", params(("prefix" = String, Path), super::KeyHeader), request_body = CreateNamespaceRequest, responses(
    (status = 200, body = CreateNamespaceResponse), (status = 404, body = IcebergErrorResponse), (status = 406, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse), Common))]
pub async fn create(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, key }: Body<CreateNamespaceRequest>,
) -> Result<Json<CreateNamespaceResponse>, Failure> {
    let ident = NamespaceIdent {
        catalog: segments.catalog()?,
        path: NamespacePath::from_levels("namespace", value.namespace.iter().map(String::as_str))?,
    };
    let (weir, key) = (&state.weir, key.as_ref());
    let made = namespace::create(weir, &caller, &ident, value.properties, key).await;
    let made = made.changing(About::Namespace, "")?;
    Ok(Json(CreateNamespaceResponse {
        namespace: made.path,
        properties: made.properties,
    }))
}

/// Load the metadata properties for a namespace.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces/{namespace}", operation_id = "loadNamespaceMetadata", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path)), responses(
    (status = 200, body = GetNamespaceResponse), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn get(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
) -> Result<Json<GetNamespaceResponse>, Failure> {
    let name = segments.text("namespace");
    let ident = segments.namespace().reading(About::Namespace, &name)?;
    let found = namespace::get(&state.weir, &caller, &ident).await;
    let found = found.reading(About::Namespace, shown(&ident))?;
    Ok(Json(GetNamespaceResponse {
        namespace: found.path,
        properties: found.properties,
    }))
}

/// Check if a namespace exists.
#[utoipa::path(head, path = "/v1/{prefix}/namespaces/{namespace}", operation_id = "namespaceExists", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path)), responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn exists(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
) -> Result<StatusCode, Failure> {
    let ident = segments.namespace().reading(About::Namespace, "")?;
    let found = namespace::get(&state.weir, &caller, &ident).await;
    found.reading(About::Namespace, shown(&ident))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Drop a namespace from the catalog. Namespace must be empty.
#[utoipa::path(delete, path = "/v1/{prefix}/namespaces/{namespace}", operation_id = "dropNamespace", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), super::KeyHeader), responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse), Common))]
pub async fn drop_namespace(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Keyed(key): Keyed,
) -> Result<StatusCode, Failure> {
    let ident = segments.namespace().reading(About::Namespace, "")?;
    let dropped = namespace::drop(&state.weir, &caller, &ident, key.as_ref()).await;
    dropped.changing(About::NamespaceDrop, shown(&ident))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set or remove properties on a namespace.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/properties", operation_id = "updateProperties", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), super::KeyHeader), request_body = UpdateNamespacePropertiesRequest, responses(
    (status = 200, body = UpdateNamespacePropertiesResponse), (status = 404, body = IcebergErrorResponse), (status = 406, body = IcebergErrorResponse), (status = 422, body = IcebergErrorResponse), Common))]
pub async fn set_properties(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, key }: Body<UpdateNamespacePropertiesRequest>,
) -> Result<Json<UpdateNamespacePropertiesResponse>, Failure> {
    let ident = segments.namespace().reading(About::Namespace, "")?;
    let edit = PropertyEdit {
        removals: value.removals,
        updates: value.updates,
    };
    let done = namespace::set_properties(&state.weir, &caller, &ident, &edit, key.as_ref()).await;
    let done = done.changing(About::Properties, shown(&ident))?;
    Ok(Json(UpdateNamespacePropertiesResponse {
        updated: done.updated,
        removed: done.removed,
        missing: done.missing,
    }))
}
