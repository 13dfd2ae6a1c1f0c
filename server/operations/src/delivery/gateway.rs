//! The gateway's credentials: made from a permit, and checked without a row of their own.
//!
//! An access key is random, its secret follows from it, and the session token is the claim, sealed for that access key. What
//! the claim says was decided when it was made. It holds from a request to the next as long as nothing changed that the
//! decision rested on, and is decided on again when something did; so a revocation ends it at once.

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use weir_core::authz::{Facts, verbs};
use weir_core::delivery::{Access, Claim, Subject};
use weir_core::id::{RequestId, TableId};
use weir_core::name::{Name, NamespaceIdent, NamespacePath};
use weir_core::principal::{Caller, Face, Tick};
use weir_core::{Error, Result};
use weir_db::freshness::Freshness;
use weir_db::place::{self, Occupied};
use weir_db::resolve::{self, Target};
use weir_db::staged::{self, Ground};
use weir_db::{Entry, audit, location, session};
use weir_storage::Store;
use weir_storage::vend::{self, Vended};

use super::tally::Tally;
use super::{access_to_files, ends};
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
    /// By what the session token hashes to.
    admitted: Cache<Digest, Arc<Admitted>>,
    /// Refusals of the last minute, which an audit row tells of already.
    refused: Cache<Digest, ()>,
    tally: Arc<Tally>,
}

/// SHA-256. A session token itself is kept nowhere.
type Digest = [u8; 32];

fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// What a claim was found to be good for.
#[derive(Debug)]
struct Admitted {
    access_key: String,
    /// The check before it was decided.
    since: Tick,
    rests_on: Vec<Uuid>,
    /// When the first of the grants ends that it was decided by: that moves nothing which a check could see.
    until: Option<DateTime<Utc>>,
    pass: Arc<Pass>,
}

impl Admitted {
    fn holds_at(&self, now: DateTime<Utc>) -> bool {
        self.pass.claim.expires_at > now && self.until.is_none_or(|until| until > now)
    }
}

