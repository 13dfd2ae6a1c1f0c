//! Puts the server together and runs it.

use axum::Router;
use chrono::TimeDelta;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use secrecy::ExposeSecret;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_api::ApiState;
use weir_core::clock::{Clock as _, SystemClock};
use weir_core::{Error, Result};
use weir_crawler::Worker;
use weir_db::Db;
use weir_db::freshness::Freshness;
use weir_gateway::{Door, Front, GatewayConfig};
use weir_identity::Identity;
use weir_operations::delivery::gateway::Gateway;
use weir_operations::keys::GatewayKey;
use weir_operations::{Settings, Weir, crawl};
use weir_storage::Stores;
use weir_web::WebConfig;

use crate::config::Config;
use crate::http;
use crate::keys;
use crate::postgres::{Embedded, EmbeddedConfig};
use crate::probes::{self, Probes};

/// A running server.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    /// Where the gateway listens.
    pub gateway: Option<SocketAddr>,
    pub weir: Weir,
    pub identity: Identity,
    db: Db,
    stop: CancellationToken,
    listener: JoinHandle<()>,
    workers: Vec<JoinHandle<()>>,
}

/// The database's URL, and the embedded Postgres behind it where the configuration names no other.
pub async fn database(config: &Config) -> Result<(String, Option<Embedded>)> {
    if let Some(url) = &config.database.url {
        return Ok((url.expose_secret().to_owned(), None));
    }
    let embedded = Embedded::start(EmbeddedConfig {
        data_dir: config.database.data_dir.clone(),
        binaries: config.database.binaries.clone(),
        run_as: config.database.run_as.clone(),
        max_connections: config.database.pool.max_connections + 20,
    })
    .await?;
    Ok((embedded.url(), Some(embedded)))
}

/// Migrates and serves on `config.server.listen`. `alone` says that no other replica uses this database, so that runs left
/// over from before are known to be interrupted.
pub async fn start(config: &Config, database_url: &str, alone: bool) -> Result<Server> {
    let db = Db::connect(database_url, &config.database.pool).await?;
    db.migrate().await?;
    let clock = Arc::new(SystemClock);
    let freshness = Freshness::new(db.clone());
    let keyring = keys::keyring(config, &db).await?;
    weir_operations::keys::check(&db, &keyring).await?;
    let key = GatewayKey::obtain(&db, &keyring, clock.now()).await?;
    let files = gateway(config, key, &freshness).await?;
    let weir = Weir::new(
        db.clone(),
        freshness.clone(),
        Arc::new(config.policy()?),
        Stores::new(config.storage.clone(), keyring),
        clock.clone(),
        Settings {
            undrop: TimeDelta::days(config.tables.undrop_days.into()),
            credential_lifetime: TimeDelta::seconds(config.credentials.lifetime_seconds.into()),
            gateway: files.as_ref().map(|(_, gateway)| gateway.clone()),
        },
    );
    let identity = Identity::new(db.clone(), freshness, clock, config.identity.clone());
    if alone {
        let interrupted = crawl::recover(&weir).await?;
        if interrupted > 0 {
            tracing::warn!(
                runs = interrupted,
                "runs were interrupted by the last stop and are queued again"
            );
        }
    }
    let (listener, address) = bind("server.listen", config.server.listen).await?;
    warn_of_plain_http(config, address);
    let stop = CancellationToken::new();
    let routes = http::layered(routes(&weir, &identity, config), &config.server);
    let drain = Duration::from_secs(config.server.drain_seconds);
    let mut workers: Vec<_> = (0..config.crawler.workers)
        .map(|_| tokio::spawn(Worker::new(weir.clone(), &config.crawler).work(stop.clone())))
        .collect();
    let gateway = files
        .as_ref()
        .and_then(|(listener, _)| listener.local_addr().ok());
    if let Some((listener, _)) = files {
        let front = Front::new(Door::of(weir.clone()), &GatewayConfig::default());
        let serving = weir_gateway::serve(listener, front, stop.clone(), drain);
        workers.push(tokio::spawn(serving));
    }
    let listener = tokio::spawn(http::serve(listener, routes, stop.clone(), drain));
    Ok(Server {
        address,
        gateway,
        weir,
        identity,
        db,
        stop,
        listener,
        workers,
    })
}

async fn bind(field: &str, at: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(at).await.map_err(|error| {
        Error::invalid(
            field,
            format!("{at} cannot be listened on: {error}. Choose another with --listen."),
        )
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| Error::internal("The listener has no address").source(error))?;
    Ok((listener, address))
}

/// The gateway's listener, and the gateway as engines are told of it.
async fn gateway(
    config: &Config,
    key: GatewayKey,
    freshness: &Freshness,
) -> Result<Option<(TcpListener, Gateway)>> {
    let Some(at) = config.gateway.listen else {
        return Ok(None);
    };
    let (listener, address) = bind("gateway.listen", at).await?;
    let endpoint = config.gateway.public_endpoint.clone();
    let endpoint = endpoint.unwrap_or_else(|| http::origin(address));
    Ok(Some((
        listener,
        Gateway::new(endpoint, key, freshness.clone()),
    )))
}

fn routes(weir: &Weir, identity: &Identity, config: &Config) -> Router {
    let web = WebConfig {
        insecure_cookies: config.server.insecure_cookies,
        public_origin: config.server.public_origin.clone(),
    };
    let api = weir_api::router(ApiState {
        weir: weir.clone(),
        identity: identity.clone(),
    });
    let probes = probes::router(Probes {
        weir: weir.clone(),
        metrics: recorder(),
    });
    weir_web::router(weir.clone(), identity.clone(), web)
        .merge(api)
        .merge(probes)
}

fn warn_of_plain_http(config: &Config, address: SocketAddr) {
    if !address.ip().is_loopback()
        && config.server.public_origin.is_none()
        && !config.server.insecure_cookies
    {
        tracing::warn!(
            "browsers on other machines cannot sign in over plain http: put a TLS proxy before this and set server.public_origin, \
             or set server.insecure_cookies for a network you trust"
        );
    }
}

/// The process's one metrics recorder.
fn recorder() -> Option<PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || {
        let buckets = [
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
        ];
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &buckets)
            .ok()?;
        builder.install_recorder().ok()
    };
    RECORDER.get_or_init(install).clone()
}

impl Server {
    /// Stops accepting, lets requests finish, gives runs under way back, closes the database.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.workers.into_iter().chain([self.listener]) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the server ended badly");
            }
        }
        self.db.close().await;
    }
}
