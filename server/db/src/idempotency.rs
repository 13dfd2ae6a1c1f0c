//! What came of requests that carried a key, so that the same request sent again is not carried out again.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;
use weir_core::Result;
use weir_core::id::PrincipalId;
use weir_core::idempotency::Idempotency;

use crate::Db;
use crate::error::map;

/// What is known of a key.
#[derive(Debug, FromRow)]
pub struct Outcome {
    pub principal_id: Uuid,
    pub operation: String,
    pub body_hash: Vec<u8>,
    /// `ok`, or the name of an outcome.
    pub outcome: String,
    pub message: String,
}

pub async fn find(db: &Db, key: Uuid) -> Result<Option<Outcome>> {
    sqlx::query_as(FIND)
        .bind(key)
        .fetch_optional(db.pool())
        .await
        .map_err(map)
}

/// Remembers a refusal that the same request would meet again.
pub async fn keep_refusal(
    db: &Db,
    key: &Idempotency,
    principal: PrincipalId,
    outcome: &str,
    message: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query(KEEP)
        .bind(key.key)
        .bind(principal.as_uuid())
        .bind(&key.operation)
        .bind(key.body.as_slice())
        .bind(outcome)
        .bind(message)
        .bind(now)
        .execute(db.pool())
        .await
        .map(drop)
        .map_err(map)
}

/// Forgets the keys of requests before `before`.
pub async fn sweep(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    db.sweep(SWEEP, before).await
}

statements! {
    FIND = "SELECT principal_id, operation, body_hash, outcome, message FROM idempotency_key WHERE key = $1";
    KEEP = "INSERT INTO idempotency_key (key, principal_id, operation, body_hash, outcome, message, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    SWEEP = "DELETE FROM idempotency_key WHERE created_at < $1";
}
