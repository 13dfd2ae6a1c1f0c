//! Who comes in. A signature shows that the secret is known; the session token says what for, and is checked anew with every
//! request, so that a presigned address ends with the credential that signed it.
//!
//! s3s compares signatures and looks at nothing else: which headers were signed, and the token, are checked here.

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Uri, header};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result};
use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use weir_core::Result;
use weir_operations::delivery::tally::Tally;
use weir_operations::{Weir, delivery};

use crate::{fault, query};

pub use weir_operations::delivery::gateway::Pass;

const TOKEN: &str = "x-amz-security-token";
const TOKEN_IN_QUERY: &str = "X-Amz-Security-Token";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

type SecretOf = dyn Fn(&str) -> Option<SecretString> + Send + Sync;
type Admit = dyn Fn(String, String) -> BoxFuture<'static, Result<Arc<Pass>>> + Send + Sync;

/// Knows the credentials. Clones are cheap.
#[derive(Clone)]
pub struct Door {
    secret_of: Arc<SecretOf>,
    admit: Arc<Admit>,
    pub(crate) tally: Arc<Tally>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

impl Door {
    /// `secret_of` takes an access key, `admit` an access key and a session token.
    pub fn new(
        secret_of: impl Fn(&str) -> Option<SecretString> + Send + Sync + 'static,
        admit: impl Fn(String, String) -> BoxFuture<'static, Result<Arc<Pass>>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            secret_of: Arc::new(secret_of),
            admit: Arc::new(admit),
            tally: Arc::default(),
        }
    }

    pub fn of(weir: Weir) -> Self {
        let (known, tally) = (weir.clone(), weir.gateway_tally().cloned());
        let door = Self::new(
            move |access_key| delivery::gateway::secret_key(&known, access_key),
            move |access_key, token| {
                let weir = weir.clone();
                async move { delivery::gateway::admit(&weir, &access_key, &token).await }.boxed()
            },
        );
        Self {
            tally: tally.unwrap_or_default(),
            ..door
        }
    }
}

#[async_trait::async_trait]
impl S3Auth for Door {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let secret = (self.secret_of)(access_key);
        let secret = secret.ok_or_else(|| S3Error::new(S3ErrorCode::InvalidAccessKeyId))?;
        Ok(SecretKey::from(secret.expose_secret()))
    }
}

#[async_trait::async_trait]
impl S3Access for Door {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = cx.credentials() else {
            return Err(fault::denied("Requests are signed here."));
        };
        let access_key = credentials.access_key.clone();
        let signed = Signed::of(cx.uri(), cx.headers())?;
        signed.covers(cx.headers())?;
        let token = signed.token(cx.headers())?;
        let pass = (self.admit)(access_key, token).await;
        cx.extensions_mut()
            .insert(pass.map_err(|error| fault::of(&error))?);
        Ok(())
    }
}

/// What of a request its signature covers.
struct Signed {
    headers: Vec<String>,
    /// The session tokens of the query, which is signed whole.
    tokens: Vec<String>,
    presigned: bool,
}

impl Signed {
    fn of(uri: &Uri, headers: &HeaderMap) -> S3Result<Self> {
        let (mut presigned, mut names, mut tokens) = (false, None, Vec::new());
        for parameter in query::parameters(uri) {
            match &*parameter.name {
                "X-Amz-Signature" => presigned = true,
                "X-Amz-SignedHeaders" if names.is_none() => names = Some(parameter.value()),
                TOKEN_IN_QUERY => tokens.push(parameter.value().into_owned()),
                _ => {}
            }
        }
        if !presigned {
            let given = headers.get(header::AUTHORIZATION);
            names = given
                .and_then(|value| value.to_str().ok())
                .and_then(names_of)
                .map(Cow::Borrowed);
        } else if headers.contains_key(header::AUTHORIZATION) {
            // Both ways at a time would leave open which one was checked.
            return Err(fault::denied("A request is signed in one way."));
        }
        let names =
            names.ok_or_else(|| fault::denied("Requests are signed with AWS4-HMAC-SHA256."))?;
        Ok(Self {
            headers: names.split(';').map(str::to_ascii_lowercase).collect(),
            tokens,
            presigned,
        })
    }

    /// As S3 does, no header of its own is taken that somebody on the way could have added.
    fn covers(&self, headers: &HeaderMap) -> S3Result<()> {
        let signed = |name: &str| self.headers.iter().any(|known| known == name);
        let loose = headers.keys().map(http::HeaderName::as_str).find(|name| {
            // It can only make a request fail.
            let harmless = self.presigned && *name == "x-amz-content-sha256";
            name.starts_with("x-amz-") && !harmless && !signed(name)
        });
        if loose.is_some() || !signed("host") {
            return Err(fault::denied("There were headers that were not signed."));
        }
        Ok(())
    }

    fn token(self, headers: &HeaderMap) -> S3Result<String> {
        let mut tokens = self.tokens;
        for value in headers.get_all(TOKEN) {
            tokens.push(value.to_str().unwrap_or_default().to_owned());
        }
        match (tokens.pop(), tokens.is_empty()) {
            (Some(token), true) => Ok(token),
            _ => Err(S3Error::with_message(
                S3ErrorCode::InvalidToken,
                "A request carries the session token of its credential, once.",
            )),
        }
    }
}

/// The signed headers of an `Authorization` header.
fn names_of(authorization: &str) -> Option<&str> {
    let fields = authorization.strip_prefix(ALGORITHM)?.split(',');
    let mut names = fields.filter_map(|field| field.trim().strip_prefix("SignedHeaders="));
    names.next()
}
