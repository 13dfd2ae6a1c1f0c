//! Freshness in groups. Before a cached answer is served, a check that began after the request arrived asks what changed
//! since the last one; requests that arrive while a check is under way share the next (as etcd's ReadIndex does). So the
//! answer is never stale, and the database sees one small statement for many requests.
//!
//! Transactions become visible out of the order of their numbers. A check therefore keeps the snapshot it read by, and the
//! next one asks for changes whose transaction that snapshot did not see yet.

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;
use weir_core::principal::Tick;
use weir_core::{Error, Result};

use crate::Db;
use crate::error::map;

/// After this long without a check, the change log may have forgotten what this process missed.
const MEMORY: Duration = Duration::from_secs(300);
/// A check that takes longer has failed, so that a dead connection holds up nobody for long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Checks that follow each other share a connection for so long, because the pool takes none back without a round trip of its
/// own. Then whoever waits for a connection has its turn.
const TOGETHER: Duration = Duration::from_millis(100);
/// Changed objects remembered; with more, everything counts as changed once.
const MAX_REMEMBERED: usize = 100_000;

type Outcome = Option<Result<Tick, String>>;
type Answer = watch::Receiver<Outcome>;

/// Cheap to clone; all clones share their checks.
#[derive(Debug, Clone)]
pub struct Freshness {
    db: Db,
    queue: Arc<Mutex<Queue>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Queue {
    running: bool,
    /// The check that begins when the running one ends, with those who wait for it.
    next: Option<(watch::Sender<Outcome>, Answer)>,
}

/// What the checks so far have told. A thing changed "at" the tick of the check that told it.
#[derive(Debug, Default)]
struct Seen {
    tick: Tick,
    snapshot: Option<(String, Instant)>,
    policy: i64,
    directory: i64,
    policy_changed: Tick,
    directory_changed: Tick,
    objects_changed: HashMap<Uuid, Tick>,
    /// What was cached before this tick is not to be trusted.
    floor: Tick,
}

/// What one check read.
#[derive(Debug, sqlx::FromRow)]
struct Reading {
    policy: i64,
    directory: i64,
    snapshot: String,
    changed: Vec<Uuid>,
}

impl Freshness {
    pub fn new(db: Db) -> Self {
        Self {
            db,
            queue: Arc::default(),
            seen: Arc::default(),
        }
    }

    /// Waits for a check that begins after this call. What is cached after it may be tagged with its tick.
    pub async fn check(&self) -> Result<Tick> {
        let mut answer = self.join();
        let settled = answer
            .wait_for(Option::is_some)
            .await
            .map_err(|_| Error::unavailable("The server is stopping."))?;
        match settled.as_ref() {
            Some(Ok(tick)) => Ok(*tick),
            Some(Err(message)) => Err(Error::unavailable(
                "The database does not answer. Try again in a moment.",
            )
            .source(message.clone())),
            None => Err(Error::internal("A freshness check ended without an answer")),
        }
    }

    /// Has who is who stayed as it was since `tick`?
    pub fn directory_since(&self, tick: Tick) -> bool {
        let seen = lock(&self.seen);
        seen.floor <= tick && seen.directory_changed <= tick
    }

    /// The directory's epoch as the checks so far told it. What is read after this call is at least as new.
    pub fn directory(&self) -> i64 {
        lock(&self.seen).directory
    }

    /// Have the grants and these objects stayed as they were since `tick`?
    pub fn objects_since(&self, tick: Tick, objects: &[Uuid]) -> bool {
        let seen = lock(&self.seen);
        let same = |id: &Uuid| {
            seen.objects_changed
                .get(id)
                .is_none_or(|changed| *changed <= tick)
        };
        seen.floor <= tick && seen.policy_changed <= tick && objects.iter().all(same)
    }

    /// Joins the check that has not begun yet, and begins it when none is running.
    fn join(&self) -> Answer {
        let mut queue = lock(&self.queue);
        let answer = queue
            .next
            .get_or_insert_with(|| watch::channel(None))
            .1
            .clone();
        if !queue.running {
            queue.running = true;
            drop(queue);
            tokio::spawn(self.clone().run());
        }
        answer
    }

    /// Runs checks until nobody waits for another.
    async fn run(self) {
        let _ended = Ended(&self.queue);
        let mut kept = None;
        loop {
            self.gather().await;
            let sender = {
                let mut queue = lock(&self.queue);
                match queue.next.take() {
                    Some((sender, _)) => sender,
                    None => {
                        queue.running = false;
                        return;
                    }
                }
            };
            let outcome = match tokio::time::timeout(PATIENCE, self.read(kept.take())).await {
                Ok(Ok((tick, connection))) => {
                    kept = Some(connection).filter(Connection::is_young);
                    Ok(tick)
                }
                Ok(Err(error)) => Err(format!("{error:?}")),
                Err(_) => Err("a freshness check took too long".to_owned()),
            };
            sender.send_replace(Some(outcome));
        }
    }

