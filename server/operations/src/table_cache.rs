//! Facts and sealed content of tables, kept while nothing that they rest on changes. What is kept decides nothing: each
//! request is judged anew, at its own moment, and the content still opens only to the permit that comes of it.

use moka::sync::Cache;
use std::sync::Arc;
use uuid::Uuid;
use weir_core::Result;
use weir_core::authz::Facts;
use weir_core::id::PrincipalId;
use weir_core::name::TableIdent;
use weir_core::principal::{Caller, Tick};
use weir_db::Db;
use weir_db::freshness::Freshness;
use weir_db::table::{self, Sealed};

const MAX_TABLES: u64 = 10_000;

#[derive(Debug, Clone)]
pub(crate) struct TableCache {
    freshness: Freshness,
    tables: Cache<(TableIdent, Vec<PrincipalId>), Arc<Kept>>,
}

/// A table as it was read after the check `since`.
#[derive(Debug)]
struct Kept {
    since: Tick,
    facts: Facts,
    sealed: Arc<Sealed>,
    rests_on: Vec<Uuid>,
}

impl TableCache {
    pub(crate) fn new(freshness: Freshness) -> Self {
        Self { freshness, tables: Cache::builder().max_capacity(MAX_TABLES).build() }
    }

    /// The facts about a table for `caller` and its sealed content, as of some moment after the request arrived.
    pub(crate) async fn sealed(&self, db: &Db, ident: &TableIdent, caller: &Caller, now: chrono::DateTime<chrono::Utc>) -> Result<(Facts, Arc<Sealed>)> {
        let tick = match caller.fresh {
            Some(tick) => tick,
            None => self.freshness.check().await?,
        };
        let key = (ident.clone(), caller.member_of.clone());
        if let Some(kept) = self.tables.get(&key)
            && self.freshness.objects_since(kept.since, &kept.rests_on)
        {
            return Ok((Facts { now, ..kept.facts.clone() }, kept.sealed.clone()));
        }
        let (facts, sealed) = table::sealed(db, ident, caller, now).await?;
        let sealed = Arc::new(sealed);
        // What is not there is not kept: nothing would tell when it comes to be.
        if facts.object.is_some() {
            let kept = Kept { since: tick, facts: facts.clone(), sealed: sealed.clone(), rests_on: sealed.rests_on() };
            self.tables.insert(key, Arc::new(kept));
        }
        Ok((facts, sealed))
    }
}
