//! Signing in and out.

use axum::Extension;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::IntoResponse;
use maud::{Markup, html};
use secrecy::SecretString;
use weir_core::principal::Face;
use weir_core::{Error, ErrorKind};
use weir_identity::{Origin, SignIn};

use crate::Console;
use crate::components::{Input, error_summary, hidden, text_input};
use crate::failure::Reply;
use crate::form::{Asked, FieldError, Fields, Pairs, Shape, is_secret};
use crate::layout::{Chrome, Done, Head, document};
use crate::links;
use crate::redirect::{next_or_start, see_other};
use crate::session::{Peer, Viewer};

const SHAPE: Shape = Shape {
    needed: &["name", "password"],
    optional: &["next"],
    many: &[],
};

#[derive(Debug, Default)]
pub(crate) struct LoginView {
    pub name: String,
    /// Checked: a path of this console.
    pub next: String,
    pub error: Option<FieldError>,
}

pub(crate) async fn show(chrome: Chrome, asked: Asked) -> Reply {
    let next = next_or_start(asked.text("next").unwrap_or("/"));
    if chrome.viewer.is_some() {
        return Ok(see_other(&next));
    }
    let view = LoginView {
        next,
        ..LoginView::default()
    };
    Ok(page(&chrome, &view).into_response())
}

pub(crate) async fn sign_in(
    State(console): State<Console>,
    chrome: Chrome,
    peer: Peer,
    Pairs(pairs): Pairs,
) -> Reply {
    let fields = Fields::check(pairs, &SHAPE)?;
    let next = next_or_start(&fields.text("next"));
    let name = fields.text("name").trim().to_owned();
    let request = SignIn {
        name: name.clone(),
        password: SecretString::from(fields.text("password")),
        origin: origin(peer, &chrome),
    };
    match console.identity.sign_in(request).await {
        Ok(signed_in) => {
            let cookie = [(SET_COOKIE, console.cookie.set(&signed_in.token))];
            Ok((cookie, see_other(&next)).into_response())
        }
        Err(error) => not_signed_in(&chrome, name, next, error),
    }
}

fn origin(peer: Peer, chrome: &Chrome) -> Origin {
    Origin {
        ip: peer.ip,
        user_agent: peer.user_agent,
        face: Face::Console,
        request: chrome.request,
    }
}

/// The form again, with the name kept and the password not.
fn not_signed_in(chrome: &Chrome, name: String, next: String, error: Error) -> Reply {
    let status = match error.kind() {
        ErrorKind::Unauthenticated | ErrorKind::Invalid => StatusCode::UNAUTHORIZED,
        ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
        _ => return Err(error.into()),
    };
    let error = Some(FieldError::new("name", error.public_message()));
    Ok((status, page(chrome, &LoginView { name, next, error })).into_response())
}

pub(crate) async fn sign_out(
    State(console): State<Console>,
    viewer: Option<Extension<Viewer>>,
    headers: HeaderMap,
) -> Reply {
    if let (Some(Extension(viewer)), Some(token)) = (viewer, console.cookie.read(&headers)) {
        console.identity.sign_out(token, &viewer.caller).await?;
    }
    let clear = [
        (SET_COOKIE, console.cookie.clear()),
        (
            HeaderName::from_static("clear-site-data"),
            "\"cache\", \"storage\"".to_owned(),
        ),
    ];
    let to = links::query("/login", &[("done", Done::SignedOut.as_str())]);
    Ok((clear, see_other(&to)).into_response())
}

pub(crate) fn page(chrome: &Chrome, view: &LoginView) -> Markup {
    let error = view.error.as_ref();
    let name = Input {
        autocomplete: "username",
        required: true,
        ..Input::text("name", "Name", &view.name)
    };
    let password = Input {
        kind: "password",
        autocomplete: "current-password",
        required: true,
        ..Input::text("password", "Password", "")
    };
    let body = html! {
        div.narrow {
            (error_summary(error))
            h1 { "Sign in to Weir" }
            form.stack method="post" action="/login" {
                @if view.next != "/" { (hidden("next", &view.next)) }
                (text_input(&name, error))
                (text_input(&password, error))
                div.actions { button.primary { "Sign in" } }
            }
        }
    };
    document(
        chrome,
        &Head {
            title: "Sign in",
            error: error.is_some(),
            ..Head::default()
        },
        &body,
    )
}

/// What becomes of a form that came after its session had ended: nothing is saved, and nothing that was typed is lost but
/// its secrets.
pub(crate) fn session_ended(chrome: &Chrome, action: &str, pairs: &[(String, String)]) -> Markup {
    let body = html! {
        div.notice {
            h1 { "Your session has ended" }
            p { "Nothing was changed. What you sent is kept on this page." }
            ol.steps {
                li { a href="/login" target="_blank" { "Sign in in a new tab" } }
                li {
                    form method="post" action=(action) {
                        @for (name, value) in pairs.iter().filter(|(name, _)| !is_secret(name)) { (hidden(name, value)) }
                        "Come back here and " button.primary { "Send it again" }
                    }
                }
            }
            p.muted { "Request id " code { (chrome.request) } }
        }
    };
    document(
        chrome,
        &Head {
            title: "Your session has ended",
            error: true,
            ..Head::default()
        },
        &body,
    )
}
