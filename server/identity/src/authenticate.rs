//! From a token to a caller.

use chrono::TimeDelta;
use moka::sync::Cache;

use serde::Deserialize;
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

/// Knows who is behind a token. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Identity {
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
        Self {
            db,
            clock,
            config,
            throttle: Throttle::new(),
            freshness,
            sessions,
        }
    }

    /// The caller behind a token. Errors: `Unauthenticated` for a token that is unknown, ended, idle too long, or whose
    /// principal was disabled.
    pub async fn authenticate(
        &self,
        token: &str,
        face: Face,
        request: RequestId,
    ) -> Result<Caller> {
        let (hash, now) = (token::hash(token), self.clock.now());
        let tick = self.freshness.check().await?;
        if let Some((known, since)) = self.sessions.get(&hash)
            && known.expires_at > now
            && self.freshness.directory_since(since)
        {
            return Ok(known.caller(face, request, Some(tick)));
        }
        let idle = TimeDelta::seconds(self.config.idle_seconds);
        match session::authenticate(&self.db, &hash, now, idle).await? {
            Some(authenticated) => {
                let caller = authenticated.caller(face, request, Some(tick));
                self.sessions.insert(hash, (authenticated, tick));
                Ok(caller)
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