    /// Lets the requests that are being read at this moment join the check, as long as more come: a check costs the database
    /// the same for one as for a hundred.
    async fn gather(&self) {
        let waiting = || {
            let queue = lock(&self.queue);
            let next = queue.next.as_ref();
            next.map_or(0, |(sender, _)| sender.receiver_count())
        };
        let mut before = 0;
        while waiting() > before {
            before = waiting();
            tokio::task::yield_now().await;
        }
    }

    /// One check. Its connection is good for the next one.
    async fn read(&self, kept: Option<Connection>) -> Result<(Tick, Connection)> {
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::of(&self.db).await?,
        };
        let began = Instant::now();
        let before = lock(&self.seen)
            .snapshot
            .clone()
            .filter(|(_, at)| began.duration_since(*at) < MEMORY);
        let since = before.map(|(snapshot, _)| snapshot);
        let reading: Reading = sqlx::query_as(CHECK)
            .bind(since.as_deref())
            .fetch_one(&mut *connection.live)
            .await
            .map_err(map)?;
        let tick = lock(&self.seen).learn(reading, since.is_some(), began);
        Ok((tick, connection))
    }
}

/// Lets others run checks again where one ended by a panic, and ends the wait of those who waited for it.
struct Ended<'a>(&'a Mutex<Queue>);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *lock(self.0) = Queue::default();
        }
    }
}

/// What a few checks share.
#[derive(Debug)]
struct Connection {
    live: PoolConnection<Postgres>,
    since: Instant,
}

impl Connection {
    async fn of(db: &Db) -> Result<Self> {
        Ok(Self {
            live: db.pool().acquire().await.map_err(map)?,
            since: Instant::now(),
        })
    }

    fn is_young(&self) -> bool {
        self.since.elapsed() < TOGETHER
    }
}

impl Seen {
    fn learn(&mut self, reading: Reading, continues: bool, began: Instant) -> Tick {
        let tick = Tick(self.tick.0 + 1);
        if self.policy != reading.policy {
            (self.policy, self.policy_changed) = (reading.policy, tick);
        }
        if self.directory != reading.directory {
            (self.directory, self.directory_changed) = (reading.directory, tick);
        }
        if !continues || self.objects_changed.len() + reading.changed.len() > MAX_REMEMBERED {
            self.objects_changed.clear();
            self.floor = tick;
        }
        self.objects_changed
            .extend(reading.changed.into_iter().map(|id| (id, tick)));
        self.snapshot = Some((reading.snapshot, began));
        self.tick = tick;
        tick
    }
}

/// Removes what every replica has seen or has given up on. Returns how many rows that were.
pub async fn prune(db: &Db) -> Result<u64> {
    sqlx::query(PRUNE)
        .execute(db.pool())
        .await
        .map(|done| done.rows_affected())
        .map_err(map)
}

/// Nothing panics while it holds one of these locks, so a poisoned one still guards whole data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

statements! {
    /// $1 the snapshot of the check before, if there was one. One that is the same sees the same.
    CHECK = "SELECT policy, directory, pg_current_snapshot()::text AS snapshot,
             CASE WHEN pg_current_snapshot()::text = $1 THEN '{}' ELSE
             ARRAY(SELECT object_id FROM change_log
                   WHERE xid >= pg_snapshot_xmin($1::text::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot))
             END AS changed
         FROM epoch";

    /// Twice the memory of a replica, and the longest transaction on top.
    PRUNE = "DELETE FROM change_log WHERE at < now() - interval '15 minutes'";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(policy: i64, changed: &[Uuid]) -> Reading {
        Reading {
            policy,
            directory: 0,
            snapshot: "1:1:".into(),
            changed: changed.to_vec(),
        }
    }

    #[test]
    fn only_what_changed_is_forgotten() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut seen = Seen::default();
        let first = seen.learn(reading(0, &[]), false, Instant::now());
        let second = seen.learn(reading(0, &[a]), true, Instant::now());
        let since = |seen: &Seen, tick, id| {
            seen.floor <= tick
                && seen.policy_changed <= tick
                && seen.objects_changed.get(&id).is_none_or(|at| *at <= tick)
        };
        assert!(!since(&seen, first, a) && since(&seen, first, b) && since(&seen, second, a));
        seen.learn(reading(1, &[]), true, Instant::now());
        assert!(!since(&seen, second, b));
    }

    #[test]
    fn after_a_panic_nobody_waits_for_what_will_not_come() {
        let (sender, answer) = watch::channel(None);
        let queue = Mutex::new(Queue {
            running: true,
            next: Some((sender, answer.clone())),
        });
        let run = std::panic::AssertUnwindSafe(|| {
            let _ended = Ended(&queue);
            panic!("as asked");
        });
        assert!(std::panic::catch_unwind(run).is_err());
        assert!(!lock(&queue).running && answer.has_changed().is_err());
    }

    #[test]
    fn a_gap_in_the_checks_forgets_everything() {
        let mut seen = Seen::default();
        let first = seen.learn(reading(0, &[]), false, Instant::now());
        assert!(seen.floor <= first);
        seen.learn(reading(0, &[]), false, Instant::now());
        assert!(seen.floor > first);
    }
}
