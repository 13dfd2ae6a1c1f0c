//! Tables: found and described by readers, made and changed by crawlers.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use uuid::Uuid;
use weir_core::Result;
use weir_core::authz::{Facts, Permit, Verb, verbs};
use weir_core::catalog::{
    Annotations, Column, Format, Origin, Table, TableKind, TableSummary, VersionChange,
};
use weir_core::id::{CrawlerId, FieldId, TableId};
use weir_core::name::{Name, TableIdent};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::privilege::PrivilegeSet;
use weir_core::resource::{Resource, ResourceKind};
use weir_core::schema::{Schema, SchemaChange, flatten, project};

use crate::error::map;
use crate::json::{AnnotationJson, AnnotationsByField, corrupt, word};
use crate::resolve::{expect_kind, members, read};
use crate::{Db, Write};

/// A table's content fetched together with its facts, in one round trip. It opens only to a permit for that very table.
#[must_use]
#[derive(Debug)]
pub struct Sealed {
    object: Option<Resource>,
    row: Option<Content>,
}

#[derive(Debug)]
struct Content {
    head: HeadRow,
    annotations: AnnotationsByField,
    catalog: String,
    namespace: Vec<String>,
    location: String,
    partition_keys: Vec<i32>,
    schema: Schema,
    created_at: DateTime<Utc>,
    protected: bool,
    missing_since: Option<DateTime<Utc>>,
    crawled_at: Option<DateTime<Utc>>,
    crawler_id: Option<Uuid>,
}

