//! Metadata for a reader of some columns: nothing that tells of the others, and no place where any file lies.
//!
//! It is built of what is known to be harmless, never by taking away what is known to harm: members of later versions are
//! left out.

use serde::Serialize;
use std::collections::BTreeMap;
use weir_core::Result;
use weir_core::grant::ColumnScope;
use weir_core::schema::project;

use super::TableMetadata;
use super::render::put;
use crate::raw::{Object, Text, array, elements, missing, text};
use crate::schema::{cut, path_to};
use crate::snapshot::{RefHead, Snapshot};
use weir_core::schema::Schema;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Restricted<'a> {
    format_version: u8,
    table_uuid: uuid::Uuid,
    location: String,
    last_sequence_number: i64,
    last_updated_ms: i64,
    last_column_id: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Raw<'a>>,
    current_schema_id: i32,
    schemas: Raw<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_spec: Option<Raw<'a>>,
    default_spec_id: i32,
    partition_specs: Raw<'a>,
    last_partition_id: i32,
    default_sort_order_id: i32,
    sort_orders: Raw<'a>,
    properties: BTreeMap<(), ()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_snapshot_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_row_id: Option<i64>,
    refs: BTreeMap<&'a str, &'a RefHead>,
    snapshots: Vec<RestrictedSnapshot<'a>>,
    snapshot_log: Vec<RestrictedEntry>,
}

type Raw<'a> = &'a serde_json::value::RawValue;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RestrictedSnapshot<'a> {
    snapshot_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_snapshot_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<i64>,
    timestamp_ms: i64,
    manifest_list: String,
    summary: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_id: Option<i32>,
    /// Row ids would count the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_row_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added_rows: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RestrictedEntry {
    timestamp_ms: i64,
    snapshot_id: i64,
}

impl TableMetadata {
    /// The metadata as a reader of the columns in `scope` gets it. Its locations are `weir-restricted://…`, which no engine
    /// can open, so that one fails rather than reads an empty table.
    ///
    /// Errors: `invalid` for a current schema with a type of a later version.
    pub fn restricted_json(&self, scope: &ColumnScope) -> Result<Vec<u8>> {
        let entry = self.schema_entry(self.current_schema_id);
        let entry = entry.ok_or_else(|| missing("schemas"))?;
        let seen = project(&entry.schema()?, scope);
        let schema = cut(&entry.text, &seen)?;
        let schemas = array([&schema])?;
        let specs = self.specs.iter();
        let specs: Vec<Text> = specs
            .map(|it| visible(&it.text, "spec-id", it.id, &seen))
            .collect::<Result<_>>()?;
        let orders = self.sort_orders.iter();
        let orders: Vec<Text> = orders
            .map(|it| visible(&it.text, "order-id", it.id, &seen))
            .collect::<Result<_>>()?;
        let fields = self.default_fields(&specs)?;
        let is_first = self.format_version == 1;
        let is_third = self.format_version >= 3;
        let restricted = Restricted {
            format_version: self.format_version,
            table_uuid: self.uuid,
            location: self.nowhere(),
            last_sequence_number: self.last_sequence_number,
            last_updated_ms: self.last_updated_ms,
            last_column_id: self.last_column_id,
            schema: is_first.then_some(&*schema),
            current_schema_id: self.current_schema_id,
            schemas: &schemas,
            partition_spec: fields.as_deref().filter(|_| is_first),
            default_spec_id: self.default_spec_id,
            partition_specs: &array(&specs)?,
            last_partition_id: self.last_partition_id,
            default_sort_order_id: self.default_sort_order_id,
            sort_orders: &array(&orders)?,
            properties: BTreeMap::new(),
            current_snapshot_id: self.current_snapshot_id.or((!is_third).then_some(-1)),
            next_row_id: is_third.then_some(0),
            refs: self.refs().map(|(name, to)| (name, &to.head)).collect(),
            snapshots: self
                .snapshots()
                .map(|it| self.restricted_snapshot(it))
                .collect(),
            snapshot_log: self.restricted_log(),
        };
        let mut out = Vec::new();
        put(&mut out, &restricted)?;
        Ok(out)
    }

    /// The fields of the default spec, of which `specs` are the visible texts in the order of the specs.
    fn default_fields(&self, specs: &[Text]) -> Result<Option<Text>> {
        let mut both = self.specs.iter().zip(specs);
        let default = both.find(|(spec, _)| spec.id == self.default_spec_id);
        let object = default.map(|(_, text)| Object::parse("partition-spec", text));
        Ok(object.transpose()?.and_then(|it| it.get("fields").cloned()))
    }

    fn restricted_log(&self) -> Vec<RestrictedEntry> {
        let entry = |it: &std::sync::Arc<crate::snapshot::LogEntry>| RestrictedEntry {
            timestamp_ms: it.timestamp_ms,
            snapshot_id: it.snapshot_id,
        };
        self.snapshot_log.iter().map(entry).collect()
    }

    fn nowhere(&self) -> String {
        format!("weir-restricted://{}", self.uuid)
    }

    fn restricted_snapshot<'a>(&self, snapshot: &'a Snapshot) -> RestrictedSnapshot<'a> {
        let is_third = self.format_version >= 3;
        let operation = snapshot.operation().filter(|operation| {
            matches!(*operation, "append" | "replace" | "overwrite" | "delete")
        });
        RestrictedSnapshot {
            snapshot_id: snapshot.id(),
            parent_snapshot_id: snapshot.parent(),
            sequence_number: (self.format_version > 1).then(|| snapshot.sequence_number()),
            timestamp_ms: snapshot.timestamp_ms(),
            manifest_list: format!("{}/{}", self.nowhere(), snapshot.id()),
            summary: operation
                .map(|operation| ("operation", operation))
                .into_iter()
                .collect(),
            // The other schemas are not handed out.
            schema_id: snapshot.schema_id().map(|_| self.current_schema_id),
            first_row_id: is_third.then_some(0),
            added_rows: is_third.then_some(0),
        }
    }
}

/// A spec or an order without the fields that are made of a column outside `seen`.
fn visible(json: &Text, id_name: &str, id: i32, seen: &Schema) -> Result<Text> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Sources {
        source_id: Option<i32>,
        source_ids: Option<Vec<i32>>,
    }
    let object = Object::parse(id_name, json)?;
    let mut kept = Vec::new();
    for field in elements(
        "fields",
        object.get("fields").ok_or_else(|| missing("fields"))?,
    )? {
        let sources: Sources = crate::raw::read(id_name, &field)?;
        let ids: Vec<i32> = sources
            .source_ids
            .into_iter()
            .flatten()
            .chain(sources.source_id)
            .collect();
        if !ids.is_empty() && ids.iter().all(|id| path_to(seen, *id).is_some()) {
            kept.push(field);
        }
    }
    let visible: Object = [
        (id_name.to_owned(), text(&id)?),
        ("fields".to_owned(), array(&kept)?),
    ]
    .into_iter()
    .collect();
    visible.text()
}
