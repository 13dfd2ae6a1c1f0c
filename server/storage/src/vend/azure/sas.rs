//! The signature itself (Microsoft: "Create a user delegation SAS"): the text that is signed, and the query that carries it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use weir_core::delivery::Access;
use weir_core::location::Location;
use weir_core::{Error, Result};

use super::super::Request;
use super::SKEW;
use super::entra::DelegationKey;

/// The newest version that the emulator knows too. Its text to sign is that of 2020-12-06 up to 2025-05-05.
pub const VERSION: &str = "2022-11-02";
/// Azure's own limit, for key and signature, less what clocks may differ.
pub const MAX_LIFETIME: TimeDelta = TimeDelta::seconds(7 * 24 * 3600 - 60);

/// What a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The directory of the prefix, in an account with a hierarchy. Azure enforces the path segment by segment.
    Directory,
    /// All of the container, for a table that has it for its own. None can be placed so yet: a location's root is no table's place.
    OwnContainer,
}

/// A signature as clients send it.
#[derive(Clone)]
pub struct Sas {
    /// A query without `?`.
    pub token: SecretString,
    pub expires_at: DateTime<Utc>,
}

impl fmt::Debug for Sas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sas(until {})", self.expires_at)
    }
}

/// A signature for the request's prefix, until the end of its lifetime or that of the key. With `allow_http` it may be
/// sent in the clear, as to an emulator.
///
/// Errors: as [`check`]; a key that is over.
pub fn sign(
    key: &DelegationKey,
    reach: Reach,
    request: &Request<'_>,
    allow_http: bool,
    now: DateTime<Utc>,
) -> Result<Sas> {
    check(reach, request.prefix)?;
    let begins = (now - SKEW).max(key.begins_at).trunc_subsecs(0);
    let ends = now + request.lifetime.min(MAX_LIFETIME);
    let ends = ends.min(key.expires_at).trunc_subsecs(0);
    if ends <= now {
        return Err(Error::unavailable(
            "The key for signatures of Azure is over. Try again.",
        ));
    }
    let terms = Terms {
        permissions: permissions(request.access),
        start: moment(begins),
        expiry: moment(ends),
        resource: resource(reach, request.prefix)?,
        protocol: if allow_http { "https,http" } else { "https" },
        depth: (reach == Reach::Directory).then(|| request.prefix.segments().len()),
    };
    let secret = STANDARD.decode(key.value.expose_secret());
    let secret = secret.map_err(|_| Error::unavailable("Azure gave a key that is no base64."))?;
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let signature = hmac::sign(&secret, terms.text_to_sign(key).as_bytes());
    Ok(Sas {
        token: terms.query(key, &STANDARD.encode(signature)).into(),
        expires_at: ends,
    })
}

/// Errors: `Unsupported` for a table that lies in a whole container and shares it.
pub fn check(reach: Reach, prefix: &Location) -> Result<()> {
    account_of(prefix)?;
    if reach == Reach::Directory && prefix.segments().is_empty() {
        return Err(Error::unsupported(
            "A table that lies in a whole container cannot be told from others by a directory.",
        ));
    }
    Ok(())
}

/// Container and account.
pub fn account_of(prefix: &Location) -> Result<(&str, &str)> {
    prefix
        .container()
        .ok_or_else(|| Error::internal("A signature of Azure for another kind of storage"))
}

/// Create (`c`) alone would leave alone what is there, but it covers only an object that is put in one request; clients put
/// objects in blocks, and that needs write (`w`). Add (`a`) is for append blobs, which no table has.
fn permissions(access: Access) -> &'static str {
    match access {
        Access::Read => "rl",
        Access::Add => "rcwl",
        Access::Change => "rcwdl",
    }
}

/// The resource by the names it has, nothing encoded.
fn resource(reach: Reach, prefix: &Location) -> Result<String> {
    let (container, account) = account_of(prefix)?;
    Ok(match reach {
        Reach::Directory => format!("/blob/{account}/{container}/{}", prefix.path()),
        Reach::OwnContainer => format!("/blob/{account}/{container}"),
    })
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

struct Terms {
    permissions: &'static str,
    start: String,
    expiry: String,
    resource: String,
    protocol: &'static str,
    /// The number of the directory's segments; `None` for a container.
    depth: Option<usize>,
}

impl Terms {
    fn kind(&self) -> &'static str {
        if self.depth.is_some() { "d" } else { "c" }
    }

    fn text_to_sign(&self, key: &DelegationKey) -> String {
        // Not used, and empty: who else is authorised (saoid, suoid), the correlation (scid) and the client's address (sip);
        // snapshot, encryption scope, and the five headers that an answer could be given (rscc, rscd, rsce, rscl, rsct).
        [
            self.permissions,
            &self.start,
            &self.expiry,
            &self.resource,
            &key.object_id,
            &key.tenant_id,
            &key.start,
            &key.expiry,
            &key.service,
            &key.version,
            "",
            "",
            "",
            "",
            self.protocol,
            VERSION,
            self.kind(),
            "",
            "",
            "",
            "",
            "",
            "",
            "",
        ]
        .join("\n")
    }

    fn query(&self, key: &DelegationKey, signature: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("sv", VERSION),
            ("sr", self.kind()),
            ("sp", self.permissions),
            ("st", &self.start),
            ("se", &self.expiry),
            ("spr", self.protocol),
            ("skoid", &key.object_id),
            ("sktid", &key.tenant_id),
            ("skt", &key.start),
            ("ske", &key.expiry),
            ("sks", &key.service),
            ("skv", &key.version),
        ]);
        if let Some(depth) = self.depth {
            query.append_pair("sdd", &depth.to_string());
        }
        query.append_pair("sig", signature).finish()
    }
}

#[cfg(test)]
#[path = "sas_tests.rs"]
mod tests;
