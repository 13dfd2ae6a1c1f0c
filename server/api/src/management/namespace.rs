//! Namespaces. In paths a namespace of several levels is written with dots.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;
use weir_core::catalog::Namespace;
use weir_core::name::{Name, NamespaceIdent};
use weir_operations::namespace;

use super::ApiState;
use super::annotation::{AnnotationEditBody, AnnotationsBody};
use super::auth::Authenticated;
use super::extract::{Body, Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};

#[derive(Debug, Serialize, ToSchema)]
pub struct NamespaceBody {
    id: Uuid,
    catalog: String,
    /// `sales` or `sales.emea`
    name: String,
    created_at: DateTime<Utc>,
    business: AnnotationsBody,
}

impl From<Namespace> for NamespaceBody {
    fn from(namespace: Namespace) -> Self {
        Self {
            id: namespace.id.into(),
            catalog: namespace.catalog,
            name: namespace.path.join("."),
            created_at: namespace.created_at,
            business: namespace.annotations.into(),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamespaceCreate {
    /// `sales`, or `sales.emea` below an existing `sales`
    name: String,
}

/// The namespaces of a catalog that you can find something in.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces", tag = "namespace", params(("catalog" = String, Path), PageParams), responses((status = 200, body = PageBody<NamespaceBody>), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(catalog): Segments<String>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<NamespaceBody>>, ApiError> {
    let catalog = Name::parse("catalog", &catalog)?;
    Ok(PageBody::of(
        namespace::list(&state.weir, &who.caller, &catalog, &page.request()?).await?,
    ))
}

/// Create a namespace.
#[utoipa::path(post, path = "/catalogs/{catalog}/namespaces", tag = "namespace", params(("catalog" = String, Path)), request_body = NamespaceCreate, responses((status = 201, body = NamespaceBody), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(catalog): Segments<String>,
    Body(body): Body<NamespaceCreate>,
) -> Result<(StatusCode, Json<NamespaceBody>), ApiError> {
    let ident = NamespaceIdent {
        catalog: Name::parse("catalog", &catalog)?,
        path: weir_core::name::NamespacePath::parse("name", &body.name)?,
    };
    Ok((
        StatusCode::CREATED,
        Json(
            namespace::create(&state.weir, &who.caller, &ident, BTreeMap::new(), None)
                .await?
                .into(),
        ),
    ))
}

/// One namespace.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}", tag = "namespace", params(("catalog" = String, Path), ("namespace" = String, Path)), responses((status = 200, body = NamespaceBody), (status = 404, body = Problem)))]
pub async fn get(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((catalog, path)): Segments<(String, String)>,
) -> Result<Json<NamespaceBody>, ApiError> {
    let ident = NamespaceIdent::parse(&catalog, &path)?;
    Ok(Json(
        namespace::get(&state.weir, &who.caller, &ident)
            .await?
            .into(),
    ))
}

/// Edit what people say about a namespace.
#[utoipa::path(patch, path = "/catalogs/{catalog}/namespaces/{namespace}", tag = "namespace", params(("catalog" = String, Path), ("namespace" = String, Path)), request_body = AnnotationEditBody, responses((status = 200, body = AnnotationsBody), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn annotate(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((catalog, path)): Segments<(String, String)>,
    Body(edit): Body<AnnotationEditBody>,
) -> Result<Json<AnnotationsBody>, ApiError> {
    let ident = NamespaceIdent::parse(&catalog, &path)?;
    Ok(Json(
        namespace::annotate(&state.weir, &who.caller, &ident, &edit.into())
            .await?
            .into(),
    ))
}

/// Drop an empty namespace.
#[utoipa::path(delete, path = "/catalogs/{catalog}/namespaces/{namespace}", tag = "namespace", params(("catalog" = String, Path), ("namespace" = String, Path)), responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn drop_namespace(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((catalog, path)): Segments<(String, String)>,
) -> Result<StatusCode, ApiError> {
    namespace::drop(
        &state.weir,
        &who.caller,
        &NamespaceIdent::parse(&catalog, &path)?,
        None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