/// The facts about a table and its sealed content, in one statement.
pub async fn sealed(
    db: &Db,
    ident: &TableIdent,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(Facts, Sealed)> {
    let row = sqlx::query(DESCRIBE)
        .bind(members(caller))
        .bind(ident.namespace.catalog.as_str())
        .bind(ident.namespace.path.to_strings())
        .bind(ident.name.as_str())
        .fetch_one(db.pool())
        .await
        .map_err(map)?;
    let facts = read(&row, now)?;
    let content = match facts.object {
        None => None,
        Some(_) => Some(Content {
            head: HeadRow::from_row(&row).map_err(map)?,
            annotations: row
                .try_get::<Json<Vec<AnnotationJson>>, _>("annotations")
                .map_err(map)?
                .0
                .into_iter()
                .collect(),
            catalog: ident.namespace.catalog.to_string(),
            namespace: ident.namespace.path.to_strings(),
            location: row.try_get("location").map_err(map)?,
            partition_keys: row.try_get("partition_keys").map_err(map)?,
            schema: row.try_get::<Json<Schema>, _>("schema").map_err(map)?.0,
            created_at: row.try_get("created_at").map_err(map)?,
            protected: row.try_get("protected").map_err(map)?,
            missing_since: row.try_get("missing_since").map_err(map)?,
            crawled_at: row.try_get("crawled_at").map_err(map)?,
            crawler_id: row.try_get("crawler_id").map_err(map)?,
        }),
    };
    Ok((
        facts.clone(),
        Sealed {
            object: facts.object,
            row: content,
        },
    ))
}

impl Sealed {
    /// What the content rests on beside the grants: the table, and the crawler that tells when it was crawled.
    pub fn rests_on(&self) -> Vec<Uuid> {
        let crawler = self.row.as_ref().and_then(|content| content.crawler_id);
        self.object
            .map(|object| object.id)
            .into_iter()
            .chain(crawler)
            .collect()
    }

    /// The table, cut to the columns that the permit reaches.
    pub fn open(&self, permit: &Permit<verbs::Describe>) -> Result<Table> {
        let content = self
            .row
            .as_ref()
            .filter(|_| self.object == Some(permit.object()));
        content
            .ok_or_else(|| corrupt("a permit for another table"))?
            .cut(permit)
    }

    /// Does the permit reach every column that the table is partitioned by?
    pub fn shows_partition_keys(&self, permit: &Permit<verbs::Describe>) -> Result<bool> {
        let content = self
            .row
            .as_ref()
            .filter(|_| self.object == Some(permit.object()))
            .ok_or_else(|| corrupt("a permit for another table"))?;
        let visible = project(&content.schema, permit.columns());
        Ok(content
            .partition_keys
            .iter()
            .all(|id| visible.find(FieldId(*id)).is_some()))
    }
}

impl Content {
    fn cut(&self, permit: &Permit<verbs::Describe>) -> Result<Table> {
        let restricted = !permit.columns().is_all();
        let visible = project(&self.schema, permit.columns());
        let columns = flatten(&visible)
            .into_iter()
            .map(|row| Column {
                id: row.id,
                parent: row.parent,
                partition_key: self.partition_keys.contains(&row.id.0),
                annotations: self.annotations.get(row.id),
                path: row.path,
                name: row.name,
                depth: row.depth,
                data_type: row.data_type,
                required: row.required,
                doc: row.doc,
            })
            .collect();
        Ok(Table {
            summary: self
                .head
                .clone()
                .into_summary(self.annotations.get(FieldId::UNASSIGNED))?,
            catalog: self.catalog.clone(),
            namespace: self.namespace.clone(),
            location: (!restricted).then(|| self.location.clone()),
            created_at: self.created_at,
            columns,
            restricted,
            protected: self.protected,
            missing_since: self.missing_since,
            crawled_at: self.crawled_at,
        })
    }
}

/// The tables of a namespace that the caller may describe. `describing` are the privileges that let it.
pub async fn list(
    db: &Db,
    permit: &Permit<verbs::Browse>,
    describing: PrivilegeSet,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<TableSummary>> {
    let namespace = expect_kind(permit.object(), ResourceKind::Namespace)?;
    let members: Vec<Uuid> = permit.member_of().iter().map(|id| id.as_uuid()).collect();
    let chain: Vec<Uuid> = permit
        .chain()
        .iter()
        .map(|container| container.id)
        .collect();
    let rows: Vec<SummaryRow> = sqlx::query_as(LIST)
        .bind(members)
        .bind(now)
        .bind(chain)
        .bind(describing.names())
        .bind(namespace)
        .bind(page.after().unwrap_or_default())
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let tables = rows
        .into_iter()
        .map(SummaryRow::into_own_summary)
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(tables, page, |table| table.name.clone()))
}

/// Does the table have a column of this id now, all of it within the permit's reach?
pub async fn has_column<P: Verb>(write: &mut Write<P>, field: FieldId) -> Result<bool> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    let Json(schema): Json<Schema> = sqlx::query_scalar(SCHEMA)
        .bind(table)
        .fetch_one(write.connection())
        .await
        .map_err(map)?;
    // As a whole: what is said of a column is said of all of its parts.
    let visible = project(&schema, write.permit().columns());
    let part = visible.find(field).map(|it| &it.data_type);
    Ok(part.is_some() && part == schema.find(field).map(|it| &it.data_type))
}

/// What a crawler keeps of a table beside its schema.
#[derive(Debug, Clone)]
pub struct Shape<'a> {
    pub format: Format,
    pub location: String,
    pub partition_keys: Vec<i32>,
    pub rows: Option<i64>,
    pub bytes: i64,
    pub files: i64,
    pub crawler: CrawlerId,
    pub fingerprint: &'a str,
}

/// Creates an external table in the namespace of the permit; its first version follows by [`add_version`].
pub async fn create(
    write: &mut Write<verbs::CreateTable>,
    name: &Name,
    last_field: FieldId,
    shape: &Shape<'_>,
) -> Result<TableId> {
    let namespace = expect_kind(write.permit().object(), ResourceKind::Namespace)?;
    let (id, now) = (TableId::new(), write.now());
    sqlx::query(INSERT)
        .bind(id.as_uuid())
        .bind(namespace)
        .bind(name.as_str())
        .bind(TableKind::External.as_str())
        .bind(shape.format.as_str())
        .bind(&shape.location)
        .bind(&shape.partition_keys)
        .bind(last_field.0)
        .bind(shape.rows)
        .bind(shape.bytes)
        .bind(shape.files)
        .bind(shape.crawler.as_uuid())
        .bind(shape.fingerprint)
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    Ok(id)
}

