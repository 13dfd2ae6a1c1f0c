//! Tables and views that Weir is the catalog of: where their metadata lies, its text, and how both change.
//!
//! The text is kept compressed; what it says is none of this crate's business.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, Row};
use uuid::Uuid;
use weir_core::authz::{Facts, Permit, Verb, verbs};
use weir_core::catalog::{Format, TableKind};
use weir_core::id::{FieldId, PrincipalId, TableId};
use weir_core::location::Location;
use weir_core::name::{Name, TableIdent};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::privilege::PrivilegeSet;
use weir_core::resource::{Resource, ResourceKind};
use weir_core::storage::Place;
use weir_core::{Error, Result};

use crate::error::map;
use crate::json::{corrupt, word};
use crate::resolve::{expect_kind, members, read};
use crate::write::Bind;
use crate::{Db, Write};

/// A table as a commit found it when it locked it.
#[derive(Debug, Clone)]
pub struct Locked {
    pub kind: TableKind,
    pub metadata_location: String,
    pub changed_at: DateTime<Utc>,
    pub location: String,
    /// The number of its newest schema version.
    pub version: i32,
    pub last_field: FieldId,
    pub protected: bool,
    /// The storage location that it lies in.
    pub storage: Option<Place>,
}

/// What a lock read: the facts, the table where there is one, and both epochs as of the statement's beginning.
pub(crate) struct Lock {
    pub(crate) facts: Facts,
    pub(crate) locked: Option<Locked>,
    pub(crate) policy: i64,
    pub(crate) directory: i64,
}

/// The metadata that takes the place of what a commit found.
#[derive(Debug, Clone)]
pub struct Swap {
    pub metadata_location: String,
    /// zstd-compressed.
    pub metadata: Vec<u8>,
    /// zstd-compressed; absent where every snapshot is referenced.
    pub refs: Option<Vec<u8>>,
    pub rows: Option<i64>,
    pub bytes: i64,
    pub files: i64,
}

impl Swap {
    /// The parameters of [`crate::write`]'s `swap!`, in its order.
    pub(crate) fn bind<Q: Bind>(&self, query: Q, table: Uuid, from: &str, now: DateTime<Utc>) -> Q {
        query
            .with(table)
            .with(from.to_owned())
            .with(now)
            .with(self.metadata_location.clone())
            .with(self.metadata.clone())
            .with(self.refs.clone())
            .with(self.rows)
            .with(self.bytes)
            .with(self.files)
    }
}

pub(crate) async fn lock_with_facts(
    connection: &mut PgConnection,
    table: &TableIdent,
    member_of: &[PrincipalId],
    now: DateTime<Utc>,
) -> Result<Lock> {
    let members: Vec<Uuid> = member_of.iter().map(|id| id.as_uuid()).collect();
    let row = sqlx::query(LOCK_WITH_FACTS)
        .bind(members)
        .bind(table.namespace.catalog.as_str())
        .bind(table.namespace.path.to_strings())
        .bind(table.name.as_str())
        .fetch_one(connection)
        .await
        .map_err(map)?;
    let facts = read(&row, now)?;
    let locked = match facts.object {
        None => None,
        Some(_) => {
            let found = LockedRow::from_row(&row).map_err(map)?;
            Some(Locked {
                kind: word(TableKind::parse, &found.table_kind)?,
                metadata_location: found.metadata_location,
                changed_at: found.changed_at,
                location: found.location,
                version: found.schema_version,
                last_field: FieldId(found.last_field_id),
                protected: found.protected,
                storage: found.storage.map(|Json(place)| place),
            })
        }
    };
    Ok(Lock {
        facts,
        locked,
        policy: row.try_get("policy").map_err(map)?,
        directory: row.try_get("directory").map_err(map)?,
    })
}

/// Which text of the metadata is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Snapshots {
    All,
    /// Only those that a branch or tag points to.
    Refs,
}

/// Metadata fetched together with its facts, in one round trip. It opens only to a permit for that very table.
#[must_use]
#[derive(Debug)]
pub struct SealedMetadata {
    object: Option<Resource>,
    content: Option<StoredMetadata>,
    lies: Option<Lies>,
}

/// Where a table lies.
#[derive(Debug, Clone)]
pub struct Lies {
    pub location: Location,
    /// The storage location that holds it.
    pub place: Option<Place>,
}

/// The current metadata of a table or view as it is kept.
#[derive(Debug, Clone, FromRow)]
pub struct StoredMetadata {
    pub metadata_location: String,
    /// zstd-compressed.
    pub text: Vec<u8>,
    pub changed_at: DateTime<Utc>,
}

