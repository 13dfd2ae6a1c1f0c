//! Partitions, as readers page through them.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use weir_core::Result;
use weir_core::authz::{Permit, verbs};
use weir_core::catalog::Partition;
use weir_core::page::{Page, PageRequest};
use weir_core::resource::ResourceKind;

use crate::Db;
use crate::error::map;
use crate::resolve::expect_kind;

/// The partitions of a table by key. The caller has checked that the permit reaches the columns whose values they show.
pub async fn list(
    db: &Db,
    permit: &Permit<verbs::Describe>,
    page: &PageRequest,
) -> Result<Page<Partition>> {
    let table = expect_kind(permit.object(), ResourceKind::Table)?;
    let rows: Vec<PartitionRow> = sqlx::query_as(LIST)
        .bind(table)
        .bind(page.after().unwrap_or_default())
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(Page::cut(
        rows.into_iter().map(Partition::from).collect(),
        page,
        |partition| partition.key.clone(),
    ))
}

#[derive(FromRow)]
struct PartitionRow {
    key: String,
    values: Vec<String>,
    file_count: i64,
    byte_count: i64,
    row_count: Option<i64>,
    first_seen_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl From<PartitionRow> for Partition {
    fn from(row: PartitionRow) -> Self {
        Self {
            key: row.key,
            values: row.values,
            files: row.file_count,
            bytes: row.byte_count,
            rows: row.row_count,
            first_seen_at: row.first_seen_at,
            changed_at: row.changed_at,
        }
    }
}

statements! {
    LIST = "SELECT key, values, file_count, byte_count, row_count, first_seen_at, changed_at FROM partition
         WHERE table_id = $1 AND key > $2 ORDER BY key LIMIT $3";
}
