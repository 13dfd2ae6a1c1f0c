//! The first administrator. The only way in without a permit, and open only while nobody is there to give one.

use chrono::{DateTime, Utc};
use weir_core::Result;
use weir_core::id::{GrantId, PrincipalId};
use weir_core::name::PrincipalName;
use weir_core::resource::SERVER_ID;

use crate::Db;
use crate::audit::{Entry, insert};
use crate::error::map;
use crate::write::move_epochs;

/// Creates a user who may do everything, if there is no principal at all. Returns whether it did.
pub async fn first_admin(
    db: &Db,
    name: &PrincipalName,
    password_hash: &str,
    audit: &Entry,
    now: DateTime<Utc>,
) -> Result<bool> {
    let mut tx = db.begin().await?;
    // Replicas that start at once: the second waits here and then finds somebody.
    move_epochs(&mut tx, true, true).await?;
    let empty: bool = sqlx::query_scalar(IS_EMPTY)
        .fetch_one(&mut *tx)
        .await
        .map_err(map)?;
    if !empty {
        return Ok(false);
    }
    let id = PrincipalId::new();
    sqlx::query(ADMIN)
        .bind(id.as_uuid())
        .bind(name.as_str())
        .bind(now)
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    sqlx::query(PASSWORD)
        .bind(id.as_uuid())
        .bind(password_hash)
        .bind(now)
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    sqlx::query(GRANT)
        .bind(GrantId::new().as_uuid())
        .bind(id.as_uuid())
        .bind(SERVER_ID)
        .bind(now)
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    insert(&mut tx, &audit.clone().on(id.as_uuid())).await?;
    tx.commit().await.map_err(map)?;
    Ok(true)
}

statements! {
    IS_EMPTY = "SELECT NOT EXISTS (SELECT 1 FROM principal)";
    ADMIN = "INSERT INTO principal (principal_id, name, kind, created_at) VALUES ($1, $2, 'user', $3)";
    PASSWORD = "INSERT INTO local_password (principal_id, hash, changed_at) VALUES ($1, $2, $3)";
    GRANT = "INSERT INTO access_grant (grant_id, principal_id, resource_kind, resource_id, container_ids, privileges, column_mode, field_ids, grantable,
            reason, created_by, created_at)
         VALUES ($1, $2, 'server', $3, '{}', ARRAY['ALL'], 'all', '{}', true, 'The first administrator', $2, $4)";
}
