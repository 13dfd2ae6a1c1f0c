//! From a token to a caller.

use chrono::TimeDelta;
use moka::sync::Cache;

use serde::Deserialize;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use weir_core::clock::SharedClock;
use weir_core::id::RequestId;
use weir_core::principal::{Caller, Face, Tick};
use weir_core::{Error, Result};
use weir_db::Db;
use weir_db::freshness::Freshness;
use weir_db::session::{self, Authenticated};

use crate::throttle::Throttle;
use crate::token;

/// How long sessions last.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// A session ends after this many seconds, whatever happens in it.
    pub session_seconds: i64,
    /// A session ends after this many seconds without a request.
    pub idle_seconds: i64,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            session_seconds: 12 * 3600,
            idle_seconds: 2 * 3600,
        }
    }
}

/// Knows who is behind a token. A clone is one count.
#[derive(Debug, Clone)]
pub struct Identity(Arc<Parts>);

impl Deref for Identity {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

#[derive(Debug)]
pub struct Parts {
    pub(crate) db: Db,
    pub(crate) clock: SharedClock,
    pub(crate) config: IdentityConfig,
    pub(crate) throttle: Throttle,
    freshness: Freshness,
    /// Each with the check before it was read.
    sessions: Cache<[u8; 32], (Authenticated, Tick)>,
}

impl Identity {
    pub fn new(db: Db, freshness: Freshness, clock: SharedClock, config: IdentityConfig) -> Self {
        // A minute, so that a session's last use is written at least that often.
        let sessions = Cache::builder()
            .max_capacity(100_000)
            .time_to_live(Duration::from_secs(60))
            .build();
        Self(Arc::new(Parts {
            db,
            clock,
            config,
            throttle: Throttle::new(),
            freshness,
            sessions,
        }))
    }

    /// The caller behind a token. Errors: `Unauthenticated` for a token that is unknown, ended, idle too long, or whose
    /// principal was disabled.
    pub async fn authenticate(
        &self,
        token: &str,
        face: Face,
        request: RequestId,
    ) -> Result<Caller> {
        let (known, tick) = self.known(token).await?;
        Ok(known.caller(face, request, Some(tick)))
    }

    /// Whose session a token is, as of a check that began after this call.
    pub(crate) async fn known(&self, token: &str) -> Result<(Authenticated, Tick)> {
        let (hash, now) = (token::hash(token), self.clock.now());
        let tick = self.freshness.check().await?;
        if let Some((known, since)) = self.sessions.get(&hash)
            && known.expires_at > now
            && self.freshness.directory_since(since)
        {
            return Ok((known, tick));
        }
        let idle = TimeDelta::seconds(self.config.idle_seconds);
        match session::authenticate(&self.db, &hash, now, idle).await? {
            Some(authenticated) => {
                self.sessions.insert(hash, (authenticated.clone(), tick));
                Ok((authenticated, tick))
            }
            None => {
                self.sessions.invalidate(&hash);
                Err(Error::unauthenticated(
                    "This session has ended. Sign in again.",
                ))
            }
        }
    }
}
