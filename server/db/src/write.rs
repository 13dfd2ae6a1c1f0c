//! A change under way: one transaction, a permit for each object it touches, an audit row and an event for each. They commit
//! together or not at all.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;
use weir_core::audit::Outcome;
use weir_core::authz::{Facts, Permit, Verb};
use weir_core::id::{AuditEventId, PrincipalId};
use weir_core::idempotency::Idempotency;
use weir_core::name::TableIdent;
use weir_core::principal::{Caller, Presumed};
use weir_core::{Error, Result};

use crate::Db;
use crate::audit::{Entry, insert, refused};
use crate::error::map;
use crate::iceberg::{Lock, Locked, lock_with_facts};
use crate::resolve::{Target, facts_in, lock};

/// What the objects before the current one left to be committed with it.
#[derive(Default)]
struct Carried {
    entries: Vec<Entry>,
    moves_policy: bool,
    moves_directory: bool,
    key: Option<(Idempotency, PrincipalId)>,
    /// The policy epoch when the first table to commit to was locked.
    epoch: Option<i64>,
}

/// A transaction in which the object is locked and its facts are read, and nothing is decided yet.
#[must_use]
pub struct Opened {
    tx: Transaction<'static, Postgres>,
    facts: Facts,
    locked: Option<Locked>,
    carried: Carried,
}

impl Opened {
    pub async fn begin(
        db: &Db,
        target: Target<'_>,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        Self::resolve(db.begin().await?, Carried::default(), target, caller, now).await
    }

    /// As [`Opened::begin`] on a table, in one statement that also brings where its metadata lies.
    ///
    /// While that statement waits for the lock, grants could change that its facts do not show. [`Write::commit`] looks
    /// again, and gives up where they did.
    pub async fn begin_commit(
        db: &Db,
        table: &TableIdent,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        Self::resolve_commit(db.begin().await?, Carried::default(), table, caller, now).await
    }

    /// As [`Opened::begin_commit`] for a presumed caller, who is confirmed by the directory's epoch as the lock read it.
    /// `None`, with nothing left locked, where the directory changed.
    pub async fn begin_commit_presumed<'a>(
        db: &Db,
        table: &TableIdent,
        presumed: &'a Presumed,
        now: DateTime<Utc>,
    ) -> Result<Option<(&'a Caller, Self)>> {
        let mut tx = db.begin().await?;
        let lock = lock_with_facts(&mut tx, table, presumed.member_of(), now).await?;
        match presumed.confirmed_by(lock.directory) {
            Some(caller) => Ok(Some((caller, Self::locked(tx, Carried::default(), lock)))),
            None => {
                tx.rollback().await.map_err(map)?;
                Ok(None)
            }
        }
    }

    async fn resolve(
        mut tx: Transaction<'static, Postgres>,
        carried: Carried,
        target: Target<'_>,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        lock(&mut tx, target).await?;
        let facts = facts_in(&mut tx, target, caller, now).await?;
        Ok(Self {
            tx,
            facts,
            locked: None,
            carried,
        })
    }

    async fn resolve_commit(
        mut tx: Transaction<'static, Postgres>,
        carried: Carried,
        table: &TableIdent,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let lock = lock_with_facts(&mut tx, table, &caller.member_of, now).await?;
        Ok(Self::locked(tx, carried, lock))
    }

    fn locked(tx: Transaction<'static, Postgres>, mut carried: Carried, lock: Lock) -> Self {
        carried.epoch = carried.epoch.or(Some(lock.policy));
        Self {
            tx,
            facts: lock.facts,
            locked: lock.locked,
            carried,
        }
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Becomes a write by the permit that the facts led to.
    pub fn permit<P: Verb>(self, permit: Permit<P>, audit: Entry) -> Write<P> {
        Write {
            tx: self.tx,
            permit,
            facts: self.facts,
            locked: self.locked,
            audit,
            carried: self.carried,
        }
    }

    /// Ends it without a change, leaving only the audit row of the refusal.
    pub async fn refuse(mut self, db: &Db, audit: Entry) -> Result<()> {
        if self.carried.entries.is_empty() {
            insert(&mut self.tx, &audit.with_outcome(Outcome::Denied)).await?;
            return self.tx.commit().await.map_err(map);
        }
        // Other objects were changed before this one was refused: none of that may stay.
        self.tx.rollback().await.map_err(map)?;
        refused(db, audit).await
    }
}

