//! Tables that were dropped: they lie in no namespace until they are put back, or until their time is over and they are
//! forgotten.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;
use weir_core::authz::{Permit, Verb, verbs};
use weir_core::id::TableId;
use weir_core::name::Name;
use weir_core::page::{Page, PageRequest};
use weir_core::resource::ResourceKind;
use weir_core::{Error, Result};

use crate::error::map;
use crate::resolve::expect_kind;
use crate::{Db, Write};
use weir_core::storage::Place;

/// Takes the table out of its namespace. It can be put back until `purge_after`; then it is forgotten, and its files are
/// deleted where `purge_files` says so.
pub async fn withdraw(
    write: &mut Write<verbs::Drop>,
    purge_after: DateTime<Utc>,
    purge_files: bool,
) -> Result<()> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    let (by, now) = (write.permit().caller().as_uuid(), write.now());
    sqlx::query(WITHDRAW)
        .bind(table)
        .bind(now)
        .bind(by)
        .bind(purge_after)
        .bind(purge_files)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// A table that was dropped and can be put back.
#[derive(Debug, Clone, FromRow)]
pub struct DroppedRow {
    pub table_id: Uuid,
    pub name: String,
    pub dropped_at: DateTime<Utc>,
    pub dropped_by: String,
    pub purge_after: DateTime<Utc>,
    pub purge_files: bool,
}

/// The tables that were dropped from the namespace of the permit, the last one first.
pub async fn dropped(
    db: &Db,
    permit: &Permit<verbs::Drop>,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<DroppedRow>> {
    let namespace = expect_kind(permit.object(), ResourceKind::Namespace)?;
    let after: Option<Uuid> = page.after().and_then(|cursor| cursor.parse().ok());
    let rows = sqlx::query_as(DROPPED)
        .bind(namespace)
        .bind(now)
        .bind(after)
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(Page::cut(rows, page, |row: &DroppedRow| {
        row.table_id.to_string()
    }))
}

/// Puts a dropped table back into the namespace that it was dropped from, under its name or another.
///
/// Errors: nothing of that id was dropped from here; the name is taken by now.
pub async fn restore(
    write: &mut Write<verbs::CreateTable>,
    id: TableId,
    name: Option<&Name>,
) -> Result<String> {
    let namespace = expect_kind(write.permit().object(), ResourceKind::Namespace)?;
    let now = write.now();
    let restored: Option<String> = sqlx::query_scalar(RESTORE)
        .bind(id.as_uuid())
        .bind(namespace)
        .bind(name.map(Name::as_str))
        .bind(now)
        .fetch_optional(write.connection())
        .await
        .map_err(map)?;
    restored.ok_or_else(|| {
        Error::not_found(
            "No table of this id was dropped from this namespace, or its time is over.",
        )
    })
}

/// Says whether the table may be dropped.
pub async fn protect(write: &mut Write<verbs::Alter>, protected: bool) -> Result<()> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    sqlx::query(PROTECT)
        .bind(table)
        .bind(protected)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// Is the table that is to be dropped protected from that?
pub async fn is_protected<P: Verb>(write: &mut Write<P>) -> Result<bool> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    sqlx::query_scalar(IS_PROTECTED)
        .bind(table)
        .fetch_one(write.connection())
        .await
        .map_err(map)
}

/// A table whose time to be put back is over.
#[derive(Debug, FromRow)]
pub struct Expired {
    pub table_id: Uuid,
    pub location: String,
    pub purge_files: bool,
    pub place: Option<Json<Place>>,
}

/// The next table to be forgotten, claimed until `until`: nobody puts it back any more, and no other replica takes it.
pub async fn claim_expired(
    db: &Db,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Expired>> {
    sqlx::query_as(CLAIM_EXPIRED)
        .bind(now)
        .bind(until)
        .fetch_optional(db.pool())
        .await
        .map_err(map)
}

/// Forgets a dropped table for good, with its grants and annotations.
pub async fn forget(db: &Db, table: Uuid, now: DateTime<Utc>, audit: &crate::Entry) -> Result<()> {
    let mut tx = db.begin().await?;
    let gone = sqlx::query(FORGET_TABLE)
        .bind(table)
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    if gone.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(FORGET_ANNOTATIONS)
        .bind(table)
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    sqlx::query(FORGET_GRANTS)
        .bind(table)
        .bind(now)
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    crate::audit::insert(&mut tx, &audit.clone().on(table)).await?;
    crate::write::move_epochs(&mut tx, true, false).await?;
    tx.commit().await.map_err(map)
}

statements! {
    WITHDRAW = "UPDATE lake_table SET dropped_from = namespace_id, namespace_id = NULL, dropped_at = $2, dropped_by = $3, purge_after = $4,
            purge_files = $5 WHERE table_id = $1";

    /// $1 namespace, $2 now, $3 before, $4 limit. As [`RESTORE`], it knows only what can still be put back.
    DROPPED = "SELECT t.table_id, t.name, t.dropped_at, p.name AS dropped_by, t.purge_after, t.purge_files
         FROM lake_table t JOIN principal p ON p.principal_id = t.dropped_by
         WHERE t.dropped_from = $1 AND t.purge_after > $2 AND t.purging_until IS NULL AND ($3::uuid IS NULL OR t.table_id < $3)
         ORDER BY t.table_id DESC LIMIT $4";

    RESTORE = "UPDATE lake_table SET namespace_id = dropped_from, name = coalesce($3, name), dropped_from = NULL, dropped_at = NULL, dropped_by = NULL,
            purge_after = NULL, purge_files = false
         WHERE table_id = $1 AND dropped_from = $2 AND purge_after > $4 AND purging_until IS NULL RETURNING name";

    PROTECT = "UPDATE lake_table SET protected = $2 WHERE table_id = $1";
    IS_PROTECTED = "SELECT protected FROM lake_table WHERE table_id = $1";
    /// $1 now, $2 until when it is claimed
    CLAIM_EXPIRED = concat!("UPDATE lake_table t SET purging_until = $2
         WHERE t.table_id = (
             SELECT d.table_id FROM lake_table d
             WHERE d.dropped_at IS NOT NULL AND d.purge_after <= $1 AND (d.purging_until IS NULL OR d.purging_until < $1)
             ORDER BY d.purge_after LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING t.table_id, t.location, t.purge_files, ", place_at!("t.location"), " AS place");

    FORGET_ANNOTATIONS = "DELETE FROM annotation WHERE object_id = $1";
    FORGET_TABLE = "DELETE FROM lake_table WHERE table_id = $1 AND dropped_at IS NOT NULL AND purging_until IS NOT NULL";
    FORGET_GRANTS = "UPDATE access_grant SET revoked_at = $2 WHERE resource_id = $1 AND revoked_at IS NULL";
}
