//! Who is calling, from the bearer token.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use weir_core::Error;
use weir_core::principal::{Caller, Face};
use weir_identity::Origin;

use super::{ApiError, ApiState};
use crate::request::{bearer, origin, request_id};

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

/// Where a sign-in comes from.
#[derive(Debug)]
pub struct From(pub Origin);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(origin(parts, Face::Management)))
    }
}
