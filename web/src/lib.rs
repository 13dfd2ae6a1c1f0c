//! The console: HTML for people, over the same operations as every other face.
//!
//! A page is a pure function of a view struct to markup; a handler parses, calls an operation and renders. Nothing is
//! decided here and no database or storage is named here. GET never changes anything; a POST answers with 303 to a GET.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)
)]

mod assets;
mod components;
mod failure;
mod form;
#[cfg(test)]
mod golden;
mod layout;
mod links;
mod pages;
mod redirect;
mod routes;
#[cfg(test)]
mod sample;
mod security;
mod session;

use axum::Router;
use weir_identity::Identity;
use weir_operations::Weir;

/// How the console is reached.
#[derive(Debug, Clone, Default)]
pub struct WebConfig {
    /// Plain http on a host that is not loopback: cookies without `Secure`, readable on the wire.
    pub insecure_cookies: bool,
    /// `https://weir.example.com`: trusted beside the request's own `Host` when a proxy rewrites that.
    pub public_origin: Option<String>,
}

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct Console {
    pub weir: Weir,
    pub identity: Identity,
    pub cookie: session::Cookie,
}

/// The console's routes with their headers, sessions and error pages. It has a fallback (the 404 page), so it is merged
/// with routers that have none.
pub fn router(weir: Weir, identity: Identity, config: WebConfig) -> Router {
    let console = Console {
        weir,
        identity,
        cookie: session::Cookie::new(config.insecure_cookies),
    };
    let pages = security::guard(routes::pages(), &console, &config).with_state(console);
    assets::routes().merge(pages)
}
