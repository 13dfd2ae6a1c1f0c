//! AssumeRole (AWS STS API reference, 2011-06-15): for engines with a session policy, which cuts the role's reach to one table;
//! and for the server itself, where it reaches a store by a role.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use object_store::CredentialProvider;
use object_store::aws::{AwsAuthorizer, AwsCredential, AwsCredentialProvider};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use weir_core::delivery::SHORTEST_OF_STS;
use weir_core::storage::StorageSettings;
use weir_core::{Error, Result};

use super::outside::ask;
use super::policy::session_policy;
use super::{Request, Vended};

const DEFAULT_REGION: &str = "us-east-1";
/// The server's own session: the longest that every role allows, chained ones too.
const OWN_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// Another is taken when the one in use has so little left.
const OWN_REST: TimeDelta = TimeDelta::minutes(5);

/// The role that the settings of a storage location name, and who assumes it.
#[derive(Clone)]
pub struct Role {
    client: Client,
    /// What the server has without the role.
    base: AwsCredentialProvider,
    settings: StorageSettings,
}

impl fmt::Debug for Role {
    /// Providers show the keys they have.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Role({:?})", self.settings.role)
    }
}

impl Role {
    pub fn new(base: AwsCredentialProvider, settings: &StorageSettings) -> Result<Self> {
        Ok(Self {
            client: super::client()?,
            base,
            settings: settings.clone(),
        })
    }

    /// A credential for everything below the request's prefix.
    ///
    /// Errors: `Unsupported` where the settings name no role; `Unavailable` where STS refuses or does not answer.
    pub async fn vend(&self, request: &Request<'_>) -> Result<Vended> {
        let policy = session_policy(
            partition(self.arn()?),
            request.prefix,
            request.access,
            self.settings.kms_key.as_deref(),
        )?;
        let session = session_name(request.who);
        let made = self
            .assume(&session, request.lifetime, Some(&policy))
            .await?;
        Ok(client_settings(made, &self.settings))
    }

    /// Errors: `Unsupported` where the settings name none.
    pub fn arn(&self) -> Result<&str> {
        self.settings.role.as_deref().ok_or_else(|| {
            Error::unsupported("This storage location names no role to make credentials from.")
        })
    }

    async fn assume(
        &self,
        session: &str,
        lifetime: TimeDelta,
        policy: Option<&str>,
    ) -> Result<Credentials> {
        let base = self.base.get_credential().await.map_err(|error| {
            Error::unavailable("The server has no credential to assume the role with.")
                .source(error)
        })?;
        // From a role another is assumed for an hour at most (IAM user guide, role chaining).
        let lifetime = match base.token {
            Some(_) => lifetime.min(OWN_LIFETIME),
            None => lifetime,
        };
        let lifetime = lifetime.max(SHORTEST_OF_STS);
        let seconds = lifetime.num_seconds().to_string();
        let mut form = vec![
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", self.arn()?),
            ("RoleSessionName", session),
            ("DurationSeconds", &seconds),
        ];
        form.extend(policy.map(|policy| ("Policy", policy)));
        let external = self.settings.external_id.as_deref();
        form.extend(external.map(|id| ("ExternalId", id)));
        let request = signed(&base, &self.settings, &form)?;
        let (parts, body) = request.into_parts();
        let body = body.as_bytes().cloned().unwrap_or_default();
        let request = self.client.post(parts.uri.to_string());
        let text = ask("STS", request.headers(parts.headers).body(body)).await?;
        // The parser's own error may quote the answer.
        let answer: Answer = quick_xml::de::from_str(&text)
            .map_err(|_| Error::unavailable("STS answers in another form."))?;
        Ok(answer.result.credentials)
    }
}

