//! The gateway's credentials: made from a permit, and checked without a row of their own.
//!
//! An access key is random, its secret follows from it, and the session token is the claim, sealed for that access key. What
//! the claim says was decided when it was made. It holds from a request to the next as long as nothing changed that the
//! decision rested on, and is decided on again when something did; so a revocation ends it at once.

use moka::sync::Cache;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use weir_core::authz::verbs;
use weir_core::delivery::{Access, Claim, Subject};
use weir_core::id::{RequestId, TableId};
use weir_core::name::{Name, NamespaceIdent, NamespacePath};
use weir_core::principal::{Caller, Face, Tick};
use weir_core::{Error, Result};
use weir_db::freshness::Freshness;
use weir_db::iceberg::{self, Occupied};
use weir_db::resolve::{self, Target};
use weir_db::{location, session};
use weir_storage::Store;
use weir_storage::vend::{self, Vended};

use super::access;
use crate::Weir;
use crate::keys::GatewayKey;
use weir_storage::seal;

/// In front of the random digits of an access key.
const MARK: &str = "WEIR";
const RANDOM_BYTES: usize = 10;
/// Clients want one; it means nothing here.
const REGION: &str = "us-east-1";

/// The gateway as engines are pointed to it.
#[derive(Debug, Clone)]
pub struct Gateway {
    endpoint: String,
    key: GatewayKey,
    freshness: Freshness,
    /// By session token.
    admitted: Cache<String, Arc<Admitted>>,
}

/// What a claim was found to be good for. A grant that ends by itself moves nothing that could be seen: but no credential
/// outlives any grant of its holder on its table.
#[derive(Debug)]
struct Admitted {
    access_key: String,
    /// The check before it was decided.
    since: Tick,
    rests_on: Vec<Uuid>,
    pass: Pass,
}

/// A request's way through the gateway.
#[derive(Debug, Clone)]
pub struct Pass {
    pub claim: Claim,
    /// The store that the claim's prefix lies in.
    pub store: Store,
}

impl Gateway {
    /// `endpoint` is the address that engines reach it by.
    pub fn new(endpoint: String, key: GatewayKey, freshness: Freshness) -> Self {
        Self {
            endpoint,
            key,
            freshness,
            admitted: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(Duration::from_secs(3600))
                .build(),
        }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn vend(&self, claim: &Claim) -> Result<Vended> {
        let random = seal::random::<RANDOM_BYTES>()?;
        let digits = random.iter().map(|byte| format!("{byte:02X}"));
        let access_key = format!("{MARK}{}", digits.collect::<String>());
        let mut config = vend::s3_address(Some(&self.endpoint), REGION, true);
        let (secret, token) = (
            self.key.secret(&access_key),
            self.key.seal(&access_key, claim)?,
        );
        vend::s3_keys(&mut config, access_key, secret, token, claim.expires_at);
        Ok(Vended {
            config,
            expires_at: claim.expires_at,
        })
    }
}

/// The secret of an access key, for checking a signature. None for a key that is not one of the gateway's.
pub fn secret_key(weir: &Weir, access_key: &str) -> Option<SecretString> {
    let gateway = weir.settings.gateway.as_ref()?;
    let digits = access_key.strip_prefix(MARK)?;
    let plain = |c: u8| c.is_ascii_digit() || (b'A'..=b'F').contains(&c);
    let ours = digits.len() == 2 * RANDOM_BYTES && digits.bytes().all(plain);
    ours.then(|| gateway.key.secret(access_key))
}

/// What a session token lets its holder do now.
///
/// Errors: `Unauthenticated` for a token that is over, or not one of this access key; `Denied` where the grant behind it was
/// taken away.
pub async fn admit(weir: &Weir, access_key: &str, token: &str) -> Result<Pass> {
    let gateway = weir.settings.gateway.as_ref();
    let gateway = gateway.ok_or_else(|| Error::unsupported("There is no gateway here."))?;
    let tick = gateway.freshness.check().await?;
    let now = weir.now();
    if let Some(known) = gateway.admitted.get(token)
        && known.access_key == access_key
        && known.pass.claim.expires_at > now
        && gateway
            .freshness
            .objects_since(known.since, &known.rests_on)
        && gateway.freshness.directory_since(known.since)
    {
        return Ok(known.pass.clone());
    }
    let claim = gateway.key.open(access_key, token)?;
    if claim.expires_at <= now {
        return Err(Error::unauthenticated(
            "This credential is over. Load the table again for another.",
        ));
    }
    let admitted = decide(weir, access_key, claim, tick).await?;
    let pass = admitted.pass.clone();
    gateway
        .admitted
        .insert(token.to_owned(), Arc::new(admitted));
    Ok(pass)
}

async fn decide(weir: &Weir, access_key: &str, claim: Claim, tick: Tick) -> Result<Admitted> {
    let gone =
        || Error::denied("The grant that this credential was made by does not hold any more.");
    let caller = session::caller_of(&weir.db, claim.principal, Face::Iceberg, RequestId::new());
    let caller = caller.await?.ok_or_else(gone)?;
    let (allowed, object) = match &claim.on {
        Subject::Table(id) => (table_access(weir, &caller, *id).await?, id.as_uuid()),
        Subject::Staged(catalog, path) => {
            let levels = path.iter().map(String::as_str);
            let namespace = NamespaceIdent {
                catalog: Name::parse("catalog", catalog)?,
                path: NamespacePath::from_levels("namespace", levels)?,
            };
            staged_access(weir, &caller, &namespace, &claim).await?
        }
    };
    let place = location::place_of_claim(&weir.db, &claim)
        .await?
        .ok_or_else(gone)?;
    let store = weir.stores.open(&place)?;
    if !claim.prefix.is_under(store.root()) {
        return Err(gone());
    }
    let access = allowed.ok_or_else(gone)?.and(claim.access);
    Ok(Admitted {
        access_key: access_key.to_owned(),
        since: tick,
        rests_on: vec![object, place.id.as_uuid()],
        pass: Pass {
            claim: Claim { access, ..claim },
            store,
        },
    })
}

/// What the caller may do with the files of a table now; nothing where it may not read every column.
async fn table_access(weir: &Weir, caller: &Caller, table: TableId) -> Result<Option<Access>> {
    let facts = resolve::facts_of(&weir.db, table, caller, weir.now()).await?;
    if facts.object.is_none() || !weir.gate.reads_all(caller, &facts)? {
        return Ok(None);
    }
    access(weir, caller, &facts).map(Some)
}

/// As long as nothing lies at its prefix, who may make tables in the namespace may write there; then the table decides.
async fn staged_access(
    weir: &Weir,
    caller: &Caller,
    namespace: &NamespaceIdent,
    claim: &Claim,
) -> Result<(Option<Access>, Uuid)> {
    let facts = resolve::facts(&weir.db, Target::Namespace(namespace), caller, weir.now()).await?;
    let namespace = facts.object.map_or(Uuid::nil(), |object| object.id);
    let access = match iceberg::occupied(&weir.db, claim).await? {
        Occupied::By(table) => table_access(weir, caller, table).await?,
        Occupied::Otherwise => None,
        Occupied::Free => {
            let may = weir.gate.would::<verbs::CreateTable>(caller, &facts)?;
            may.then_some(Access::Change)
        }
    };
    Ok((access, namespace))
}
