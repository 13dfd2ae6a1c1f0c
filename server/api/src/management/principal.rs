//! Principals: people, groups, services and roles.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use weir_core::Error;
use weir_core::name::PrincipalName;
use weir_core::principal::{Principal, PrincipalKind};
use weir_identity::{client, password};
use weir_operations::principal::{self, Proof};

use super::ApiState;
use super::auth::Authenticated;
use super::credential::AccessEnded;
use super::extract::{Body, Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};

#[derive(Debug, Serialize, ToSchema)]
pub struct PrincipalBody {
    id: Uuid,
    name: String,
    /// user, group, service or role
    kind: &'static str,
    disabled: bool,
    created_at: DateTime<Utc>,
    /// The groups and roles it belongs to directly.
    member_of: Vec<String>,
}

impl From<Principal> for PrincipalBody {
    fn from(principal: Principal) -> Self {
        Self {
            id: principal.id.into(),
            name: principal.name,
            kind: principal.kind.as_str(),
            disabled: principal.disabled,
            created_at: principal.created_at,
            member_of: principal.groups,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrincipalCreate {
    name: String,
    /// user, group, service or role
    kind: String,
    /// For a user: 12 to 256 characters.
    password: Option<String>,
}

/// A new principal; a service comes with its client credentials, shown this once.
#[derive(Serialize, ToSchema)]
pub struct PrincipalCreated {
    #[serde(flatten)]
    principal: PrincipalBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberAdd {
    /// The name of a principal.
    member: String,
}

/// Principals by name.
#[utoipa::path(get, path = "/principals", tag = "principal", params(PageParams), responses((status = 200, body = PageBody<PrincipalBody>), (status = 403, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<PrincipalBody>>, ApiError> {
    Ok(PageBody::of(
        principal::list(&state.weir, &who.caller, &page.request()?).await?,
    ))
}

/// Create a user, group, service or role.
#[utoipa::path(post, path = "/principals", tag = "principal", request_body = PrincipalCreate, responses((status = 201, body = PrincipalCreated), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<ApiState>,
    who: Authenticated,
    Body(body): Body<PrincipalCreate>,
) -> Result<(StatusCode, Json<PrincipalCreated>), ApiError> {
    let name = PrincipalName::parse("name", &body.name)?;
    let kind = PrincipalKind::parse(&body.kind)?;
    let (proof, credentials) = match (kind, body.password) {
        (PrincipalKind::User, Some(text)) => (
            Proof::Password(password::hash(name.as_str(), &SecretString::from(text)).await?),
            None,
        ),
        (PrincipalKind::User, None) => {
            return Err(Error::invalid("password", "A user needs a password.").into());
        }
        (_, Some(_)) => {
            return Err(Error::invalid("password", "Only a user has a password.").into());
        }
        (PrincipalKind::Service, None) => {
            client::generate().map(|(shown, kept)| (Proof::Client(kept), Some(shown)))?
        }
        (PrincipalKind::Group | PrincipalKind::Role, None) => (Proof::None, None),
    };
    let created = principal::create(&state.weir, &who.caller, &name, kind, proof).await?;
    let (client_id, client_secret) = credentials
        .map(|shown| {
            (
                shown.client_id,
                shown.client_secret.expose_secret().to_owned(),
            )
        })
        .unzip();
    Ok((
        StatusCode::CREATED,
        Json(PrincipalCreated {
            principal: created.into(),
            client_id,
            client_secret,
        }),
    ))
}

/// Disable a principal and end its sessions. Credentials that a store made for it before go on: those are told, each with its end.
#[utoipa::path(delete, path = "/principals/{name}", tag = "principal", params(("name" = String, Path)), responses((status = 200, body = AccessEnded, description = "It ended, and these credentials go on until their end"), (status = 204, description = "It ended, and nothing outlives it"), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn disable(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
) -> Result<Response, ApiError> {
    let name = PrincipalName::parse("name", &name)?;
    let outliving = principal::disable(&state.weir, &who.caller, &name).await?;
    Ok(AccessEnded::by(outliving))
}

/// Make a principal belong to a group or role.
#[utoipa::path(post, path = "/principals/{name}/members", tag = "principal", params(("name" = String, Path)), request_body = MemberAdd, responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn add_member(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
    Body(body): Body<MemberAdd>,
) -> Result<StatusCode, ApiError> {
    let (group, member) = (
        PrincipalName::parse("name", &name)?,
        PrincipalName::parse("member", &body.member)?,
    );
    principal::add_member(&state.weir, &who.caller, &group, &member).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a membership. Credentials that a store made for the member before, by this group or otherwise, go on: those are told.
#[utoipa::path(delete, path = "/principals/{name}/members/{member}", tag = "principal", params(("name" = String, Path), ("member" = String, Path)), responses((status = 200, body = AccessEnded, description = "It ended, and these credentials go on until their end"), (status = 204, description = "It ended, and nothing outlives it"), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn remove_member(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((name, member)): Segments<(String, String)>,
) -> Result<Response, ApiError> {
    let (group, member) = (
        PrincipalName::parse("name", &name)?,
        PrincipalName::parse("member", &member)?,
    );
    let outliving = principal::remove_member(&state.weir, &who.caller, &group, &member).await?;
    Ok(AccessEnded::by(outliving))
}
