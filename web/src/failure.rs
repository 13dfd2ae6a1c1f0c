//! What went wrong, told to a person: what happened, what was not changed, what to do, and the request id.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use weir_core::{Error, ErrorKind};

use crate::layout::Chrome;
use crate::pages::error::{self, ErrorView};
use crate::{pages, redirect, session};

/// Why a handler gave no page of its own.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    Error(Arc<Error>),
    /// A page that needs a signed-in person.
    SignInFirst {
        next: String,
    },
    /// A form that somebody sent after the session had ended; its fields are kept.
    SessionEnded {
        action: String,
        pairs: Vec<(String, String)>,
    },
    /// A change asked for by another site, or by something that does not say where it comes from.
    ForeignSite,
    /// An address that knows other methods.
    Method,
}

pub(crate) type Reply = Result<Response, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(Arc::new(error))
    }
}

impl IntoResponse for Failure {
    /// Carries the failure out to [`session::attend`], which knows who is asking and draws the page.
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The page of a failure. Errors of ours are logged here, once.
pub(crate) fn page(chrome: &Chrome, failure: &Failure) -> Response {
    match failure {
        Failure::Error(error) => {
            log(chrome, error);
            if error.kind() == ErrorKind::Unauthenticated {
                return redirect::see_other(&session::sign_in_href(""));
            }
            let view = view(error);
            let mut response = (view.status, error::page(chrome, &view)).into_response();
            if let Some(seconds) = retry_after(error.kind()) {
                let headers = response.headers_mut();
                headers.insert(RETRY_AFTER, HeaderValue::from_static(seconds));
            }
            response
        }
        Failure::SignInFirst { next } => redirect::see_other(&session::sign_in_href(next)),
        Failure::SessionEnded { action, pairs } => {
            let page = pages::login::session_ended(chrome, action, pairs);
            (StatusCode::UNAUTHORIZED, page).into_response()
        }
        Failure::ForeignSite => {
            let view = error::foreign_site();
            (view.status, error::page(chrome, &view)).into_response()
        }
        Failure::Method => {
            let view = error::method();
            (view.status, error::page(chrome, &view)).into_response()
        }
    }
}

/// The page of an error. What is not found has one text, whether it is hidden or was never there.
pub(crate) fn view(error: &Error) -> ErrorView {
    if error.kind() == ErrorKind::NotFound {
        return error::not_found();
    }
    let (status, title, advice) = words(error.kind());
    ErrorView {
        status,
        title,
        what: error.public_message().to_owned(),
        advice,
    }
}

/// How the console tells each outcome: the status, the heading, what to do.
fn words(kind: ErrorKind) -> (StatusCode, &'static str, &'static str) {
    use StatusCode as Is;
    match kind {
        ErrorKind::NotFound => (Is::NOT_FOUND, "Not found", "Check the address."),
        ErrorKind::AlreadyExists => (
            Is::CONFLICT,
            "That exists already",
            "Go back and look at what is there.",
        ),
        ErrorKind::Conflict => (
            Is::CONFLICT,
            "Somebody was faster",
            "Look at what it is now, then repeat your change if it still makes sense.",
        ),
        ErrorKind::Invalid => (
            Is::UNPROCESSABLE_ENTITY,
            "This cannot be done as it was sent",
            "Go back, mend it and send it again.",
        ),
        ErrorKind::TooLarge => (
            Is::PAYLOAD_TOO_LARGE,
            "That is too much at once",
            "Go back and shorten it.",
        ),
        ErrorKind::Unauthenticated => (
            Is::UNAUTHORIZED,
            "You are not signed in",
            "Sign in and try again.",
        ),
        ErrorKind::Denied => (Is::FORBIDDEN, "You may not do this", ASK_FOR_A_GRANT),
        ErrorKind::Unsupported => (
            Is::NOT_IMPLEMENTED,
            "Weir does not do this",
            "Go back; nothing else is needed.",
        ),
        ErrorKind::Throttled => (
            Is::TOO_MANY_REQUESTS,
            "Too many requests",
            "Wait a moment, then try again.",
        ),
        ErrorKind::Unavailable => (
            Is::SERVICE_UNAVAILABLE,
            "Something Weir needs does not answer",
            TRY_AGAIN,
        ),
        ErrorKind::Internal => (
            Is::INTERNAL_SERVER_ERROR,
            "Something went wrong on our side",
            TRY_AGAIN,
        ),
    }
}

const ASK_FOR_A_GRANT: &str = "Ask somebody who manages grants on it; they find the refusal in the audit log under the request id below.";
const TRY_AGAIN: &str =
    "Try again in a moment. If it stays so, give the request id to whoever runs this server.";

fn retry_after(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Throttled => Some("10"),
        ErrorKind::Unavailable => Some("5"),
        _ => None,
    }
}

/// The status of a form that comes back with what is wrong. It is there, whatever it did not find.
pub(crate) fn status_of_form(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::NotFound => StatusCode::UNPROCESSABLE_ENTITY,
        kind => words(kind).0,
    }
}

pub(crate) fn log(chrome: &Chrome, error: &Error) {
    match error.kind() {
        ErrorKind::Internal => {
            tracing::error!(request.id = %chrome.request, error = ?error, "a console page failed");
        }
        ErrorKind::Unavailable => {
            tracing::warn!(request.id = %chrome.request, error = ?error, "a console page could not be served");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ErrorKind) -> Error {
        match kind {
            ErrorKind::NotFound => Error::not_found("table `secret` is hidden"),
            ErrorKind::AlreadyExists => Error::already_exists("There is a grant like this."),
            ErrorKind::Conflict => Error::conflict("The table changed since you opened it."),
            ErrorKind::Invalid => Error::invalid("reason", "A reason is one line."),
            ErrorKind::TooLarge => Error::too_large("A form has at most 256 KiB."),
            ErrorKind::Unauthenticated => Error::unauthenticated("Sign in."),
            ErrorKind::Denied => Error::denied("You may not grant on `lake.sales`."),
            ErrorKind::Unsupported => Error::unsupported("Views are not supported."),
            ErrorKind::Throttled => Error::throttled("Too many tries."),
            ErrorKind::Unavailable => Error::unavailable("The database does not answer."),
            ErrorKind::Internal => Error::internal("pool of postgres://user:pw@host is closed"),
        }
    }

    #[test]
    fn every_outcome_has_its_words() {
        let map: Vec<String> = ErrorKind::ALL
            .into_iter()
            .map(|kind| {
                let view = view(&of(kind));
                format!(
                    "{kind:?}: {} | {} | {} | {}",
                    view.status.as_u16(),
                    view.title,
                    view.what,
                    view.advice
                )
            })
            .collect();
        insta::assert_snapshot!(map.join("\n"));
    }
}
