//! How engines get at a table's files: credentials for what lies below its location, for a time.
//!
//! Whether, and by whom, is `weir_core::delivery`'s to decide. A credential is made once for a caller, a table and an access,
//! handed out again for half its life and no more than an hour, and written to the ledger before it is handed out.

pub mod gateway;
mod sign;
mod staged;
pub mod tally;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use secrecy::SecretString;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use weir_core::authz::{Facts, Permit, verbs};
use weir_core::delivery::{Access, Asked, Claim, Delivery, Subject, delivery};
use weir_core::id::{PrincipalId, TableId};
use weir_core::location::Location;
use weir_core::name::{Name, TableIdent};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::storage::Place;
use weir_core::{Error, Result};
use weir_db::Entry;
use weir_db::iceberg::Lies;
use weir_db::resolve::Target;
use weir_db::vended::{self, NewVended};
use weir_storage::vend::{Request, Vended};

use crate::Weir;

pub use sign::sign;
pub use staged::next_credential;
pub(crate) use staged::{Staged, staged};
pub use weir_db::vended::{LiveCredential, Outliving};
pub use weir_storage::sign::{Headers, Signed, Unsigned};

/// The ledger remembers what is over for so long.
pub(crate) const KEPT: TimeDelta = TimeDelta::days(90);
const OPERATION: &str = "table.vend";
/// A store counts from when it is asked, in whole seconds, and by its own clock.
const SLACK: TimeDelta = TimeDelta::minutes(1);

/// What reaches the files of one table.
#[derive(Debug, Clone)]
pub struct Credential {
    /// It is for everything below this.
    pub prefix: Location,
    pub access: Access,
    /// Client settings in Iceberg's names.
    pub config: BTreeMap<String, SecretString>,
    pub expires_at: DateTime<Utc>,
}

/// How a client wants to reach files, of the ways that it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By itself.
    Unaided,
    /// By a credential that it is given.
    Credential,
    /// By requests that are signed for it, one by one, with a credential that it is not given.
    Signing,
}

impl Credential {
    /// Can requests be signed by it?
    fn signs(&self) -> bool {
        weir_storage::sign::signs(&self.config)
    }

    pub(crate) fn serves(&self, way: Way) -> bool {
        match way {
            Way::Unaided => false,
            Way::Credential => true,
            Way::Signing => self.signs(),
        }
    }

    /// What a client is told: for signing where the files are, and nothing of the keys.
    pub fn told(&self, way: Way) -> BTreeMap<&str, &SecretString> {
        const ADDRESS: [&str; 4] = [
            "client.region",
            "s3.region",
            "s3.endpoint",
            "s3.path-style-access",
        ];
        let config = self.config.iter();
        let told = config.filter(|(name, _)| match way {
            Way::Unaided => false,
            Way::Credential => true,
            Way::Signing => ADDRESS.contains(&name.as_str()),
        });
        told.map(|(name, value)| (name.as_str(), value)).collect()
    }
}

/// Credentials that were made and are not half over. One is made at a time for each of the keys.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    made: Cache<Key, Arc<Mutex<Option<Made>>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    principal: PrincipalId,
    on: Subject,
    /// As what it was staged, where it was: the ledger knows it by that.
    staged_as: Option<Name>,
    prefix: Location,
    access: Access,
    by: Delivery,
    place: Place,
}

#[derive(Debug, Clone)]
struct Made {
    credential: Arc<Credential>,
    /// From then on another is made.
    stale_at: DateTime<Utc>,
}

impl Credentials {
    pub(crate) fn new() -> Self {
        Self {
            made: Cache::builder()
                .max_capacity(50_000)
                .time_to_live(Duration::from_secs(3600))
                .build(),
        }
    }
}

