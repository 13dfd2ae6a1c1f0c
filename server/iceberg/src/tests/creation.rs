use serde_json::{Value, json};
use std::collections::BTreeMap;
use weir_core::ErrorKind;

use super::builder::*;
use crate::{NewTable, TableMetadata, TableUpdate, commit, create};

fn with_properties(properties: &[(&str, &str)]) -> NewTable {
    let mut new = new_table(2);
    new.properties = properties
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    new
}

fn staged(changes: Vec<TableUpdate>) -> weir_core::Result<TableMetadata> {
    let create = requirements(json!([{ "type": "assert-create" }]));
    commit(None, &create, &changes, NOW).map(|outcome| outcome.metadata)
}

/// What clients send to make the table that they staged.
fn making() -> Vec<Value> {
    vec![
        json!({ "action": "assign-uuid", "uuid": uuid() }),
        json!({ "action": "upgrade-format-version", "format-version": 2 }),
        json!({ "action": "add-schema", "schema": columns(), "last-column-id": 3 }),
        json!({ "action": "set-current-schema", "schema-id": -1 }),
        json!({ "action": "add-spec", "spec": { "spec-id": 0, "fields": [{ "source-id": 2, "field-id": 1000, "transform": "day", "name": "d" }] } }),
        json!({ "action": "set-default-spec", "spec-id": -1 }),
        json!({ "action": "add-sort-order", "sort-order": { "order-id": 0, "fields": [] } }),
        json!({ "action": "set-default-sort-order", "sort-order-id": -1 }),
        json!({ "action": "set-location", "location": LOCATION }),
        json!({ "action": "set-properties", "updates": { "owner": "me" } }),
    ]
}

#[test]
fn a_new_table_numbers_its_columns_level_by_level() {
    let mut new = new_table(2);
    new.schema = raw(
        &json!({ "type": "struct", "schema-id": 9, "identifier-field-ids": [10], "fields": [
        { "id": 10, "name": "id", "required": true, "type": "long" },
        { "id": 20, "name": "places", "required": false, "type": { "type": "list", "element-id": 21, "element-required": true, "element": {
            "type": "struct", "fields": [{ "id": 22, "name": "lat", "required": true, "type": "double" }] } } },
        { "id": 30, "name": "tags", "required": false, "type": { "type": "map", "key-id": 31, "key": "string", "value-id": 32, "value": "int", "value-required": false } },
        { "id": 40, "name": "note", "required": false, "type": "string", "doc": "free", "x-later": 1 }
    ] }),
    );
    new.partition_spec = Some(raw(
        &json!({ "spec-id": 3, "fields": [{ "source-id": 40, "field-id": 2000, "transform": "truncate[2]", "name": "n" }] }),
    ));
    new.write_order = Some(raw(
        &json!({ "order-id": 7, "fields": [{ "source-id": 10, "transform": "identity", "direction": "desc", "null-order": "nulls-last" }] }),
    ));
    let json = value(&create(new).unwrap());
    let fields = &json["schemas"][0]["fields"];
    let ids: Vec<&Value> = (0..4).map(|at| &fields[at]["id"]).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert_eq!(fields[1]["type"]["element-id"], 5);
    assert_eq!(fields[1]["type"]["element"]["fields"][0]["id"], 6);
    assert_eq!(
        (&fields[2]["type"]["key-id"], &fields[2]["type"]["value-id"]),
        (&json!(7), &json!(8))
    );
    assert_eq!(fields[3]["x-later"], 1);
    assert_eq!(json["schemas"][0]["identifier-field-ids"], json!([1]));
    assert_eq!(
        (&json["last-column-id"], &json["last-partition-id"]),
        (&json!(8), &json!(1000))
    );
    assert_eq!(
        json["partition-specs"][0],
        json!({ "spec-id": 0, "fields": [{ "source-id": 4, "field-id": 1000, "transform": "truncate[2]", "name": "n" }] })
    );
    assert_eq!(json["sort-orders"][0]["order-id"], 1);
    assert_eq!(json["sort-orders"][0]["fields"][0]["source-id"], 1);
}

#[test]
fn a_new_table_is_of_version_two_unless_it_asks_for_another() {
    assert_eq!(create(with_properties(&[])).unwrap().format_version(), 2);
    let third = create(with_properties(&[("format-version", "3")])).unwrap();
    assert_eq!(third.format_version(), 3);
    assert!(!third.properties().contains_key("format-version"));
    for version in ["0", "4", "two"] {
        assert!(create(with_properties(&[("format-version", version)])).is_err());
    }
}

