//! What every face reads of a request's head.

use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use std::net::SocketAddr;
use weir_core::id::RequestId;
use weir_core::principal::Face;
use weir_identity::Origin;

/// The token of an `authorization: Bearer` header (RFC 6750).
pub fn bearer(parts: &Parts) -> Option<String> {
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
pub fn origin(parts: &Parts, face: Face) -> Origin {
    Origin {
        ip: parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip()),
        user_agent: parts
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        face,
        request: request_id(parts),
    }
}
