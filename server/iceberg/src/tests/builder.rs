//! Tables and commits in few words.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;
use weir_core::{ErrorKind, Result};

use crate::{
    Base, Committed, NewTable, TableMetadata, TableRequirement, TableUpdate, commit, create,
};

pub const LOCATION: &str = "s3://lake/t";
pub const FILE: &str = "s3://lake/t/metadata/00007-a.metadata.json";
/// When tables are made, and when commits come.
pub const START: i64 = 1_700_000_000_000;
pub const NOW: i64 = START + 3_600_000;

pub fn uuid() -> Uuid {
    Uuid::from_u128(0x9c12_d441_03fe_4693_9a96_a070_5ddf_69c1)
}

pub fn raw(json: &Value) -> Box<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(json).unwrap()
}

pub fn field(id: i32, name: &str, data_type: &str) -> Value {
    json!({ "id": id, "name": name, "required": false, "type": data_type })
}

pub fn schema(fields: Vec<Value>) -> Value {
    json!({ "type": "struct", "fields": fields })
}

/// `id long, day date, note string`, numbered from 1.
pub fn columns() -> Value {
    schema(vec![
        field(1, "id", "long"),
        field(2, "day", "date"),
        field(3, "note", "string"),
    ])
}

pub fn new_table(version: u8) -> NewTable {
    let properties = BTreeMap::from([("format-version".to_owned(), version.to_string())]);
    NewTable {
        uuid: uuid(),
        location: LOCATION.to_owned(),
        schema: raw(&columns()),
        partition_spec: None,
        write_order: None,
        properties,
        now_ms: START,
    }
}

/// A table of this version with [`columns`], without partitions and snapshots.
pub fn table(version: u8) -> TableMetadata {
    create(new_table(version)).unwrap()
}

pub fn updates(json: Value) -> Vec<TableUpdate> {
    serde_json::from_value::<Vec<Value>>(json)
        .unwrap()
        .iter()
        .map(|update| serde_json::from_str(&update.to_string()).unwrap())
        .collect()
}

pub fn requirements(json: Value) -> Vec<TableRequirement> {
    serde_json::from_str(&json.to_string()).unwrap()
}

/// The commit of these updates without a requirement.
pub fn try_apply(base: &TableMetadata, json: Value) -> Result<Committed> {
    let base = Base {
        metadata: base,
        location: FILE,
    };
    commit(Some(base), &[], &updates(json), NOW)
}

/// The table after these updates, which change it. It is what its own text says.
pub fn apply(base: &TableMetadata, json: Value) -> TableMetadata {
    let outcome = try_apply(base, json).unwrap();
    assert!(outcome.changed);
    let text = outcome.metadata.to_json().unwrap();
    let again = TableMetadata::parse(&text).unwrap();
    assert_eq!(again.to_json().unwrap(), text);
    again
}

/// Nothing comes of these updates.
pub fn assert_unchanged(base: &TableMetadata, json: Value) {
    let outcome = try_apply(base, json).unwrap();
    assert!(!outcome.changed);
    assert_eq!(outcome.metadata.to_json().unwrap(), base.to_json().unwrap());
}

pub fn refusal(base: &TableMetadata, json: Value) -> ErrorKind {
    try_apply(base, json).unwrap_err().kind()
}

pub fn assert_invalid(base: &TableMetadata, json: Value) {
    assert_eq!(refusal(base, json), ErrorKind::Invalid);
}

pub fn value(metadata: &TableMetadata) -> Value {
    serde_json::from_slice(&metadata.to_json().unwrap()).unwrap()
}

/// An append of one row; its sequence number and row ids follow from its id.
pub fn snapshot(id: i64, parent: Option<i64>) -> Value {
    json!({
        "snapshot-id": id,
        "parent-snapshot-id": parent,
        "sequence-number": id,
        "timestamp-ms": START + id * 1000,
        "manifest-list": format!("{LOCATION}/metadata/snap-{id}.avro"),
        "summary": { "operation": "append", "total-records": id.to_string() },
        "schema-id": 0,
        "first-row-id": id,
        "added-rows": 1
    })
}

pub fn add(snapshot: &Value) -> Value {
    json!({ "action": "add-snapshot", "snapshot": snapshot })
}

pub fn set_ref(name: &str, kind: &str, id: i64) -> Value {
    json!({ "action": "set-snapshot-ref", "ref-name": name, "type": kind, "snapshot-id": id })
}

pub fn set_main(id: i64) -> Value {
    set_ref("main", "branch", id)
}

/// A table whose `main` went through snapshots 1 to `last`.
pub fn history(version: u8, last: i64) -> TableMetadata {
    (1..=last).fold(table(version), |table, id| {
        let parent = (id > 1).then_some(id - 1);
        apply(&table, json!([add(&snapshot(id, parent)), set_main(id)]))
    })
}

pub fn log(metadata: &TableMetadata) -> Vec<i64> {
    let entries = value(metadata)["snapshot-log"].as_array().unwrap().clone();
    entries
        .iter()
        .map(|entry| entry["snapshot-id"].as_i64().unwrap())
        .collect()
}
