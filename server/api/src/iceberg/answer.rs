//! Metadata spliced into answers: never parsed, never copied where it is large.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use moka::sync::Cache;
use std::convert::Infallible;
use std::io::Write as _;
use std::sync::LazyLock;
use utoipa::openapi::{RefOr, Response as ResponseDoc};
use utoipa::{IntoResponses, PartialSchema, ToSchema};
use weir_core::Error;
use weir_operations::table::Document;

use super::credential::{By, Delivered};
use super::error::{Failure, IcebergErrorResponse};

/// Larger texts go out as they are kept, between two frames of our own.
const COPY_BYTES: usize = 64 * 1024;

/// Packed answers by their tag; a tag stands for one content.
static PACKED: LazyLock<Cache<String, Bytes>> = LazyLock::new(|| {
    Cache::builder()
        .weigher(|_, body: &Bytes| u32::try_from(512 + body.len()).unwrap_or(u32::MAX))
        .max_capacity(64 << 20)
        .build()
});

/// What an answer is for: only a load tells the client how to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `LoadTableResult`, `LoadViewResult`
    Load,
    /// `CommitTableResponse`, `UnregisterTableResponse`
    Commit,
}

/// The answer to a load with what the table's files are reached with. Nobody keeps it: neither a cache of ours nor one on
/// the way.
pub fn delivered(document: &Document, delivered: &Delivered) -> Result<Response, Failure> {
    let (head, _) = frame(document, Shape::Load)?;
    let mut config = document.config.clone();
    config.extend(delivered.config.clone());
    let by = match &delivered.by {
        By::Credential(storage) => format!("\"storage-credentials\":{}", written(&[storage])?),
        By::Signing => "\"remote-signing-config\":{\"properties\":{},\"headers\":{}}".to_owned(),
    };
    let tail = format!(",\"config\":{},{by}}}", written(&config)?);
    let length = head.len() + document.metadata.len() + tail.len();
    let frames = [head, document.metadata.clone(), tail.into()];
    let body = match length <= COPY_BYTES {
        true => Body::from(Bytes::from(frames.concat())),
        false => Body::from_stream(stream::iter(frames.map(Ok::<_, Infallible>))),
    };
    let mut response = response(body, document)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    tag(headers, delivered.etag.as_deref())?;
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    Ok(response)
}

/// The answer to a load, packed where the client takes that and the content is worth it.
pub async fn load(document: &Document, request: &HeaderMap) -> Result<Response, Failure> {
    let Some(etag) = &document.etag else {
        return plain(document, Shape::Load);
    };
    let takes_gzip = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(takes_gzip);
    if !takes_gzip || document.metadata.len() < 1024 {
        return plain(document, Shape::Load);
    }
    let body = match PACKED.get(etag) {
        Some(body) => body,
        None => {
            let body = pack(document).await?;
            PACKED.insert(etag.clone(), body.clone());
            body
        }
    };
    let mut response = response(Body::from(body), document)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Ok(response)
}

/// Does an Accept-Encoding header allow gzip (RFC 9110, 12.5.3)?
fn takes_gzip(header: &str) -> bool {
    header.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|it| it.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|it| it.strip_prefix("q=")).unwrap_or("1");
        named && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

async fn pack(document: &Document) -> Result<Bytes, Failure> {
    let (head, tail) = frame(document, Shape::Load)?;
    let metadata = document.metadata.clone();
    let packed = tokio::task::spawn_blocking(move || {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for part in [head, metadata, tail] {
            encoder.write_all(&part)?;
        }
        encoder.finish()
    });
    let packed = packed
        .await
        .map_err(|error| Error::internal("An answer could not be packed").source(error))?
        .map_err(|error| Error::internal("An answer could not be packed").source(error))?;
    Ok(packed.into())
}

