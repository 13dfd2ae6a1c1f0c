//! Google: the server's own token, exchanged for one that a Credential Access Boundary cuts down to one prefix.
//!
//! The new token lives as long as the one it is made from, an hour at most; nothing makes it shorter. On a bucket with a
//! hierarchy the boundary covers objects, not folders.

mod account;
mod attached;
mod boundary;

use chrono::{DateTime, Utc};
use reqwest::Client;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use weir_core::Result;

pub use account::{ServiceAccount, access_token};
pub use attached::attached_token;
pub use boundary::boundary;

use super::outside::{AccessToken, TokenAnswer, ask};
use super::{Request, Vended};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Where the services are. The defaults are Google's; a key file has no say in it.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Gives a service account its token.
    pub token: String,
    /// The Security Token Service.
    pub exchange: String,
    /// Gives the service account that is attached to this machine its token.
    pub metadata: String,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            token: "https://oauth2.googleapis.com/token".to_owned(),
            exchange: "https://sts.googleapis.com/v1/token".to_owned(),
            metadata: "http://metadata.google.internal".to_owned(),
        }
    }
}

/// A credential for everything below the request's prefix, from a token of the server's own.
///
/// Errors: as [`boundary`]; `Unavailable` where the service refuses or does not answer.
pub async fn downscope(
    client: &Client,
    endpoints: &Endpoints,
    own: &AccessToken,
    request: &Request<'_>,
    now: DateTime<Utc>,
) -> Result<Vended> {
    let boundary = boundary(request.prefix, request.access)?;
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token", own.token.expose_secret()),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
        ("options", &boundary),
    ];
    let service = "Google's token service";
    let text = ask(service, client.post(&endpoints.exchange).form(&form)).await?;
    let answer = TokenAnswer::parse(service, &text)?;
    // It is told only where it differs from that of the token it was made from.
    let told = answer.lifetime().map(|lifetime| now + lifetime);
    let expires_at = told.map_or(own.expires_at, |told| told.min(own.expires_at));
    Ok(client_settings(AccessToken {
        token: answer.access_token,
        expires_at,
    }))
}

fn client_settings(made: AccessToken) -> Vended {
    let ends = made.expires_at.timestamp_millis().to_string();
    let config = BTreeMap::from([
        ("gcs.oauth2.token".to_owned(), made.token),
        ("gcs.oauth2.token-expires-at".to_owned(), ends.into()),
    ]);
    Vended {
        config,
        expires_at: made.expires_at,
    }
}
