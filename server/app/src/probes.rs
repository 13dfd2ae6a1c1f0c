//! What orchestrators and monitors ask: alive, ready, metrics. No names of governed objects are in the answers.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::counter;
use metrics_exporter_prometheus::PrometheusHandle;
use weir_operations::Weir;

#[derive(Clone)]
pub struct Probes {
    pub weir: Weir,
    pub metrics: Option<PrometheusHandle>,
}

pub fn router(probes: Probes) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes)
}

async fn ready(State(probes): State<Probes>) -> impl IntoResponse {
    match probes.weir.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(?error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n",
            )
        }
    }
}

async fn metrics(State(probes): State<Probes>) -> impl IntoResponse {
    if let Some(tally) = probes.weir.gateway_tally() {
        let done = tally.counts();
        counter!("weir_gateway_requests_total").absolute(done.requests);
        counter!("weir_gateway_refused_total").absolute(done.refused);
        counter!("weir_gateway_failed_total").absolute(done.failed);
        counter!("weir_gateway_sent_bytes_total").absolute(done.sent_bytes);
        counter!("weir_gateway_received_bytes_total").absolute(done.received_bytes);
    }
    let text = probes
        .metrics
        .map(|handle| handle.render())
        .unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