impl StoredMetadata {
    /// Stands for the content. A file's name alone does not: a registered one may have been written anew under its name.
    pub fn identity(&self) -> String {
        identity(&self.metadata_location, self.changed_at)
    }
}

/// See [`StoredMetadata::identity`].
pub fn identity(metadata_location: &str, changed_at: DateTime<Utc>) -> String {
    format!("{} {metadata_location}", changed_at.timestamp_micros())
}

/// The facts about a table or view and its sealed metadata, in one statement. One of another kind counts as absent.
pub async fn sealed(
    db: &Db,
    ident: &TableIdent,
    kind: TableKind,
    snapshots: Snapshots,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(Facts, SealedMetadata)> {
    let row = sqlx::query(LOAD)
        .bind(members(caller))
        .bind(ident.namespace.catalog.as_str())
        .bind(ident.namespace.path.to_strings())
        .bind(ident.name.as_str())
        .bind(kind.as_str())
        .bind(snapshots == Snapshots::Refs)
        .fetch_one(db.pool())
        .await
        .map_err(map)?;
    let facts = read(&row, now)?;
    let content = facts
        .object
        .map(|_| StoredMetadata::from_row(&row).map_err(map))
        .transpose()?;
    let lies = facts.object.map(|_| lies(&row)).transpose()?;
    let object = facts.object;
    let sealed = SealedMetadata {
        object,
        content,
        lies,
    };
    Ok((facts, sealed))
}

impl SealedMetadata {
    /// Bytes held, for a cache.
    pub fn size(&self) -> usize {
        self.content
            .as_ref()
            .map_or(0, |content| content.text.len())
    }

    pub fn rests_on(&self) -> Vec<Uuid> {
        let place = self.lies.as_ref().and_then(|lies| lies.place.as_ref());
        let place = place.map(|place| place.id.as_uuid());
        let object = self.object.map(|object| object.id);
        object.into_iter().chain(place).collect()
    }

    /// Errors: as [`SealedMetadata::open`].
    pub fn lies(&self, permit: &Permit<verbs::Select>) -> Result<&Lies> {
        self.lies
            .as_ref()
            .filter(|_| self.object == Some(permit.object()))
            .ok_or_else(|| corrupt("a permit for another table"))
    }

    /// Errors: a permit for another table; a defect.
    pub fn open<P: Verb>(&self, permit: &Permit<P>) -> Result<&StoredMetadata> {
        self.content
            .as_ref()
            .filter(|_| self.object == Some(permit.object()))
            .ok_or_else(|| corrupt("a permit for another table"))
    }
}

fn lies(row: &PgRow) -> Result<Lies> {
    let location: String = row.try_get("location").map_err(map)?;
    let place: Option<Json<Place>> = row.try_get("place").map_err(map)?;
    Ok(Lies {
        location: Location::parse("location", &location)
            .map_err(|error| corrupt("a location").source(error))?,
        place: place.map(|Json(place)| place),
    })
}

/// The metadata of the table that is being committed to.
pub async fn metadata<P: Verb>(write: &mut Write<P>) -> Result<StoredMetadata> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    sqlx::query_as(METADATA)
        .bind(table)
        .fetch_one(write.connection())
        .await
        .map_err(map)
}

/// A table or view about to be made.
#[derive(Debug)]
pub struct NewIceberg<'a> {
    pub id: TableId,
    pub name: &'a Name,
    pub kind: TableKind,
    pub format: Format,
    pub location: &'a Location,
    pub last_field: FieldId,
    pub first: &'a Swap,
}

/// Errors: a table or a view of the namespace has this name. The constraint on the names says the same, but later.
pub async fn check_free(write: &mut Write<verbs::CreateTable>, name: &Name) -> Result<()> {
    let namespace = expect_kind(write.permit().object(), ResourceKind::Namespace)?;
    let taken: bool = sqlx::query_scalar(IS_TAKEN)
        .bind(namespace)
        .bind(name.as_str())
        .fetch_one(write.connection())
        .await
        .map_err(map)?;
    if taken {
        Err(Error::already_exists(
            "A table or view of this name exists already in the namespace.",
        ))
    } else {
        Ok(())
    }
}

