use serde_json::json;

use super::builder::*;
use crate::TableMetadata;

/// Compact, in an order of its own, with what no rule knows at every level, and numbers and strings spelled in unusual ways.
fn strange() -> String {
    format!(
        concat!(
            r#"{{"x-first":{{"n":1.0e2,"s":"\u0041"}},"format-version":3,"table-uuid":"{uuid}","#,
            r#""location":"s3:\/\/lake\/t","last-sequence-number":1,"last-updated-ms":1700000000000,"last-column-id":3,"#,
            r#""current-schema-id":0,"schemas":[{{"type":"struct","schema-id":0,"x-schema":[1e9],"fields":["#,
            r#"{{"id":1,"name":"id","required":true,"type":"long","initial-default":7.0,"x-field":null}},"#,
            r#"{{"id":2,"name":"v","required":false,"type":"variant"}},"#,
            r#"{{"id":3,"name":"g","required":false,"type":"geography(srid:4326, spherical)","doc":"\u00e9"}}]}}],"#,
            r#""default-spec-id":0,"partition-specs":[{{"spec-id":0,"x-spec":true,"fields":["#,
            r#"{{"source-ids":[1,2],"field-id":1000,"name":"z","transform":"zorder[2]","x-pf":"y"}}]}}],"last-partition-id":1000,"#,
            r#""default-sort-order-id":0,"sort-orders":[{{"order-id":0,"fields":[],"x-order":{{}}}}],"#,
            r#""properties":{{"z":"\u0031","a":"2"}},"next-row-id":5,"#,
            r#""encryption-keys":[{{"key-id":"k","encrypted-key-metadata":"AA==","encrypted-by-id":"m","x-key":[]}}],"#,
            r#""refs":{{"main":{{"snapshot-id":11,"type":"branch","x-ref":1E2}}}},"current-snapshot-id":11,"#,
            r#""snapshots":[{{"snapshot-id":11,"sequence-number":1,"timestamp-ms":1700000000000,"manifest-list":"s3://lake/t/l","#,
            r#""summary":{{"operation":"append","x-sum":"1"}},"schema-id":0,"first-row-id":0,"added-rows":5,"key-id":"k","x-snap":{{"a":[1.50]}}}}],"#,
            r#""statistics":[{{"snapshot-id":11,"statistics-path":"s3://lake/t/s","x-stat":0.10}}],"partition-statistics":[],"#,
            r#""snapshot-log":[{{"snapshot-id":11,"timestamp-ms":1700000000000,"x-log":1}}],"#,
            r#""metadata-log":[{{"timestamp-ms":1600000000000,"metadata-file":"s3://lake/t/0","x-file":1}}],"x-last":[0.30]}}"#
        ),
        uuid = uuid()
    )
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

const EVERYWHERE: [&str; 14] = [
    r#""x-first":{"n":1.0e2,"s":"\u0041"}"#,
    r#""location":"s3:\/\/lake\/t""#,
    r#""x-schema":[1e9]"#,
    r#""initial-default":7.0,"x-field":null"#,
    r#""geography(srid:4326, spherical)","doc":"\u00e9""#,
    r#""source-ids":[1,2],"field-id":1000,"name":"z","transform":"zorder[2]","x-pf":"y""#,
    r#""x-order":{}"#,
    r#""z":"\u0031","a":"2""#,
    r#""encrypted-by-id":"m","x-key":[]"#,
    r#""key-id":"k","x-snap":{"a":[1.50]}"#,
    r#""x-stat":0.10"#,
    r#""x-log":1"#,
    r#""x-file":1"#,
    r#""x-last":[0.30]"#,
];

#[test]
fn metadata_is_written_byte_for_byte_as_it_was_read() {
    let text = strange();
    let table = TableMetadata::parse(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(table.to_json().unwrap()).unwrap(), text);
    for version in 1..=3 {
        let text = history(version, 3).to_json().unwrap();
        assert_eq!(
            TableMetadata::parse(&text).unwrap().to_json().unwrap(),
            text
        );
    }
}

#[test]
fn what_no_rule_knows_survives_an_append_at_every_level() {
    let table = TableMetadata::parse(strange().as_bytes()).unwrap();
    let mut next = snapshot(12, Some(11));
    next["x-new"] = json!({ "deep": [1] });
    let table = apply(&table, json!([add(&next), set_main(12)]));
    let text = String::from_utf8(table.to_json().unwrap()).unwrap();
    assert_has(&text, &EVERYWHERE);
    assert_has(&text, &[r#""x-new":{"deep":[1]}"#]);
}

#[test]
fn a_change_of_one_element_leaves_the_text_of_its_neighbours() {
    let table = TableMetadata::parse(strange().as_bytes()).unwrap();
    let mut wide = columns();
    wide["fields"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "id": 4, "name": "n", "required": false, "type": "int", "x-n": 1 }));
    let table = apply(
        &table,
        json!([
            { "action": "add-schema", "schema": wide },
            { "action": "add-spec", "spec": { "x-mine": 2, "fields": [{ "source-id": 1, "transform": "bucket[3]", "name": "b", "x-b": 1 }] } },
            { "action": "add-sort-order", "sort-order": { "x-o": 3, "fields": [{ "source-id": 1, "transform": "identity", "direction": "asc", "null-order": "nulls-last", "x-s": 4 }] } },
            { "action": "set-properties", "updates": { "b": "3" } },
            { "action": "add-encryption-key", "encryption-key": { "key-id": "l", "encrypted-key-metadata": "AA==" } },
            { "action": "set-snapshot-ref", "ref-name": "t", "type": "tag", "snapshot-id": 11, "x-tag": [2] },
            { "action": "set-statistics", "statistics": { "snapshot-id": 12, "statistics-path": "s3://lake/t/u" } }
        ]),
    );
    let text = String::from_utf8(table.to_json().unwrap()).unwrap();
    assert_has(&text, &EVERYWHERE);
    assert_has(
        &text,
        &[
            r#""x-ref":1E2"#,
            r#""x-n":1"#,
            r#""x-mine":2"#,
            r#""x-b":1"#,
            r#""x-o":3"#,
            r#""x-s":4"#,
            r#""x-tag":[2]"#,
        ],
    );
}

#[test]
fn numbers_beyond_what_a_double_holds_stay_exact() {
    let id = i64::MAX - 2;
    let mut first = snapshot(1, None);
    first["snapshot-id"] = json!(id);
    let table = apply(&table(2), json!([add(&first), set_main(id)]));
    assert_eq!(table.current_snapshot().unwrap().id(), id);
}

#[test]
fn metadata_with_spaces_is_read_and_changed() {
    let pretty = serde_json::to_string_pretty(&value(&history(2, 2))).unwrap();
    let table = TableMetadata::parse(pretty.as_bytes()).unwrap();
    let table = apply(&table, json!([add(&snapshot(3, Some(2))), set_main(3)]));
    assert_eq!(log(&table), [1, 2, 3]);
}
