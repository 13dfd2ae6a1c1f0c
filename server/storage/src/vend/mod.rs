//! Short-lived credentials for engines: what reaches the objects below one prefix, for a time, and nothing else.
//!
//! Each store has its own way, and enforces it itself: S3 and what speaks STS a session policy ([`sts`]), Google a token
//! with a boundary ([`gcs`]), Azure a signature for a directory ([`azure`]).

pub mod azure;
pub mod gcs;
mod outside;
mod policy;
mod sts;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;
use weir_core::delivery::Access;
use weir_core::location::Location;

pub use outside::{AccessToken, client};
pub use sts::{OwnSession, Role};

/// A credential that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Everything below it.
    pub prefix: &'a Location,
    pub access: Access,
    /// The name of whoever asks, for the store's own log.
    pub who: &'a str,
    /// At most this long, as far as the store can make it so.
    pub lifetime: TimeDelta,
}

/// A credential as clients are configured with it.
#[derive(Clone)]
pub struct Vended {
    /// Client settings in Iceberg's names. Some are secret.
    pub config: BTreeMap<String, SecretString>,
    pub expires_at: DateTime<Utc>,
}

impl fmt::Debug for Vended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vended(until {})", self.expires_at)
    }
}

/// Where an S3 client finds its store: in the words of Java's clients and in those of PyIceberg.
pub fn s3_address(
    endpoint: Option<&str>,
    region: &str,
    path_style: bool,
) -> BTreeMap<String, SecretString> {
    let mut config = BTreeMap::new();
    let mut set = |name: &str, value: &str| config.insert(name.to_owned(), value.into());
    set("client.region", region);
    set("s3.region", region);
    if let Some(endpoint) = endpoint {
        set("s3.endpoint", endpoint);
        set(
            "s3.path-style-access",
            if path_style { "true" } else { "false" },
        );
    }
    config
}

/// The keys of an S3 client, with their end in milliseconds since 1970.
pub fn s3_keys(
    config: &mut BTreeMap<String, SecretString>,
    access_key: String,
    secret_key: SecretString,
    session_token: SecretString,
    expires_at: DateTime<Utc>,
) {
    let ends = expires_at.timestamp_millis().to_string();
    config.extend([
        ("s3.access-key-id".to_owned(), access_key.into()),
        ("s3.secret-access-key".to_owned(), secret_key),
        ("s3.session-token".to_owned(), session_token),
        ("s3.session-token-expires-at-ms".to_owned(), ends.into()),
    ]);
}
