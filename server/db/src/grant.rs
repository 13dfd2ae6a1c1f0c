//! Grants: made, read and revoked. Each of these moves the policy epoch.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;
use weir_core::authz::{Permit, Verb, verbs};
use weir_core::grant::{ColumnSet, Grant, GrantFact, NewGrant};
use weir_core::id::{GrantId, PrincipalId};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::PrincipalKind;
use weir_core::privilege::PrivilegeSet;
use weir_core::resource::{Resource, ResourceKind};
use weir_core::{Error, Result};

use crate::error::map;
use crate::json::{corrupt, word};
use crate::resolve::container_ids;
use crate::{Db, Write};

/// Makes a grant on the object of the permit.
pub async fn create(write: &mut Write<verbs::ManageGrants>, grant: &NewGrant) -> Result<GrantId> {
    let chain = write.permit().chain().to_vec();
    insert(write, &chain, grant).await
}

/// Gives a crawler's principal what its work needs, on another object than the one of the permit. Only the creation of a
/// crawler may do this, and only its own caller's permission bounds it.
pub async fn create_for_crawler(
    write: &mut Write<verbs::CreateCrawler>,
    on: &[Resource],
    grant: &NewGrant,
) -> Result<GrantId> {
    insert(write, on, grant).await
}

async fn insert<P: Verb>(
    write: &mut Write<P>,
    chain: &[Resource],
    grant: &NewGrant,
) -> Result<GrantId> {
    let (id, now, caller) = (GrantId::new(), write.now(), write.permit().caller());
    let object = chain.first().copied().unwrap_or(Resource::SERVER);
    write.moves_policy();
    sqlx::query(INSERT)
        .bind(id.as_uuid())
        .bind(grant.principal.as_uuid())
        .bind(object.kind.as_str())
        .bind(object.id)
        .bind(container_ids(chain))
        .bind(grant.privileges.names())
        .bind(grant.columns.mode())
        .bind(grant.columns.field_ids())
        .bind(grant.grantable)
        .bind(grant.valid_from)
        .bind(grant.valid_until)
        .bind(grant.reason.as_deref())
        .bind(caller.as_uuid())
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    Ok(id)
}

/// Ends a grant on the object of the permit. Errors: it is not there any more.
pub async fn revoke(write: &mut Write<verbs::ManageGrants>, grant: GrantId) -> Result<()> {
    let (object, now, caller) = (
        write.permit().object(),
        write.now(),
        write.permit().caller(),
    );
    write.moves_policy();
    let done = sqlx::query(REVOKE)
        .bind(grant.as_uuid())
        .bind(object.id)
        .bind(caller.as_uuid())
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    if done.rows_affected() == 0 {
        Err(Error::not_found("This grant does not exist any more."))
    } else {
        Ok(())
    }
}