/// A permitted change. Dropped without [`Write::commit`], nothing of it happened.
#[must_use]
pub struct Write<P: Verb> {
    tx: Transaction<'static, Postgres>,
    permit: Permit<P>,
    facts: Facts,
    locked: Option<Locked>,
    audit: Entry,
    carried: Carried,
}

impl<P: Verb> Write<P> {
    pub fn permit(&self) -> &Permit<P> {
        &self.permit
    }

    /// The facts that the permit was decided on, for deciding on a further verb.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Where the metadata of the table lies, for a write that began with [`Opened::begin_commit`].
    pub fn locked(&self) -> Result<&Locked> {
        self.locked
            .as_ref()
            .ok_or_else(|| Error::internal("A commit began on something that is no table"))
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.facts.now
    }

    /// Says what changed, for the audit row.
    pub fn record(&mut self, detail: serde_json::Value) {
        self.audit.detail = detail;
    }

    /// Names the object that the audit row is about, where it is another than the one that was locked.
    pub fn about(&mut self, kind: &str, id: Uuid, name: String) {
        self.audit.object_kind = kind.to_owned();
        self.audit.object_id = Some(id);
        self.audit.object_name = name;
    }

    /// Remembers what came of the request, so that the same request sent again is not carried out again.
    pub fn keep_outcome(&mut self, key: Option<&Idempotency>) {
        self.carried.key = key.map(|key| (key.clone(), self.permit.caller()));
    }

    /// The change alters who may do what.
    pub(crate) fn moves_policy(&mut self) {
        self.carried.moves_policy = true;
    }

    /// The change alters who is who.
    pub(crate) fn moves_directory(&mut self) {
        self.carried.moves_directory = true;
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// The facts about another object, for deciding on it inside this transaction. Nothing is locked.
    pub async fn facts_about(&mut self, target: Target<'_>, caller: &Caller) -> Result<Facts> {
        let now = self.now();
        facts_in(&mut self.tx, target, caller, now).await
    }

    /// Goes on to another object in the same transaction. Lock in one order everywhere, or two writers may wait for each other.
    pub async fn then(self, target: Target<'_>, caller: &Caller) -> Result<Opened> {
        let now = self.now();
        let (tx, carried) = self.settle();
        Opened::resolve(tx, carried, target, caller, now).await
    }

    /// As [`Write::then`], on a further table to commit to.
    pub async fn then_commit(self, table: &TableIdent, caller: &Caller) -> Result<Opened> {
        let now = self.now();
        let (tx, carried) = self.settle();
        Opened::resolve_commit(tx, carried, table, caller, now).await
    }

    fn settle(mut self) -> (Transaction<'static, Postgres>, Carried) {
        self.carried.entries.push(
            self.audit
                .with_outcome(Outcome::Ok)
                .also_on(self.permit.object().id)
                .determined_by(self.permit.determined_by()),
        );
        (self.tx, self.carried)
    }

    /// Gives the change up, for a refusal that shows only once it is looked at closely; what is returned goes to
    /// [`crate::audit::refused`].
    pub async fn abandon(self) -> Result<Entry> {
        self.tx.rollback().await.map_err(map)?;
        Ok(self.audit)
    }

    /// Commits the change with its audit rows, its events and the epochs it moves.
    ///
    /// Errors: `Unavailable` where grants changed since a table to commit to was locked; `Internal` when it is not known whether
    /// the change was made.
    pub async fn commit(self) -> Result<()> {
        let (mut tx, carried) = self.settle();
        let epoch = carried.epoch;
        let found: i64 = carried
            .bind(sqlx::query_scalar(FINISH))
            .fetch_one(&mut *tx)
            .await
            .map_err(map)?;
        still(epoch, found)?;
        end(tx).await
    }
}

impl<P: Verb> Write<P> {
    /// As [`Write::commit`], fused with the swap of a table's metadata so that both are one statement.
    pub(crate) async fn commit_swap(self, swap: &crate::iceberg::Swap) -> Result<()> {
        let table = self.permit.object().id;
        let from = self.locked()?.metadata_location.clone();
        let now = self.now();
        let (mut tx, carried) = self.settle();
        let epoch = carried.epoch;
        let query = carried.bind(sqlx::query_as(SWAP_AND_FINISH));
        let (found, swapped): (i64, i64) = swap
            .bind(query, table, &from, now)
            .fetch_one(&mut *tx)
            .await
            .map_err(map)?;
        still(epoch, found)?;
        if swapped != 1 {
            return Err(Error::conflict(
                "The table was changed by another commit. Load it again and retry.",
            ));
        }
        end(tx).await
    }