/// Describes the same table's files anew. `version` is the number of the schema that holds from now on.
pub async fn update(
    write: &mut Write<verbs::Alter>,
    version: i32,
    last_field: FieldId,
    shape: &Shape<'_>,
) -> Result<()> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    let now = write.now();
    sqlx::query(UPDATE)
        .bind(table)
        .bind(version)
        .bind(last_field.0)
        .bind(&shape.partition_keys)
        .bind(shape.rows)
        .bind(shape.bytes)
        .bind(shape.files)
        .bind(shape.fingerprint)
        .bind(now)
        .bind(shape.crawler.as_uuid())
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// Marks whether the table's files are gone from storage.
pub async fn set_missing(write: &mut Write<verbs::Alter>, missing: bool) -> Result<()> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    let since = missing.then_some(write.now());
    sqlx::query(SET_MISSING)
        .bind(table)
        .bind(since)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// Adds a schema version with its diff and keeps the columns' register.
pub async fn add_version<P: Verb>(
    write: &mut Write<P>,
    table: TableId,
    number: i32,
    schema: &Schema,
    changes: &[SchemaChange],
    origin: Origin,
    made_by_name: &str,
) -> Result<()> {
    let (made_by, now) = (write.permit().caller(), write.now());
    let mut lines: Vec<VersionChange> = changes.iter().map(VersionChange::from).collect();
    // The first version breaks no reader, as there was none.
    lines.iter_mut().for_each(|line| line.safe |= number == 1);
    sqlx::query(ADD_VERSION)
        .bind(table.as_uuid())
        .bind(number)
        .bind(Json(schema))
        .bind(Json(lines))
        .bind(origin.as_str())
        .bind(made_by.as_uuid())
        .bind(made_by_name)
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    let rows = flatten(schema);
    sqlx::query(KEEP_COLUMNS)
        .bind(table.as_uuid())
        .bind(rows.iter().map(|row| row.id.0).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|row| row.parent.map(|parent| parent.0))
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|row| row.path.clone()).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|row| row.data_type.to_string())
                .collect::<Vec<_>>(),
        )
        .bind(number)
        .execute(write.connection())
        .await
        .map_err(map)?;
    sqlx::query(END_COLUMNS)
        .bind(table.as_uuid())
        .bind(rows.iter().map(|row| row.id.0).collect::<Vec<_>>())
        .bind(number)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// Drops the table from the catalog with everything that hangs on it; its files stay.
pub async fn remove(write: &mut Write<verbs::Drop>) -> Result<()> {
    let table = expect_kind(write.permit().object(), ResourceKind::Table)?;
    sqlx::query(DELETE)
        .bind(table)
        .execute(write.connection())
        .await
        .map_err(map)?;
    crate::annotation::remove_all(write, table).await?;
    crate::grant::revoke_all_on(write, Resource::new(ResourceKind::Table, table)).await
}

#[derive(Debug, Clone, FromRow)]
struct HeadRow {
    table_id: Uuid,
    name: String,
    table_kind: String,
    format: String,
    schema_version: i32,
    row_count: Option<i64>,
    byte_count: i64,
    file_count: i64,
    updated_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct SummaryRow {
    #[sqlx(flatten)]
    head: HeadRow,
    annotations: Json<Vec<AnnotationJson>>,
}

impl std::fmt::Debug for SummaryRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.head.fmt(f)
    }
}

impl SummaryRow {
    fn into_own_summary(self) -> Result<TableSummary> {
        let own = self
            .annotations
            .0
            .into_iter()
            .collect::<AnnotationsByField>()
            .take(FieldId::UNASSIGNED);
        self.head.into_summary(own)
    }
}

impl HeadRow {
    fn into_summary(self, annotations: Annotations) -> Result<TableSummary> {
        Ok(TableSummary {
            id: TableId::from_uuid(self.table_id),
            name: self.name,
            kind: word(TableKind::parse, &self.table_kind)?,
            format: word(Format::parse, &self.format)?,
            version: self.schema_version,
            rows: self.row_count,
            bytes: self.byte_count,
            files: self.file_count,
            updated_at: self.updated_at,
            annotations,
        })
    }
}

