//! A change under way: one transaction, one permit, one audit row. They commit together or not at all.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, Transaction};
use weir_core::Result;
use weir_core::audit::Outcome;
use weir_core::authz::{Facts, Permit, Verb};
use weir_core::principal::Caller;

use crate::Db;
use crate::audit::{Entry, insert};
use crate::error::map;
use crate::resolve::{Target, facts_in, lock};

/// A transaction in which the object is locked and its facts are read, and nothing is decided yet.
#[must_use]
pub struct Opened {
    tx: Transaction<'static, Postgres>,
    facts: Facts,
}

impl Opened {
    pub async fn begin(
        db: &Db,
        target: Target<'_>,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut tx = db.begin().await?;
        lock(&mut tx, target).await?;
        let facts = facts_in(&mut tx, target, caller, now).await?;
        Ok(Self { tx, facts })
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Becomes a write by the permit that the facts led to.
    pub fn permit<P: Verb>(self, permit: Permit<P>, audit: Entry) -> Write<P> {
        Write {
            tx: self.tx,
            permit,
            audit,
            moves_policy: false,
            moves_directory: false,
            now: self.facts.now,
        }
    }

    /// Ends it without a change, leaving only the audit row of the refusal.
    pub async fn refuse(mut self, audit: Entry) -> Result<()> {
        insert(&mut self.tx, &audit.with_outcome(Outcome::Denied)).await?;
        self.tx.commit().await.map_err(map)
    }
}

/// A permitted change. Dropped without [`Write::commit`], nothing of it happened.
#[must_use]
pub struct Write<P: Verb> {
    tx: Transaction<'static, Postgres>,
    permit: Permit<P>,
    audit: Entry,
    moves_policy: bool,
    moves_directory: bool,
    now: DateTime<Utc>,
}

impl<P: Verb> Write<P> {
    pub fn permit(&self) -> &Permit<P> {
        &self.permit
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Says what changed, for the audit row.
    pub fn record(&mut self, detail: serde_json::Value) {
        self.audit.detail = detail;
    }

    /// Names the object that the audit row is about, where it is another than the one that was locked.
    pub fn about(&mut self, kind: &str, id: uuid::Uuid, name: String) {
        self.audit.object_kind = kind.to_owned();
        self.audit.object_id = Some(id);
        self.audit.object_name = name;
    }

    /// The change alters who may do what.
    pub(crate) fn moves_policy(&mut self) {
        self.moves_policy = true;
    }

    /// The change alters who is who.
    pub(crate) fn moves_directory(&mut self) {
        self.moves_directory = true;
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Gives the change up, for a refusal that shows only once it is looked at closely; what is returned goes to
    /// [`crate::audit::refused`].
    pub async fn abandon(self) -> Result<Entry> {
        self.tx.rollback().await.map_err(map)?;
        Ok(self.audit)
    }

    /// Commits the change with its audit row and the epochs it moves.
    pub async fn commit(mut self) -> Result<()> {
        let audit = self
            .audit
            .with_outcome(Outcome::Ok)
            .determined_by(self.permit.determined_by());
        insert(&mut self.tx, &audit).await?;
        let objects: Vec<_> = [Some(self.permit.object().id), audit.object_id]
            .into_iter()
            .flatten()
            .collect();
        log_changes(&mut self.tx, &objects).await?;
        if self.moves_policy || self.moves_directory {
            move_epochs(&mut self.tx, self.moves_policy, self.moves_directory).await?;
        }
        self.tx.commit().await.map_err(map)
    }
}

impl<P: Verb> std::fmt::Debug for Write<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Write")
            .field("permit", &self.permit)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

pub(crate) async fn move_epochs(
    connection: &mut PgConnection,
    policy: bool,
    directory: bool,
) -> Result<()> {
    sqlx::query(MOVE_EPOCHS)
        .bind(i64::from(policy))
        .bind(i64::from(directory))
        .execute(connection)
        .await
        .map(drop)
        .map_err(map)
}

/// Tells every replica that what it cached of these objects is not current any more.
pub(crate) async fn log_changes(
    connection: &mut PgConnection,
    objects: &[uuid::Uuid],
) -> Result<()> {
    sqlx::query(LOG_CHANGES)
        .bind(objects)
        .execute(connection)
        .await
        .map(drop)
        .map_err(map)
}

statements! {
    LOG_CHANGES = "INSERT INTO change_log (object_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING";

    /// $1 and $2: by how much the policy and the directory epoch move
    MOVE_EPOCHS = "UPDATE epoch SET policy = policy + $1, directory = directory + $2";
}
