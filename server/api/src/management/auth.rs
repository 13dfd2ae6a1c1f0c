//! Who is calling, from the bearer token.

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use std::net::SocketAddr;
use weir_core::Error;
use weir_core::id::RequestId;
use weir_core::principal::{Caller, Face};
use weir_identity::Origin;

use super::{ApiError, ApiState};

/// The authenticated caller, and the token that it came with.
pub struct Authenticated {
    pub caller: Caller,
    pub token: String,
}

impl std::fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.caller.fmt(f)
    }
}

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let token = bearer(parts).ok_or_else(|| {
            Error::unauthenticated(
                "Send a token: POST /api/v1/tokens gives one, then authorization: Bearer <token>.",
            )
        })?;
        let caller = state
            .identity
            .authenticate(&token, Face::Management, request_id(parts))
            .await?;
        Ok(Self { caller, token })
    }
}

fn bearer(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && (1..=512).contains(&token.len()))
        .then(|| token.to_owned())
}

pub fn request_id(parts: &Parts) -> RequestId {
    parts
        .extensions
        .get::<RequestId>()
        .copied()
        .unwrap_or_default()
}

/// Where a sign-in comes from.
#[derive(Debug)]
pub struct From(pub Origin);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Origin {
            ip: parts
                .extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|info| info.0.ip()),
            user_agent: parts
                .headers
                .get(USER_AGENT)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            face: Face::Management,
            request: request_id(parts),
        }))
    }
}
