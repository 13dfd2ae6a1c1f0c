//! Parameters of a request's query, decoded where they are asked for: a session token is long, and stands for itself.

use http::Uri;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

#[derive(Debug)]
pub struct Parameter<'a> {
    pub name: Cow<'a, str>,
    written: &'a str,
}

impl<'a> Parameter<'a> {
    pub fn value(&self) -> Cow<'a, str> {
        decoded(self.written)
    }
}

pub fn parameters(uri: &Uri) -> impl Iterator<Item = Parameter<'_>> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs.filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, written) = pair.split_once('=').unwrap_or((pair, ""));
        Parameter {
            name: decoded(name),
            written,
        }
    })
}

/// As forms are decoded (WHATWG URL, section 5.1), which is how s3s reads a query.
fn decoded(written: &str) -> Cow<'_, str> {
    if written.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        let spaced = written.replace('+', " ");
        let text = percent_decode_str(&spaced).decode_utf8_lossy();
        Cow::Owned(text.into_owned())
    } else {
        Cow::Borrowed(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::form_urlencoded;

    fn read(query: &str) -> Vec<(String, String)> {
        let uri: Uri = format!("/b/k?{query}").parse().unwrap();
        parameters(&uri)
            .map(|it| (it.name.to_string(), it.value().into_owned()))
            .collect()
    }

    #[test]
    fn a_parameter_is_read_however_it_is_written() {
        let pairs = [
            ("a", "1"),
            ("a", "2+3 4"),
            ("A", "5=6"),
            ("a", ""),
            ("", "a"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read("a=1&%61=2%2B3+4&&A=5=6&a&=a"), pairs);
        let none: Uri = "/b/k".parse().unwrap();
        assert!(parameters(&none).next().is_none());
    }

    proptest! {
        #[test]
        fn a_query_is_read_as_a_form_is(query in "[a%+=&24FGf;~/]{0,40}") {
            let form = form_urlencoded::parse(query.as_bytes()).into_owned();
            prop_assert_eq!(read(&query), form.collect::<Vec<_>>());
        }
    }
}