/// Ends every grant on an object that is being dropped, so that one created later under its name inherits nothing.
pub(crate) async fn revoke_all_on<P: Verb>(write: &mut Write<P>, object: Resource) -> Result<()> {
    let (now, caller) = (write.now(), write.permit().caller());
    write.moves_policy();
    sqlx::query(REVOKE_ALL)
        .bind(object.id)
        .bind(caller.as_uuid())
        .bind(now)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// The grants that reach the object of the permit: on itself and on what it lies in, the nearest first.
pub async fn reaching(
    db: &Db,
    permit: &Permit<verbs::ManageGrants>,
    now: DateTime<Utc>,
) -> Result<Vec<Grant>> {
    let chain: Vec<Uuid> = permit.chain().iter().map(|resource| resource.id).collect();
    let rows: Vec<GrantRow> = sqlx::query_as(REACHING)
        .bind(chain)
        .bind(now)
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    rows.into_iter().map(GrantRow::into_grant).collect()
}

/// The grants to the caller itself, or to what it belongs to, that reach the object of the permit.
pub async fn own(
    db: &Db,
    permit: &Permit<verbs::Describe>,
    now: DateTime<Utc>,
) -> Result<Vec<Grant>> {
    let chain: Vec<Uuid> = permit.chain().iter().map(|resource| resource.id).collect();
    let members: Vec<Uuid> = permit.member_of().iter().map(|id| id.as_uuid()).collect();
    let rows: Vec<GrantRow> = sqlx::query_as(OWN)
        .bind(chain)
        .bind(now)
        .bind(members)
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    rows.into_iter().map(GrantRow::into_grant).collect()
}

/// The grants on the object of the permit and on everything inside it, the newest first; to one principal where `to` is given.
pub async fn list(
    db: &Db,
    permit: &Permit<verbs::ManageGrants>,
    to: Option<&str>,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<Grant>> {
    let before = page
        .after()
        .and_then(|cursor| cursor.parse::<GrantId>().ok())
        .map(GrantId::as_uuid)
        .unwrap_or(Uuid::max());
    let rows: Vec<GrantRow> = sqlx::query_as(LIST)
        .bind(permit.object().id)
        .bind(now)
        .bind(to)
        .bind(before)
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let grants = rows
        .into_iter()
        .map(GrantRow::into_grant)
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(grants, page, |grant| grant.fact.id.to_string()))
}

/// One grant on the object of the permit. Errors: it is not there any more.
pub async fn get(db: &Db, permit: &Permit<verbs::ManageGrants>, grant: GrantId) -> Result<Grant> {
    let row: Option<GrantRow> = sqlx::query_as(GET)
        .bind(grant.as_uuid())
        .bind(permit.object().id)
        .fetch_optional(db.pool())
        .await
        .map_err(map)?;
    row.ok_or_else(|| Error::not_found("This grant does not exist any more."))?
        .into_grant()
}

/// As [`get`], in the transaction that is about to change it.
pub async fn get_in(write: &mut Write<verbs::ManageGrants>, grant: GrantId) -> Result<Grant> {
    let object = write.permit().object().id;
    let row: Option<GrantRow> = sqlx::query_as(GET)
        .bind(grant.as_uuid())
        .bind(object)
        .fetch_optional(write.connection())
        .await
        .map_err(map)?;
    row.ok_or_else(|| Error::not_found("This grant does not exist any more."))?
        .into_grant()
}

#[derive(FromRow)]
struct GrantRow {
    grant_id: Uuid,
    principal_id: Uuid,
    principal_name: String,
    principal_kind: String,
    resource_kind: String,
    resource_id: Uuid,
    resource_name: Option<String>,
    privileges: Vec<String>,
    column_mode: String,
    field_ids: Vec<i32>,
    grantable: bool,
    valid_from: Option<DateTime<Utc>>,
    valid_until: Option<DateTime<Utc>>,
    reason: Option<String>,
    created_by: String,
    created_at: DateTime<Utc>,
}

impl GrantRow {
    fn into_grant(self) -> Result<Grant> {
        let privileges = PrivilegeSet::parse(self.privileges.iter().map(String::as_str))
            .map_err(|error| corrupt("a privilege").source(error))?;
        Ok(Grant {
            fact: GrantFact {
                id: GrantId::from_uuid(self.grant_id),
                principal: PrincipalId::from_uuid(self.principal_id),
                resource: Resource::new(
                    word(ResourceKind::parse, &self.resource_kind)?,
                    self.resource_id,
                ),
                privileges,
                columns: ColumnSet::parse(&self.column_mode, self.field_ids)
                    .map_err(|error| corrupt("a column set").source(error))?,
                grantable: self.grantable,
                valid_from: self.valid_from,
                valid_until: self.valid_until,
            },
            principal_name: self.principal_name,
            principal_kind: word(PrincipalKind::parse, &self.principal_kind)?,
            resource_name: self.resource_name.unwrap_or_default(),
            reason: self.reason,
            created_by: self.created_by,
            created_at: self.created_at,
        })
    }
}

macro_rules! grants {
    ($rest:expr) => {
        concat!(
            "SELECT g.grant_id, g.principal_id, p.name AS principal_name, p.kind AS principal_kind, g.resource_kind, g.resource_id,
                    coalesce(
                        (SELECT c.name || '.' || array_to_string(n.path, '.') || '.' || t.name
                         FROM lake_table t JOIN namespace n USING (namespace_id) JOIN catalog c USING (catalog_id) WHERE t.table_id = g.resource_id),
                        (SELECT c.name || '.' || array_to_string(n.path, '.')
                         FROM namespace n JOIN catalog c USING (catalog_id) WHERE n.namespace_id = g.resource_id),
                        (SELECT c.name FROM catalog c WHERE c.catalog_id = g.resource_id),
                        (SELECT l.name FROM storage_location l WHERE l.location_id = g.resource_id),
                        (SELECT w.name FROM crawler w WHERE w.crawler_id = g.resource_id)) AS resource_name,
                    g.privileges, g.column_mode, g.field_ids, g.grantable, g.valid_from, g.valid_until, g.reason, b.name AS created_by, g.created_at
             FROM access_grant g JOIN principal p ON p.principal_id = g.principal_id JOIN principal b ON b.principal_id = g.created_by ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO access_grant (grant_id, principal_id, resource_kind, resource_id, container_ids, privileges, column_mode, field_ids, grantable,
            valid_from, valid_until, reason, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    REVOKE = "UPDATE access_grant SET revoked_by = $3, revoked_at = $4 WHERE grant_id = $1 AND resource_id = $2 AND revoked_at IS NULL";
    REVOKE_ALL = "UPDATE access_grant SET revoked_by = $2, revoked_at = $3 WHERE resource_id = $1 AND revoked_at IS NULL";
    /// $1 chain, $2 now
    REACHING = grants!("WHERE g.resource_id = ANY($1) AND g.revoked_at IS NULL AND (g.valid_until IS NULL OR g.valid_until > $2)
         ORDER BY array_position($1, g.resource_id), p.name, g.grant_id LIMIT 1000");
    /// $1 chain, $2 now, $3 members
    OWN = grants!("WHERE g.resource_id = ANY($1) AND g.principal_id = ANY($3) AND g.revoked_at IS NULL AND (g.valid_until IS NULL OR g.valid_until > $2)
         ORDER BY array_position($1, g.resource_id), p.name, g.grant_id LIMIT 1000");
    /// $1 object, $2 now, $3 to, $4 before, $5 limit
    LIST = grants!("WHERE (g.resource_id = $1 OR $1 = ANY(g.container_ids)) AND g.revoked_at IS NULL AND (g.valid_until IS NULL OR g.valid_until > $2)
             AND ($3::text IS NULL OR p.name = $3) AND g.grant_id < $4
         ORDER BY g.grant_id DESC LIMIT $5");
    GET = grants!("WHERE g.grant_id = $1 AND g.resource_id = $2 AND g.revoked_at IS NULL");
}
