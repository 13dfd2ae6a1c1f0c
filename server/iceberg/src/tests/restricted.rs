use serde_json::{Value, json};
use weir_core::grant::{ColumnScope, ColumnSet};
use weir_core::id::FieldId;

use super::builder::*;
use crate::{NewTable, TableMetadata, create};

fn only(ids: &[i32]) -> ColumnScope {
    ColumnScope::of(ColumnSet::Only(ids.iter().copied().map(FieldId).collect()))
}

/// `id long, ssn string, person struct<age int, secret string>, day date`, partitioned and sorted by shown and hidden ones.
fn people(version: u8) -> TableMetadata {
    let person = json!({ "id": 3, "name": "person", "required": false, "doc": "somebody", "x-hint": "secret=4711", "type":
        { "type": "struct", "fields": [field(5, "age", "int"), field(6, "secret", "string")] } });
    let mut schema = schema(vec![
        field(1, "id", "long"),
        field(2, "ssn", "string"),
        person,
        field(4, "day", "date"),
    ]);
    schema["fields"][0]["required"] = json!(true);
    schema["fields"][1]["required"] = json!(true);
    schema["identifier-field-ids"] = json!([1, 2]);
    let part = |source: i32, transform: &str, name: &str| json!({ "source-id": source, "transform": transform, "name": name });
    let sorted = |source: i32| json!({ "source-id": source, "transform": "identity", "direction": "asc", "null-order": "nulls-first" });
    let mut new = NewTable {
        partition_spec: Some(raw(
            &json!({ "fields": [part(2, "bucket[4]", "ssn_bucket"), part(4, "month", "m")] }),
        )),
        write_order: Some(raw(&json!({ "fields": [sorted(2), sorted(1)] }))),
        schema: raw(&schema),
        ..new_table(version)
    };
    new.properties.insert("ssn.hint".into(), "4711".into());
    let table = create(new).unwrap();
    let mut first = snapshot(1, None);
    first["summary"]["partitions.ssn_bucket=3"] = json!("added-records=1");
    first["x-note"] = json!("ssn");
    apply(
        &table,
        json!([
            add(&first),
            set_main(1),
            { "action": "set-statistics", "statistics": { "snapshot-id": 1, "statistics-path": "s3://lake/t/stats" } },
            { "action": "add-encryption-key", "encryption-key": { "key-id": "k", "encrypted-key-metadata": "AA==" } }
        ]),
    )
}

fn seen(table: &TableMetadata, scope: &ColumnScope) -> Value {
    let json = table.restricted_json(scope).unwrap();
    TableMetadata::parse(&json).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn a_reader_of_some_columns_sees_those_and_no_word_of_the_others() {
    for version in 1..=3 {
        let table = people(version);
        let json = seen(&table, &only(&[1, 4]));
        let text = json.to_string();
        for hidden in [
            "ssn",
            "secret",
            "4711",
            "somebody",
            "partitions",
            "total-records",
            "s3://",
            "AA==",
        ] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
        let names: Vec<&str> = json["schemas"][0]["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["id", "day"]);
        assert_eq!(json["schemas"][0]["identifier-field-ids"], json!([1]));
        assert_eq!(json["last-column-id"], 6);
    }
}

#[test]
fn specs_and_orders_lose_what_is_made_of_hidden_columns() {
    let json = seen(&people(2), &only(&[1, 4]));
    assert_eq!(
        json["partition-specs"][0]["fields"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(json["partition-specs"][0]["fields"][0]["name"], "m");
    assert_eq!(
        json["sort-orders"][0]["fields"].as_array().unwrap().len(),
        1
    );
    assert_eq!(json["sort-orders"][0]["fields"][0]["source-id"], 1);
}

#[test]
fn snapshots_stay_and_lead_nowhere() {
    let json = seen(&people(2), &only(&[1]));
    let place = format!("weir-restricted://{}", uuid());
    assert_eq!(json["location"], place);
    let snapshot = &json["snapshots"][0];
    assert_eq!(snapshot["manifest-list"], format!("{place}/1"));
    assert_eq!(snapshot["summary"], json!({ "operation": "append" }));
    assert_eq!(json["refs"]["main"]["snapshot-id"], 1);
    assert_eq!(json["current-snapshot-id"], 1);
    assert_eq!(json["properties"], json!({}));
    for gone in [
        "statistics",
        "partition-statistics",
        "metadata-log",
        "encryption-keys",
    ] {
        assert!(json.get(gone).is_none(), "{gone}");
    }
}

#[test]
fn rows_are_not_counted_for_a_reader_of_some_columns() {
    let json = seen(&people(3), &only(&[1]));
    assert_eq!(json["next-row-id"], 0);
    assert_eq!(json["snapshots"][0]["added-rows"], 0);
}

#[test]
fn a_struct_stays_with_the_parts_that_are_shown() {
    let json = seen(&people(2), &only(&[5]));
    let person = &json["schemas"][0]["fields"][0];
    assert_eq!(person["type"]["fields"], json!([field(5, "age", "int")]));
    assert_eq!(person["doc"], "somebody");
    assert!(person.get("x-hint").is_none());
}

#[test]
fn the_schema_that_is_shown_is_the_projection_of_the_current_one() {
    let table = people(2);
    let all = table.current_schema().unwrap();
    for scope in [
        only(&[1]),
        only(&[5, 4]),
        only(&[3]),
        ColumnScope::NONE,
        ColumnScope::All,
        ColumnScope::of(ColumnSet::AllBut([FieldId(6)].into())),
    ] {
        let restricted = TableMetadata::parse(&table.restricted_json(&scope).unwrap()).unwrap();
        assert_eq!(
            restricted.current_schema().unwrap(),
            weir_core::schema::project(&all, &scope)
        );
    }
}

#[test]
fn members_of_later_versions_are_not_shown() {
    let mut json = value(&people(2));
    json["x-ssn-samples"] = json!(["1"]);
    let table = TableMetadata::parse(json.to_string().as_bytes()).unwrap();
    assert!(seen(&table, &only(&[1])).get("x-ssn-samples").is_none());
}
