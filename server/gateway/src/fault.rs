//! Outcomes in S3's words. Nothing else decides a code; what is sent names locations, never paths of the disk.

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};
use weir_core::delivery::scope::Denied;
use weir_core::{Error, ErrorKind};

pub fn of(error: &Error) -> S3Error {
    let code = match error.kind() {
        ErrorKind::NotFound => S3ErrorCode::NoSuchKey,
        ErrorKind::AlreadyExists | ErrorKind::Conflict => S3ErrorCode::PreconditionFailed,
        ErrorKind::Invalid => invalid(error.field()),
        ErrorKind::TooLarge => S3ErrorCode::EntityTooLarge,
        // Clients that read it ask for another credential.
        ErrorKind::Unauthenticated => S3ErrorCode::ExpiredToken,
        ErrorKind::Denied => S3ErrorCode::AccessDenied,
        ErrorKind::Unsupported => S3ErrorCode::NotImplemented,
        ErrorKind::Throttled => S3ErrorCode::SlowDown,
        ErrorKind::Unavailable => S3ErrorCode::ServiceUnavailable,
        ErrorKind::Internal => S3ErrorCode::InternalError,
    };
    match error.kind() {
        ErrorKind::Internal => tracing::error!(?error, "a request of the gateway failed"),
        ErrorKind::Unavailable => tracing::warn!(?error, "storage did not serve the gateway"),
        _ => {}
    }
    let mut fault = S3Error::with_message(code, error.public_message().to_owned());
    if error.kind() == ErrorKind::Unauthenticated {
        // S3's own status for it is 400. Clients that go by the status take that for a request which is wrong and give up; at this
        // one they ask for the next credential and go on (DuckDB 1.5.5, in the middle of a query).
        fault.set_status_code(StatusCode::FORBIDDEN);
    }
    fault
}

/// By the part of the request that is wrong.
fn invalid(field: Option<&str>) -> S3ErrorCode {
    match field {
        Some("body") => S3ErrorCode::IncompleteBody,
        Some("digest") => S3ErrorCode::BadDigest,
        Some("idle") => S3ErrorCode::RequestTimeout,
        Some("part") => S3ErrorCode::InvalidPart,
        Some("parts") => S3ErrorCode::InvalidPartOrder,
        _ => S3ErrorCode::InvalidArgument,
    }
}

/// The same of a call that names an upload.
pub fn of_upload(error: &Error) -> S3Error {
    match error.kind() {
        ErrorKind::NotFound => {
            S3Error::with_message(S3ErrorCode::NoSuchUpload, "There is no such upload.")
        }
        _ => of(error),
    }
}

pub fn outside(_: Denied) -> S3Error {
    denied("This credential is not for that.")
}

pub fn denied(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, message)
}

pub fn unsupported(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::NotImplemented, message)
}

pub fn wrong(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_code_and_only_failures_are_ours() {
        let map: Vec<_> = ErrorKind::ALL
            .into_iter()
            .map(|kind| {
                let fault = of(&sample(kind));
                let status = fault.status_code().unwrap().as_u16();
                (kind, fault.code().as_str().to_owned(), status)
            })
            .collect();
        let expected = [
            (ErrorKind::NotFound, "NoSuchKey", 404),
            (ErrorKind::AlreadyExists, "PreconditionFailed", 412),
            (ErrorKind::Conflict, "PreconditionFailed", 412),
            (ErrorKind::Invalid, "InvalidArgument", 400),
            (ErrorKind::TooLarge, "EntityTooLarge", 400),
            (ErrorKind::Unauthenticated, "ExpiredToken", 403),
            (ErrorKind::Denied, "AccessDenied", 403),
            (ErrorKind::Unsupported, "NotImplemented", 501),
            (ErrorKind::Throttled, "SlowDown", 503),
            (ErrorKind::Unavailable, "ServiceUnavailable", 503),
            (ErrorKind::Internal, "InternalError", 500),
        ]
        .map(|(kind, code, status)| (kind, code.to_owned(), status));
        assert_eq!(map, expected);
        let fault = of(&Error::internal("/srv/lake is gone"));
        assert!(!fault.message().unwrap().contains("/srv"));
    }

    fn sample(kind: ErrorKind) -> Error {
        match kind {
            ErrorKind::NotFound => Error::not_found(""),
            ErrorKind::AlreadyExists => Error::already_exists(""),
            ErrorKind::Conflict => Error::conflict(""),
            ErrorKind::Invalid => Error::invalid("range", ""),
            ErrorKind::TooLarge => Error::too_large(""),
            ErrorKind::Unauthenticated => Error::unauthenticated(""),
            ErrorKind::Denied => Error::denied(""),
            ErrorKind::Unsupported => Error::unsupported(""),
            ErrorKind::Throttled => Error::throttled(""),
            ErrorKind::Unavailable => Error::unavailable(""),
            ErrorKind::Internal => Error::internal(""),
        }
    }
}
