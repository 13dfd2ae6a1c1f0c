//! The configuration: a TOML file, then `WEIR__SECTION__FIELD` variables over it. Every field has a default that is safe
//! on one machine; unknown fields are errors.

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use weir_core::authz::Policy;
use weir_core::{Error, Result};
use weir_crawler::CrawlerConfig;
use weir_db::DbConfig;
use weir_identity::IdentityConfig;
use weir_storage::StorageConfig;

use crate::keys::KeysConfig;

/// Everything that can be set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: ServerConfig,
    pub database: DatabaseConfig,
    pub identity: IdentityConfig,
    pub storage: StorageConfig,
    pub crawler: CrawlerConfig,
    pub tables: TablesConfig,
    pub policies: PolicyConfig,
    pub keys: KeysConfig,
    pub gateway: GatewayConfig,
    pub credentials: CredentialsConfig,
    pub log: LogConfig,
}

/// The listener.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where to listen. Only this machine by default.
    pub listen: SocketAddr,
    /// The address people type, when a proxy stands before: `https://weir.example.com`.
    pub public_origin: Option<String>,
    /// Cookies over plain http on hosts that are not this machine. Anybody on the way can then take a session.
    pub insecure_cookies: bool,
    /// How long requests may go on after a stop was asked for, in seconds.
    pub drain_seconds: u64,
    /// A request that takes longer is answered 503, in seconds.
    pub request_timeout_seconds: u64,
    /// Requests at once; more wait a moment, then are told to come back.
    pub max_requests: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_origin: None,
            insecure_cookies: false,
            drain_seconds: 25,
            request_timeout_seconds: 60,
            max_requests: 1024,
        }
    }
}

/// Where engines reach files that no store hands credentials out for.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where to listen, beside the console and the APIs. No gateway when absent.
    pub listen: Option<SocketAddr>,
    /// The address that engines find it at, where that is another: `https://files.example.com`.
    pub public_endpoint: Option<String>,
}

/// What engines are given to reach files with.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialsConfig {
    /// How long one lasts, in seconds, unless its holder's access ends before. Stores make none below 900.
    pub lifetime_seconds: u32,
}

impl Default for CredentialsConfig {
    fn default() -> Self {
        Self {
            lifetime_seconds: 3600,
        }
    }
}

/// Which Postgres.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/weir`. When absent, an embedded one runs in the data directory.
    pub url: Option<SecretString>,
    /// Where the embedded one and everything else that is kept on disk lives.
    pub data_dir: PathBuf,
    /// The `bin` directory of PostgreSQL 15 or newer for the embedded one; searched for when absent.
    pub binaries: Option<PathBuf>,
    /// The account that the embedded one runs as when Weir is started as root; `postgres` when absent.
    pub run_as: Option<String>,
    pub pool: DbConfig,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            data_dir: PathBuf::from("weir-data"),
            binaries: None,
            run_as: None,
            pool: DbConfig::default(),
        }
    }
}

/// The tables that Weir is the catalog of.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TablesConfig {
    /// How long a dropped table can be put back. Then it is forgotten, and its files are deleted where the drop asked for that.
    pub undrop_days: u16,
}

impl Default for TablesConfig {
    fn default() -> Self {
        Self { undrop_days: 7 }
    }
}

/// Who may do what with which privilege.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// A directory with `model.conf` and `policy.csv`; the built-in ones when absent.
    pub dir: Option<PathBuf>,
}

/// What is logged.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `text` for people, `json` for machines.
    pub format: LogFormat,
    /// As `RUST_LOG` spells it: `info`, `weir_crawler=debug,info`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info,sqlx=warn,s3s=off".to_owned(),
        }
    }
}

