//! Which requests are signed: those that engines read and write tables by, inside the scope.

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::str::FromStr as _;
use weir_core::delivery::Access;
use weir_core::delivery::scope::{Denied, Scope};
use weir_core::{Error, Result};

use super::Unsigned;
use super::asked::Asked;

/// What of a request's content the signature is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    Unsigned,
    /// In chunks with a checksum at the end.
    Trailed,
    Text(String),
}

/// Parameters of a listing (AWS S3 API reference, ListObjectsV2 and ListObjects), and of that of an upload's parts.
const LISTING: [&str; 9] = [
    "prefix",
    "list-type",
    "delimiter",
    "continuation-token",
    "start-after",
    "marker",
    "max-keys",
    "encoding-type",
    "fetch-owner",
];
const PARTS: [&str; 3] = ["uploadId", "max-parts", "part-number-marker"];
const COPY_SOURCE: &str = "x-amz-copy-source";
/// Headers that say how, and not what: they are signed where they are sent. With [`OF_S3`] these are all that a client may
/// have a say in.
const PLAIN: [&str; 11] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "range",
];
/// Those of S3, or what they begin with where the last sign is a dash.
const OF_S3: [&str; 11] = [
    "x-amz-checksum-",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-meta-",
    "x-amz-metadata-directive",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-server-side-encryption-",
];

/// What the signature is to be about, of a request that the scope lets through.
///
/// Errors: `Denied` for any other.
pub fn permit(request: &Unsigned<'_>, asked: &Asked, scope: Scope<'_>) -> Result<Payload> {
    let bucket = asked.bucket.as_str();
    // Clients name the operation for whoever reads a log.
    let names = asked
        .query
        .keys()
        .map(String::as_str)
        .filter(|name| *name != "x-id");
    let names: Vec<&str> = names.collect();
    let among = |known: &[&str]| names.iter().all(|name| known.contains(name));
    let done = match (request.method, asked.key.as_deref(), names.as_slice()) {
        ("GET" | "HEAD", Some(key), [] | ["partNumber"]) => scope.may_read(bucket, key).map(drop),
        ("PUT", Some(key), [] | ["partNumber", "uploadId"]) => {
            copied(request, scope)?;
            scope.may_write(bucket, key).map(drop)
        }
        ("POST", Some(key), ["uploads"] | ["uploadId"]) | ("DELETE", Some(key), ["uploadId"]) => {
            scope.may_write(bucket, key).map(drop)
        }
        ("GET", Some(key), [_, ..]) if names.contains(&"uploadId") && among(&PARTS) => {
            scope.may_write(bucket, key).map(drop)
        }
        ("DELETE", Some(key), []) => scope.may_delete(bucket, key).map(drop),
        ("HEAD", None, []) | ("GET", None, ["location"]) => scope.may_see(bucket),
        ("GET", None, _) if among(&LISTING) => {
            // Without a prefix it would be a listing of everything.
            let prefix = asked.query.get("prefix").map_or("", String::as_str);
            scope.may_list(bucket, prefix)
        }
        ("POST", None, ["delete"]) => return deleted(request, bucket, scope),
        _ => {
            let message = "Only what reads, lists, writes and deletes a table's files is signed.";
            return Err(Error::denied(message));
        }
    };
    done.map_err(outside)?;
    Ok(match header(request, "x-amz-trailer")? {
        Some(_) => Payload::Trailed,
        None => Payload::Unsigned,
    })
}

/// Who may add and not replace puts what is not there yet: a header says so to the store, and the signature makes it stay.
pub fn must_be_new(request: &Unsigned<'_>, asked: &Asked, scope: Scope<'_>) -> bool {
    let completes = request.method == "POST" && asked.query.contains_key("uploadId");
    let puts = request.method == "PUT" && !asked.query.contains_key("uploadId");
    scope.access == Access::Add && (puts || completes)
}