pub fn plain(document: &Document, shape: Shape) -> Result<Response, Failure> {
    if shape == Shape::Load
        && let Some(answer) = document.answer.get()
    {
        return response(Body::from(answer.clone()), document);
    }
    let (head, tail) = frame(document, shape)?;
    let length = head.len() + document.metadata.len() + tail.len();
    if length <= COPY_BYTES {
        let mut body = BytesMut::with_capacity(length);
        body.put(head);
        body.put(document.metadata.clone());
        body.put(tail);
        let body = body.freeze();
        if shape == Shape::Load {
            // Whoever was first made the same.
            let _ = document.answer.set(body.clone());
        }
        return response(Body::from(body), document);
    }
    let frames = [head, document.metadata.clone(), tail].map(Ok::<_, Infallible>);
    let mut response = response(Body::from_stream(stream::iter(frames)), document)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// What stands before and after the metadata.
fn frame(document: &Document, shape: Shape) -> Result<(Bytes, Bytes), Failure> {
    let mut head = String::from("{");
    if let Some(location) = &document.metadata_location {
        head.push_str("\"metadata-location\":");
        head.push_str(&written(location)?);
        head.push(',');
    }
    head.push_str("\"metadata\":");
    let tail = match shape {
        Shape::Load => format!(",\"config\":{}}}", written(&document.config)?),
        Shape::Commit => "}".to_owned(),
    };
    Ok((head.into(), tail.into()))
}

fn written<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string(value);
    Ok(text.map_err(|error| Error::internal("An answer could not be written").source(error))?)
}

fn response(body: Body, document: &Document) -> Result<Response, Failure> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    tag(headers, document.etag.as_deref())?;
    Ok(response)
}

/// The tag, and that the answer is this caller's alone.
fn tag(headers: &mut HeaderMap, etag: Option<&str>) -> Result<(), Failure> {
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(
        header::VARY,
        HeaderValue::from_static("authorization, accept-encoding"),
    );
    if let Some(etag) = etag {
        // Weak: the same content goes out plain and packed.
        let value = HeaderValue::from_str(&format!("W/{etag}"))
            .map_err(|error| Error::internal("A tag is no header").source(error))?;
        headers.insert(header::ETAG, value);
    }
    Ok(())
}

pub fn not_modified(etag: &str) -> Result<Response, Failure> {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    tag(response.headers_mut(), Some(etag))?;
    Ok(response)
}

/// JSON text that an operation made.
pub fn json(body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// The answers that every operation may give.
#[derive(Debug)]
pub struct Common;

impl IntoResponses for Common {
    fn responses() -> std::collections::BTreeMap<String, RefOr<ResponseDoc>> {
        [
            (
                "400",
                "The request is wrong in a way that the client can mend.",
            ),
            ("401", "No identity, or one that is not valid any more."),
            (
                "403",
                "The caller sees the object and may not do this to it.",
            ),
            ("419", "Not given: an expired token is 401."),
            ("429", "Nothing was done; try again after Retry-After."),
            (
                "503",
                "Something the server needs does not answer; try again after Retry-After.",
            ),
            (
                "5XX",
                "The server failed. For a change, it is not known whether it was made.",
            ),
        ]
        .into_iter()
        .map(|(status, what)| (status.to_owned(), RefOr::T(error(what))))
        .collect()
    }
}

fn error(what: &str) -> ResponseDoc {
    let schema = utoipa::openapi::Ref::from_schema_name(IcebergErrorResponse::name());
    let _ = IcebergErrorResponse::schema;
    utoipa::openapi::ResponseBuilder::new()
        .description(what)
        .content(
            "application/json",
            utoipa::openapi::ContentBuilder::new()
                .schema(Some(schema))
                .build(),
        )
        .build()
}

#[cfg(test)]
mod tests {
    use super::takes_gzip;

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        for header in [
            "gzip",
            "gzip, deflate, br",
            "deflate;q=0.5, gzip;q=0.2",
            "GZIP",
        ] {
            assert!(takes_gzip(header), "{header}");
        }
        for header in ["", "br", "gzip;q=0", "gzip; q=0.0", "gzipped"] {
            assert!(!takes_gzip(header), "{header}");
        }
    }
}