    /// Writes the new metadata of a table that is not the last of a transaction.
    pub(crate) async fn swap(&mut self, swap: &crate::iceberg::Swap) -> Result<()> {
        let table = self.permit.object().id;
        let from = self.locked()?.metadata_location.clone();
        let now = self.now();
        let done = swap
            .bind(sqlx::query(SWAP), table, &from, now)
            .execute(&mut *self.tx)
            .await
            .map_err(map)?;
        if done.rows_affected() == 1 {
            Ok(())
        } else {
            Err(Error::conflict(
                "The table was changed by another commit. Load it again and retry.",
            ))
        }
    }
}

/// Have the grants stayed as they were when the facts were read?
fn still(read: Option<i64>, found: i64) -> Result<()> {
    match read {
        Some(epoch) if epoch != found => Err(Error::unavailable(
            "Grants changed at the same moment. Try again.",
        )),
        _ => Ok(()),
    }
}

/// A connection that breaks here leaves open whether the database committed.
async fn end(tx: Transaction<'static, Postgres>) -> Result<()> {
    tx.commit().await.map_err(|error| {
        Error::internal("It is not known whether the change was made").source(error)
    })
}

/// An audit row as [`FINISH`] takes it.
#[derive(Serialize)]
struct Row<'a> {
    event_id: Uuid,
    at: DateTime<Utc>,
    principal_id: Option<Uuid>,
    principal_name: &'a str,
    action: &'a str,
    object_kind: &'a str,
    object_id: Option<Uuid>,
    object_name: &'a str,
    outcome: &'a str,
    determined_by: Vec<Uuid>,
    detail: &'a serde_json::Value,
    request_id: Uuid,
    face: &'a str,
}

impl<'a> From<&'a Entry> for Row<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            event_id: AuditEventId::new().as_uuid(),
            at: entry.at,
            principal_id: entry.principal.map(PrincipalId::as_uuid),
            principal_name: &entry.principal_name,
            action: &entry.action,
            object_kind: &entry.object_kind,
            object_id: entry.object_id,
            object_name: &entry.object_name,
            outcome: entry.outcome().as_str(),
            determined_by: entry.grants().iter().map(|id| id.as_uuid()).collect(),
            detail: &entry.detail,
            request_id: entry.request.as_uuid(),
            face: entry.face.as_str(),
        }
    }
}

/// Any of sqlx's kinds of query, as far as parameters go.
pub(crate) trait Bind: Sized {
    fn with<T>(self, value: T) -> Self
    where
        T: for<'q> sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres> + Send + 'static;
}

macro_rules! bindable {
    ($($query:ty $(, $output:ident)?);* $(;)?) => { $(
        impl $(<$output>)? Bind for $query {
            fn with<T>(self, value: T) -> Self
            where
                T: for<'q> sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres> + Send + 'static,
            {
                self.bind(value)
            }
        }
    )* };
}

bindable! {
    sqlx::query::Query<'static, Postgres, sqlx::postgres::PgArguments>;
    sqlx::query::QueryScalar<'static, Postgres, O, sqlx::postgres::PgArguments>, O;
    sqlx::query::QueryAs<'static, Postgres, O, sqlx::postgres::PgArguments>, O;
}

