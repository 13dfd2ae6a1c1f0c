//! Beginning and ending sessions. Every attempt leaves an audit row, the failed ones too.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::net::IpAddr;
use weir_core::id::{PrincipalId, RequestId};
use weir_core::principal::{Caller, Face};
use weir_core::{Error, Result};
use weir_db::session::{self, NewSession};
use weir_db::{Entry, audit};

use crate::authenticate::Identity;
use crate::{password, token};

/// Where a sign-in comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
    pub face: Face,
    pub request: RequestId,
}

/// A person's sign-in.
#[derive(Debug)]
pub struct SignIn {
    pub name: String,
    pub password: SecretString,
    pub origin: Origin,
}

/// A service's sign-in.
#[derive(Debug)]
pub struct SignInClient {
    pub client_id: String,
    pub client_secret: SecretString,
    pub origin: Origin,
}

/// A session that began. The token is shown this once.
#[derive(Debug)]
pub struct SignedIn {
    pub token: SecretString,
    pub name: String,
    pub expires_at: DateTime<Utc>,
}

impl Identity {
    /// Errors: `Unauthenticated` with the same words whatever was wrong; `Throttled`.
    pub async fn sign_in(&self, request: SignIn) -> Result<SignedIn> {
        self.throttle
            .admit(&request.name, request.origin.ip, self.clock.now())?;
        let known = session::password(&self.db, &request.name).await?;
        let fits = password::verify(
            known.as_ref().map(|known| known.hash.clone()),
            &request.password,
        )
        .await?;
        match known.filter(|_| fits) {
            Some(known) => {
                self.throttle.succeeded(&request.name);
                self.begin(
                    PrincipalId::from_uuid(known.principal_id),
                    known.name,
                    &request.origin,
                    DateTime::<Utc>::MAX_UTC,
                )
                .await
            }
            None => {
                self.refuse(
                    &request.name,
                    &request.origin,
                    "The name or the password is wrong.",
                )
                .await
            }
        }
    }

    /// Errors: as [`Identity::sign_in`].
    pub async fn sign_in_client(&self, request: SignInClient) -> Result<SignedIn> {
        self.throttle
            .admit(&request.client_id, request.origin.ip, self.clock.now())?;
        let known = session::client(&self.db, &request.client_id).await?;
        let secret = token::hash(request.client_secret.expose_secret());
        match known.filter(|known| token::same(&known.hash, &secret)) {
            Some(known) => {
                self.throttle.succeeded(&request.client_id);
                self.throttle.take_back(request.origin.ip, self.clock.now());
                self.begin(
                    PrincipalId::from_uuid(known.principal_id),
                    known.name,
                    &request.origin,
                    DateTime::<Utc>::MAX_UTC,
                )
                .await
            }
            None => {
                self.refuse(
                    &request.client_id,
                    &request.origin,
                    "The client id or the client secret is wrong.",
                )
                .await
            }
        }
    }

    /// A session of its own for whoever holds the token of another one (RFC 8693). It ends no later than that one's own time.
    ///
    /// Errors: `Unauthenticated` for a token that is unknown or has ended.
    pub async fn exchange(&self, token: &str, origin: Origin) -> Result<SignedIn> {
        let (known, _) = self.known(token).await?;
        self.begin(known.principal, known.name, &origin, known.expires_at)
            .await
    }

    /// Ends the session of a token, everywhere at once.
    pub async fn sign_out(&self, token: &str, caller: &Caller) -> Result<()> {
        let entry = Entry::by(
            caller,
            "session.sign_out",
            "session",
            caller.name.clone(),
            self.clock.now(),
        );
        session::end(&self.db, &token::hash(token), &entry).await
    }

    /// Begins a session that ends at `latest` or before.
    async fn begin(
        &self,
        principal: PrincipalId,
        name: String,
        origin: &Origin,
        latest: DateTime<Utc>,
    ) -> Result<SignedIn> {
        let now = self.clock.now();
        let expires_at = latest.min(now + TimeDelta::seconds(self.config.session_seconds));
        let token = token::random("weir_")?;
        let ip = origin.ip.map(|ip| ip.to_string());
        let user_agent: Option<String> = origin.user_agent.as_ref().map(|agent| {
            agent
                .chars()
                .filter(|c| !c.is_control())
                .take(255)
                .collect()
        });
        let new = NewSession {
            token_hash: token::hash(token.expose_secret()),
            principal,
            face: origin.face,
            now,
            expires_at,
            ip: ip.as_deref(),
            user_agent: user_agent.as_deref(),
        };
        let mut entry =
            Entry::anonymous(&name, "session.sign_in", origin.request, origin.face, now);
        entry.principal = Some(principal);
        entry.object_name.clone_from(&name);
        entry.detail = json!({ "ip": ip });
        session::begin(&self.db, &new, &entry).await?;
        Ok(SignedIn {
            token,
            name,
            expires_at,
        })
    }

    async fn refuse(&self, claimed: &str, origin: &Origin, message: &str) -> Result<SignedIn> {
        let now = self.clock.now();
        self.throttle.failed(claimed, now);
        let mut entry =
            Entry::anonymous(claimed, "session.sign_in", origin.request, origin.face, now);
        entry.detail = json!({ "ip": origin.ip.map(|ip| ip.to_string()) });
        audit::refused(&self.db, entry).await?;
        Err(Error::unauthenticated(message))
    }
}
