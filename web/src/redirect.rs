//! Where a POST sends the browser, and where a sign-in may lead: only ever to a page of this console.

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::http::uri::PathAndQuery;
use axum::response::{IntoResponse, Response};

const MAX_NEXT_BYTES: usize = 2048;

/// 303: the browser follows with a GET, so that reloading the page does not repeat the change.
pub(crate) fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

/// `next` where it is a path on this console, else `/`. Browsers drop tabs and line breaks from URLs and read `\` as `/`,
/// so none of these pass, nor do two slashes in a row.
pub(crate) fn next_or_start(next: &str) -> String {
    checked(next).unwrap_or_else(|| "/".to_owned())
}

fn checked(next: &str) -> Option<String> {
    let plain = next.len() <= MAX_NEXT_BYTES
        && next.starts_with('/')
        && next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if !plain {
        return None;
    }
    let parsed: PathAndQuery = next.split('#').next()?.parse().ok()?;
    let path = parsed.path();
    let leads_back = matches!(path, "/login" | "/logout");
    (path.starts_with('/') && !path.contains("//") && !leads_back).then(|| parsed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_console_is_kept() {
        for good in [
            "/",
            "/c/lake/sales/orders",
            "/audit?action=grant.create&after=x%2Fy",
            "/c/lake/sales/orders?edit=3",
        ] {
            assert_eq!(next_or_start(good), good);
        }
    }

    #[test]
    fn a_fragment_is_dropped() {
        assert_eq!(next_or_start("/c/lake#c-3"), "/c/lake");
    }

    #[test]
    fn whatever_could_leave_the_console_leads_to_the_start() {
        let long = format!("/{}", "a".repeat(MAX_NEXT_BYTES));
        for bad in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/c//evil.example",
            "/./\\evil.example",
            "/.//evil.example",
            "https://evil.example",
            "https:evil.example",
            "HTTPS://evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "evil.example",
            "?x",
            "@evil.example",
            "/\u{0}",
            "/\u{202e}",
            "/ü",
            "/a b",
            "/login",
            "/login?next=/login",
            "/logout",
            "/<script>\r\nSet-Cookie: a=b",
            &long,
        ] {
            assert_eq!(next_or_start(bad), "/", "{bad:?} was followed");
        }
    }
}