#[test]
fn a_new_table_compresses_with_zstd_unless_it_says_otherwise() {
    let name = "write.parquet.compression-codec";
    assert_eq!(
        create(with_properties(&[])).unwrap().properties()[name],
        "zstd"
    );
    assert_eq!(
        create(with_properties(&[(name, "gzip")]))
            .unwrap()
            .properties()[name],
        "gzip"
    );
}

#[test]
fn reserved_names_and_settings_of_clients_are_refused_at_creation() {
    for name in [
        "uuid",
        "snapshot-count",
        "default-sort-order",
        "s3.access-key-id",
        "rest.auth.type",
    ] {
        let error = create(with_properties(&[(name, "x")])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
    }
}

#[test]
fn a_new_table_keeps_the_rules_of_its_version() {
    let mut new = new_table(2);
    new.schema = raw(&schema(vec![field(1, "v", "variant")]));
    assert!(create(new).is_err());
    let mut new = new_table(3);
    new.schema = raw(&schema(vec![field(1, "v", "variant")]));
    assert!(create(new).is_ok());
    let mut new = new_table(2);
    new.partition_spec = Some(raw(
        &json!({ "fields": [{ "source-id": 9, "transform": "identity", "name": "x" }] }),
    ));
    assert!(create(new).is_err());
    let mut new = new_table(2);
    new.schema = raw(&schema(vec![field(1, "a", "int"), field(1, "b", "int")]));
    assert!(create(new).is_err());
}

#[test]
fn a_staged_table_is_made_by_its_updates() {
    let table = staged(updates(json!(making()))).unwrap();
    assert_eq!(table.uuid(), uuid());
    assert_eq!(table.location(), LOCATION);
    assert_eq!(table.default_spec().unwrap().fields()[0].name, "d");
    assert_eq!(table.properties()["owner"], "me");
    assert_eq!(value(&table)["metadata-log"], json!([]));
    TableMetadata::parse(&table.to_json().unwrap()).unwrap();
}

#[test]
fn a_staged_table_can_have_its_first_snapshot_at_once() {
    let mut changes = making();
    changes.extend([add(&snapshot(1, None)), set_main(1)]);
    let table = staged(updates(json!(changes))).unwrap();
    assert_eq!(log(&table), [1]);
}

#[test]
fn a_staged_table_without_uuid_schema_spec_order_or_location_is_refused() {
    for left_out in [vec![0], vec![2, 3, 4, 5], vec![4, 5], vec![6, 7], vec![8]] {
        let kept = making()
            .into_iter()
            .enumerate()
            .filter(|(at, _)| !left_out.contains(at));
        let changes: Vec<Value> = kept.map(|(_, update)| update).collect();
        assert_eq!(
            staged(updates(json!(changes))).unwrap_err().kind(),
            ErrorKind::Invalid,
            "{left_out:?}"
        );
    }
}

#[test]
fn a_staged_table_starts_in_the_version_that_it_asks_for() {
    for version in 1..=3 {
        let mut changes = making();
        changes[1]["format-version"] = json!(version);
        let table = staged(updates(json!(changes))).unwrap();
        assert_eq!(i32::from(table.format_version()), version);
        TableMetadata::parse(&table.to_json().unwrap()).unwrap();
    }
}

#[test]
fn what_is_created_and_committed_again_from_its_own_parts_is_the_same() {
    let first = create(new_table(2)).unwrap();
    let json = value(&first);
    let properties: BTreeMap<String, String> = first.properties().clone();
    let changes = updates(json!([
        { "action": "assign-uuid", "uuid": json["table-uuid"] },
        { "action": "add-schema", "schema": json["schemas"][0] },
        { "action": "set-current-schema", "schema-id": -1 },
        { "action": "add-spec", "spec": json["partition-specs"][0] },
        { "action": "set-default-spec", "spec-id": -1 },
        { "action": "add-sort-order", "sort-order": json["sort-orders"][0] },
        { "action": "set-default-sort-order", "sort-order-id": -1 },
        { "action": "set-location", "location": json["location"] },
        { "action": "set-properties", "updates": properties }
    ]));
    let mut again = value(&staged(changes).unwrap());
    again["last-updated-ms"] = json["last-updated-ms"].clone();
    assert_eq!(again, json);
}