/// What the caller may do with the files of a table, by the facts about it.
pub(crate) fn access(weir: &Weir, caller: &Caller, facts: &Facts) -> Result<Access> {
    let gate = &weir.gate;
    let commits = gate.would::<verbs::Commit>(caller, facts)?;
    let deletes = gate.would::<verbs::Delete>(caller, facts)?;
    Ok(if commits && deletes {
        Access::Change
    } else if commits && gate.would::<verbs::Insert>(caller, facts)? {
        Access::Add
    } else {
        Access::Read
    })
}

/// The same, for who may read every column; nobody else gets a file.
fn access_to_files(weir: &Weir, caller: &Caller, facts: &Facts) -> Result<Option<Access>> {
    match weir.gate.reads_all(caller, facts)? {
        true => access(weir, caller, facts).map(Some),
        false => Ok(None),
    }
}

/// A credential for the files of the permit's table; none where an engine needs, or can be given, none.
///
/// Errors: `Denied` for who may not read every column; `Unavailable` where the store makes none.
pub(crate) async fn credential(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    facts: &Facts,
    permit: &Permit<verbs::Select>,
    lies: &Lies,
) -> Result<Option<Arc<Credential>>> {
    let Some(place) = &lies.place else {
        return Ok(None);
    };
    let now = weir.now();
    let until = ends(facts, |facts| access_to_files(weir, caller, facts))?;
    let asked = Asked {
        place,
        prefix: &lies.location,
        reads_all: permit.columns().is_all(),
        access: access(weir, caller, facts)?.and(place.settings.most()),
        left: until.map(|until| until - now),
        has_gateway: weir.settings.gateway.is_some(),
    };
    let by = match delivery(&asked) {
        Delivery::Unaided => return Ok(None),
        Delivery::Refused => {
            let message = "You may read some columns of this table, and its files have them all. Ask for SELECT on all of its columns.";
            return weir
                .gate
                .refuse(caller, Target::Table(ident), OPERATION, message)
                .await;
        }
        by @ (Delivery::Store | Delivery::Gateway) => by,
    };
    let wish = Wish {
        on: Subject::Table(TableId::from_uuid(permit.object().id)),
        ident,
        prefix: &lies.location,
        place,
        access: asked.access,
        by,
        until,
    };
    kept(weir, caller, &wish).await.map(Some)
}

/// A credential about to be made.
struct Wish<'a> {
    on: Subject,
    ident: &'a TableIdent,
    prefix: &'a Location,
    place: &'a Place,
    access: Access,
    by: Delivery,
    /// When the holder's access ends, where it does.
    until: Option<DateTime<Utc>>,
}

impl Wish<'_> {
    /// As long as the configuration says, and no longer than the holder's access.
    fn lifetime(&self, weir: &Weir) -> TimeDelta {
        let longest = weir.settings.credential_lifetime;
        self.until
            .map_or(longest, |until| longest.min(until - weir.now()))
    }

    /// Would a credential that ends then outlive the holder's access?
    fn is_outlived_by(&self, expires_at: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| expires_at > until + SLACK)
    }
}

/// The credential that was made for the same before, for half of its life; then another.
async fn kept(weir: &Weir, caller: &Caller, wish: &Wish<'_>) -> Result<Arc<Credential>> {
    let now = weir.now();
    let key = Key {
        principal: caller.principal,
        staged_as: match wish.on {
            Subject::Table(_) => None,
            Subject::Staged(..) => Some(wish.ident.name.clone()),
        },
        on: wish.on.clone(),
        prefix: wish.prefix.clone(),
        access: wish.access,
        by: wish.by,
        place: wish.place.clone(),
    };
    let slot = weir.credentials.made.get_with_by_ref(&key, Arc::default);
    let mut slot = slot.lock().await;
    if let Some(made) = slot.as_ref()
        && made.stale_at > now
        && !wish.is_outlived_by(made.credential.expires_at)
    {
        return Ok(made.credential.clone());
    }
    let credential = Arc::new(make(weir, caller, wish).await?);
    *slot = Some(Made {
        stale_at: now + (credential.expires_at - now) / 2,
        credential: credential.clone(),
    });
    Ok(credential)
}

