//! Signing in and out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_core::Error;
use weir_identity::{SignIn, SignInClient};

use super::ApiState;
use super::auth::{Authenticated, From};
use super::extract::Body;
use super::problem::{ApiError, Problem};

/// A person's name and password, or a service's client id and client secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    name: Option<String>,
    password: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// A session. The token is shown this once.
#[derive(Serialize, ToSchema)]
pub struct TokenBody {
    token: String,
    /// Who it belongs to.
    name: String,
    expires_at: DateTime<Utc>,
}

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeBody {
    name: String,
    kind: &'static str,
}

/// Sign in and get a token.
#[utoipa::path(post, path = "/tokens", tag = "session", security(()), request_body = SignInRequest, responses(
    (status = 201, body = TokenBody), (status = 401, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub async fn sign_in(
    State(state): State<ApiState>,
    From(origin): From,
    Body(request): Body<SignInRequest>,
) -> Result<(StatusCode, Json<TokenBody>), ApiError> {
    let SignInRequest {
        name,
        password,
        client_id,
        client_secret,
    } = request;
    let signed_in = match (name, password, client_id, client_secret) {
        (Some(name), Some(password), None, None)
            if name.chars().count() <= 255 && password.len() <= 1024 =>
        {
            state
                .identity
                .sign_in(SignIn {
                    name,
                    password: SecretString::from(password),
                    origin,
                })
                .await?
        }
        (None, None, Some(client_id), Some(secret))
            if client_id.len() <= 255 && secret.len() <= 1024 =>
        {
            state
                .identity
                .sign_in_client(SignInClient {
                    client_id,
                    client_secret: SecretString::from(secret),
                    origin,
                })
                .await?
        }
        _ => {
            return Err(Error::invalid(
                "body",
                "Send either name and password, or client_id and client_secret.",
            )
            .into());
        }
    };
    let token = signed_in.token.expose_secret().to_owned();
    Ok((
        StatusCode::CREATED,
        Json(TokenBody {
            token,
            name: signed_in.name,
            expires_at: signed_in.expires_at,
        }),
    ))
}

/// End the session of this token, everywhere.
#[utoipa::path(delete, path = "/tokens/current", tag = "session", responses((status = 204), (status = 401, body = Problem)))]
pub async fn sign_out(
    State(state): State<ApiState>,
    authenticated: Authenticated,
) -> Result<StatusCode, ApiError> {
    state
        .identity
        .sign_out(&authenticated.token, &authenticated.caller)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who am I?
#[utoipa::path(get, path = "/me", tag = "session", responses((status = 200, body = MeBody), (status = 401, body = Problem)))]
pub async fn me(authenticated: Authenticated) -> Json<MeBody> {
    Json(MeBody {
        name: authenticated.caller.name,
        kind: authenticated.caller.kind.as_str(),
    })
}
