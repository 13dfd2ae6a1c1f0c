//! The gateway's listener. It speaks HTTP/1.1, as S3 does: nobody holds a hundred requests open over one connection.

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::front::Front;
use crate::patient::Patient;

/// Serves until `stop`, then lets requests under way finish within `drain`.
pub async fn serve(listener: TcpListener, front: Front, stop: CancellationToken, drain: Duration) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(front.idle)
        .max_buf_size(256 * 1024);
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, _) = tokio::select! {
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
        spawn(&builder, &graceful, stream, front.clone());
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests of the gateway did not finish in time");
    }
}

fn spawn(builder: &http1::Builder, graceful: &GracefulShutdown, stream: TcpStream, front: Front) {
    // Small answers must not wait for the peer's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let io = TokioIo::new(Patient::new(stream, front.idle));
    let service = service_fn(move |request: http::Request<Incoming>| {
        let front = front.clone();
        async move { front.answer(request).await }
    });
    let connection = builder.serve_connection(io, service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}
