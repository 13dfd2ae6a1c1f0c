//! Schema versions: numbered, immutable, each with its origin and diff.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use weir_core::authz::{Permit, verbs};
use weir_core::catalog::{Origin, SchemaVersion, VersionChange};
use weir_core::id::FieldId;
use weir_core::page::{Page, PageRequest};
use weir_core::resource::ResourceKind;
use weir_core::schema::{Schema, project};
use weir_core::{Error, Result};

use crate::Db;
use crate::error::map;
use crate::json::word;
use crate::resolve::expect_kind;

/// The newest versions first, each cut to the columns that the permit reaches.
pub async fn list(
    db: &Db,
    permit: &Permit<verbs::Describe>,
    page: &PageRequest,
) -> Result<Page<SchemaVersion>> {
    let table = expect_kind(permit.object(), ResourceKind::Table)?;
    let before = page
        .after()
        .and_then(|cursor| cursor.parse::<i32>().ok())
        .unwrap_or(i32::MAX);
    let rows: Vec<VersionRow> = sqlx::query_as(LIST)
        .bind(table)
        .bind(before)
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let versions = rows
        .into_iter()
        .map(|row| row.into_version(permit))
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(versions, page, |version| {
        version.number.to_string()
    }))
}

/// Errors: no version of this number.
pub async fn get(db: &Db, permit: &Permit<verbs::Describe>, number: i32) -> Result<SchemaVersion> {
    let table = expect_kind(permit.object(), ResourceKind::Table)?;
    let row: Option<VersionRow> = sqlx::query_as(GET)
        .bind(table)
        .bind(number)
        .fetch_optional(db.pool())
        .await
        .map_err(map)?;
    row.ok_or_else(|| Error::not_found(format!("The table has no version {number}.")))?
        .into_version(permit)
}

#[derive(FromRow)]
struct VersionRow {
    number: i32,
    schema: Json<Schema>,
    /// The version before, to tell where a column that is gone stood.
    before: Option<Json<Schema>>,
    changes: Json<Vec<VersionChange>>,
    origin: String,
    made_by_name: String,
    created_at: DateTime<Utc>,
}

impl VersionRow {
    fn into_version(self, permit: &Permit<verbs::Describe>) -> Result<SchemaVersion> {
        let schema = project(&self.schema.0, permit.columns());
        let full_before = self.before.map(|before| before.0).unwrap_or_default();
        let before = project(&full_before, permit.columns());
        let seen = |change: &VersionChange| {
            change.field_id.is_some_and(|id| {
                whole(&schema, &self.schema.0, id) && whole(&before, &full_before, id)
            })
        };
        let changes = self
            .changes
            .0
            .into_iter()
            .filter(|change| permit.columns().is_all() || seen(change))
            .collect();
        Ok(SchemaVersion {
            number: self.number,
            changes,
            schema,
            origin: word(Origin::parse, &self.origin)?,
            made_by: self.made_by_name,
            created_at: self.created_at,
        })
    }
}

/// Is as much of the column visible as there is? A diff line spells its type out, hidden parts included.
fn whole(visible: &Schema, all: &Schema, id: FieldId) -> bool {
    visible.find(id).map(|field| &field.data_type) == all.find(id).map(|field| &field.data_type)
}

statements! {
    LIST = "SELECT v.number, v.schema, b.schema AS before, v.changes, v.origin, v.made_by_name, v.created_at
         FROM schema_version v LEFT JOIN schema_version b ON b.table_id = v.table_id AND b.number = v.number - 1
         WHERE v.table_id = $1 AND v.number < $2 ORDER BY v.number DESC LIMIT $3";
    GET = "SELECT v.number, v.schema, b.schema AS before, v.changes, v.origin, v.made_by_name, v.created_at
         FROM schema_version v LEFT JOIN schema_version b ON b.table_id = v.table_id AND b.number = v.number - 1
         WHERE v.table_id = $1 AND v.number = $2";
}
