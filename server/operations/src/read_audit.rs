//! Who read what. The first read of a minute, by one caller, of one object, by the same grants, leaves its audit row before
//! the answer is given; the others of that minute are covered by it. So no read goes unrecorded, and a busy engine does not
//! write a row for every request.

use moka::sync::Cache;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;
use weir_core::Result;
use weir_core::authz::{Permit, Verb};
use weir_core::id::{GrantId, PrincipalId};
use weir_core::name::TableIdent;
use weir_core::principal::{Caller, Face};
use weir_db::{Entry, audit};

use crate::Weir;

const WINDOW: Duration = Duration::from_secs(60);

/// What one audit row of a read covers.
type Covered = (PrincipalId, Uuid, Vec<GrantId>, Face, String);

#[derive(Debug, Clone)]
pub(crate) struct ReadAudit {
    recent: Cache<Covered, ()>,
}

impl ReadAudit {
    pub(crate) fn new() -> Self {
        Self {
            recent: Cache::builder()
                .max_capacity(200_000)
                .time_to_live(WINDOW)
                .build(),
        }
    }

    /// Returns once the read that the permit allows is recorded.
    pub(crate) async fn note<P: Verb>(
        &self,
        weir: &Weir,
        caller: &Caller,
        ident: &TableIdent,
        permit: &Permit<P>,
        operation: &str,
    ) -> Result<()> {
        let covered = (
            caller.principal,
            permit.object().id,
            permit.determined_by().to_vec(),
            caller.face,
            operation.to_owned(),
        );
        if self.recent.contains_key(&covered) {
            return Ok(());
        }
        let kind = permit.object().kind.as_str();
        let mut entry = Entry::by(caller, operation, kind, ident.to_string(), weir.now())
            .on(permit.object().id);
        entry.detail = json!({
            "restricted": !permit.columns().is_all(),
            "covers_seconds": WINDOW.as_secs(),
        });
        audit::noted(&weir.db, entry, permit.determined_by()).await?;
        self.recent.insert(covered, ());
        Ok(())
    }
}
