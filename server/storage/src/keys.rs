//! Keys that no path can hold, taken out of a listing before it is parsed.
//!
//! A key of S3, Google or Azure is any text. `object_store` fails a whole page of a listing over one key such as `a//b`, and folds the marker
//! `a/` into an object `a`. One odd key must not hide a bucket, so the answer to a listing is read here first: entries that
//! would not survive are cut out and kept aside, to be reported.

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use futures::future::BoxFuture;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService, ReqwestConnector,
};
use object_store::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A page has at most a thousand keys of at most 1 KiB, each spelled in XML.
const MAX_PAGE_BYTES: usize = 32 << 20;

/// Rides on a listing request and brings back its odd keys, each with the cause.
#[derive(Debug, Clone, Default)]
pub struct OddKeys(Arc<Mutex<Vec<(String, String)>>>);

impl OddKeys {
    pub fn take(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, keys: Vec<(String, String)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }
}

/// Makes clients that check the listings asked for with [`OddKeys`]. Each form has its own words for an entry.
#[derive(Debug, Clone, Copy)]
pub enum CheckedListing {
    /// `ListObjectsV2`, as S3 and Google answer it.
    S3,
    /// `List Blobs`.
    Azure,
}

impl CheckedListing {
    /// Entry, key, size.
    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::S3 => ("Contents", "Key", "Size"),
            Self::Azure => ("Blob", "Name", "Content-Length"),
        }
    }
}

impl HttpConnector for CheckedListing {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Checked { inner, form: *self }))
    }
}

#[derive(Debug)]
struct Checked {
    inner: HttpClient,
    form: CheckedListing,
}

impl HttpService for Checked {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let odd = request.extensions().get::<OddKeys>().cloned();
            let response = self.inner.execute(request).await?;
            match odd {
                Some(odd) if response.status().is_success() => {
                    check(response, &odd, self.form).await
                }
                _ => Ok(response),
            }
        })
    }
}

async fn check(
    response: HttpResponse,
    odd: &OddKeys,
    form: CheckedListing,
) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let whole = body
        .bytes_stream()
        .try_fold(BytesMut::new(), |mut whole, chunk| async move {
            if whole.len() + chunk.len() > MAX_PAGE_BYTES {
                let error = std::io::Error::other("a page of the listing is too large");
                return Err(HttpError::new(HttpErrorKind::Decode, error));
            }
            whole.extend_from_slice(&chunk);
            Ok(whole)
        })
        .await?
        .freeze();
    let kept = match std::str::from_utf8(&whole) {
        Ok(text) => {
            let (kept, keys) = sift(text, form);
            odd.put(keys);
            Bytes::from(kept)
        }
        Err(_) => whole,
    };
    Ok(HttpResponse::from_parts(
        parts,
        HttpResponseBody::from(kept),
    ))
}

/// The page without the entries whose keys are odd, and those keys with the cause. Folder markers are dropped silently.
fn sift(page: &str, form: CheckedListing) -> (String, Vec<(String, String)>) {
    let (word, ..) = form.words();
    let (opening, closing) = (format!("<{word}>"), format!("</{word}>"));
    let mut kept = String::with_capacity(page.len());
    let mut odd = Vec::new();
    let mut rest = page;
    while let Some((before, from)) = rest.split_once(&opening) {
        let Some((entry, after)) = from.split_once(&closing) else {
            break;
        };
        kept.push_str(before);
        match verdict(entry, form) {
            Verdict::Keep => {
                kept.push_str(&opening);
                kept.push_str(entry);
                kept.push_str(&closing);
            }
            Verdict::Marker => {}
            Verdict::Odd(key, cause) => odd.push((key, cause.to_owned())),
        }
        rest = after;
    }
    kept.push_str(rest);
    (kept, odd)
}

enum Verdict {
    Keep,
    Marker,
    Odd(String, &'static str),
}

fn verdict(entry: &str, form: CheckedListing) -> Verdict {
    let (_, word, size) = form.words();
    // Azure's way with what XML cannot hold.
    if let Some((_, encoded)) = entry.split_once("<Name Encoded=\"true\">") {
        let key = encoded.split_once('<').map_or(encoded, |(key, _)| key);
        return Verdict::Odd(
            unescape(key),
            "The key has characters that XML cannot hold.",
        );
    }
    let Some(key) = element(entry, word).map(unescape) else {
        return Verdict::Keep;
    };
    if key.ends_with('/') {
        return match element(entry, size) {
            Some("0") => Verdict::Marker,
            _ => Verdict::Odd(key, "The key ends with a slash."),
        };
    }
    match Path::parse(&key) {
        Ok(path) if path.as_ref() == key => Verdict::Keep,
        _ => Verdict::Odd(
            key,
            "The key has an empty segment, a dot segment or control characters.",
        ),
    }
}

fn element<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    let from = entry.split_once(&format!("<{name}>"))?.1;
    Some(from.split_once(&format!("</{name}>"))?.0)
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('&') {
        out.push_str(before);
        match from
            .split_once(';')
            .and_then(|(name, after)| Some((entity(name)?, after)))
        {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = from;
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(keys: &[(&str, u64)]) -> String {
        let entries: String = keys
            .iter()
            .map(|(key, size)| format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>"))
            .collect();
        format!("<ListBucketResult>{entries}<IsTruncated>false</IsTruncated></ListBucketResult>")
    }

    #[test]
    fn one_odd_key_does_not_take_the_page_with_it() {
        let keys = [
            ("a.csv", 3),
            ("a//b.csv", 3),
            ("x/../y", 1),
            ("/lead", 1),
            ("folder/", 0),
            ("heavy/", 9),
            ("bell&#x7;", 1),
            ("b &amp; c%20.csv", 3),
        ];
        let (kept, odd) = sift(&page(&keys), CheckedListing::S3);
        assert_eq!(kept, page(&[("a.csv", 3), ("b &amp; c%20.csv", 3)]));
        let odd: Vec<_> = odd.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(odd, ["a//b.csv", "x/../y", "/lead", "heavy/", "bell\u{7}"]);
    }

    #[test]
    fn a_listing_of_azure_is_read_in_its_own_words() {
        let blob = |name: &str, size| {
            format!(
                "<Blob>{name}<Properties><Content-Length>{size}</Content-Length></Properties></Blob>"
            )
        };
        let good = blob("<Name>a b/c.csv</Name>", 3);
        let bad = [
            blob("<Name>a//b</Name>", 3),
            blob("<Name>heavy/</Name>", 3),
            blob("<Name Encoded=\"true\">a%EF%BF%BE</Name>", 3),
            blob("<Name>folder/</Name>", 0),
        ];
        let page = |blobs: &str| {
            format!("<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker /></EnumerationResults>")
        };
        let whole = page(&format!("{}{good}", bad.concat()));
        let (kept, odd) = sift(&whole, CheckedListing::Azure);
        assert_eq!(kept, page(&good));
        let odd: Vec<_> = odd.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(odd, ["a//b", "heavy/", "a%EF%BF%BE"]);
    }

    #[test]
    fn text_that_is_no_listing_is_left_alone() {
        for text in [
            "",
            "<Contents>",
            "<Error>&amp;</Error>",
            "<Contents></Contents>",
        ] {
            for form in [CheckedListing::S3, CheckedListing::Azure] {
                assert_eq!(sift(text, form), (text.to_owned(), Vec::new()));
            }
        }
        assert_eq!(unescape("a&b&;&#65;&#x42;&lt;"), "a&b&;AB<");
    }
}
