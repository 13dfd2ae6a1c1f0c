//! What a request passes before and after s3s: room for it, a refusal of what is not spoken here, and an answer in S3's form
//! whatever happens.

use futures::FutureExt;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;
use s3s::{Body, HttpError, S3Error, S3ErrorCode};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use weir_core::id::RequestId;
use weir_operations::delivery::tally::Tally;

use crate::arrival::{Arrival, Arriving, ChunkRoom};
use crate::door::Door;
use crate::operations::Operations;
use crate::{fault, query};

/// A body that is taken in before anything answers: a refusal before it came in would close the connection under the
/// client's next request.
const SMALL_BODY_BYTES: u64 = 64 * 1024;
const SMALL_BODY_PATIENCE: Duration = Duration::from_secs(5);
/// Ten thousand parts, or a thousand keys, spelled in XML.
const MAX_XML_BYTES: usize = 4 << 20;
/// Headers for what is not done here. To ignore one would promise what is not kept.
const REFUSED: [&str; 9] = [
    "x-amz-grant-",
    "x-amz-mfa",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption",
    "x-amz-copy-source-server-side-encryption",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
    "x-amz-bypass-governance-retention",
];
/// The owner of a bucket owns what is in it, whoever put it there.
const ACLS: [&str; 2] = ["private", "bucket-owner-full-control"];

#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Requests that are served at a time, their bodies included. More are told to slow down.
    pub max_requests: usize,
    /// How long a client may neither send nor take anything.
    pub idle: Duration,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            max_requests: 512,
            idle: Duration::from_secs(60),
        }
    }
}

/// The gateway as a service. Clones share its room.
#[derive(Debug, Clone)]
pub struct Front {
    s3: S3Service,
    room: Arc<Semaphore>,
    small_bodies: Arc<Semaphore>,
    chunks: ChunkRoom,
    tally: Arc<Tally>,
    pub(crate) idle: Duration,
}

struct AnyName;

impl NameValidation for AnyName {
    /// The guard compares it with the one bucket that there is.
    fn validate_bucket_name(&self, _: &str) -> bool {
        true
    }
}

impl Front {
    pub fn new(door: Door, config: &GatewayConfig) -> Self {
        let tally = Arc::clone(&door.tally);
        let mut builder = S3ServiceBuilder::new(Operations);
        builder.set_auth(door.clone());
        builder.set_access(door);
        builder.set_validation(AnyName);
        let mut limits = S3Config::default();
        limits.xml_max_body_size = MAX_XML_BYTES;
        // Forms are refused before s3s sees them. Were one to pass, nothing of it would be kept.
        limits.post_object_max_file_size = 0;
        limits.form_max_fields_size = 0;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(limits))));
        Self {
            s3: builder.build(),
            room: Arc::new(Semaphore::new(config.max_requests)),
            small_bodies: Arc::new(Semaphore::new(config.max_requests)),
            chunks: ChunkRoom::default(),
            tally,
            idle: config.idle,
        }
    }

    /// Errors: none that S3's form has a word for; the connection ends.
    pub async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, HttpError> {
        let (id, method, started) = (RequestId::new(), request.method().clone(), Instant::now());
        let mut response = match self.taken(request).await {
            Ok(request) => self.in_room(request, id).await?,
            Err(error) => refuse(error)?,
        };
        if response.status() == StatusCode::OK
            && response.headers().contains_key(header::CONTENT_RANGE)
        {
            // s3s has no word for a part of what HEAD is asked about.
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        if response.status() == StatusCode::NOT_IMPLEMENTED {
            // What is not here is asked for by mistake; what begins with a 5 is the server's, and wakes somebody.
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert("x-amz-request-id", value);
        }
        self.tally.answered(response.status().as_u16());
        tracing::debug!(
            request.id = %id, http.method = %method, http.status = response.status().as_u16(),
            http.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), "gateway request"
        );
        Ok(response)
    }

    /// Takes a small body in before anything answers, and before the request takes up room: whoever sends none of it holds up
    /// other small bodies at most, and for seconds.
    async fn taken(&self, request: Request<Incoming>) -> Result<Request<Body>, S3Error> {
        let (mut parts, body) = request.into_parts();
        for (name, value) in &mut parts.headers {
            value.set_sensitive(name == header::AUTHORIZATION || name == "x-amz-security-token");
        }
        let small = body
            .size_hint()
            .exact()
            .is_some_and(|bytes| (1..=SMALL_BODY_BYTES).contains(&bytes));
        if body.is_end_stream() {
            return Ok(Request::from_parts(parts, Body::empty()));
        }
        if !small {
            let chunks = is_chunked(&parts.headers).then(|| self.chunks.clone());
            let tally = Arc::clone(&self.tally);
            let (body, arrival) = Arriving::new(body, self.idle, chunks, tally);
            parts.extensions.insert(arrival);
            return Ok(Request::from_parts(parts, Body::http_body_unsync(body)));
        }
        let slow = || S3Error::new(S3ErrorCode::SlowDown);
        let _place = self.small_bodies.try_acquire().map_err(|_| slow())?;
        match tokio::time::timeout(SMALL_BODY_PATIENCE, body.collect()).await {
            Ok(Ok(whole)) => {
                let whole = whole.to_bytes();
                self.tally.received(whole.len());
                Ok(Request::from_parts(parts, Body::from(whole)))
            }
            Ok(Err(_)) => Err(S3Error::new(S3ErrorCode::IncompleteBody)),
            Err(_) => Err(S3Error::new(S3ErrorCode::RequestTimeout)),
        }
    }

    async fn in_room(
        &self,
        request: Request<Body>,
        id: RequestId,
    ) -> Result<Response<Body>, HttpError> {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            return refuse(S3Error::new(S3ErrorCode::SlowDown));
        };
        let arrival = request.extensions().get::<Arrival>().cloned();
        let answered = AssertUnwindSafe(self.admitted(request))
            .catch_unwind()
            .await;
        let response = match answered {
            Ok(response) => {
                let response = response?;
                // s3s takes it for the server's fault that the XML of a request did not come.
                match arrival.and_then(|arrival| arrival.failure()) {
                    Some(error) if response.status().is_server_error() => {
                        refuse(fault::of(&error))?
                    }
                    _ => response,
                }
            }
            Err(_) => {
                tracing::error!(request.id = %id, "a request of the gateway panicked");
                refuse(S3Error::new(S3ErrorCode::InternalError))?
            }
        };
        // Until the last of the body is sent, or its reader is gone.
        let tally = Arc::clone(&self.tally);
        Ok(response.map(|body| {
            Body::http_body_unsync(body.map_frame(move |frame| {
                let _ = &room;
                tally.sent(frame.data_ref().map_or(0, bytes::Bytes::len));
                frame
            }))
        }))
    }

    async fn admitted(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        if let Some(error) = unspoken(request.method(), request.uri(), request.headers()) {
            return refuse(error);
        }
        Box::pin(self.s3.call(request)).await
    }
}

