//! What the server clears away by itself. Every step is idempotent, and any replica may do it at any time.

use chrono::TimeDelta;
use std::sync::atomic::{AtomicI64, Ordering};
use weir_core::Result;
use weir_db::{freshness, idempotency, place, scan, session, staged, vended};

use crate::table::report::KEPT;
use crate::{Weir, delivery, idempotency as keys, table};

const EVERY: TimeDelta = TimeDelta::seconds(30);

/// When this process last cleared away, in milliseconds of its clock.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    last: AtomicI64,
}

impl Upkeep {
    fn is_due(&self, now_ms: i64) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let due = now_ms - last >= EVERY.num_milliseconds();
        due && self
            .last
            .compare_exchange(last, now_ms, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// Ends what is over, unless that was done just now: sessions, change log, idempotency keys, plans, reports, the ledger, staged
/// tables, who left which place, dropped tables.
pub async fn upkeep(weir: &Weir) -> Result<()> {
    let now = weir.now();
    if !weir.upkeep.is_due(now.timestamp_millis()) {
        return Ok(());
    }
    session::sweep(&weir.db, now).await?;
    freshness::prune(&weir.db).await?;
    idempotency::sweep(&weir.db, now - keys::LIFETIME).await?;
    scan::sweep_plans(&weir.db, now).await?;
    scan::sweep_reports(&weir.db, now - KEPT).await?;
    vended::sweep(&weir.db, now - delivery::KEPT).await?;
    staged::sweep(&weir.db, now - table::create::STAGED_FOR).await?;
    place::sweep_left(&weir.db, now - delivery::KEPT).await?;
    table::remove::forget_expired(weir).await?;
    Ok(())
}
