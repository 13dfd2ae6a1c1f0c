//! Facts and sealed content of tables, kept while nothing that they rest on changes. What is kept decides nothing: each
//! request is judged anew, at its own moment, and the content still opens only to the permit that comes of it.

use chrono::{DateTime, Utc};
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

/// A table read for one request.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) facts: Facts,
    pub(crate) sealed: Arc<Sealed>,
    /// The check that the content was read after, when it was read just now.
    fresh: Option<Tick>,
}

impl TableCache {
    pub(crate) fn new(freshness: Freshness) -> Self {
        Self {
            freshness,
            tables: Cache::builder().max_capacity(MAX_TABLES).build(),
        }
    }

    /// The facts about a table for `caller` and its sealed content, as of some moment after the request arrived.
    pub(crate) async fn read(
        &self,
        db: &Db,
        ident: &TableIdent,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Read> {
        let tick = match caller.fresh {
            Some(tick) => tick,
            None => self.freshness.check().await?,
        };
        if let Some(kept) = self.tables.get(&(ident.clone(), caller.member_of.clone()))
            && self.freshness.objects_since(kept.since, &kept.rests_on)
        {
            let facts = Facts {
                now,
                ..kept.facts.clone()
            };
            return Ok(Read {
                facts,
                sealed: kept.sealed.clone(),
                fresh: None,
            });
        }
        let (facts, sealed) = table::sealed(db, ident, caller, now).await?;
        Ok(Read {
            facts,
            sealed: Arc::new(sealed),
            fresh: Some(tick),
        })
    }

    /// Keeps what was read, once its reader turned out to be allowed to see it.
    pub(crate) fn keep(&self, ident: &TableIdent, caller: &Caller, read: Read) {
        if let Some(since) = read.fresh {
            let rests_on = read.sealed.rests_on();
            let kept = Kept {
                since,
                facts: read.facts,
                sealed: read.sealed,
                rests_on,
            };
            self.tables
                .insert((ident.clone(), caller.member_of.clone()), Arc::new(kept));
        }
    }
}
