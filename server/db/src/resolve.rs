//! From a name to facts: ids, what they lie in, and the caller's grants on them. Never content.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;
use weir_core::Result;
use weir_core::authz::Facts;
use weir_core::id::{GrantId, TableId};
use weir_core::name::{Name, NamespaceIdent, TableIdent};
use weir_core::principal::Caller;
use weir_core::resource::{Resource, ResourceKind};

use crate::Db;
use crate::error::map;
use crate::json::{GrantJson, corrupt, word};

/// What a caller asks for, by name.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    Server,
    Catalog(&'a Name),
    Namespace(&'a NamespaceIdent),
    Table(&'a TableIdent),
    Location(&'a Name),
    Crawler(&'a Name),
    /// The object that a grant is on.
    Grant(GrantId),
}

impl Target<'_> {
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::Server | Self::Grant(_) => ResourceKind::Server,
            Self::Catalog(_) => ResourceKind::Catalog,
            Self::Namespace(_) => ResourceKind::Namespace,
            Self::Table(_) => ResourceKind::Table,
            Self::Location(_) => ResourceKind::Location,
            Self::Crawler(_) => ResourceKind::Crawler,
        }
    }

    /// As the caller spelled it, for the audit trail.
    pub fn name(&self) -> String {
        match self {
            Self::Server => String::new(),
            Self::Catalog(name) | Self::Location(name) | Self::Crawler(name) => name.to_string(),
            Self::Namespace(ident) => ident.to_string(),
            Self::Table(ident) => ident.to_string(),
            Self::Grant(id) => id.to_string(),
        }
    }
}

/// The facts about `target` for `caller`, in one statement.
pub async fn facts(
    db: &Db,
    target: Target<'_>,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Facts> {
    let mut connection = db.pool().acquire().await.map_err(map)?;
    facts_in(&mut connection, target, caller, now).await
}

/// The facts about a table by its id, for somebody who was given something for it. A dropped one is absent.
pub async fn facts_of(
    db: &Db,
    table: TableId,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Facts> {
    let row = sqlx::query(TABLE_BY_ID)
        .bind(members(caller))
        .bind(table.as_uuid())
        .fetch_one(db.pool())
        .await
        .map_err(map)?;
    read(&row, now)
}

pub(crate) async fn facts_in(
    connection: &mut PgConnection,
    target: Target<'_>,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Facts> {
    let members = members(caller);
    let row = match target {
        Target::Server => {
            sqlx::query(SERVER)
                .bind(members)
                .bind(now)
                .fetch_one(connection)
                .await
        }
        Target::Catalog(name) => {
            sqlx::query(CATALOG)
                .bind(members)
                .bind(now)
                .bind(name.as_str())
                .fetch_one(connection)
                .await
        }
        Target::Namespace(ident) => {
            sqlx::query(NAMESPACE)
                .bind(members)
                .bind(now)
                .bind(ident.catalog.as_str())
                .bind(ident.path.to_strings())
                .fetch_one(connection)
                .await
        }
        Target::Table(ident) => {
            sqlx::query(TABLE)
                .bind(members)
                .bind(ident.namespace.catalog.as_str())
                .bind(ident.namespace.path.to_strings())
                .bind(ident.name.as_str())
                .fetch_one(connection)
                .await
        }
        Target::Location(name) => {
            sqlx::query(LOCATION)
                .bind(members)
                .bind(name.as_str())
                .fetch_one(connection)
                .await
        }
        Target::Crawler(name) => {
            sqlx::query(CRAWLER)
                .bind(members)
                .bind(name.as_str())
                .fetch_one(connection)
                .await
        }
        Target::Grant(id) => {
            sqlx::query(GRANT)
                .bind(members)
                .bind(id.as_uuid())
                .fetch_one(connection)
                .await
        }
    }
    .map_err(map)?;
    read(&row, now)
}

/// Locks the row of `target` until the transaction ends, so that what is decided and what is written are about the same object.
pub(crate) async fn lock(connection: &mut PgConnection, target: Target<'_>) -> Result<()> {
    let query = match target {
        Target::Server => return Ok(()),
        Target::Catalog(name) => sqlx::query(LOCK_CATALOG).bind(name.as_str().to_owned()),
        Target::Namespace(ident) => sqlx::query(LOCK_NAMESPACE)
            .bind(ident.catalog.as_str().to_owned())
            .bind(ident.path.to_strings()),
        Target::Table(ident) => sqlx::query(LOCK_TABLE)
            .bind(ident.namespace.catalog.as_str().to_owned())
            .bind(ident.namespace.path.to_strings())
            .bind(ident.name.as_str().to_owned()),
        Target::Location(name) => sqlx::query(LOCK_LOCATION).bind(name.as_str().to_owned()),
        Target::Crawler(name) => sqlx::query(LOCK_CRAWLER).bind(name.as_str().to_owned()),
        Target::Grant(id) => sqlx::query(LOCK_GRANT).bind(id.as_uuid()),
    };
    query.execute(connection).await.map(drop).map_err(map)
}

pub(crate) fn members(caller: &Caller) -> Vec<Uuid> {
    caller.member_of.iter().map(|id| id.as_uuid()).collect()
}

/// Reads the columns that every statement of this module has. `chain` begins with the object where there is one.
pub(crate) fn read(row: &PgRow, now: DateTime<Utc>) -> Result<Facts> {
    let kind: String = row.try_get("kind").map_err(map)?;
    let object: Option<Uuid> = row.try_get("object_id").map_err(map)?;
    let namespaces: Vec<Uuid> = row.try_get("ancestor_ids").map_err(map)?;
    let catalog: Option<Uuid> = row.try_get("catalog_id").map_err(map)?;
    let Json(grants): Json<Vec<GrantJson>> = row.try_get("grants").map_err(map)?;

    let object = object
        .map(|id| word(ResourceKind::parse, &kind).map(|kind| Resource::new(kind, id)))
        .transpose()?;
    let mut chain: Vec<Resource> = object.into_iter().collect();
    chain.extend(
        namespaces
            .into_iter()
            .map(|id| Resource::new(ResourceKind::Namespace, id)),
    );
    chain.extend(catalog.map(|id| Resource::new(ResourceKind::Catalog, id)));
    chain.push(Resource::SERVER);
    chain.dedup();
    Ok(Facts {
        object,
        chain,
        grants: grants
            .into_iter()
            .map(GrantJson::into_fact)
            .collect::<Result<_>>()?,
        beneath: row.try_get("beneath").map_err(map)?,
        curates: row.try_get("curates").map_err(map)?,
        now,
    })
}

/// A grant's chain is kept with it; the kinds of its containers follow from the kind of what it is on.
pub(crate) fn container_ids(chain: &[Resource]) -> Vec<Uuid> {
    chain.iter().skip(1).map(|resource| resource.id).collect()
}

/// Errors: a permit that is about another kind of object than the statement; a defect of the caller of this crate.
pub(crate) fn expect_kind(resource: Resource, kind: ResourceKind) -> Result<Uuid> {
    if resource.kind == kind {
        Ok(resource.id)
    } else {
        Err(corrupt("a permit for another kind of object"))
    }
}

statements! {
    /// $1 members, $2 now
    SERVER = concat!(
        "SELECT 'server' AS kind, '00000000-0000-0000-0000-000000000000'::uuid AS object_id, '{}'::uuid[] AS ancestor_ids, NULL::uuid AS catalog_id,
                false AS beneath,
                EXISTS (SELECT 1 FROM access_grant g WHERE g.principal_id = ANY($1) AND g.privileges && ARRAY['ANNOTATE', 'MANAGE_GRANTS', 'ALL'] AND ",
        valid_grant!("$2"), ") AS curates, ",
        grants_on!("ARRAY['00000000-0000-0000-0000-000000000000'::uuid]", "$1"), " AS grants"
    );

    /// $1 members, $2 now, $3 name
    CATALOG = concat!(
        "SELECT 'catalog' AS kind, c.catalog_id AS object_id, '{}'::uuid[] AS ancestor_ids, NULL::uuid AS catalog_id, false AS curates,
                EXISTS (SELECT 1 FROM access_grant g WHERE g.principal_id = ANY($1) AND c.catalog_id = ANY(g.container_ids) AND ",
        valid_grant!("$2"), ") AS beneath, ",
        grants_on!("ARRAY[c.catalog_id, '00000000-0000-0000-0000-000000000000'::uuid]", "$1"), " AS grants
         FROM (SELECT 1) AS one LEFT JOIN catalog c ON c.name = $3"
    );

    /// $1 members, $2 now, $3 catalog, $4 path
    NAMESPACE = concat!(
        "SELECT 'namespace' AS kind, n.namespace_id AS object_id, coalesce(n.ancestor_ids[2:], '{}') AS ancestor_ids, c.catalog_id, false AS curates,
                EXISTS (SELECT 1 FROM access_grant g WHERE g.principal_id = ANY($1) AND n.namespace_id = ANY(g.container_ids) AND ",
        valid_grant!("$2"), ") AS beneath, ",
        grants_on!("array_append(coalesce(n.ancestor_ids, '{}') || c.catalog_id, '00000000-0000-0000-0000-000000000000'::uuid)", "$1"), " AS grants
         FROM (SELECT 1) AS one
         LEFT JOIN catalog c ON c.name = $3
         LEFT JOIN namespace n ON n.catalog_id = c.catalog_id AND n.path = $4"
    );

    /// $1 members, $2 catalog, $3 path, $4 name
    TABLE = concat!(
        "SELECT 'table' AS kind, t.table_id AS object_id, coalesce(n.ancestor_ids, '{}') AS ancestor_ids, c.catalog_id, false AS curates, false AS beneath, ",
        grants_on!("array_append(coalesce(n.ancestor_ids, '{}') || c.catalog_id || t.table_id, '00000000-0000-0000-0000-000000000000'::uuid)", "$1"),
        " AS grants
         FROM (SELECT 1) AS one
         LEFT JOIN catalog c ON c.name = $2
         LEFT JOIN namespace n ON n.catalog_id = c.catalog_id AND n.path = $3
         LEFT JOIN lake_table t ON t.namespace_id = n.namespace_id AND t.name = $4"
    );

    /// $1 members, $2 table
    TABLE_BY_ID = concat!(
        "SELECT 'table' AS kind, CASE WHEN n.namespace_id IS NOT NULL THEN t.table_id END AS object_id,
                coalesce(n.ancestor_ids, '{}') AS ancestor_ids, n.catalog_id, false AS curates, false AS beneath, ",
        grants_on!("array_append(coalesce(n.ancestor_ids, '{}') || n.catalog_id || t.table_id, '00000000-0000-0000-0000-000000000000'::uuid)", "$1"),
        " AS grants
         FROM (SELECT 1) AS one
         LEFT JOIN lake_table t ON t.table_id = $2 AND t.dropped_at IS NULL
         LEFT JOIN namespace n ON n.namespace_id = t.namespace_id"
    );

    /// $1 members, $2 name
    LOCATION = concat!(
        "SELECT 'location' AS kind, l.location_id AS object_id, '{}'::uuid[] AS ancestor_ids, NULL::uuid AS catalog_id, false AS curates, false AS beneath, ",
        grants_on!("ARRAY[l.location_id, '00000000-0000-0000-0000-000000000000'::uuid]", "$1"), " AS grants
         FROM (SELECT 1) AS one LEFT JOIN storage_location l ON l.name = $2"
    );

    /// $1 members, $2 name
    CRAWLER = concat!(
        "SELECT 'crawler' AS kind, c.crawler_id AS object_id, '{}'::uuid[] AS ancestor_ids, NULL::uuid AS catalog_id, false AS curates, false AS beneath, ",
        grants_on!("ARRAY[c.crawler_id, '00000000-0000-0000-0000-000000000000'::uuid]", "$1"), " AS grants
         FROM (SELECT 1) AS one LEFT JOIN crawler c ON c.name = $2"
    );

    /// $1 members, $2 grant. The containers of a table are namespaces, then the catalog, then the server.
    GRANT = concat!(
        "SELECT coalesce(r.resource_kind, 'server') AS kind, r.resource_id AS object_id,
                CASE WHEN r.resource_kind IN ('table', 'namespace') THEN trim_array(r.container_ids, 2) ELSE '{}' END AS ancestor_ids,
                CASE WHEN r.resource_kind IN ('table', 'namespace') THEN r.container_ids[cardinality(r.container_ids) - 1] END AS catalog_id,
                false AS curates, false AS beneath, ",
        grants_on!("array_append(r.container_ids || r.resource_id, '00000000-0000-0000-0000-000000000000'::uuid)", "$1"), " AS grants
         FROM (SELECT 1) AS one LEFT JOIN access_grant r ON r.grant_id = $2 AND r.revoked_at IS NULL"
    );

    LOCK_CATALOG = "SELECT 1 FROM catalog WHERE name = $1 FOR NO KEY UPDATE";
    LOCK_NAMESPACE = "SELECT 1 FROM namespace n JOIN catalog c USING (catalog_id) WHERE c.name = $1 AND n.path = $2 FOR NO KEY UPDATE OF n";
    LOCK_TABLE = "SELECT 1 FROM lake_table t JOIN namespace n USING (namespace_id) JOIN catalog c USING (catalog_id)
         WHERE c.name = $1 AND n.path = $2 AND t.name = $3 FOR NO KEY UPDATE OF t";
    LOCK_LOCATION = "SELECT 1 FROM storage_location WHERE name = $1 FOR NO KEY UPDATE";
    LOCK_CRAWLER = "SELECT 1 FROM crawler WHERE name = $1 FOR NO KEY UPDATE";
    LOCK_GRANT = "SELECT 1 FROM access_grant WHERE grant_id = $1 FOR NO KEY UPDATE";
}
