//! A service account's key, and the token it gets for a signed assertion (RFC 7523; Google: "Using OAuth 2.0 for server to
//! server applications").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Client;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use weir_core::{Error, Result};

use super::super::outside::{AccessToken, TokenAnswer, ask};
use super::Endpoints;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The one scope that a token may have to be cut down. What it reaches is for the account's roles to say.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest that Google allows.
const ASSERTION_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// A service account whose key can sign. Clones share it.
#[derive(Clone)]
pub struct ServiceAccount {
    email: String,
    key_id: String,
    pem: SecretString,
    key: Arc<RsaKeyPair>,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceAccount({})", self.email)
    }
}

/// What is used of a key file. Its addresses are not.
#[derive(Deserialize)]
struct KeyFile {
    r#type: String,
    client_email: String,
    private_key_id: String,
    private_key: SecretString,
}

impl ServiceAccount {
    /// Reads a key file as Google's console hands it out.
    ///
    /// Errors: `Invalid` for other kinds of credential, some of which would have this server run a program or call any
    /// address; for what is no RSA key.
    pub fn parse(file: &SecretString) -> Result<Self> {
        let invalid = |message: &str| Error::invalid("service_account", message);
        // The parser's own error may quote the file.
        let file: KeyFile = serde_json::from_str(file.expose_secret()).map_err(|_| {
            invalid("This is no key file of a Google service account: it is JSON with client_email and private_key.")
        })?;
        if file.r#type != "service_account" {
            return Err(invalid(
                "Only the key file of a service account is accepted, of all of Google's kinds of credential.",
            ));
        }
        let pem = file.private_key.expose_secret().as_bytes();
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok();
        let key = der.and_then(|der| RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok());
        let key = key.ok_or_else(|| invalid("The private key of the key file is no RSA key."))?;
        Ok(Self {
            email: file.client_email,
            key_id: file.private_key_id,
            pem: file.private_key,
            key: Arc::new(key),
        })
    }

    /// A key file of this account with nothing in it that would send it elsewhere.
    pub fn key_file(&self) -> SecretString {
        let file = json!({
            "type": "service_account",
            "client_email": self.email,
            "private_key_id": self.key_id,
            "private_key": self.pem.expose_secret(),
        });
        file.to_string().into()
    }

    fn assertion(&self, audience: &str, now: DateTime<Utc>) -> Result<SecretString> {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": audience,
            "iat": now.timestamp(),
            "exp": (now + ASSERTION_LIFETIME).timestamp(),
        });
        let part = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| Error::internal("A service account's key does not sign"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}

/// The account's own token, for an hour. It can do all that the account can.
///
/// Errors: `Unavailable` where Google refuses or does not answer.
pub async fn access_token(
    client: &Client,
    endpoints: &Endpoints,
    account: &ServiceAccount,
    now: DateTime<Utc>,
) -> Result<AccessToken> {
    let assertion = account.assertion(&endpoints.token, now)?;
    let form = [
        ("grant_type", GRANT),
        ("assertion", assertion.expose_secret()),
    ];
    let service = "Google's token service";
    let text = ask(service, client.post(&endpoints.token).form(&form)).await?;
    Ok(TokenAnswer::parse(service, &text)?.taken(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_file_is_refused_and_not_shown() {
        for (file, told) in [
            ("hush", "no key file"),
            (
                r#"{"type":"service_account","client_email":"hush"}"#,
                "no key file",
            ),
            (
                r#"{"type":"external_account","client_email":"e","private_key_id":"i","private_key":"hush"}"#,
                "Only the key file",
            ),
            (
                r#"{"type":"service_account","client_email":"e","private_key_id":"i","private_key":"hush"}"#,
                "no RSA key",
            ),
        ] {
            let error = ServiceAccount::parse(&file.to_owned().into()).unwrap_err();
            assert!(error.public_message().contains(told), "{error:?}");
            assert!(!format!("{error:?}").contains("hush"));
        }
    }
}
