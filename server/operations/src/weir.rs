//! What operations work with.

use chrono::{DateTime, Utc};
use std::sync::Arc;
use tokio::sync::Notify;
use weir_core::Result;
use weir_core::authz::Policy;
use weir_core::clock::SharedClock;
use weir_core::id::RequestId;
use weir_core::name::PrincipalName;
use weir_core::principal::{Face, HashedPassword};
use weir_db::freshness::Freshness;
use weir_db::{Db, Entry, bootstrap};
use weir_storage::Stores;

use crate::gate::Gate;
use crate::table_cache::TableCache;

/// The database, the gate to it, the stores and the clock. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Weir {
    pub(crate) db: Db,
    pub(crate) gate: Gate,
    pub(crate) stores: Stores,
    pub(crate) clock: SharedClock,
    pub(crate) tables: TableCache,
    queued: Arc<Notify>,
}

impl Weir {
    pub fn new(
        db: Db,
        freshness: Freshness,
        policy: Arc<Policy>,
        stores: Stores,
        clock: SharedClock,
    ) -> Self {
        let gate = Gate::new(db.clone(), policy, clock.clone());
        Self {
            db,
            gate,
            stores,
            clock,
            tables: TableCache::new(freshness),
            queued: Arc::default(),
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Does the database answer?
    pub async fn ready(&self) -> Result<()> {
        self.db.ping().await
    }

    /// Resolves when a run was queued here; other replicas find it when they look next.
    pub async fn run_queued(&self) {
        self.queued.notified().await;
    }

    pub(crate) fn wake_worker(&self) {
        self.queued.notify_one();
    }

    /// Makes the first administrator, if there is nobody yet. Returns whether it did.
    pub async fn bootstrap(&self, name: &PrincipalName, password: &HashedPassword) -> Result<bool> {
        let now = self.now();
        let entry = Entry::system(
            "principal.bootstrap",
            "principal",
            name.as_str(),
            RequestId::new(),
            Face::Cli,
            now,
        );
        bootstrap::first_admin(&self.db, name, password.as_phc(), &entry, now).await
    }
}