/// Makes a table or view in the namespace of the permit; its first version follows by [`crate::table::add_version`].
///
/// Errors: the name is taken, by a table or a view.
pub async fn create(
    write: &mut Write<verbs::CreateTable>,
    new: &NewIceberg<'_>,
) -> Result<TableId> {
    let namespace = expect_kind(write.permit().object(), ResourceKind::Namespace)?;
    let now = write.now();
    sqlx::query(INSERT)
        .bind(new.id.as_uuid())
        .bind(namespace)
        .bind(new.name.as_str())
        .bind(new.kind.as_str())
        .bind(new.format.as_str())
        .bind(new.location.to_string())
        .bind(new.last_field.0)
        .bind(new.first.rows)
        .bind(new.first.bytes)
        .bind(new.first.files)
        .bind(now)
        .bind(&new.first.metadata_location)
        .bind(&new.first.metadata)
        .bind(&new.first.refs)
        .execute(write.connection())
        .await
        .map_err(map)?;
    Ok(new.id)
}

/// Commits the write with the new metadata of its table, in one statement.
///
/// Errors: `Unavailable` where grants changed meanwhile; `Conflict` where the table did; `Internal` when it is not known
/// whether it was made.
pub async fn commit(write: Write<verbs::Commit>, swap: &Swap) -> Result<()> {
    write.commit_swap(swap).await
}

/// Writes the new metadata of a table inside a transaction that goes on.
pub async fn swap(write: &mut Write<verbs::Commit>, to: &Swap) -> Result<()> {
    write.swap(to).await
}

/// What the columns of a table became; the version itself is added by [`crate::table::add_version`].
pub async fn set_version<P: Verb>(
    write: &mut Write<P>,
    version: i32,
    last_field: FieldId,
    location: &str,
) -> Result<()> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    sqlx::query(SET_VERSION)
        .bind(table)
        .bind(version)
        .bind(last_field.0)
        .bind(location)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// Gives the table of `id`, locked before in this transaction, another name, in the namespace of the permit.
///
/// Errors: the name is taken.
pub async fn rename(write: &mut Write<verbs::CreateTable>, id: TableId, name: &Name) -> Result<()> {
    let namespace = expect_kind(write.permit().object(), ResourceKind::Namespace)?;
    let chain: Vec<Uuid> = write.permit().chain().iter().map(|link| link.id).collect();
    let now = write.now();
    sqlx::query(RENAME)
        .bind(id.as_uuid())
        .bind(namespace)
        .bind(name.as_str())
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    // A grant is kept with what its object lies in.
    sqlx::query(MOVE_GRANTS)
        .bind(id.as_uuid())
        .bind(chain)
        .execute(write.connection())
        .await
        .map_err(map)?;
    write.moves_policy();
    Ok(())
}

/// What kind the table of the permit is.
pub async fn kind<P: Verb>(write: &mut Write<P>) -> Result<TableKind> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    let kind: String = sqlx::query_scalar(KIND)
        .bind(table)
        .fetch_one(write.connection())
        .await
        .map_err(map)?;
    word(TableKind::parse, &kind)
}