statements! {
    /// $1 members, $2 catalog, $3 path, $4 name
    DESCRIBE = concat!(
        "SELECT 'table' AS kind, t.table_id AS object_id, coalesce(n.ancestor_ids, '{}') AS ancestor_ids, c.catalog_id, false AS curates, false AS beneath, ",
        grants_on!("array_append(coalesce(n.ancestor_ids, '{}') || c.catalog_id || t.table_id, '00000000-0000-0000-0000-000000000000'::uuid)", "$1"),
        " AS grants,
             t.table_id, t.name, t.kind AS table_kind, t.format, t.schema_version, t.row_count, t.byte_count, t.file_count, t.updated_at,
             t.location, t.partition_keys, t.created_at, t.protected, t.missing_since, t.crawler_id, v.schema, ",
        annotations_of!("t.table_id"), " AS annotations,
             (SELECT r.finished_at FROM crawler_run r WHERE r.crawler_id = t.crawler_id AND r.state IN ('succeeded', 'finished_with_problems')
              ORDER BY r.run_id DESC LIMIT 1) AS crawled_at
         FROM (SELECT 1) AS one
         LEFT JOIN catalog c ON c.name = $2
         LEFT JOIN namespace n ON n.catalog_id = c.catalog_id AND n.path = $3
         LEFT JOIN lake_table t ON t.namespace_id = n.namespace_id AND t.name = $4
         LEFT JOIN schema_version v ON v.table_id = t.table_id AND v.number = t.schema_version"
    );

    /// $1 members, $2 now, $3 chain, $4 privileges, $5 namespace, $6 after, $7 limit
    LIST = concat!(
        "WITH everywhere AS (
             SELECT EXISTS (SELECT 1 FROM access_grant g WHERE g.principal_id = ANY($1) AND g.resource_id = ANY($3) AND g.privileges && $4 AND ",
        valid_grant!("$2"), ") AS yes
         )
         SELECT t.table_id, t.name, t.kind AS table_kind, t.format, t.schema_version, t.row_count, t.byte_count, t.file_count, t.updated_at, ",
        annotations_of!("t.table_id AND a.field_id = 0"), " AS annotations
         FROM lake_table t
         WHERE t.namespace_id = $5 AND t.name > $6 AND ((SELECT yes FROM everywhere) OR t.table_id IN (
             SELECT g.resource_id FROM access_grant g
             WHERE g.principal_id = ANY($1) AND g.resource_kind = 'table' AND g.privileges && $4 AND ", valid_grant!("$2"), "))
         ORDER BY t.name LIMIT $7"
    );

    SCHEMA = "SELECT v.schema FROM lake_table t JOIN schema_version v ON v.table_id = t.table_id AND v.number = t.schema_version WHERE t.table_id = $1";

    INSERT = "INSERT INTO lake_table (table_id, namespace_id, name, kind, format, location, partition_keys, schema_version, last_field_id, row_count,
            byte_count, file_count, crawler_id, fingerprint, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $12, $13, $14, $14)";

    UPDATE = "UPDATE lake_table SET schema_version = $2, last_field_id = $3, partition_keys = $4, row_count = $5, byte_count = $6, file_count = $7,
            fingerprint = $8, missing_since = NULL, updated_at = $9, crawler_id = $10
         WHERE table_id = $1";

    SET_MISSING = "UPDATE lake_table SET missing_since = $2 WHERE table_id = $1";

    ADD_VERSION = "INSERT INTO schema_version (table_id, number, schema, changes, origin, made_by, made_by_name, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

    /// $1 table, $2 ids, $3 parents, $4 paths, $5 types, $6 version
    KEEP_COLUMNS = "INSERT INTO lake_column (table_id, field_id, parent_field_id, path, data_type, added_in)
         SELECT $1, c.id, c.parent, c.path, c.type, $6 FROM unnest($2::int[], $3::int[], $4::text[], $5::text[]) AS c (id, parent, path, type)
         ON CONFLICT ON CONSTRAINT lake_column_pkey DO UPDATE
             SET path = excluded.path, data_type = excluded.data_type, parent_field_id = excluded.parent_field_id, removed_in = NULL";

    END_COLUMNS = "UPDATE lake_column SET removed_in = $3 WHERE table_id = $1 AND removed_in IS NULL AND field_id <> ALL($2)";

    DELETE = "DELETE FROM lake_table WHERE table_id = $1";
}
