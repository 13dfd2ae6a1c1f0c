//! What a browser is told about every page, and which requests it may send.
//!
//! Cross-site requests are told by Fetch Metadata and Origin (no tokens in forms); a request with our cookie that changes
//! something and carries neither header comes from no browser we know and is refused.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, ORIGIN};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::csrf::CsrfLayer;

use crate::failure::Failure;
use crate::form::MAX_FORM_BYTES;
use crate::session::{self, Cookie};
use crate::{Console, WebConfig};

const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    // Not `no-referrer`: that would make browsers send `Origin: null` with our own forms.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
         microphone=(), midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()",
    ),
];
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Puts the console's guards around its routes. Outermost first: headers, session and error pages, cross-site checks, body limit.
pub(crate) fn guard(
    pages: Router<Console>,
    console: &Console,
    config: &WebConfig,
) -> Router<Console> {
    let tls = config
        .public_origin
        .as_deref()
        .is_some_and(|origin| origin.starts_with("https://"));
    pages
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(middleware::from_fn_with_state(
            console.cookie,
            refuse_unmarked,
        ))
        .layer(cross_site(config))
        .layer(middleware::from_fn_with_state(
            console.clone(),
            session::attend,
        ))
        .layer(middleware::from_fn_with_state(tls, set_headers))
}

fn cross_site(config: &WebConfig) -> CsrfLayer {
    let Some(origin) = &config.public_origin else {
        return CsrfLayer::new();
    };
    CsrfLayer::new()
        .add_trusted_origin(origin)
        .unwrap_or_else(|error| {
            tracing::error!(error = %error, "the console's public origin is not an origin and is not trusted");
            CsrfLayer::new()
        })
}

/// Refuses a change sent with our cookie and without a word on where it came from.
async fn refuse_unmarked(State(cookie): State<Cookie>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let marked = headers.contains_key(ORIGIN) || headers.contains_key(FETCH_SITE);
    if !request.method().is_safe() && !marked && cookie.read(headers).is_some() {
        Failure::ForeignSite.into_response()
    } else {
        next.run(request).await
    }
}

async fn set_headers(State(tls): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    // What one person may see today another may not see tomorrow, and the back button must not tell.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if tls {
        headers.insert(
            "strict-transport-security",
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn send(config: &WebConfig, headers: &[(&str, &str)]) -> Response {
        let router = Router::new()
            .route(
                "/",
                get(|| async { "page" }).post(|| async { StatusCode::NO_CONTENT }),
            )
            .layer(middleware::from_fn_with_state(
                Cookie::new(false),
                refuse_unmarked,
            ))
            .layer(cross_site(config))
            .layer(middleware::from_fn_with_state(true, set_headers));
        let mut request = Request::post("/").header("host", "weir.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        router
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_change_from_our_own_page_passes() {
        let config = WebConfig::default();
        for headers in [
            &[
                ("cookie", "__Host-weir=t"),
                ("sec-fetch-site", "same-origin"),
            ][..],
            &[
                ("cookie", "__Host-weir=t"),
                ("origin", "https://weir.example"),
            ],
        ] {
            assert_eq!(
                send(&config, headers).await.status(),
                StatusCode::NO_CONTENT,
                "{headers:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_change_from_elsewhere_or_from_nowhere_is_refused() {
        let config = WebConfig::default();
        for headers in [
            &[
                ("cookie", "__Host-weir=t"),
                ("sec-fetch-site", "cross-site"),
            ][..],
            &[
                ("cookie", "__Host-weir=t"),
                ("sec-fetch-site", "same-site"),
                ("origin", "https://evil.weir.example"),
            ],
            &[
                ("cookie", "__Host-weir=t"),
                ("origin", "https://evil.example"),
            ],
            &[("cookie", "__Host-weir=t"), ("origin", "null")],
            &[("sec-fetch-site", "cross-site")],
            &[("cookie", "__Host-weir=t")],
        ] {
            let response = send(&config, headers).await;
            let refused = response.extensions().get::<Failure>().is_some()
                || response.status() == StatusCode::FORBIDDEN;
            assert!(refused, "{headers:?} passed");
        }
    }

    #[tokio::test]
    async fn the_public_origin_is_trusted_behind_a_proxy() {
        let config = WebConfig {
            public_origin: Some("https://data.example".into()),
            ..WebConfig::default()
        };
        let headers = [
            ("cookie", "__Host-weir=t"),
            ("origin", "https://data.example"),
        ];
        assert_eq!(
            send(&config, &headers).await.status(),
            StatusCode::NO_CONTENT
        );
    }

    #[tokio::test]
    async fn every_answer_carries_the_headers() {
        let response = send(&WebConfig::default(), &[("sec-fetch-site", "same-origin")]).await;
        let mut told: Vec<String> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        told.sort();
        insta::assert_snapshot!(told.join("\n"));
    }
}
