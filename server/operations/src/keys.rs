//! What is kept sealed, and under which master key.

use ring::hmac;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::json;
use weir_core::delivery::Claim;
use weir_core::id::RequestId;
use weir_core::principal::Face;
use weir_core::{Error, Result};
use weir_db::{Db, Entry, audit, secret};
use weir_storage::seal::{self, KEY_BYTES, Keyring};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Sealed secrets moved to another master key at once.
const PAGE: i64 = 200;

/// Counts the forms that claims had: one of another form is not opened, so that none is taken for something else.
const CLAIMS: &str = "claims 2";

/// The key that the gateway's credentials are made with; all replicas have the same. From it two others follow, so that no
/// key serves two ends.
#[derive(Clone)]
pub struct GatewayKey {
    secrets: hmac::Key,
    claims: SecretSlice<u8>,
}

impl std::fmt::Debug for GatewayKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GatewayKey")
    }
}

impl GatewayKey {
    /// The key that is kept, or a new one for a database that has none.
    ///
    /// Errors: `Unavailable` where the master key is another than the one that sealed it.
    pub async fn obtain(db: &Db, keyring: &Keyring, now: DateTime<Utc>) -> Result<Self> {
        let fresh = keyring.seal(&seal::random::<KEY_BYTES>()?)?;
        let kept = secret::gateway_key(db, &fresh, now).await?;
        Ok(Self::of(keyring.open(&kept)?.expose_secret()))
    }

    fn of(root: &[u8]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, root);
        let derive = |what: &str| hmac::sign(&root, what.as_bytes());
        Self {
            secrets: hmac::Key::new(hmac::HMAC_SHA256, derive("secrets").as_ref()),
            claims: derive(CLAIMS).as_ref().to_vec().into(),
        }
    }

    /// The secret that goes with an access key.
    pub fn secret(&self, access_key: &str) -> SecretString {
        let tag = hmac::sign(&self.secrets, access_key.as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref()).into()
    }

    /// A claim as its holder carries it: sealed, and good with this access key only.
    pub fn seal(&self, access_key: &str, claim: &Claim) -> Result<SecretString> {
        // It goes with every request, so it is short.
        let plain = postcard::to_allocvec(claim)
            .map_err(|error| Error::internal("A claim could not be written").source(error))?;
        let sealed = seal::encrypt(self.claims.expose_secret(), access_key.as_bytes(), &plain)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed).into())
    }

    /// Errors: `Unauthenticated` for what was not sealed here, or for another access key.
    pub fn open(&self, access_key: &str, token: &str) -> Result<Claim> {
        let wrong = || {
            Error::unauthenticated("This session token is not one of the gateway's for this key.")
        };
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
        let plain = seal::decrypt(self.claims.expose_secret(), access_key.as_bytes(), &sealed)
            .map_err(|_| wrong())?;
        postcard::from_bytes(&plain).map_err(|_| wrong())
    }
}

/// Is anything sealed in this database? Then the master key that did it must be given.
pub async fn any_sealed(db: &Db) -> Result<bool> {
    secret::any(db).await
}

/// Opens everything that is sealed, so that a server which could not says so at its start.
///
/// Errors: `Unavailable` where a master key is missing; `Internal` for what somebody changed.
pub async fn check(db: &Db, keyring: &Keyring) -> Result<()> {
    let mut after: Option<Uuid> = None;
    loop {
        let page = secret::list(db, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        for sealed in &page {
            keyring.open(sealed)?;
        }
    }
}

/// What became of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    pub moved: u64,
    pub unchanged: u64,
}

/// Wraps the data key of everything that is sealed with the current master key, beside running servers. Servers need the
/// new key before, and no longer the old one after.
///
/// Errors: `Unavailable` for a secret whose master key is not in the keyring; what was moved before stays moved.
pub async fn rotate(db: &Db, keyring: &Keyring, now: DateTime<Utc>) -> Result<Rotated> {
    let mut rotated = Rotated {
        moved: 0,
        unchanged: 0,
    };
    let mut after: Option<Uuid> = None;
    loop {
        let page = secret::list(db, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for sealed in &page {
            match keyring.rewrap(sealed)? {
                Some(anew) if secret::replace(db, sealed, &anew).await? => rotated.moved += 1,
                // Somebody replaced it meanwhile, and sealed it with the current key.
                Some(_) | None => rotated.unchanged += 1,
            }
        }
    }
    let mut entry = Entry::system(
        "keys.rotate",
        "server",
        "",
        RequestId::new(),
        Face::Cli,
        now,
    );
    entry.detail = json!({ "master_key": keyring.current()?.id(), "moved": rotated.moved });
    audit::noted(db, entry, &[]).await?;
    Ok(rotated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::delivery::{Access, Subject};
    use weir_core::id::{LocationId, PrincipalId, TableId};
    use weir_core::location::Location;

    #[test]
    fn a_claim_opens_with_its_own_access_key_and_unchanged_only() {
        let key = GatewayKey::of(&[7; 32]);
        let claim = Claim {
            principal: PrincipalId::new(),
            on: Subject::Table(TableId::new()),
            location: LocationId::new(),
            prefix: Location::parse("prefix", "s3://lake/a b/ü%41").unwrap(),
            access: Access::Read,
            expires_at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        };
        let token = key.seal("WEIRA", &claim).unwrap();
        let token = token.expose_secret();
        assert_eq!(key.open("WEIRA", token).unwrap(), claim);
        assert!(
            token.len() < 240,
            "{} characters with each request",
            token.len()
        );
        let on = Subject::Staged("lake".into(), vec!["sales".into(), "eu".into()]);
        let staged = Claim { on, ..claim };
        let other = key.seal("WEIRA", &staged).unwrap();
        assert_eq!(key.open("WEIRA", other.expose_secret()).unwrap(), staged);
        assert!(key.open("WEIRB", token).is_err());
        assert!(GatewayKey::of(&[8; 32]).open("WEIRA", token).is_err());
        let mut changed = token.to_owned().into_bytes();
        changed[30] = if changed[30] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(key.open("WEIRA", &changed).is_err());
        assert!(key.open("WEIRA", "").is_err());
        let secret = |access_key| key.secret(access_key).expose_secret().to_owned();
        assert_ne!(secret("WEIRA"), secret("WEIRB"));
    }
}
