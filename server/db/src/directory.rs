//! Principals and what they belong to.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;
use weir_core::authz::{Permit, Verb, verbs};
use weir_core::id::PrincipalId;
use weir_core::name::PrincipalName;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::{Principal, PrincipalKind};
use weir_core::{Error, Result};

use crate::error::map;
use crate::json::word;
use crate::{Db, Write};

/// Principals by name.
pub async fn list(
    db: &Db,
    _: &Permit<verbs::ReadDirectory>,
    page: &PageRequest,
) -> Result<Page<Principal>> {
    let rows: Vec<PrincipalRow> = sqlx::query_as(LIST)
        .bind(page.after().unwrap_or_default())
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let principals = rows
        .into_iter()
        .map(PrincipalRow::into_principal)
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(principals, page, |principal| {
        principal.name.clone()
    }))
}

/// Creates a principal of any kind and returns it.
pub async fn create(
    write: &mut Write<verbs::ManagePrincipals>,
    name: &PrincipalName,
    kind: PrincipalKind,
) -> Result<Principal> {
    insert(write, name.as_str(), kind).await
}

/// The service principal that a crawler acts as; made with the crawler, by the same permission.
pub async fn create_for_crawler(
    write: &mut Write<verbs::CreateCrawler>,
    name: &str,
) -> Result<Principal> {
    insert(write, name, PrincipalKind::Service).await
}

async fn insert<P: Verb>(
    write: &mut Write<P>,
    name: &str,
    kind: PrincipalKind,
) -> Result<Principal> {
    let (id, now) = (PrincipalId::new(), write.now());
    sqlx::query(INSERT)
        .bind(id.as_uuid())
        .bind(name)
        .bind(kind.as_str())
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    Ok(Principal {
        id,
        name: name.to_owned(),
        kind,
        disabled: false,
        created_at: now,
        groups: Vec::new(),
    })
}

pub async fn set_password(
    write: &mut Write<verbs::ManagePrincipals>,
    principal: PrincipalId,
    hash: &str,
) -> Result<()> {
    let now = write.now();
    sqlx::query(SET_PASSWORD)
        .bind(principal.as_uuid())
        .bind(hash)
        .bind(now)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

pub async fn add_client(
    write: &mut Write<verbs::ManagePrincipals>,
    principal: PrincipalId,
    client_id: &str,
    secret_hash: &[u8],
) -> Result<()> {
    let now = write.now();
    sqlx::query(ADD_CLIENT)
        .bind(client_id)
        .bind(principal.as_uuid())
        .bind(secret_hash)
        .bind(now)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// Errors: the two would belong to each other.
pub async fn add_member(
    write: &mut Write<verbs::ManagePrincipals>,
    group: PrincipalId,
    member: PrincipalId,
) -> Result<()> {
    let now = write.now();
    // Two additions at once could close a cycle that neither sees; the epoch row, locked first, makes them follow each other.
    sqlx::query(LOCK_DIRECTORY)
        .execute(write.connection())
        .await
        .map_err(map)?;
    let cycle: bool = sqlx::query_scalar(WOULD_CYCLE)
        .bind(group.as_uuid())
        .bind(member.as_uuid())
        .fetch_one(write.connection())
        .await
        .map_err(map)?;
    if cycle {
        return Err(Error::invalid(
            "member",
            "The group belongs to this member already, directly or through others.",
        ));
    }
    write.moves_directory();
    sqlx::query(ADD_MEMBER)
        .bind(group.as_uuid())
        .bind(member.as_uuid())
        .bind(now)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// Errors: it is no member.
pub async fn remove_member(
    write: &mut Write<verbs::ManagePrincipals>,
    group: PrincipalId,
    member: PrincipalId,
) -> Result<()> {
    write.moves_directory();
    let done = sqlx::query(REMOVE_MEMBER)
        .bind(group.as_uuid())
        .bind(member.as_uuid())
        .execute(write.connection())
        .await
        .map_err(map)?;
    if done.rows_affected() == 0 {
        Err(Error::not_found("It is no member of this group."))
    } else {
        Ok(())
    }
}

/// Ends what the principal may do, and its sessions, at once.
pub async fn disable(
    write: &mut Write<verbs::ManagePrincipals>,
    principal: PrincipalId,
) -> Result<()> {
    let now = write.now();
    write.moves_directory();
    sqlx::query(DISABLE)
        .bind(principal.as_uuid())
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    sqlx::query(END_SESSIONS)
        .bind(principal.as_uuid())
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// A principal by name. Which permission lets its existence be told is the caller's: naming an owner, making a grant,
/// managing principals.
pub async fn find<P: Verb>(write: &mut Write<P>, name: &str) -> Result<Option<Principal>> {
    let row: Option<PrincipalRow> = sqlx::query_as(FIND)
        .bind(name)
        .fetch_optional(write.connection())
        .await
        .map_err(map)?;
    row.map(PrincipalRow::into_principal).transpose()
}

#[derive(FromRow)]
struct PrincipalRow {
    principal_id: Uuid,
    name: String,
    kind: String,
    created_at: DateTime<Utc>,
    disabled: bool,
    groups: Vec<String>,
}

impl PrincipalRow {
    fn into_principal(self) -> Result<Principal> {
        Ok(Principal {
            id: PrincipalId::from_uuid(self.principal_id),
            name: self.name,
            kind: word(PrincipalKind::parse, &self.kind)?,
            disabled: self.disabled,
            created_at: self.created_at,
            groups: self.groups,
        })
    }
}

macro_rules! principals {
    ($rest:literal) => {
        concat!(
            "SELECT p.principal_id, p.name, p.kind, p.created_at, p.disabled_at IS NOT NULL AS disabled,
                    ARRAY(SELECT g.name FROM membership m JOIN principal g ON g.principal_id = m.group_id
                          WHERE m.member_id = p.principal_id ORDER BY g.name) AS groups
             FROM principal p ",
            $rest
        )
    };
}

statements! {
    LIST = principals!("WHERE p.name > $1 ORDER BY p.name LIMIT $2");
    FIND = principals!("WHERE p.name = $1");
    INSERT = "INSERT INTO principal (principal_id, name, kind, created_at) VALUES ($1, $2, $3, $4)";
    SET_PASSWORD = "INSERT INTO local_password (principal_id, hash, changed_at) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT local_password_pkey DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at";
    ADD_CLIENT = "INSERT INTO service_client (client_id, principal_id, secret_hash, created_at) VALUES ($1, $2, $3, $4)";
    LOCK_DIRECTORY = "SELECT 1 FROM epoch FOR UPDATE";
    WOULD_CYCLE = "WITH RECURSIVE above (id) AS (
             SELECT $1::uuid
             UNION
             SELECT m.group_id FROM above a JOIN membership m ON m.member_id = a.id
         )
         SELECT EXISTS (SELECT 1 FROM above WHERE id = $2)";
    ADD_MEMBER = "INSERT INTO membership (group_id, member_id, added_at) VALUES ($1, $2, $3)";
    REMOVE_MEMBER = "DELETE FROM membership WHERE group_id = $1 AND member_id = $2";
    DISABLE = "UPDATE principal SET disabled_at = $2 WHERE principal_id = $1 AND disabled_at IS NULL";
    END_SESSIONS = "DELETE FROM session WHERE principal_id = $1";
}