impl Carried {
    /// Parameters $1 to $8 of [`finish!`].
    fn bind<Q: Bind>(&self, query: Q) -> Q {
        let rows: Vec<Row<'_>> = self.entries.iter().map(Row::from).collect();
        let rows = serde_json::to_value(rows).unwrap_or_default();
        let objects: Vec<Uuid> = self.entries.iter().flat_map(Entry::touched).collect();
        let key = self.key.as_ref();
        query
            .with(Json(rows))
            .with(objects)
            .with(i64::from(self.moves_policy))
            .with(i64::from(self.moves_directory))
            .with(key.map(|(key, _)| key.key))
            .with(key.map(|(_, principal)| principal.as_uuid()))
            .with(key.map(|(key, _)| key.operation.clone()))
            .with(key.map(|(key, _)| key.body.to_vec()))
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

/// What ends every change, as the tail of a WITH. $1 audit rows, $2 changed objects, $3 and $4 by how much the policy and
/// the directory epoch move, $5 to $8 the idempotency key, its principal, operation and body hash.
macro_rules! finish {
    () => {
        "rows AS (
             SELECT * FROM json_to_recordset($1::json) AS r (event_id uuid, at timestamptz, principal_id uuid, principal_name text, action text,
                 object_kind text, object_id uuid, object_name text, outcome text, determined_by uuid[], detail json, request_id uuid, face text)
         ), audited AS (
             INSERT INTO audit_event (event_id, at, principal_id, principal_name, action, object_kind, object_id, object_name, outcome,
                 determined_by, detail, request_id, face)
             SELECT event_id, at, principal_id, principal_name, action, object_kind, object_id, object_name, outcome,
                 determined_by, detail, request_id, face FROM rows
         ), told AS (
             INSERT INTO catalog_event (event_id, at, request_id, principal_id, operation, object_kind, object_id, object_name, detail)
             SELECT event_id, at, request_id, principal_id, action, object_kind, object_id, object_name, detail FROM rows
         ), logged AS (
             INSERT INTO change_log (object_id) SELECT DISTINCT unnest($2::uuid[]) ON CONFLICT DO NOTHING
         ), moved AS (
             UPDATE epoch SET policy = policy + $3::bigint, directory = directory + $4::bigint WHERE $3::bigint + $4::bigint > 0
         ), kept AS (
             INSERT INTO idempotency_key (key, principal_id, operation, body_hash, outcome, created_at)
             SELECT $5, $6, $7, $8, 'ok', now() WHERE $5::uuid IS NOT NULL
         )"
    };
}

/// Parameters $9 to $17; see [`crate::iceberg::Swap::bind`].
macro_rules! swap {
    ($table:literal, $from:literal, $now:literal, $to:literal, $metadata:literal, $refs:literal, $rows:literal, $bytes:literal, $files:literal) => {
        concat!(
            "swapped AS (
             UPDATE iceberg_metadata SET metadata_location = ",
            $to,
            ", metadata = ",
            $metadata,
            ", refs = ",
            $refs,
            ", changed_at = ",
            $now,
            "
             WHERE table_id = ",
            $table,
            " AND metadata_location = ",
            $from,
            " RETURNING table_id
         ), described AS (
             UPDATE lake_table SET row_count = ",
            $rows,
            ", byte_count = ",
            $bytes,
            ", file_count = ",
            $files,
            ", updated_at = ",
            $now,
            "
             WHERE table_id IN (SELECT table_id FROM swapped) RETURNING table_id
         )"
        )
    };
}

statements! {
    LOG_CHANGES = "INSERT INTO change_log (object_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING";

    /// $1 and $2: by how much the policy and the directory epoch move
    MOVE_EPOCHS = "UPDATE epoch SET policy = policy + $1, directory = directory + $2";

    /// See [`finish!`]. Gives the policy epoch as it was before this change.
    FINISH = concat!("WITH ", finish!(), " SELECT policy FROM epoch");

    /// See [`finish!`] and [`swap!`]. Gives the policy epoch as it was before this change, and how many tables were swapped.
    SWAP_AND_FINISH = concat!(
        "WITH ", swap!("$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16", "$17"), ", ", finish!(),
        " SELECT policy, (SELECT count(*) FROM described) AS swapped FROM epoch"
    );

    SWAP = concat!(
        "WITH ", swap!("$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9"), " SELECT table_id FROM described"
    );
}
