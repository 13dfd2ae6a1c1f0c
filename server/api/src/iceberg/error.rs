//! Outcomes as the Iceberg REST protocol tells them: one envelope for everything below `/iceberg`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use weir_core::{Error, ErrorKind};

/// What a request is about, as far as its errors go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    Warehouse,
    Namespace,
    /// A namespace that is to be dropped: a conflict says that it is not empty.
    NamespaceDrop,
    /// A request that sets and removes properties: a key that is in both is a case of its own.
    Properties,
    Table,
    View,
    Plan,
    PlanTask,
    Function,
}

/// An error of this face. Every handler returns it; the one translation is [`status`].
#[derive(Debug)]
pub struct Failure {
    error: Error,
    about: About,
    /// What the request named, where one name tells it; empty otherwise.
    name: String,
    /// Could the request have changed something? Then not knowing is worse than failing.
    mutates: bool,
}

pub trait Tell<T> {
    /// Says what the request read.
    fn reading(self, about: About, name: impl Into<String>) -> Result<T, Failure>;
    /// Says what the request would have changed.
    fn changing(self, about: About, name: impl Into<String>) -> Result<T, Failure>;
}

impl<T> Tell<T> for weir_core::Result<T> {
    fn reading(self, about: About, name: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            error,
            about,
            name: name.into(),
            mutates: false,
        })
    }

    fn changing(self, about: About, name: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            error,
            about,
            name: name.into(),
            mutates: true,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            about: About::Table,
            name: String::new(),
            mutates: false,
        }
    }
}

/// JSON wrapper for all error responses (non-2xx)
#[derive(Debug, Serialize, ToSchema)]
pub struct IcebergErrorResponse {
    error: ErrorModel,
}

/// JSON error payload returned in a response with further details on the error
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorModel {
    /// For a person.
    message: String,
    /// The simple name of the exception that a Java client throws.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status.
    #[schema(minimum = 400, maximum = 600)]
    code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<Vec<String>>,
}

/// The whole error map of this face. `field` is the part of the request that an error is about.
fn status(
    kind: ErrorKind,
    about: About,
    field: Option<&str>,
    mutates: bool,
) -> (StatusCode, &'static str) {
    use StatusCode as Is;
    match kind {
        ErrorKind::NotFound => (Is::NOT_FOUND, missing(about, field)),
        ErrorKind::AlreadyExists => (Is::CONFLICT, "AlreadyExistsException"),
        ErrorKind::Conflict => match about {
            About::NamespaceDrop => (Is::CONFLICT, "NamespaceNotEmptyException"),
            _ => (Is::CONFLICT, "CommitFailedException"),
        },
        ErrorKind::Invalid => match (about, field) {
            (About::Properties, Some("removals")) => {
                (Is::UNPROCESSABLE_ENTITY, "UnprocessableEntityException")
            }
            _ => (Is::BAD_REQUEST, "BadRequestException"),
        },
        // The document knows no 413.
        ErrorKind::TooLarge => (Is::BAD_REQUEST, "BadRequestException"),
        ErrorKind::Unauthenticated => (Is::UNAUTHORIZED, "NotAuthorizedException"),
        ErrorKind::Denied => (Is::FORBIDDEN, "ForbiddenException"),
        ErrorKind::Unsupported => (Is::NOT_ACCEPTABLE, "UnsupportedOperationException"),
        // Clients read 503 on a commit as "unknown outcome", and here nothing was begun.
        ErrorKind::Throttled => (Is::TOO_MANY_REQUESTS, "SlowDownException"),
        ErrorKind::Unavailable if mutates => (Is::TOO_MANY_REQUESTS, "SlowDownException"),
        ErrorKind::Unavailable => (Is::SERVICE_UNAVAILABLE, "SlowDownException"),
        ErrorKind::Internal if mutates => {
            (Is::INTERNAL_SERVER_ERROR, "CommitStateUnknownException")
        }
        ErrorKind::Internal => (Is::INTERNAL_SERVER_ERROR, "InternalServerError"),
    }
}

/// A request may name more than one object; the gate says which of them is missing.
fn missing(about: About, field: Option<&str>) -> &'static str {
    match (about, field) {
        (About::Warehouse, _) => "NoSuchWarehouseException",
        (About::Namespace | About::NamespaceDrop | About::Properties, _)
        | (_, Some("namespace" | "catalog")) => "NoSuchNamespaceException",
        (About::View, _) => "NoSuchViewException",
        (About::Table, _) | (_, Some("table")) => "NoSuchTableException",
        (About::Plan, _) => "NoSuchPlanIdException",
        (About::PlanTask, _) => "NoSuchPlanTaskException",
        (About::Function, _) => "NoSuchFunctionException",
    }
}