async fn make(weir: &Weir, caller: &Caller, wish: &Wish<'_>) -> Result<Credential> {
    let now = weir.now();
    let vended = match wish.by {
        Delivery::Store => from_store(weir, caller, wish).await?,
        _ => from_gateway(weir, caller, wish)?,
    };
    let table = match &wish.on {
        Subject::Table(id) => Some(*id),
        Subject::Staged(..) => None,
    };
    let mut entry = Entry::by(caller, OPERATION, "table", wish.ident.to_string(), now);
    entry.object_id = table.map(TableId::as_uuid);
    let by = match wish.by {
        Delivery::Store => "store",
        _ => "gateway",
    };
    entry.detail =
        json!({ "delivery": by, "access": wish.access, "expires_at": vended.expires_at });
    let new = NewVended {
        table,
        principal: caller.principal,
        prefix: wish.prefix,
        delivery: by,
        access: wish.access,
        issued_at: now,
        expires_at: vended.expires_at,
    };
    vended::record(&weir.db, &new, &entry).await?;
    Ok(Credential {
        prefix: wish.prefix.clone(),
        access: wish.access,
        config: vended.config,
        expires_at: vended.expires_at,
    })
}

async fn from_store(weir: &Weir, caller: &Caller, wish: &Wish<'_>) -> Result<Vended> {
    let request = Request {
        prefix: wish.prefix,
        access: wish.access,
        who: &caller.name,
        lifetime: wish.lifetime(weir),
    };
    let vended = weir.stores.open(wish.place)?.vend(&request).await?;
    // Not every store makes them as short as they are asked for.
    if wish.is_outlived_by(vended.expires_at) {
        return Err(Error::denied(
            "Your access ends before a credential of this store would. Ask for a longer grant.",
        ));
    }
    Ok(vended)
}

fn from_gateway(weir: &Weir, caller: &Caller, wish: &Wish<'_>) -> Result<Vended> {
    let gateway = weir.settings.gateway.as_ref();
    let gateway = gateway.ok_or_else(|| Error::internal("There is no gateway to deliver by"))?;
    gateway.vend(&Claim {
        principal: caller.principal,
        on: wish.on.clone(),
        location: wish.place.id,
        prefix: wish.prefix.clone(),
        access: wish.access,
        expires_at: weir.now() + wish.lifetime(weir),
    })
}

/// When what the caller may do becomes something else: at the first end of a grant from which on `what` is decided otherwise.
/// One that ends and that another does not need to be there for is none.
pub(crate) fn ends<T: PartialEq>(
    facts: &Facts,
    what: impl Fn(&Facts) -> Result<T>,
) -> Result<Option<DateTime<Utc>>> {
    let ends = facts.grants.iter().filter_map(|grant| grant.valid_until);
    let ends: BTreeSet<_> = ends.filter(|end| *end > facts.now).collect();
    if ends.is_empty() {
        return Ok(None);
    }
    let now = what(facts)?;
    for end in ends {
        let then = Facts {
            now: end,
            ..facts.clone()
        };
        if what(&then)? != now {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// The credentials that are live, for auditors: to whom, for which table, until when.
pub async fn live(
    weir: &Weir,
    caller: &Caller,
    page: &PageRequest,
) -> Result<Page<LiveCredential>> {
    let permit = weir
        .gate
        .read::<verbs::ReadAudit>(caller, Target::Server, "credential.list")
        .await?;
    vended::live(&weir.db, &permit, weir.now(), page).await
}

/// The live credentials that reach a table, and with it each of its columns, for who manages its grants.
pub async fn reaching(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    page: &PageRequest,
) -> Result<Page<LiveCredential>> {
    let permit = weir
        .gate
        .read::<verbs::ManageGrants>(caller, Target::Table(ident), "credential.list")
        .await?;
    vended::of_table(&weir.db, &permit, weir.now(), page).await
}
