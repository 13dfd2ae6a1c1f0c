use serde_json::{Value, json};

use super::builder::*;
use crate::TableMetadata;

fn upgrade(to: i32) -> Value {
    json!([{ "action": "upgrade-format-version", "format-version": to }])
}

/// As writers of version 1 before there were several schemas and specs.
fn oldest() -> Value {
    json!({
        "format-version": 1,
        "table-uuid": uuid(),
        "location": LOCATION,
        "last-updated-ms": START,
        "last-column-id": 3,
        "schema": columns(),
        "partition-spec": [{ "source-id": 2, "transform": "month", "name": "m" }],
        "properties": {},
        "current-snapshot-id": 7,
        "snapshots": [{ "snapshot-id": 7, "timestamp-ms": START, "manifest-list": "s3://lake/t/l.avro" }]
    })
}

fn parse(json: &Value) -> TableMetadata {
    TableMetadata::parse(json.to_string().as_bytes()).unwrap()
}

#[test]
fn an_upgrade_never_goes_back_and_not_beyond_what_is_supported() {
    assert_invalid(&table(2), upgrade(1));
    assert_invalid(&table(2), upgrade(4));
    assert_invalid(&table(2), upgrade(0));
    assert_unchanged(&table(2), upgrade(2));
    assert_eq!(apply(&table(2), upgrade(3)).format_version(), 3);
}

#[test]
fn row_ids_start_at_zero_in_version_three() {
    let table = apply(&history(2, 2), upgrade(3));
    assert_eq!(value(&table)["next-row-id"], 0);
}

#[test]
fn the_oldest_metadata_is_read_and_upgraded() {
    let old = parse(&oldest());
    assert_eq!(old.current_schema().unwrap().fields.len(), 3);
    assert_eq!(old.default_spec().unwrap().fields()[0].field_id, 1000);
    let new = value(&apply(&old, upgrade(2)));
    assert!(new.get("schema").is_none() && new.get("partition-spec").is_none());
    assert_eq!(new["schemas"][0]["schema-id"], 0);
    assert_eq!(new["partition-specs"][0]["fields"][0]["field-id"], 1000);
    assert_eq!(new["last-partition-id"], 1000);
    assert_eq!(new["last-sequence-number"], 0);
    assert_eq!(new["sort-orders"], json!([{ "order-id": 0, "fields": [] }]));
}

#[test]
fn version_one_writes_its_schema_and_spec_also_the_old_way() {
    let schema = schema(vec![field(1, "id", "long"), field(2, "day", "date")]);
    let changed = apply(
        &parse(&oldest()),
        json!([
            { "action": "add-schema", "schema": schema },
            { "action": "set-current-schema", "schema-id": -1 }
        ]),
    );
    let json = value(&changed);
    assert_eq!(json["schema"]["fields"].as_array().unwrap().len(), 2);
    assert_eq!(json["schemas"].as_array().unwrap().len(), 2);
    assert_eq!(json["partition-spec"][0]["name"], "m");
}

#[test]
fn a_snapshot_that_names_its_manifests_stays_in_version_one() {
    let mut json = oldest();
    json["snapshots"][0] =
        json!({ "snapshot-id": 7, "timestamp-ms": START, "manifests": ["s3://lake/t/m.avro"] });
    let table = parse(&json);
    assert_eq!(
        table.locations(),
        [("manifests", "s3://lake/t/m.avro".to_owned())]
    );
    assert_invalid(&table, upgrade(2));
}

#[test]
fn metadata_that_refers_to_what_it_lacks_is_refused() {
    for (member, to) in [
        ("current-schema-id", json!(4)),
        ("default-spec-id", json!(4)),
        ("default-sort-order-id", json!(4)),
        ("current-snapshot-id", json!(4)),
        (
            "refs",
            json!({ "main": { "type": "branch", "snapshot-id": 4 } }),
        ),
        (
            "refs",
            json!({ "main": { "type": "branch", "snapshot-id": 1 } }),
        ),
        ("last-sequence-number", json!(1)),
    ] {
        let mut json = value(&history(2, 2));
        json[member] = to;
        assert!(
            TableMetadata::parse(json.to_string().as_bytes()).is_err(),
            "{member}"
        );
    }
}

#[test]
fn metadata_without_a_member_that_its_version_requires_is_refused() {
    let required = [
        "format-version",
        "table-uuid",
        "location",
        "last-updated-ms",
        "last-column-id",
        "last-sequence-number",
        "schemas",
        "current-schema-id",
        "partition-specs",
        "default-spec-id",
        "last-partition-id",
        "sort-orders",
        "default-sort-order-id",
        "next-row-id",
    ];
    for member in required {
        for instead in [None, Some(json!({})), Some(Value::Null)] {
            let mut json = value(&history(3, 2));
            json.as_object_mut().unwrap().remove(member).unwrap();
            if let Some(instead) = instead {
                json[member] = instead;
            }
            assert!(
                TableMetadata::parse(json.to_string().as_bytes()).is_err(),
                "{member}"
            );
        }
    }
}

#[test]
fn what_is_no_metadata_is_an_error_and_no_panic() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = value(&table(2)).to_string().replacen(
        "\"long\"",
        &format!(
            "{}\"int\"{}",
            "{\"type\":\"list\",\"element-id\":9,\"element-required\":true,\"element\":"
                .repeat(20_000),
            "}".repeat(20_000)
        ),
        1,
    );
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "{\"format-version\":2}",
        "{\"a\":1,\"a\":2}",
        "\u{0}",
        &deep,
    ] {
        assert!(TableMetadata::parse(text.as_bytes()).is_err());
    }
    assert!(TableMetadata::parse(&[0xff, 0xfe]).is_err());
    let read = TableMetadata::parse(nested.as_bytes()).and_then(|table| table.current_schema());
    assert!(read.is_err());
}
