//! The stylesheet and the script, compiled in. Their names carry a hash of their text, so that they can be kept for ever.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::routing::get;

pub(crate) const STYLE: Asset = Asset {
    name: "app",
    extension: "css",
    media_type: "text/css; charset=utf-8",
    text: include_str!("../assets/app.css"),
};
pub(crate) const SCRIPT: Asset = Asset {
    name: "app",
    extension: "js",
    media_type: "text/javascript; charset=utf-8",
    text: include_str!("../assets/app.js"),
};

pub(crate) struct Asset {
    name: &'static str,
    extension: &'static str,
    media_type: &'static str,
    text: &'static str,
}

impl Asset {
    /// `/assets/app-0123456789abcdef.css`
    pub fn path(&self) -> String {
        let Self {
            name, extension, ..
        } = self;
        format!("/assets/{name}-{:016x}.{extension}", fnv(self.text))
    }
}

/// Needs no sign-in: the sign-in page itself is made of these.
pub(crate) fn routes() -> Router {
    [STYLE, SCRIPT]
        .into_iter()
        .fold(Router::new(), |router, asset| {
            let headers = [
                (CONTENT_TYPE, asset.media_type),
                (CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            router.route(
                &asset.path(),
                get(move || async move { (headers, asset.text) }),
            )
        })
}

/// FNV-1a: tells one build's text from another's, and guards nothing.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
