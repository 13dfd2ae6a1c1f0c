//! Outcomes as problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use weir_core::{Error, ErrorKind};

/// An error of this API. Every handler returns it; the one translation is [`status`].
#[derive(Debug)]
pub struct ApiError(pub Error);

/// Problem details (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem: `urn:weir:problem:not_found`
    #[serde(rename = "type")]
    #[schema(example = "urn:weir:problem:not_found")]
    kind: String,
    title: &'static str,
    status: u16,
    /// What happened and what to do, for a person.
    detail: String,
    /// The input that is wrong, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// The status, the name and the title of an outcome: the whole error map of this face.
fn status(kind: ErrorKind) -> (StatusCode, &'static str, &'static str) {
    match kind {
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found", "Not found"),
        ErrorKind::AlreadyExists => (StatusCode::CONFLICT, "already_exists", "Already exists"),
        ErrorKind::Conflict => (StatusCode::CONFLICT, "conflict", "Changed meanwhile"),
        ErrorKind::Invalid => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "Invalid request",
        ),
        ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Body too large"),
        ErrorKind::Unauthenticated => {
            (StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first")
        }
        ErrorKind::Denied => (StatusCode::FORBIDDEN, "denied", "Not allowed"),
        ErrorKind::Unsupported => (StatusCode::NOT_IMPLEMENTED, "unsupported", "Not supported"),
        ErrorKind::Throttled => (
            StatusCode::TOO_MANY_REQUESTS,
            "throttled",
            "Too many requests",
        ),
        ErrorKind::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Try again later",
        ),
        ErrorKind::Internal => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
        ),
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, name, title) = status(self.0.kind());
        if status.is_server_error() {
            tracing::error!(error = ?self.0, "a management request failed");
        }
        let problem = Problem {
            kind: format!("urn:weir:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: self.0.public_message().to_owned(),
            field: self.0.field().map(str::to_owned),
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

pub async fn no_route(uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    ApiError(Error::not_found(format!(
        "There is nothing at {path}. The API's document is openapi/management.yaml."
    )))
}

pub async fn no_method() -> Response {
    let mut response = ApiError(Error::invalid(
        "method",
        "This address does not answer to this method.",
    ))
    .into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_map_is_as_recorded() {
        let map: Vec<String> = ErrorKind::ALL
            .iter()
            .map(|kind| format!("{kind:?}: {:?}", status(*kind)))
            .collect();
        insta::assert_snapshot!(map.join("\n"));
    }
}
