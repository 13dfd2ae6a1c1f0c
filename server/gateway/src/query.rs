//! Parameters of a request's query, decoded where they are asked for: a session token is long, and each look at all of them
//! would take it apart again.

use http::Uri;
use std::borrow::Cow;
use url::form_urlencoded;

/// The values of all parameters of a name, decoded.
pub fn values<'a>(uri: &'a Uri, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let pairs = uri.query().unwrap_or_default().split('&');
    let named = pairs.filter(move |pair| is(pair.split('=').next().unwrap_or_default(), name));
    named.map(|pair| match pair.split_once('=') {
        Some((_, value)) if is_plain(value) => Cow::Borrowed(value),
        _ => {
            let mut decoded = form_urlencoded::parse(pair.as_bytes());
            decoded.next().map(|(_, value)| value).unwrap_or_default()
        }
    })
}

pub fn has(uri: &Uri, name: &str) -> bool {
    let pairs = uri.query().unwrap_or_default().split('&');
    let mut names = pairs.map(|pair| pair.split('=').next().unwrap_or_default());
    names.any(|known| is(known, name))
}

fn is(written: &str, name: &str) -> bool {
    if is_plain(written) {
        return written == name;
    }
    let mut decoded = form_urlencoded::parse(written.as_bytes());
    decoded.next().is_some_and(|(decoded, _)| decoded == name)
}

/// Does it stand for itself? Nearly all do, the session token among them.
fn is_plain(written: &str) -> bool {
    !written.bytes().any(|byte| matches!(byte, b'%' | b'+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_however_it_is_written() {
        let uri: Uri = "/b/k?a=1&%61=2%2B3+4&A=5&ab=6&a&=a".parse().unwrap();
        assert_eq!(values(&uri, "a").collect::<Vec<_>>(), ["1", "2+3 4", ""]);
        assert!(has(&uri, "A") && has(&uri, "ab") && !has(&uri, "b"));
        let none: Uri = "/b/k".parse().unwrap();
        assert!(!has(&none, "a") && values(&none, "a").next().is_none());
    }
}