impl Config {
    /// Reads `file`, where one is given or `weir.toml` is here, and the environment over it.
    ///
    /// Errors: a file that is missing, a field that is unknown or of the wrong type; the message names it.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let default = Path::new("weir.toml");
        let file = match file {
            Some(file) if !file.is_file() => {
                return Err(Error::invalid(
                    "config",
                    format!("There is no file {}.", file.display()),
                ));
            }
            Some(file) => Some(file),
            None => default.is_file().then_some(default),
        };
        let mut figment = Figment::new();
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Env::prefixed("WEIR__").split("__"));
        if let Ok(url) = std::env::var("DATABASE_URL") {
            figment = figment.join(Serialized::default("database.url", url));
        }
        let config: Self = figment
            .extract()
            .map_err(|error| Error::invalid("config", error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        if self.server.max_requests == 0 {
            return Err(Error::invalid(
                "server.max_requests",
                "At least one request at a time.",
            ));
        }
        if !(1..=200).contains(&self.database.pool.max_connections) {
            return Err(Error::invalid(
                "database.pool.max_connections",
                "1 to 200 connections.",
            ));
        }
        if self.identity.session_seconds < 60 || self.identity.idle_seconds < 60 {
            return Err(Error::invalid(
                "identity",
                "Sessions last a minute at least.",
            ));
        }
        if !(10..=43_200).contains(&self.credentials.lifetime_seconds) {
            return Err(Error::invalid(
                "credentials.lifetime_seconds",
                "10 seconds to 12 hours.",
            ));
        }
        let addresses = [
            ("server.public_origin", &self.server.public_origin),
            ("gateway.public_endpoint", &self.gateway.public_endpoint),
        ];
        for (field, address) in addresses {
            let is_address =
                |text: &String| text.starts_with("https://") || text.starts_with("http://");
            if !address.as_ref().is_none_or(is_address) {
                return Err(Error::invalid(
                    field,
                    "This is an address such as https://weir.example.com.",
                ));
            }
        }
        Ok(())
    }

    /// The policy in force. Errors: files that cannot be read or used, with the line.
    pub fn policy(&self) -> Result<Policy> {
        let loaded = match &self.policies.dir {
            None => Policy::built_in(),
            Some(dir) => Policy::parse(
                &read(&dir.join("model.conf"))?,
                &read(&dir.join("policy.csv"))?,
            ),
        };
        loaded.map_err(|error| Error::invalid("policies", error.to_string()))
    }

    /// What is in force, as TOML, with every secret left out.
    pub fn explain(&self) -> String {
        let credentials: Vec<&String> = self.storage.credentials.keys().collect();
        let effective: String = [
            ("server", section(&self.server)),
            ("gateway", section(&self.gateway)),
            ("credentials", section(&self.credentials)),
            ("tables", section(&self.tables)),
            ("policies", section(&self.policies)),
            ("log", section(&self.log)),
        ]
        .map(|(name, body)| format!("[{name}]\n{body}\n"))
        .concat();
        let database = match &self.database.url {
            Some(url) => format!("url = {:?}", without_password(url.expose_secret())),
            None => format!(
                "# embedded PostgreSQL\ndata_dir = {:?}",
                self.database.data_dir
            ),
        };
        format!(
            "{effective}[database]\n{database}\n\n[database.pool]\nmax_connections = {}\nstatement_timeout_seconds = {}\nacquire_timeout_seconds = {}\n\n\
             [identity]\nsession_seconds = {}\nidle_seconds = {}\n\n[crawler]\nworkers = {}\npoll_seconds = {}\n\n[storage]\n# credentials: {credentials:?}\n",
            self.database.pool.max_connections,
            self.database.pool.statement_timeout_seconds,
            self.database.pool.acquire_timeout_seconds,
            self.identity.session_seconds,
            self.identity.idle_seconds,
            self.crawler.workers,
            self.crawler.poll_seconds,
        )
    }
}

fn section(value: &impl Serialize) -> String {
    toml::to_string(value).unwrap_or_default()
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::invalid(
            "policies.dir",
            format!("{} cannot be read: {error}", path.display()),
        )
    })
}

fn without_password(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!(
            "{}://…{}",
            url.get(..scheme).unwrap_or_default(),
            url.get(at..).unwrap_or_default()
        ),
        _ => url.to_owned(),
    }
}
