//! Storage locations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use weir_core::crawl::{StorageLocation, StorageSettings};
use weir_core::location::Location;
use weir_core::name::Name;
use weir_operations::location;

use super::ApiState;
use super::auth::Authenticated;
use super::extract::{Body, Params};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};

#[derive(Debug, Serialize, ToSchema)]
pub struct LocationBody {
    id: Uuid,
    name: String,
    url: String,
    settings: SettingsBody,
    created_at: DateTime<Utc>,
}

/// How to reach an S3-compatible store. Never holds a secret.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsBody {
    /// The store's address where it is not AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// The bucket in the path instead of the host name.
    path_style: bool,
    /// A name under `[storage.credentials]` of the server's configuration; the environment's credentials when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl From<SettingsBody> for StorageSettings {
    fn from(body: SettingsBody) -> Self {
        Self {
            endpoint: body.endpoint,
            region: body.region,
            path_style: body.path_style,
            credential: body.credential,
        }
    }
}

impl From<StorageLocation> for LocationBody {
    fn from(location: StorageLocation) -> Self {
        let StorageSettings {
            endpoint,
            region,
            path_style,
            credential,
        } = location.settings;
        Self {
            id: location.id.into(),
            name: location.name,
            url: location.url,
            settings: SettingsBody {
                endpoint,
                region,
                path_style,
                credential,
            },
            created_at: location.created_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationRegister {
    name: String,
    /// `s3://bucket/folder` or `file:///folder`
    url: String,
    #[serde(default)]
    settings: SettingsBody,
}

/// The storage locations that you may use or see.
#[utoipa::path(get, path = "/locations", tag = "location", params(PageParams), responses((status = 200, body = PageBody<LocationBody>)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<LocationBody>>, ApiError> {
    Ok(PageBody::of(
        location::list(&state.weir, &who.caller, &page.request()?).await?,
    ))
}

/// Register a storage location. It is listed once to see that it answers.
#[utoipa::path(post, path = "/locations", tag = "location", request_body = LocationRegister, responses((status = 201, body = LocationBody), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn register(
    State(state): State<ApiState>,
    who: Authenticated,
    Body(body): Body<LocationRegister>,
) -> Result<(StatusCode, Json<LocationBody>), ApiError> {
    let (name, url) = (
        Name::parse("name", &body.name)?,
        Location::parse("url", &body.url)?,
    );
    let registered =
        location::register(&state.weir, &who.caller, &name, &url, body.settings.into()).await?;
    Ok((StatusCode::CREATED, Json(registered.into())))
}
