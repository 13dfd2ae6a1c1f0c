//! The ledger of what engines were given: to whom, for which table, until when.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;
use weir_core::Result;
use weir_core::authz::{Permit, Verb, verbs};
use weir_core::delivery::Access;
use weir_core::id::{PrincipalId, TableId};
use weir_core::location::Location;
use weir_core::page::{Page, PageRequest};
use weir_core::resource::ResourceKind;

use crate::audit::{Entry, insert};
use crate::error::map;
use crate::resolve::expect_kind;
use crate::{Db, Write};

/// A credential about to be handed out.
#[derive(Debug)]
pub struct NewVended<'a> {
    /// Absent for a table that is staged only.
    pub table: Option<TableId>,
    pub principal: PrincipalId,
    pub prefix: &'a Location,
    pub delivery: &'a str,
    pub access: Access,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A credential that was handed out and is not over yet.
#[derive(Debug, Clone, FromRow, Serialize)]
pub struct LiveCredential {
    pub credential_id: Uuid,
    pub principal: String,
    /// Absent for a table that was staged only.
    pub table_id: Option<Uuid>,
    /// `catalog.namespace.table`, as it was called then.
    pub table_name: String,
    /// `store` or `gateway`
    pub delivery: String,
    pub access: String,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Writes the ledger's row and the audit row, before anything is handed out.
pub async fn record(db: &Db, new: &NewVended<'_>, entry: &Entry) -> Result<()> {
    let mut tx = db.begin().await?;
    sqlx::query(INSERT)
        .bind(Uuid::now_v7())
        .bind(new.principal.as_uuid())
        .bind(new.table.map(TableId::as_uuid))
        .bind(&entry.object_name)
        .bind(new.prefix.to_string())
        .bind(new.delivery)
        .bind(new.access.as_str())
        .bind(new.issued_at)
        .bind(new.expires_at)
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    insert(&mut tx, entry).await?;
    tx.commit().await.map_err(map)
}

/// The live credentials of all tables, the newest first.
pub async fn live(
    db: &Db,
    _: &Permit<verbs::ReadAudit>,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<LiveCredential>> {
    page_of(db, None, now, page).await
}

/// The live credentials that reach the table of the permit, and with it each of its columns.
pub async fn of_table(
    db: &Db,
    permit: &Permit<verbs::ManageGrants>,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<LiveCredential>> {
    let table = expect_kind(permit.object(), ResourceKind::Table)?;
    page_of(db, Some(table), now, page).await
}

async fn page_of(
    db: &Db,
    table: Option<Uuid>,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<LiveCredential>> {
    let before: Option<Uuid> = page.after().and_then(|cursor| cursor.parse().ok());
    let rows = sqlx::query_as(LIVE)
        .bind(now)
        .bind(table)
        .bind(before)
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(Page::cut(rows, page, |row: &LiveCredential| {
        row.credential_id.to_string()
    }))
}

/// Credentials that go on after the access that they were made by has ended.
#[derive(Debug, Clone, Default)]
pub struct Outliving {
    /// Those with the latest end, the latest first.
    pub credentials: Vec<LiveCredential>,
    /// Are there more of them?
    pub is_cut: bool,
}

impl Outliving {
    /// For the audit log.
    pub fn ids(&self) -> Vec<Uuid> {
        let ids = self.credentials.iter();
        ids.map(|one| one.credential_id).collect()
    }
}

/// How many credentials are told at a time.
const TOLD: usize = 1000;

/// Credentials of a store that were made for members of `principal`, for tables in the object of this id, staged ones too: what
/// ends their access does not end them. Those of the gateway end with it.
pub async fn outliving<P: Verb>(
    write: &mut Write<P>,
    principal: PrincipalId,
    on: Uuid,
) -> Result<Outliving> {
    let now = write.now();
    let mut credentials: Vec<LiveCredential> = sqlx::query_as(OUTLIVING)
        .bind(now)
        .bind(principal.as_uuid())
        .bind(on)
        .bind(i64::try_from(TOLD).unwrap_or(i64::MAX).saturating_add(1))
        .fetch_all(write.connection())
        .await
        .map_err(map)?;
    let is_cut = credentials.len() > TOLD;
    credentials.truncate(TOLD);
    Ok(Outliving {
        credentials,
        is_cut,
    })
}

/// Forgets what ended before `before`.
pub async fn sweep(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    db.sweep(SWEEP, before).await
}

macro_rules! credentials {
    () => {
        "SELECT v.credential_id, p.name AS principal, v.table_id, v.table_name,
                v.delivery, v.access, v.issued_at, v.expires_at
         FROM vended_credential v JOIN principal p USING (principal_id)"
    };
}

statements! {
    INSERT = "INSERT INTO vended_credential (credential_id, principal_id, table_id, table_name, prefix, delivery, access, issued_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    /// $1 now, $2 table or null, $3 before, $4 limit
    LIVE = concat!(
        credentials!(),
        " WHERE v.expires_at > $1 AND ($2::uuid IS NULL OR v.table_id = $2
             OR v.prefix = (SELECT t.location FROM lake_table t WHERE t.table_id = $2)) AND ($3::uuid IS NULL OR v.credential_id < $3)
         ORDER BY v.credential_id DESC LIMIT $4"
    );

    /// $1 now, $2 principal, $3 object, $4 limit
    OUTLIVING = concat!(
        "WITH RECURSIVE member AS (
             SELECT $2::uuid AS principal_id
             UNION SELECT m.member_id FROM membership m JOIN member ON m.group_id = member.principal_id
         ) ",
        credentials!(),
        " WHERE v.expires_at > $1 AND v.delivery = 'store' AND v.principal_id IN (SELECT principal_id FROM member) AND (
             $3 = '00000000-0000-0000-0000-000000000000'::uuid
             OR EXISTS (
                 SELECT 1 FROM lake_table t JOIN namespace n ON n.namespace_id = coalesce(t.namespace_id, t.dropped_from)
                 WHERE t.location = v.prefix AND $3 = ANY(n.ancestor_ids || n.catalog_id || t.table_id))
             OR v.table_id IS NULL AND (
                 EXISTS (SELECT 1 FROM catalog c WHERE c.catalog_id = $3 AND starts_with(v.table_name, c.name || '.'))
                 OR EXISTS (
                     SELECT 1 FROM namespace n JOIN catalog c USING (catalog_id)
                     WHERE n.namespace_id = $3 AND starts_with(v.table_name, c.name || '.' || array_to_string(n.path, '.') || '.'))
                 OR EXISTS (SELECT 1 FROM storage_location l WHERE l.location_id = $3 AND starts_with(v.prefix, l.url || '/'))))
         ORDER BY v.expires_at DESC, v.credential_id LIMIT $4"
    );

    SWEEP = "DELETE FROM vended_credential WHERE expires_at < $1";
}