impl Failure {
    /// What is missing is told as the Java implementation tells it.
    fn message(&self, kind: &str) -> String {
        let told = self.error.public_message();
        match (self.error.kind(), self.error.field()) {
            (ErrorKind::Invalid, Some(field)) => format!("{field}: {told}"),
            (ErrorKind::NotFound, _) if kind == missing(self.about, None) => {
                match noun(self.about) {
                    Some(noun) if !self.name.is_empty() => {
                        format!("{noun} does not exist: {}", self.name)
                    }
                    _ => told.to_owned(),
                }
            }
            _ => told.to_owned(),
        }
    }
}

fn noun(about: About) -> Option<&'static str> {
    match about {
        About::Warehouse => Some("Warehouse"),
        About::Namespace | About::NamespaceDrop | About::Properties => Some("Namespace"),
        About::Table => Some("Table"),
        About::View => Some("View"),
        About::Function => Some("Function"),
        About::Plan | About::PlanTask => None,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, kind) = status(
            self.error.kind(),
            self.about,
            self.error.field(),
            self.mutates,
        );
        if status.is_server_error() {
            tracing::error!(error = ?self.error, "an Iceberg request failed");
        }
        envelope(status, kind, self.message(kind))
    }
}

/// A failure that no handler told: of the layers around this face, or of a client that asks for nothing.
///
/// `changes`: would it have changed something? `begun`: did it get that far?
pub fn failure(status: StatusCode, changes: bool, begun: bool) -> Response {
    if status.is_server_error() && changes {
        return match begun {
            true => envelope(
                StatusCode::INTERNAL_SERVER_ERROR,
                "CommitStateUnknownException",
                "It is not known whether the change was made. Load what it is about before you try again.".to_owned(),
            ),
            // Clients read 503 on a change as "unknown outcome", and here nothing was begun.
            false => envelope(
                StatusCode::TOO_MANY_REQUESTS,
                "SlowDownException",
                "The server has too much to do. Try again in a moment.".to_owned(),
            ),
        };
    }
    let (kind, message) = match status {
        StatusCode::NOT_FOUND => (
            "NotFoundException",
            "There is nothing at this address. GET /iceberg/v1/config tells the endpoints.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("BadRequestException", "This address knows other methods.")
        }
        StatusCode::SERVICE_UNAVAILABLE => (
            "SlowDownException",
            "The server has too much to do. Try again in a moment.",
        ),
        _ => (
            "InternalServerError",
            "Something went wrong on our side. The request id finds it in the server's log.",
        ),
    };
    envelope(status, kind, message.to_owned())
}

fn envelope(status: StatusCode, kind: &'static str, message: String) -> Response {
    let body = IcebergErrorResponse {
        error: ErrorModel {
            message,
            kind,
            code: status.as_u16(),
            stack: None,
        },
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_status_and_exception() {
        let abouts = [
            About::Warehouse,
            About::Namespace,
            About::NamespaceDrop,
            About::Properties,
            About::Table,
            About::View,
            About::Plan,
            About::PlanTask,
            About::Function,
        ];
        let mut lines = Vec::new();
        for kind in ErrorKind::ALL {
            for mutates in [false, true] {
                let mut told: Vec<String> = abouts
                    .iter()
                    .map(|about| {
                        let (status, name) = status(kind, *about, None, mutates);
                        format!("{} {name}", status.as_u16())
                    })
                    .collect();
                told.dedup();
                let what = if mutates { "changing" } else { "reading" };
                lines.push(format!("{kind:?}, {what}: {}", told.join(" | ")));
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_is_missing_is_told_in_the_words_of_the_java_implementation() {
        let missing = |error: Error, about, name| {
            let failure = Err::<(), _>(error).reading(about, name).unwrap_err();
            let (_, kind) = status(ErrorKind::NotFound, about, failure.error.field(), false);
            (kind, failure.message(kind))
        };
        assert_eq!(
            missing(
                Error::not_found("unseen").about("table"),
                About::Table,
                "ns.t"
            ),
            (
                "NoSuchTableException",
                "Table does not exist: ns.t".to_owned()
            )
        );
        assert_eq!(
            missing(
                Error::not_found("the target").about("namespace"),
                About::Table,
                "ns.t"
            ),
            ("NoSuchNamespaceException", "the target".to_owned())
        );
    }

    #[test]
    fn only_a_key_in_both_is_unprocessable() {
        let told = |field| {
            status(ErrorKind::Invalid, About::Properties, field, true)
                .0
                .as_u16()
        };
        assert_eq!(
            (told(Some("removals")), told(Some("properties"))),
            (422, 400)
        );
    }
}
