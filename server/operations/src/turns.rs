//! Who commits to a table next. Commits to one table follow one another anyway; waiting here costs no database connection,
//! and readers always find one.

use moka::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use weir_core::name::TableIdent;
use weir_iceberg::TableMetadata;

#[derive(Debug, Clone)]
pub(crate) struct Turns {
    queues: Cache<TableIdent, Arc<Mutex<()>>>,
    places: Arc<Semaphore>,
    committed: Cache<TableIdent, Committed>,
}

/// What was committed here last, and when.
#[derive(Debug, Clone)]
struct Committed {
    at: Instant,
    metadata: Arc<TableMetadata>,
    /// Of the metadata as text.
    bytes: usize,
}

/// Gives way when it is dropped.
pub(crate) struct Turn {
    _queue: OwnedMutexGuard<()>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// `connections` is what the database pool has; commits of all tables together take half of them at most.
    pub(crate) fn new(connections: u32) -> Self {
        let at_once = usize::try_from(connections / 2).unwrap_or(1).max(1);
        Self {
            queues: Cache::builder()
                .max_capacity(100_000)
                .time_to_idle(Duration::from_secs(600))
                .build(),
            places: Arc::new(Semaphore::new(at_once)),
            committed: Cache::builder()
                .weigher(|_, done: &Committed| {
                    u32::try_from(1024 + done.bytes * 2).unwrap_or(u32::MAX)
                })
                .max_capacity(64 << 20)
                .time_to_live(Duration::from_secs(30))
                .build(),
        }
    }

    /// Waits for the commits before. The database still holds the lock that counts; other replicas wait for that one.
    pub(crate) async fn take(&self, table: &TableIdent) -> Turn {
        Turn {
            _queue: self.queue(table).await,
            _place: self.place().await,
        }
    }

    /// A turn, where there is nobody to wait for.
    pub(crate) fn take_now(&self, table: &TableIdent) -> Option<Turn> {
        let queue = self.queues.get_with_by_ref(table, Arc::default);
        Some(Turn {
            _queue: queue.try_lock_owned().ok()?,
            _place: Some(self.places.clone().try_acquire_owned().ok()?),
        })
    }

    /// Remembers what a commit has just made of a table. `bytes` is the size of the metadata as text.
    pub(crate) fn committed(
        &self,
        table: &TableIdent,
        metadata: &Arc<TableMetadata>,
        bytes: usize,
    ) {
        let done = Committed {
            at: Instant::now(),
            metadata: metadata.clone(),
            bytes,
        };
        self.committed.insert(table.clone(), done);
    }

    /// What a table became after `since`, by a commit of this replica. It was current at a moment after `since`, whatever
    /// other replicas did later.
    pub(crate) fn committed_since(
        &self,
        table: &TableIdent,
        since: Instant,
    ) -> Option<Arc<TableMetadata>> {
        let done = self.committed.get(table)?;
        (done.at > since).then_some(done.metadata)
    }

    /// Waits for the commits before to this table only. Take several in the order of their names, and then one place.
    pub(crate) async fn queue(&self, table: &TableIdent) -> OwnedMutexGuard<()> {
        let queue = self.queues.get_with_by_ref(table, Arc::default);
        queue.lock_owned().await
    }

    /// Waits until few enough commits are under way. Never closed, so there is always a place in the end.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }
}
