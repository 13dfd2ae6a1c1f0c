//! A request of S3, read in the only way that it can be.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::collections::BTreeMap;
use weir_core::{Error, Result};

use super::{Store, Unsigned};

/// What stays as it is in a name (AWS Signature Version 4, "URI-encode").
const NAME: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const PATH: &AsciiSet = &NAME.remove(b'/');

#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// Scheme and authority, as the client has them.
    origin: String,
    /// Is the bucket in the path?
    path_style: bool,
    pub bucket: String,
    /// None for the bucket itself.
    pub key: Option<String>,
    pub query: BTreeMap<String, String>,
}

impl Asked {
    /// Errors: `Invalid` for an address that is not one of the store's, or an encoding that is none; `Denied` for a parameter
    /// that is there twice.
    pub fn read(request: &Unsigned<'_>, store: &Store<'_>) -> Result<Self> {
        let wrong = |message: &str| Error::invalid("uri", message);
        if request.uri.contains('#') {
            return Err(wrong("An address to sign has no fragment."));
        }
        let uri: Uri = request
            .uri
            .parse()
            .map_err(|_| wrong("An address to sign is a URI, with everything else encoded."))?;
        let origin = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => return Err(wrong("An address to sign is absolute.")),
        };
        let path = unescaped(uri.path().strip_prefix('/').unwrap_or_default())?;
        let (bucket, key, path_style) = if store.is_at(&origin, None) {
            let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
            (bucket.to_owned(), key.to_owned(), true)
        } else if store.is_at(&origin, Some(store.bucket)) {
            (store.bucket.to_owned(), path, false)
        } else {
            return Err(wrong(
                "This address is not where the table's files are. Take the endpoint from the answer to a load.",
            ));
        };
        Ok(Self {
            origin,
            path_style,
            bucket,
            key: (!key.is_empty()).then_some(key),
            query: query(uri.query().unwrap_or_default())?,
        })
    }

    /// The request's address, in the one way to write it.
    pub fn uri(&self) -> String {
        let mut uri = format!("{}/", self.origin);
        if self.path_style {
            uri.extend(utf8_percent_encode(&self.bucket, NAME));
            if self.key.is_some() {
                uri.push('/');
            }
        }
        if let Some(key) = &self.key {
            uri.extend(utf8_percent_encode(key, PATH));
        }
        for (index, (name, value)) in self.query.iter().enumerate() {
            uri.push(if index == 0 { '?' } else { '&' });
            uri.extend(utf8_percent_encode(name, NAME));
            uri.push('=');
            uri.extend(utf8_percent_encode(value, NAME));
        }
        uri
    }
}

impl Store<'_> {
    /// Is that the store's address, or the one of this bucket of it?
    fn is_at(&self, origin: &str, bucket: Option<&str>) -> bool {
        let named = |scheme: &str, host: &str| match bucket {
            Some(bucket) => format!("{scheme}://{bucket}.{host}"),
            None => format!("{scheme}://{host}"),
        };
        match self.endpoint.map(|endpoint| endpoint.split_once("://")) {
            Some(Some((scheme, host))) => origin.eq_ignore_ascii_case(&named(scheme, host)),
            Some(None) => false,
            None => {
                let regional = named("https", &format!("s3.{}.amazonaws.com", self.region));
                // Clients still have the older name of the first region.
                let older =
                    self.region == "us-east-1" && origin == named("https", "s3.amazonaws.com");
                origin == regional || older
            }
        }
    }
}

/// Decodes once: what is encoded twice stays encoded once.
fn unescaped(text: &str) -> Result<String> {
    let lone = text.split('%').skip(1).any(|rest| {
        let digits = rest.as_bytes().get(..2);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    match percent_decode_str(text).decode_utf8() {
        Ok(found) if !lone => Ok(found.into_owned()),
        _ => Err(Error::invalid(
            "uri",
            "An address to sign is UTF-8, percent-encoded.",
        )),
    }
}

fn query(text: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        // To some stores it is a space.
        if pair.contains('+') {
            return Err(ambiguous());
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if found.insert(unescaped(name)?, unescaped(value)?).is_some() {
            return Err(ambiguous());
        }
    }
    Ok(found)
}

fn ambiguous() -> Error {
    Error::denied("This request could be read in two ways, so it is not signed.")
}
