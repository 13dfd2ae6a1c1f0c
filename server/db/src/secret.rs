//! Sealed secrets. This crate cannot open any.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use weir_core::Result;
use weir_core::storage::Sealed;

use crate::Db;
use crate::error::map;

#[derive(FromRow)]
struct SecretRow {
    secret_id: Uuid,
    envelope: String,
}

impl From<SecretRow> for Sealed {
    fn from(row: SecretRow) -> Self {
        Self {
            id: row.secret_id,
            envelope: row.envelope,
        }
    }
}

/// Is anything sealed here? Then there must be the master key that did it.
pub async fn any(db: &Db) -> Result<bool> {
    sqlx::query_scalar(ANY)
        .fetch_one(db.pool())
        .await
        .map_err(map)
}

/// The gateway's key: `fresh`, unless a replica was first.
pub async fn gateway_key(db: &Db, fresh: &Sealed, now: DateTime<Utc>) -> Result<Sealed> {
    sqlx::query(INSERT_GATEWAY)
        .bind(fresh.id)
        .bind(&fresh.envelope)
        .bind(now)
        .execute(db.pool())
        .await
        .map_err(map)?;
    let row: SecretRow = sqlx::query_as(GATEWAY)
        .fetch_one(db.pool())
        .await
        .map_err(map)?;
    Ok(row.into())
}

/// Keeps the credential of a storage location.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    sealed: &Sealed,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query(INSERT)
        .bind(sealed.id)
        .bind(&sealed.envelope)
        .bind(now)
        .execute(connection)
        .await
        .map(drop)
        .map_err(map)
}

/// A page of what is sealed, by id.
pub async fn list(db: &Db, after: Option<Uuid>, limit: i64) -> Result<Vec<Sealed>> {
    let rows: Vec<SecretRow> = sqlx::query_as(LIST)
        .bind(after)
        .bind(limit)
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(rows.into_iter().map(Sealed::from).collect())
}

/// Puts an envelope in another's place, unless somebody did meanwhile. Returns whether it did.
pub async fn replace(db: &Db, before: &Sealed, after: &Sealed) -> Result<bool> {
    sqlx::query(REPLACE)
        .bind(before.id)
        .bind(&before.envelope)
        .bind(&after.envelope)
        .execute(db.pool())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(map)
}

statements! {
    ANY = "SELECT EXISTS (SELECT 1 FROM secret)";
    INSERT = "INSERT INTO secret (secret_id, purpose, envelope, created_at) VALUES ($1, 'location', $2, $3)";
    INSERT_GATEWAY = "INSERT INTO secret (secret_id, purpose, envelope, created_at) VALUES ($1, 'gateway', $2, $3) ON CONFLICT DO NOTHING";
    GATEWAY = "SELECT secret_id, envelope FROM secret WHERE purpose = 'gateway'";
    LIST = "SELECT secret_id, envelope FROM secret WHERE $1::uuid IS NULL OR secret_id > $1 ORDER BY secret_id LIMIT $2";
    REPLACE = "UPDATE secret SET envelope = $3 WHERE secret_id = $1 AND envelope = $2";
}