fn signed(
    base: &AwsCredential,
    settings: &StorageSettings,
    form: &[(&str, &str)],
) -> Result<object_store::client::HttpRequest> {
    // A space is written as `+` there, which Ceph leaves as it is; what was a plus is `%2B` already.
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
        .replace('+', "%20");
    let mut request = http::Request::post(endpoint(settings))
        .header(
            http::header::CONTENT_TYPE,
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .body(Bytes::from(body).into())
        .map_err(|error| Error::internal("A request to STS").source(error))?;
    AwsAuthorizer::new(base, "sts", region(settings)).authorize(&mut request, None);
    Ok(request)
}

/// The role as what the server itself reaches a store with, assumed anew before it ends.
#[derive(Debug)]
pub struct OwnSession {
    role: Role,
    taken: Mutex<Option<Taken>>,
    /// Held by whoever assumes the role.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Taken {
    credential: Arc<AwsCredential>,
    until: DateTime<Utc>,
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Taken(until {})", self.until)
    }
}

impl OwnSession {
    pub fn of(role: Role) -> Self {
        Self {
            role,
            taken: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    fn known(&self, now: DateTime<Utc>, rest: TimeDelta) -> Option<Taken> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.clone().filter(|taken| taken.until - now > rest)
    }

    /// One assumes it anew before it ends; meanwhile, and where that fails, the others go on with what is still good.
    async fn take(&self, now: DateTime<Utc>) -> Result<Arc<AwsCredential>> {
        if let Some(fresh) = self.known(now, OWN_REST) {
            return Ok(fresh.credential);
        }
        let ending = self.known(now, TimeDelta::zero());
        let _turn = match (self.turn.try_lock(), &ending) {
            (Ok(turn), _) => turn,
            (Err(_), Some(ending)) => return Ok(Arc::clone(&ending.credential)),
            (Err(_), None) => self.turn.lock().await,
        };
        if let Some(fresh) = self.known(now, OWN_REST) {
            return Ok(fresh.credential);
        }
        let made = match (self.role.assume("weir", OWN_LIFETIME, None).await, ending) {
            (Ok(made), _) => made,
            (Err(error), Some(ending)) => {
                tracing::warn!(
                    ?error,
                    "the role that a store is reached by could not be assumed anew yet"
                );
                return Ok(ending.credential);
            }
            (Err(error), None) => return Err(error),
        };
        let credential = Arc::new(AwsCredential {
            key_id: made.access_key_id,
            secret_key: made.secret_access_key.expose_secret().to_owned(),
            token: Some(made.session_token.expose_secret().to_owned()),
        });
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(Taken {
            credential: Arc::clone(&credential),
            until: made.expiration,
        });
        Ok(credential)
    }
}

#[async_trait]
impl CredentialProvider for OwnSession {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let taken = self.take(Utc::now()).await;
        taken.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: error.into(),
        })
    }
}

fn client_settings(made: Credentials, settings: &StorageSettings) -> Vended {
    let mut config = super::s3_address(
        settings.endpoint.as_deref(),
        region(settings),
        settings.path_style,
    );
    super::s3_keys(
        &mut config,
        made.access_key_id,
        made.secret_access_key,
        made.session_token,
        made.expiration,
    );
    Vended {
        config,
        expires_at: made.expiration,
    }
}

fn endpoint(settings: &StorageSettings) -> String {
    let known = settings
        .sts_endpoint
        .as_ref()
        .or(settings.endpoint.as_ref());
    known.map_or_else(
        || format!("https://sts.{}.amazonaws.com/", region(settings)),
        |endpoint| format!("{}/", endpoint.trim_end_matches('/')),
    )
}

fn region(settings: &StorageSettings) -> &str {
    settings.region.as_deref().unwrap_or(DEFAULT_REGION)
}

/// `aws`, `aws-cn` or `aws-us-gov`: the second part of an ARN.
fn partition(arn: &str) -> &str {
    let part = arn.split(':').nth(1).unwrap_or_default();
    if part.is_empty() { "aws" } else { part }
}

/// The name by which the store's own log tells who it was: at most 64 of the characters that STS allows.
fn session_name(who: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    let plain: String = who
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .take(59)
        .collect();
    format!("weir-{plain}")
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "AssumeRoleResult")]
    result: Assumed,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: SecretString,
    session_token: SecretString,
    expiration: DateTime<Utc>,
}

#[cfg(test)]
#[path = "sts_tests.rs"]
mod tests;
