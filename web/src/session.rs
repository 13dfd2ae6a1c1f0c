//! Who is looking. The cookie holds an opaque token; identity knows what it stands for.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use tower_http::csrf::ProtectionError;
use weir_core::ErrorKind;
use weir_core::id::RequestId;
use weir_core::principal::{Caller, Face};
use weir_operations::audit;

use crate::failure::{self, Failure};
use crate::layout::{Chrome, Done};
use crate::{Console, links};

/// The session cookie. The `__Host-` prefix makes browsers refuse one that another host or plain http set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookie {
    name: &'static str,
    secure: bool,
}

impl Cookie {
    pub fn new(insecure: bool) -> Self {
        Self {
            name: if insecure {
                "weir-insecure"
            } else {
                "__Host-weir"
            },
            secure: !insecure,
        }
    }

    /// The token, unless the cookie is absent, empty or there twice.
    pub fn read(self, headers: &HeaderMap) -> Option<&str> {
        let mut values = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name)
            .map(|(_, value)| value);
        let token = values.next().filter(|token| !token.is_empty())?;
        values.next().is_none().then_some(token)
    }

    /// Lives until the browser closes; identity ends it earlier.
    pub fn set(self, token: &SecretString) -> String {
        format!(
            "{}={}{}",
            self.name,
            token.expose_secret(),
            self.attributes()
        )
    }

    pub fn clear(self) -> String {
        format!("{}=; Max-Age=0{}", self.name, self.attributes())
    }

    fn attributes(self) -> &'static str {
        if self.secure {
            "; Path=/; Secure; HttpOnly; SameSite=Lax"
        } else {
            "; Path=/; HttpOnly; SameSite=Lax"
        }
    }
}

/// Somebody signed in, and the frame that their pages are drawn in.
#[derive(Clone)]
pub(crate) struct Viewer {
    pub caller: Caller,
    pub chrome: Chrome,
}

impl FromRequestParts<Console> for Viewer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Console) -> Result<Self, Failure> {
        let viewer = parts.extensions.get::<Self>().cloned();
        viewer.ok_or_else(|| Failure::SignInFirst {
            next: parts
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
        })
    }
}

/// The frame of a page that needs no sign-in.
impl FromRequestParts<Console> for Chrome {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Failure> {
        let chrome = parts.extensions.get::<Self>().cloned();
        Ok(chrome.unwrap_or_else(|| Self::anonymous(RequestId::new(), console.weir.now())))
    }
}

/// Where a request came from, as far as the connection tells. Headers that anybody can send are not believed.
pub(crate) struct Peer {
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
}

impl FromRequestParts<Console> for Peer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Console) -> Result<Self, Failure> {
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let agent = parts.headers.get("user-agent");
        Ok(Self {
            ip: connection.map(|ConnectInfo(address)| address.ip()),
            user_agent: agent
                .and_then(|agent| agent.to_str().ok())
                .map(|agent| agent.chars().take(255).collect()),
        })
    }
}

/// Finds out who is asking, lets the handler answer, and draws the page of what went wrong.
pub(crate) async fn attend(
    State(console): State<Console>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request
        .extensions()
        .get::<RequestId>()
        .copied()
        .unwrap_or_default();
    request.extensions_mut().insert(id);
    let mut chrome = Chrome::anonymous(id, console.weir.now());
    chrome.done = request.uri().query().and_then(Done::in_query);
    chrome.reading = matches!(*request.method(), Method::GET | Method::HEAD);
    if let Some(token) = console.cookie.read(request.headers()) {
        match console
            .identity
            .authenticate(token, Face::Console, id)
            .await
        {
            Ok(caller) => {
                chrome.viewer = Some(caller.name.clone());
                chrome.audit = audit::may_list(&console.weir, &caller)
                    .await
                    .unwrap_or(false);
                let viewer = Viewer {
                    caller,
                    chrome: chrome.clone(),
                };
                request.extensions_mut().insert(viewer);
            }
            Err(error) if error.kind() == ErrorKind::Unauthenticated => {}
            Err(error) => return failure::page(&chrome, &error.into()),
        }
    }
    request.extensions_mut().insert(chrome.clone());
    let response = next.run(request).await;
    let cross_site = response.extensions().get::<ProtectionError>();
    match (response.extensions().get::<Failure>(), cross_site) {
        (Some(failure), _) => failure::page(&chrome, failure),
        (None, Some(_)) => failure::page(&chrome, &Failure::ForeignSite),
        (None, None) => response,
    }
}

/// `/login?next=…`
pub(crate) fn sign_in_href(next: &str) -> String {
    let next = if next == "/" { "" } else { next };
    links::query("/login", &[("next", next)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookie: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, cookie.parse().unwrap());
        Cookie::new(false).read(&headers).map(str::to_owned)
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        assert_eq!(read("a=b; __Host-weir=tok; c=d").as_deref(), Some("tok"));
    }

    #[test]
    fn a_cookie_that_is_empty_foreign_or_there_twice_is_none() {
        for bad in [
            "__Host-weir=",
            "weir=tok",
            "weir-insecure=tok",
            "__Host-weir=a; __Host-weir=b",
            "__host-weir=a",
            "",
        ] {
            assert_eq!(read(bad), None, "{bad:?} was read");
        }
    }

    #[test]
    fn the_cookie_is_closed_to_scripts_and_other_sites() {
        let token = SecretString::from("tok");
        assert_eq!(
            Cookie::new(false).set(&token),
            "__Host-weir=tok; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            Cookie::new(true).set(&token),
            "weir-insecure=tok; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            Cookie::new(false).clear(),
            "__Host-weir=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
    }
}
