//! The listener and what every request passes through: an id, a log line, a metric, a deadline.
//! How large a body may be is each face's own limit, so that each says so in its own form.

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::error_handling::HandleErrorLayer;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::error::Elapsed;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use weir_core::id::RequestId;

use crate::config::ServerConfig;
use crate::meters::Meters;

/// A body that is worth reading for nothing.
const SMALL_BODY_BYTES: u64 = 64 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const SMALL_BODY_PATIENCE: Duration = Duration::from_secs(10);
/// How every connection of HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Puts what every request passes through around the routes, outermost first.
pub fn layered(routes: Router, config: &ServerConfig) -> Router {
    let deadline = Duration::from_secs(config.request_timeout_seconds);
    let layers = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([
            header::AUTHORIZATION,
            header::COOKIE,
        ]))
        .layer(middleware::from_fn_with_state(Meters::default(), observe))
        .layer(CatchPanicLayer::custom(
            |_: Box<dyn std::any::Any + Send>| {
                plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong on our side.\n",
                )
            },
        ))
        // Outside of what is served at a time: whoever sends none of it takes up nobody's turn.
        .layer(middleware::from_fn(take_body))
        .layer(HandleErrorLayer::new(|error: BoxError| async move {
            let mut answer = plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "The server has too much to do. Try again in a moment.\n",
            );
            if error.is::<Elapsed>() {
                answer.extensions_mut().insert(Begun);
            }
            answer
        }))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(config.max_requests))
        .timeout(deadline)
        .layer(CompressionLayer::new().gzip(true));
    routes.layer(layers)
}

/// Marks the answer to a request that was begun and took too long: whether it changed something is not known.
#[derive(Debug, Clone, Copy)]
struct Begun;

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    (status, text).into_response()
}

/// The layers around the faces answer in plain text, and engines read nothing but their own envelope.
fn in_envelope(method: &http::Method, response: Response) -> Response {
    let told = response.headers().get(header::CONTENT_TYPE);
    if !response.status().is_server_error() || told.is_some_and(|it| it == "application/json") {
        return response;
    }
    let begun = response.extensions().get::<Begun>().is_some()
        || response.status() == StatusCode::INTERNAL_SERVER_ERROR;
    weir_api::iceberg_failure(response.status(), !method.is_safe(), begun)
}

/// Takes a small body before anything answers. A refusal that goes out before the body came in would close the connection
/// under the client's next request.
async fn take_body(request: Request, next: Next) -> Response {
    let small = request
        .body()
        .size_hint()
        .exact()
        .is_some_and(|bytes| (1..=SMALL_BODY_BYTES).contains(&bytes));
    if !small {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX);
    match tokio::time::timeout(SMALL_BODY_PATIENCE, whole).await {
        Ok(Ok(bytes)) => {
            next.run(Request::from_parts(parts, Body::from(bytes)))
                .await
        }
        Ok(Err(_)) => plain(StatusCode::BAD_REQUEST, "The body broke off.\n"),
        Err(_) => plain(StatusCode::REQUEST_TIMEOUT, "The body did not come.\n"),
    }
}

/// Gives the request its id, and says afterwards what became of it.
async fn observe(State(meters): State<Meters>, mut request: Request, next: Next) -> Response {
    let id = RequestId::new();
    request.extensions_mut().insert(id);
    let (method, started) = (request.method().clone(), Instant::now());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let iceberg = request.uri().path().starts_with("/iceberg/");
    let mut response = next.run(request).await;
    if iceberg {
        response = in_envelope(&method, response);
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    let (status, elapsed) = (response.status(), started.elapsed());
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    meters.count(route, known(&method), status.as_u16(), elapsed);
    tracing::debug!(
        request.id = %id, http.method = %method, http.route = route, http.status = status.as_u16(),
        http.duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), "request"
    );
    response
}

/// A method as a label: anybody can invent one, and each label is kept for ever.
fn known(method: &http::Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let found = KNOWN.iter().find(|name| **name == method.as_str());
    found.copied().unwrap_or("other")
}

/// Serves until `stop`, then lets requests under way finish within `drain`.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    stop: CancellationToken,
    drain: Duration,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(30));
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: waiting is better than spinning.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let stop = stop.clone();
        spawn(&builder, &graceful, stop, stream, peer, routes.clone());
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish in time");
    }
}

fn spawn(
    builder: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    stop: CancellationToken,
    stream: TcpStream,
    peer: SocketAddr,
    routes: Router,
) {
    // Small answers must not wait for the peer's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = routes.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(Body::new)
    });
    let (builder, watcher) = (builder.clone(), graceful.watcher());
    tokio::spawn(async move {
        // Only then does hyper begin to count how long a client keeps it waiting.
        let greeted = tokio::time::timeout(HEADER_TIMEOUT, greeting(&stream));
        let greeted = stop.run_until_cancelled_owned(greeted).await;
        if !matches!(greeted, Some(Ok(Ok(())))) {
            return;
        }
        let io = TokioIo::new(stream);
        let connection = builder.serve_connection(io, TowerToHyperService::new(service));
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

/// Waits until a client said so much that its protocol is known, and reads none of it.
async fn greeting(stream: &TcpStream) -> io::Result<()> {
    let mut begun = [0; PREFACE.len()];
    loop {
        let said = stream.peek(&mut begun).await?;
        match begun.get(..said) {
            Some([]) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(said) if said.len() < PREFACE.len() && PREFACE.starts_with(said) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            _ => return Ok(()),
        }
    }
}

/// Where a listener is reached from this machine: a wildcard address is, by loopback.
pub fn origin(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://127.0.0.1:{}", address.port())
    } else {
        format!("http://{address}")
    }
}
