//! What operations work with.

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use std::ops::Deref;
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

use crate::delivery::Credentials;
use crate::delivery::gateway::Gateway;
use crate::delivery::tally::Tally;
use crate::gate::Gate;
use crate::read_audit::ReadAudit;
use crate::table::commit::Stored;
use crate::table::load::Documents;
use crate::table_cache::TableCache;
use crate::turns::Turns;
use crate::upkeep::Upkeep;

/// What every operation works with. A clone is one count: each request makes several.
#[derive(Debug, Clone)]
pub struct Weir(Arc<Parts>);

impl Deref for Weir {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The database, the gate to it, the stores, the clock, and what is kept in this process.
#[derive(Debug)]
pub struct Parts {
    pub(crate) db: Db,
    pub(crate) gate: Gate,
    pub(crate) stores: Stores,
    pub(crate) clock: SharedClock,
    pub(crate) tables: TableCache,
    pub(crate) documents: Documents,
    /// Parsed metadata by where its file lies; a file is never written twice.
    pub(crate) metadata: Cache<String, Stored>,
    pub(crate) reads: ReadAudit,
    pub(crate) turns: Turns,
    pub(crate) upkeep: Arc<Upkeep>,
    pub(crate) settings: Settings,
    pub(crate) credentials: Credentials,
    queued: Arc<Notify>,
}

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a dropped table can be put back.
    pub undrop: TimeDelta,
    /// How long an engine's credential lasts, unless its holder's access ends before.
    pub credential_lifetime: TimeDelta,
    /// Without one, what no store makes credentials for is not delivered.
    pub gateway: Option<Gateway>,
}

impl Weir {
    pub fn new(
        db: Db,
        freshness: Freshness,
        policy: Arc<Policy>,
        stores: Stores,
        clock: SharedClock,
        settings: Settings,
    ) -> Self {
        let gate = Gate::new(db.clone(), policy, clock.clone());
        let turns = Turns::new(db.max_connections());
        Self(Arc::new(Parts {
            db,
            gate,
            stores,
            clock,
            tables: TableCache::new(freshness.clone()),
            documents: Documents::new(freshness),
            metadata: Cache::builder()
                .weigher(|_, stored: &Stored| {
                    u32::try_from(1024 + stored.text.len() * 2).unwrap_or(u32::MAX)
                })
                .max_capacity(256 << 20)
                .build(),
            reads: ReadAudit::new(),
            turns,
            upkeep: Arc::default(),
            settings,
            credentials: Credentials::new(),
            queued: Arc::default(),
        }))
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Where engines find the gateway, where there is one.
    pub fn gateway_endpoint(&self) -> Option<&str> {
        self.settings.gateway.as_ref().map(Gateway::endpoint)
    }

    /// What the gateway of this server did since it started, where there is one.
    pub fn gateway_tally(&self) -> Option<&Arc<Tally>> {
        self.settings.gateway.as_ref().map(Gateway::tally)
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
