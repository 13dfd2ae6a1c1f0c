//! Catalogs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use weir_core::catalog::Catalog;
use weir_core::location::Location;
use weir_core::name::Name;
use weir_operations::catalog;

use super::ApiState;
use super::auth::Authenticated;
use super::extract::{Body, Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};

#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogBody {
    id: Uuid,
    name: String,
    /// Where new Iceberg tables are placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<Catalog> for CatalogBody {
    fn from(catalog: Catalog) -> Self {
        Self {
            id: catalog.id.into(),
            name: catalog.name,
            location: catalog.location,
            created_at: catalog.created_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogCreate {
    name: String,
    /// A folder of its own in a registered storage location, where new Iceberg tables are placed. Without one, every table
    /// needs a location when it is created.
    location: Option<String>,
}

/// The catalogs that you can find something in.
#[utoipa::path(get, path = "/catalogs", tag = "catalog", params(PageParams), responses((status = 200, body = PageBody<CatalogBody>), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<CatalogBody>>, ApiError> {
    Ok(PageBody::of(
        catalog::list(&state.weir, &who.caller, &page.request()?).await?,
    ))
}

/// Create a catalog.
#[utoipa::path(post, path = "/catalogs", tag = "catalog", request_body = CatalogCreate, responses((status = 201, body = CatalogBody), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<ApiState>,
    who: Authenticated,
    Body(body): Body<CatalogCreate>,
) -> Result<(StatusCode, Json<CatalogBody>), ApiError> {
    let name = Name::parse("name", &body.name)?;
    let location = body
        .location
        .map(|location| Location::parse("location", &location))
        .transpose()?;
    let created = catalog::create(&state.weir, &who.caller, &name, location.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// One catalog.
#[utoipa::path(get, path = "/catalogs/{catalog}", tag = "catalog", params(("catalog" = String, Path)), responses((status = 200, body = CatalogBody), (status = 404, body = Problem)))]
pub async fn get(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
) -> Result<Json<CatalogBody>, ApiError> {
    let name = Name::parse("catalog", &name)?;
    Ok(Json(
        catalog::get(&state.weir, &who.caller, &name).await?.into(),
    ))
}

/// Drop an empty catalog.
#[utoipa::path(delete, path = "/catalogs/{catalog}", tag = "catalog", params(("catalog" = String, Path)), responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn drop_catalog(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    catalog::drop(&state.weir, &who.caller, &Name::parse("catalog", &name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