/// The names of the tables or views of a namespace that the caller may describe. `describing` are the privileges that let it.
pub async fn names(
    db: &Db,
    permit: &Permit<verbs::Browse>,
    kind: TableKind,
    describing: PrivilegeSet,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<String>> {
    let namespace = expect_kind(permit.object(), ResourceKind::Namespace)?;
    let members: Vec<Uuid> = permit.member_of().iter().map(|id| id.as_uuid()).collect();
    let chain: Vec<Uuid> = permit.chain().iter().map(|link| link.id).collect();
    let rows: Vec<String> = sqlx::query_scalar(NAMES)
        .bind(members)
        .bind(now)
        .bind(chain)
        .bind(describing.names())
        .bind(namespace)
        .bind(kind.as_str())
        .bind(page.after().unwrap_or_default())
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(Page::cut(rows, page, Clone::clone))
}

#[derive(FromRow)]
struct LockedRow {
    table_kind: String,
    metadata_location: String,
    changed_at: DateTime<Utc>,
    location: String,
    schema_version: i32,
    last_field_id: i32,
    protected: bool,
    storage: Option<Json<Place>>,
}

statements! {
    /// $1 members, $2 catalog, $3 path, $4 name. Both rows are locked, so that where the metadata lies is read as of the lock.
    LOCK_WITH_FACTS = concat!(
        "WITH locked AS (
             SELECT t.table_id, t.kind, t.location, t.schema_version, t.last_field_id, t.protected, m.metadata_location, m.changed_at
             FROM catalog c JOIN namespace n ON n.catalog_id = c.catalog_id AND n.path = $3
                 JOIN lake_table t ON t.namespace_id = n.namespace_id AND t.name = $4
                 JOIN iceberg_metadata m ON m.table_id = t.table_id
             WHERE c.name = $2
             FOR NO KEY UPDATE OF t, m
         )
         SELECT 'table' AS kind, t.table_id AS object_id, coalesce(n.ancestor_ids, '{}') AS ancestor_ids, c.catalog_id, false AS curates, false AS beneath, ",
        grants_on!("array_append(coalesce(n.ancestor_ids, '{}') || c.catalog_id || t.table_id, '00000000-0000-0000-0000-000000000000'::uuid)", "$1"),
        " AS grants, e.policy, e.directory,
             t.kind AS table_kind, t.metadata_location, t.changed_at, t.location, t.schema_version, t.last_field_id, t.protected, ",
        place_at!("t.location"), " AS storage
         FROM epoch e
         LEFT JOIN locked t ON true
         LEFT JOIN catalog c ON c.name = $2
         LEFT JOIN namespace n ON n.catalog_id = c.catalog_id AND n.path = $3"
    );

    /// $1 members, $2 catalog, $3 path, $4 name, $5 kind, $6 only referenced snapshots
    LOAD = concat!(
        "SELECT 'table' AS kind, t.table_id AS object_id, coalesce(n.ancestor_ids, '{}') AS ancestor_ids, c.catalog_id, false AS curates, false AS beneath, ",
        grants_on!("array_append(coalesce(n.ancestor_ids, '{}') || c.catalog_id || t.table_id, '00000000-0000-0000-0000-000000000000'::uuid)", "$1"),
        " AS grants, m.metadata_location, m.changed_at, CASE WHEN $6 AND m.refs IS NOT NULL THEN m.refs ELSE m.metadata END AS text,
             t.location, ", place_at!("t.location"), " AS place
         FROM (SELECT 1) AS one
         LEFT JOIN catalog c ON c.name = $2
         LEFT JOIN namespace n ON n.catalog_id = c.catalog_id AND n.path = $3
         LEFT JOIN lake_table t ON t.namespace_id = n.namespace_id AND t.name = $4 AND t.kind = $5
         LEFT JOIN iceberg_metadata m ON m.table_id = t.table_id"
    );

    METADATA = "SELECT metadata_location, metadata AS text, changed_at FROM iceberg_metadata WHERE table_id = $1";

    INSERT = "WITH made AS (
             INSERT INTO lake_table (table_id, namespace_id, name, kind, format, location, schema_version, last_field_id, row_count, byte_count,
                 file_count, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, $10, $11, $11)
             RETURNING table_id
         )
         INSERT INTO iceberg_metadata (table_id, metadata_location, metadata, refs, changed_at)
         SELECT table_id, $12, $13, $14, $11 FROM made";

    IS_TAKEN = "SELECT EXISTS (SELECT 1 FROM lake_table WHERE namespace_id = $1 AND name = $2)";

    SET_VERSION = "UPDATE lake_table SET schema_version = $2, last_field_id = $3, location = $4 WHERE table_id = $1";

    RENAME = "UPDATE lake_table SET namespace_id = $2, name = $3, updated_at = $4 WHERE table_id = $1";
    MOVE_GRANTS = "UPDATE access_grant SET container_ids = $2 WHERE resource_id = $1 AND container_ids <> $2 AND revoked_at IS NULL";

    KIND = "SELECT kind FROM lake_table WHERE table_id = $1";

    /// $1 members, $2 now, $3 chain, $4 privileges, $5 namespace, $6 kind, $7 after, $8 limit. Who may see everything gets it
    /// in the order of the names; who may see some gets what its grants in this namespace name, in the same order. Either way a
    /// page costs what is on it, however many tables and grants there are.
    NAMES = concat!(
        "WITH everywhere AS (
             SELECT EXISTS (SELECT 1 FROM access_grant g WHERE g.principal_id = ANY($1) AND g.resource_id = ANY($3) AND g.privileges && $4 AND ",
        valid_grant!("$2"), ") AS yes
         )
         (SELECT t.name FROM lake_table t
          WHERE (SELECT yes FROM everywhere) AND t.namespace_id = $5 AND t.kind = $6 AND t.name > $7
          ORDER BY t.name LIMIT $8)
         UNION ALL
         (SELECT DISTINCT held.table_name FROM unnest($1) AS member (principal_id) CROSS JOIN LATERAL (
              SELECT DISTINCT g.table_name FROM access_grant g
              WHERE NOT (SELECT yes FROM everywhere) AND g.principal_id = member.principal_id AND g.container_ids[1] = $5
                  AND g.table_kind = $6 AND g.table_name > $7 AND g.privileges && $4 AND ", valid_grant!("$2"), "
              ORDER BY g.table_name LIMIT $8) AS held
          ORDER BY held.table_name LIMIT $8)
         ORDER BY name LIMIT $8"
    );
}