/// The source of a copy is read.
fn copied(request: &Unsigned<'_>, scope: Scope<'_>) -> Result<()> {
    let Some(source) = header(request, COPY_SOURCE)? else {
        return Ok(());
    };
    // Whether a copy may replace something, S3 has no header for.
    if !scope.access.changes() {
        return Err(outside(Denied));
    }
    let text = source.strip_prefix('/').unwrap_or(source);
    let found = percent_decode_str(text).decode_utf8();
    let found = found.map_err(|_| outside(Denied))?;
    let (bucket, key) = found.split_once('/').ok_or_else(|| outside(Denied))?;
    // A version would be named after a question mark, which is in no key of a table.
    scope.may_read(bucket, key).map(drop).map_err(outside)
}

/// DeleteObjects (AWS S3 API reference), as far as it is of interest here.
#[derive(Debug, Deserialize)]
struct Delete {
    #[serde(rename = "Object", default)]
    objects: Vec<Object>,
    #[serde(rename = "Quiet")]
    _quiet: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    #[serde(rename = "Key")]
    key: String,
}

/// A client that does not show what it deletes is kept to its table by the credential that signs for it, as any other is.
fn deleted(request: &Unsigned<'_>, bucket: &str, scope: Scope<'_>) -> Result<Payload> {
    scope.may_see(bucket).map_err(outside)?;
    if !scope.access.changes() {
        return Err(outside(Denied));
    }
    let Some(body) = request.body else {
        return Ok(Payload::Unsigned);
    };
    let unread = |error: quick_xml::DeError| {
        Error::invalid("body", "The content is no list of objects to delete.").source(error)
    };
    let delete: Delete = quick_xml::de::from_str(body).map_err(unread)?;
    for object in &delete.objects {
        scope.may_delete(bucket, &object.key).map_err(outside)?;
    }
    Ok(Payload::Text(body.to_owned()))
}

/// The client's headers that are signed, in lower case: those that it may have a say in.
///
/// Errors: `Denied` for a header of S3 that a table has no need of, such as the one that gives an object away.
pub fn signed_headers(request: &Unsigned<'_>) -> Result<BTreeMap<String, String>> {
    let mut signed = BTreeMap::new();
    for name in request.headers.keys() {
        let lower = name.to_ascii_lowercase();
        let of_s3 = lower.starts_with("x-amz-");
        let known = OF_S3.iter().any(|known| match known.strip_suffix('-') {
            Some(family) => lower.starts_with(family),
            None => lower == *known,
        });
        if of_s3 && !known {
            return Err(Error::denied(format!(
                "A request with the header {} is not signed.",
                crate::failure::shown(&lower)
            )));
        }
        // These the signature brings along.
        let renewed = ["x-amz-date", "x-amz-content-sha256"].contains(&lower.as_str());
        if (of_s3 && !renewed) || PLAIN.contains(&lower.as_str()) {
            let value = header(request, &lower)?
                .unwrap_or_default()
                .trim()
                .to_owned();
            if HeaderName::from_str(&lower).is_err() || HeaderValue::from_str(&value).is_err() {
                let message = "No request can have this header.";
                return Err(Error::invalid("headers", message));
            }
            signed.insert(lower, value);
        }
    }
    Ok(signed)
}

/// The one value of a header. Errors: there are more, under whatever spelling of its name.
fn header<'a>(request: &Unsigned<'a>, name: &str) -> Result<Option<&'a str>> {
    let of_name = |(known, _): &(&String, &Vec<String>)| known.eq_ignore_ascii_case(name);
    let mut values = request
        .headers
        .iter()
        .filter(of_name)
        .flat_map(|(_, values)| values);
    match (values.next(), values.next()) {
        (found, None) => Ok(found.map(String::as_str)),
        _ => Err(Error::denied(
            "A header is there once in a request that is signed.",
        )),
    }
}

fn outside(_: Denied) -> Error {
    Error::denied(
        "This request reaches something that the table, or your access to it, does not hold, so it is not signed.",
    )
}
