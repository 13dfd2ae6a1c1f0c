//! Functions.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use weir_operations::function;

use super::ApiState;
use super::answer::{self, Common};
use super::error::{About, Failure, IcebergErrorResponse, Tell};
use super::extract::{PageParams, Params, Segments, Who, all_or_page};
use super::shapes;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ListFunctionsResponse {
    /// An opaque token that names the next page; null at the end.
    next_page_token: Option<String>,
    /// Levels of the namespace, then the name.
    #[schema(value_type = Vec<shapes::CatalogObjectIdentifier>)]
    identifiers: Vec<Vec<String>>,
}

/// List all function identifiers underneath a given namespace.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces/{namespace}/functions", operation_id = "listFunctions", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), PageParams), responses(
    (status = 200, body = ListFunctionsResponse), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn list(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Params(page): Params<PageParams>,
) -> Result<Json<ListFunctionsResponse>, Failure> {
    let name = segments.text("namespace");
    let namespace = segments.namespace().reading(About::Namespace, &name)?;
    let (weir, caller, at) = (&state.weir, &caller, &namespace);
    let found = all_or_page(&page, |request| async move {
        function::names(weir, caller, at, &request).await
    });
    let found = found.await.reading(About::Namespace, &name)?;
    let identifiers = found.items.into_iter().map(|name| {
        let mut levels = namespace.path.to_strings();
        levels.push(name);
        levels
    });
    Ok(Json(ListFunctionsResponse {
        next_page_token: found.next,
        identifiers: identifiers.collect(),
    }))
}

/// Load a function from the catalog.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces/{namespace}/functions/{function}", operation_id = "loadFunction", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), ("function" = String, Path)), responses(
    (status = 200, body = shapes::LoadFunctionResult), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn load(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
) -> Result<Response, Failure> {
    let namespace = segments.namespace().reading(About::Namespace, "")?;
    let name = segments.text("function");
    let found = function::load(&state.weir, &caller, &namespace, &name).await;
    Ok(answer::json(found.reading(About::Function, name)?))
}