/// What a decision on a claim came to.
#[derive(Default)]
pub(super) struct Decision {
    pub(super) access: Option<Access>,
    rests_on: Vec<Uuid>,
    pub(super) until: Option<DateTime<Utc>>,
    /// May it be kept? That nothing lies somewhere is told by no change of what does not exist yet.
    lasts: bool,
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
            refused: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(Duration::from_secs(60))
                .build(),
            tally: Arc::default(),
        }
    }

    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What was decided before, where nothing changed that it rested on.
    fn known(&self, digest: &Digest, access_key: &str, now: DateTime<Utc>) -> Option<Arc<Pass>> {
        let known = self.admitted.get(digest)?;
        let holds = known.access_key == access_key
            && known.holds_at(now)
            && self.freshness.objects_since(known.since, &known.rests_on)
            && self.freshness.directory_since(known.since);
        holds.then(|| Arc::clone(&known.pass))
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
pub async fn admit(weir: &Weir, access_key: &str, token: &str) -> Result<Arc<Pass>> {
    let gateway = weir.settings.gateway.as_ref();
    let gateway = gateway.ok_or_else(|| Error::unsupported("There is no gateway here."))?;
    let (tick, digest) = (gateway.freshness.check().await?, digest(token));
    if let Some(pass) = gateway.known(&digest, access_key, weir.now()) {
        return Ok(pass);
    }
    // In a box, for it is large, and seldom gone through.
    Box::pin(admit_anew(weir, gateway, access_key, token, digest, tick)).await
}

/// Decides on a claim, and keeps the decision with the check `tick` that came before it.
async fn admit_anew(
    weir: &Weir,
    gateway: &Gateway,
    access_key: &str,
    token: &str,
    digest: Digest,
    tick: Tick,
) -> Result<Arc<Pass>> {
    let now = weir.now();
    let claim = gateway.key.open(access_key, token)?;
    if claim.expires_at <= now {
        return Err(Error::unauthenticated(
            "This credential is over. Load the table again for another.",
        ));
    }
    let caller = session::caller_of(&weir.db, claim.principal, Face::Iceberg, RequestId::new());
    let Some(caller) = caller.await? else {
        return Err(gone());
    };
    let decision = decide(weir, &caller, &claim).await?;
    let place = location::place_of_claim(&weir.db, &claim).await?;
    let (Some(access), Some(place)) = (decision.access, place) else {
        note_refusal(weir, gateway, digest, &caller, &claim).await?;
        return Err(gone());
    };
    let store = weir.stores.open(&place)?;
    if !claim.prefix.is_under(store.root()) {
        return Err(gone());
    }
    let access = access.and(claim.access);
    let pass = Arc::new(Pass {
        claim: Claim { access, ..claim },
        store,
    });
    if decision.lasts {
        let mut rests_on = decision.rests_on;
        rests_on.push(place.id.as_uuid());
        let admitted = Admitted {
            access_key: access_key.to_owned(),
            since: tick,
            rests_on,
            until: decision.until,
            pass: Arc::clone(&pass),
        };
        gateway.admitted.insert(digest, Arc::new(admitted));
    }
    Ok(pass)
}

fn gone() -> Error {
    Error::denied("The grant that this credential was made by does not hold any more.")
}

/// Leaves the audit row of a credential that was used after its grant was taken away: one a minute.
async fn note_refusal(
    weir: &Weir,
    gateway: &Gateway,
    digest: Digest,
    caller: &Caller,
    claim: &Claim,
) -> Result<()> {
    if gateway.refused.contains_key(&digest) {
        return Ok(());
    }
    let name = claim.prefix.to_string();
    let mut entry = Entry::by(caller, "table.files", "table", name, weir.now());
    entry.object_id = match &claim.on {
        Subject::Table(id) => Some(id.as_uuid()),
        Subject::Staged(..) => None,
    };
    audit::refused(&weir.db, entry).await?;
    gateway.refused.insert(digest, ());
    Ok(())
}

async fn decide(weir: &Weir, caller: &Caller, claim: &Claim) -> Result<Decision> {
    match &claim.on {
        Subject::Table(id) => on_table(weir, caller, *id).await,
        Subject::Staged(catalog, path) => {
            let levels = path.iter().map(String::as_str);
            let namespace = NamespaceIdent {
                catalog: Name::parse("catalog", catalog)?,
                path: NamespacePath::from_levels("namespace", levels)?,
            };
            on_staged(weir, caller, &namespace, claim).await
        }
    }
}

/// What the caller may do with the files of a table now; nothing where it may not read every column.
async fn on_table(weir: &Weir, caller: &Caller, table: TableId) -> Result<Decision> {
    let facts = resolve::facts_of(&weir.db, table, caller, weir.now()).await?;
    let may = |facts: &Facts| match facts.object {
        Some(_) => access_to_files(weir, caller, facts),
        None => Ok(None),
    };
    Ok(Decision {
        access: may(&facts)?,
        rests_on: vec![table.as_uuid()],
        until: ends(&facts, may)?,
        lasts: true,
    })
}

/// As long as no table lies at its prefix, who may make tables in the namespace may write there, and use the storage location
/// where it staged the table by that; then the table decides.
pub(super) async fn on_staged(
    weir: &Weir,
    caller: &Caller,
    namespace: &NamespaceIdent,
    claim: &Claim,
) -> Result<Decision> {
    match place::occupied(&weir.db, &claim.prefix).await? {
        Occupied::By(table) => return on_table(weir, caller, table).await,
        Occupied::Otherwise => return Ok(Decision::default()),
        Occupied::Free => {}
    }
    // Free again, after the table was there, is not free still: what lies there then is not only its maker's.
    let ground = staged::ground(&weir.db, claim.principal, &claim.prefix).await?;
    let right_ends = match ground {
        None => return Ok(Decision::default()),
        Some(Ground::Free) => None,
        Some(Ground::Right(name)) => {
            let target = Target::Location(&name);
            let facts = resolve::facts(&weir.db, target, caller, weir.now()).await?;
            let may = |facts: &Facts| weir.gate.would::<verbs::UseLocation>(caller, facts);
            if !may(&facts)? {
                return Ok(Decision::default());
            }
            ends(&facts, may)?
        }
    };
    let target = Target::Namespace(namespace);
    let facts = resolve::facts(&weir.db, target, caller, weir.now()).await?;
    let may = |facts: &Facts| weir.gate.would::<verbs::CreateTable>(caller, facts);
    Ok(Decision {
        access: may(&facts)?.then_some(Access::Change),
        until: [right_ends, ends(&facts, may)?].into_iter().flatten().min(),
        ..Decision::default()
    })
}
