//! The page of an error.

use axum::http::StatusCode;
use maud::{Markup, html};

use crate::failure::Failure;
use crate::layout::{Chrome, Head, document};

#[derive(Debug, Clone)]
pub(crate) struct ErrorView {
    pub status: StatusCode,
    pub title: &'static str,
    pub what: String,
    pub advice: &'static str,
}

/// The one page for what does not exist and for what is hidden, so that the two cannot be told apart.
pub(crate) fn not_found() -> ErrorView {
    ErrorView {
        status: StatusCode::NOT_FOUND,
        title: "Not found",
        what: "This does not exist, or it is not shared with you.".to_owned(),
        advice: "Check the address, or ask whoever sent it to grant you access.",
    }
}

pub(crate) fn foreign_site() -> ErrorView {
    ErrorView {
        status: StatusCode::FORBIDDEN,
        title: "This did not come from the console",
        what: "A change must be sent from a page of this console. This request came from another site, or from a browser or \
               proxy that does not say where it came from."
            .to_owned(),
        advice: "Open the console itself and repeat the change there. Behind a proxy, the headers Host and Origin must arrive \
                 as the browser sent them.",
    }
}

pub(crate) fn method() -> ErrorView {
    ErrorView {
        status: StatusCode::METHOD_NOT_ALLOWED,
        title: "Nothing to show here",
        what: "This address takes a form and has no page of its own.".to_owned(),
        advice: "Go back to the page with the form.",
    }
}

pub(crate) fn page(chrome: &Chrome, view: &ErrorView) -> Markup {
    let body = html! {
        div.notice {
            h1 { (view.title) }
            p { (view.what) }
            p { (unchanged(chrome, view.status)) }
            p { (view.advice) }
            p { a href="/" { "Go to the start page" } }
            p.muted { "Request id " code { (chrome.request) } }
        }
    };
    let head = Head {
        title: view.title,
        error: true,
        ..Head::default()
    };
    document(chrome, &head, &body)
}

/// A failure of ours in the middle of a change may come after the change was made; then nothing is promised.
fn unchanged(chrome: &Chrome, status: StatusCode) -> &'static str {
    if chrome.reading {
        "You only looked: nothing was changed."
    } else if status.is_server_error() {
        "Whether your change was made is not known. Look before you send it again."
    } else {
        "Nothing was changed."
    }
}

/// Where no route leads.
pub(crate) async fn nowhere() -> Failure {
    weir_core::Error::not_found("There is no such page.").into()
}

pub(crate) async fn wrong_method() -> Failure {
    Failure::Method
}