fn refuse(error: S3Error) -> Result<Response<Body>, HttpError> {
    let response = error.to_http_response();
    response.map_err(|error| HttpError::new(Box::new(error)))
}

/// Does the body come in chunks, each with a signature, or before a checksum?
fn is_chunked(headers: &HeaderMap) -> bool {
    let mut told = headers.get_all("x-amz-content-sha256").iter();
    told.any(|value| value.as_bytes().starts_with(b"STREAMING-"))
}

/// Could anybody take this content type for a form's? What is not plain text, one reader skips and another does not.
fn is_form(kind: &HeaderValue) -> bool {
    kind.to_str()
        .map_or(true, |kind| kind.to_ascii_lowercase().contains("multipart"))
}

/// The one value of a header, in plain text; none where there are more, or others.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Why a request is not looked at any further.
fn unspoken(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<S3Error> {
    if *method == Method::POST && headers.get_all(header::CONTENT_TYPE).iter().any(is_form) {
        return Some(fault::unsupported("Forms are not taken here."));
    }
    let signed = headers.contains_key(header::AUTHORIZATION);
    if signed && only(headers, "x-amz-content-sha256").is_none() {
        // Without it a request could be one for STS, the body of which is waited for before its signature is compared.
        let message =
            "A signed request says what its body hashes to, once, in x-amz-content-sha256.";
        return Some(fault::denied(message));
    }
    let old = headers.get_all(header::AUTHORIZATION).iter();
    let old = old
        .into_iter()
        .any(|value| value.as_bytes().starts_with(b"AWS "));
    let mut parameters = query::parameters(uri);
    if old || parameters.any(|it| matches!(&*it.name, "AWSAccessKeyId" | "Signature")) {
        return Some(fault::denied("Requests are signed with AWS4-HMAC-SHA256."));
    }
    let refused = headers.keys().any(|name| {
        REFUSED
            .iter()
            .any(|refused| name.as_str().starts_with(refused))
    });
    let acl = headers.get_all("x-amz-acl").iter();
    let shared = acl
        .into_iter()
        .any(|acl| !ACLS.iter().any(|known| acl == known));
    if refused || shared {
        let message = "Owners, tags, locks and keys of single objects are not kept here.";
        return Some(fault::unsupported(message));
    }
    None
}
