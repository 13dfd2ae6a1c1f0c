//! Azure: a shared access signature under a user delegation key, for one directory.
//!
//! The signature reaches what both it and the server's own identity may do. Only an account with a hierarchy knows
//! directories; in one without, a signature is for a whole container, so a table must have that to itself ([`Reach`]).

mod entra;
mod sas;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Client;
use std::collections::BTreeMap;
use weir_core::Result;

pub use entra::{DelegationKey, Endpoints, Identity, access_token, delegation_key};
pub use sas::{Reach, Sas, sign};

use super::{Request, Vended};
use sas::{MAX_LIFETIME, account_of};

/// How much the clocks of the store and of this server may differ.
const SKEW: TimeDelta = TimeDelta::seconds(60);

/// A credential for everything below the request's prefix, from the identity's own access to the account.
///
/// Errors: `Unsupported` where no signature reaches the prefix alone; `Unavailable` where Entra ID or the store refuses or
/// does not answer.
pub async fn delegate(
    client: &Client,
    (identity, endpoints): (&Identity, &Endpoints),
    reach: Reach,
    request: &Request<'_>,
    now: DateTime<Utc>,
) -> Result<Vended> {
    sas::check(reach, request.prefix)?;
    let (_, account) = account_of(request.prefix)?;
    let token = access_token(client, identity, endpoints, now).await?;
    let ends = now + request.lifetime.min(MAX_LIFETIME);
    let store = endpoints.store_of(account);
    let key = delegation_key(client, &store, &token, (now - SKEW, ends)).await?;
    let signed = sign(&key, reach, request, endpoints.allows_http(), now)?;
    Ok(client_settings(account, &signed))
}

/// A signature in the words of Java's clients since 1.8 (by host) and before (by account), and in those of PyIceberg.
pub fn client_settings(account: &str, signed: &Sas) -> Vended {
    let host = format!("{account}.dfs.core.windows.net");
    let ends = signed.expires_at.timestamp_millis().to_string();
    let config = BTreeMap::from([
        (format!("adls.sas-token.{host}"), signed.token.clone()),
        (format!("adls.sas-token.{account}"), signed.token.clone()),
        ("adls.sas-token".to_owned(), signed.token.clone()),
        ("adls.account-name".to_owned(), account.into()),
        (format!("adls.sas-token-expires-at-ms.{host}"), ends.into()),
    ]);
    Vended {
        config,
        expires_at: signed.expires_at,
    }
}
