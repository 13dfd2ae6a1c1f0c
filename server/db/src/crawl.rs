//! What a crawl writes into the catalog, in the transaction of its permit, and what it compares with.

use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;
use weir_core::authz::{Permit, Verb, verbs};
use weir_core::catalog::Format;
use weir_core::crawl::RunChange;
use weir_core::id::{CrawlerId, FieldId, RunId, TableId};
use weir_core::resource::ResourceKind;
use weir_core::schema::Schema;
use weir_core::{Error, Result};

use crate::error::map;
use crate::json::word;
use crate::resolve::expect_kind;
use crate::{Db, Write};

/// A table as the crawler left it.
#[derive(Debug, Clone)]
pub struct KnownTable {
    pub id: TableId,
    pub name: String,
    pub location: String,
    pub format: Format,
    pub fingerprint: String,
    pub version: i32,
    pub last_field: FieldId,
    pub missing: bool,
    /// Does no crawler keep it any more?
    pub orphan: bool,
    pub schema: Schema,
}

/// The tables that a crawler keeps in the namespace of the permit, and those that no crawler keeps any more, which it may
/// take over where it finds their files.
pub async fn known_tables(
    db: &Db,
    permit: &Permit<verbs::CreateTable>,
    crawler: CrawlerId,
) -> Result<Vec<KnownTable>> {
    let namespace = expect_kind(permit.object(), ResourceKind::Namespace)?;
    let rows: Vec<KnownRow> = sqlx::query_as(KNOWN_TABLES)
        .bind(namespace)
        .bind(crawler.as_uuid())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    rows.into_iter()
        .map(|row| {
            Ok(KnownTable {
                id: TableId::from_uuid(row.table_id),
                name: row.name,
                location: row.location,
                format: word(Format::parse, &row.format)?,
                fingerprint: row.fingerprint,
                version: row.schema_version,
                last_field: FieldId(row.last_field_id),
                missing: row.missing,
                orphan: row.orphan,
                schema: row.schema.0,
            })
        })
        .collect()
}

/// A partition as a crawl found it.
#[derive(Debug, Clone)]
pub struct FoundPartition {
    pub key: String,
    pub values: Vec<String>,
    pub files: i64,
    pub bytes: i64,
    pub rows: Option<i64>,
    pub fingerprint: String,
}

/// How many partitions a change added, altered and removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartitionCounts {
    pub added: i64,
    pub changed: i64,
    pub removed: i64,
}

/// Makes the table's partitions those in `found`, writing only what differs.
pub async fn set_partitions<P: Verb>(
    write: &mut Write<P>,
    table: TableId,
    found: &[FoundPartition],
) -> Result<PartitionCounts> {
    let now = write.now();
    let keys: Vec<&str> = found
        .iter()
        .map(|partition| partition.key.as_str())
        .collect();
    let removed = sqlx::query(REMOVE_PARTITIONS)
        .bind(table.as_uuid())
        .bind(&keys)
        .execute(write.connection())
        .await
        .map_err(map)?;
    let mut counts = PartitionCounts {
        removed: i64::try_from(removed.rows_affected()).unwrap_or(i64::MAX),
        ..PartitionCounts::default()
    };
    for chunk in found.chunks(5000) {
        // An array of arrays must be rectangular in Postgres; the values of one partition travel as JSON instead.
        let values: Vec<Json<&Vec<String>>> = chunk
            .iter()
            .map(|partition| Json(&partition.values))
            .collect();
        let inserted: Vec<bool> = sqlx::query_scalar(UPSERT_PARTITIONS)
            .bind(table.as_uuid())
            .bind(
                chunk
                    .iter()
                    .map(|partition| partition.key.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(values)
            .bind(
                chunk
                    .iter()
                    .map(|partition| partition.files)
                    .collect::<Vec<_>>(),
            )
            .bind(
                chunk
                    .iter()
                    .map(|partition| partition.bytes)
                    .collect::<Vec<_>>(),
            )
            .bind(
                chunk
                    .iter()
                    .map(|partition| partition.rows)
                    .collect::<Vec<_>>(),
            )
            .bind(
                chunk
                    .iter()
                    .map(|partition| partition.fingerprint.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(now)
            .fetch_all(write.connection())
            .await
            .map_err(map)?;
        let added = inserted.iter().filter(|inserted| **inserted).count();
        counts.added += i64::try_from(added).unwrap_or(i64::MAX);
        counts.changed += i64::try_from(inserted.len() - added).unwrap_or(i64::MAX);
    }
    Ok(counts)
}

/// Errors: the run is no longer this worker's, so that nothing it still wants to write may be written.
pub async fn hold<P: Verb>(write: &mut Write<P>, run: RunId, worker: Uuid) -> Result<()> {
    let held: Option<i32> = sqlx::query_scalar(HOLD)
        .bind(run.as_uuid())
        .bind(worker)
        .fetch_optional(write.connection())
        .await
        .map_err(map)?;
    held.map(drop)
        .ok_or_else(|| Error::conflict("The run was taken over by another worker."))
}

/// Notes in the run's report what was done to a table, in the transaction that does it.
pub async fn add_change<P: Verb>(
    write: &mut Write<P>,
    run: RunId,
    change: &RunChange,
) -> Result<()> {
    sqlx::query(ADD_CHANGE)
        .bind(run.as_uuid())
        .bind(change.table_id.as_uuid())
        .bind(&change.table)
        .bind(change.kind.as_str())
        .bind(change.version)
        .bind(&change.lines)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

#[derive(FromRow)]
struct KnownRow {
    table_id: Uuid,
    name: String,
    location: String,
    format: String,
    fingerprint: String,
    schema_version: i32,
    last_field_id: i32,
    missing: bool,
    orphan: bool,
    schema: Json<Schema>,
}

statements! {
    HOLD = "SELECT 1 FROM crawler_run WHERE run_id = $1 AND worker = $2 AND state = 'running' FOR SHARE";

    KNOWN_TABLES = "SELECT t.table_id, t.name, t.location, t.format, t.fingerprint, t.schema_version, t.last_field_id, t.missing_since IS NOT NULL AS missing, t.crawler_id IS NULL AS orphan, v.schema
         FROM lake_table t JOIN schema_version v ON v.table_id = t.table_id AND v.number = t.schema_version
         WHERE t.namespace_id = $1 AND (t.crawler_id = $2 OR t.crawler_id IS NULL)";

    REMOVE_PARTITIONS = "DELETE FROM partition WHERE table_id = $1 AND key <> ALL($2)";

    /// $1 table, $2 keys, $3 values, $4 files, $5 bytes, $6 rows, $7 fingerprints, $8 now. Returns whether each row written is new.
    UPSERT_PARTITIONS = "INSERT INTO partition (table_id, key, values, file_count, byte_count, row_count, fingerprint, first_seen_at, changed_at)
         SELECT $1, p.key, ARRAY(SELECT json_array_elements_text(p.values)), p.files, p.bytes, p.rows, p.fingerprint, $8, $8
         FROM unnest($2::text[], $3::json[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[]) AS p (key, values, files, bytes, rows, fingerprint)
         ON CONFLICT ON CONSTRAINT partition_pkey DO UPDATE SET file_count = excluded.file_count, byte_count = excluded.byte_count,
             row_count = excluded.row_count, fingerprint = excluded.fingerprint, changed_at = excluded.changed_at
         WHERE partition.fingerprint <> excluded.fingerprint
         RETURNING xmax = 0";

    ADD_CHANGE = "INSERT INTO run_change (run_id, seq, table_id, name, kind, version, lines)
         SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6 FROM run_change WHERE run_id = $1";
}
