//! From a token to a caller.

use chrono::TimeDelta;
use moka::sync::Cache;

use serde::Deserialize;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use weir_core::clock::SharedClock;
use weir_core::id::RequestId;
use weir_core::principal::{Caller, Face, Presumed, Tick};
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
    sessions: Cache<[u8; 32], Session>,
}

/// A session as it was read last.
#[derive(Debug, Clone)]
struct Session {
    authenticated: Authenticated,
    /// The check before it was read.
    since: Tick,
    /// The directory's epoch before it was read.
    directory: i64,
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

    /// Whose session a token was within the last minute, without asking the database. To be confirmed by the directory's epoch.
    pub fn presume(&self, token: &str, face: Face, request: RequestId) -> Option<Presumed> {
        let session = self.sessions.get(&token::hash(token))?;
        let live = session.authenticated.expires_at > self.clock.now();
        let caller = session.authenticated.caller(face, request, None);
        live.then(|| Presumed::new(caller, session.directory))
    }

    /// Whose session a token is, as of a check that began after this call.
    pub(crate) async fn known(&self, token: &str) -> Result<(Authenticated, Tick)> {
        let (hash, now) = (token::hash(token), self.clock.now());
        let tick = self.freshness.check().await?;
        if let Some(session) = self.sessions.get(&hash)
            && session.authenticated.expires_at > now
            && self.freshness.directory_since(session.since)
        {
            return Ok((session.authenticated, tick));
        }
        let directory = self.freshness.directory();
        let idle = TimeDelta::seconds(self.config.idle_seconds);
        match session::authenticate(&self.db, &hash, now, idle).await? {
            Some(authenticated) => {
                let session = Session {
                    authenticated: authenticated.clone(),
                    since: tick,
                    directory,
                };
                self.sessions.insert(hash, session);
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
