use serde_json::{Value, json};

use super::builder::*;
use crate::TableMetadata;

fn set(name: &str, to: &str) -> Value {
    json!({ "action": "set-properties", "updates": { name: to } })
}

fn files(metadata: &TableMetadata) -> Vec<String> {
    let json = value(metadata);
    let log = json["metadata-log"].as_array().unwrap();
    log.iter()
        .map(|it| it["metadata-file"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_file_before_is_logged_with_its_time() {
    let table = apply(&history(2, 1), json!([set("a", "b")]));
    let entry = value(&table)["metadata-log"][1].clone();
    assert_eq!(
        entry,
        json!({ "timestamp-ms": START + 1000, "metadata-file": FILE })
    );
    assert_eq!(table.last_updated_ms(), NOW);
}

#[test]
fn the_log_of_files_keeps_as_many_as_the_table_says_and_one_at_least() {
    let base = apply(
        &table(2),
        json!([set("write.metadata.previous-versions-max", "2")]),
    );
    let many = (0..5).fold(base, |table, count| {
        apply(&table, json!([set("n", &count.to_string())]))
    });
    assert_eq!(files(&many).len(), 2);
    let one = apply(
        &many,
        json!([set("write.metadata.previous-versions-max", "0")]),
    );
    assert_eq!(files(&one).len(), 1);
    let hundred = (0..103).fold(table(2), |table, count| {
        apply(&table, json!([set("n", &count.to_string())]))
    });
    assert_eq!(files(&hundred).len(), 100);
}

#[test]
fn files_that_fell_out_of_the_log_are_named_where_the_table_wants_them_deleted() {
    let base = apply(
        &table(2),
        json!([set("write.metadata.previous-versions-max", "1")]),
    );
    let mut json = value(&base);
    json["metadata-log"][0]["metadata-file"] = json!("s3://lake/t/metadata/old.metadata.json");
    let base = TableMetadata::parse(json.to_string().as_bytes()).unwrap();
    let next = apply(&base, json!([set("a", "b")]));
    assert!(next.expired_metadata_files(&base).is_empty());
    let next = apply(
        &base,
        json!([set("write.metadata.delete-after-commit.enabled", "true")]),
    );
    assert_eq!(
        next.expired_metadata_files(&base),
        ["s3://lake/t/metadata/old.metadata.json"]
    );
}

#[test]
fn a_commit_without_effect_makes_no_file() {
    let base = apply(&table(2), json!([set("a", "b")]));
    assert_unchanged(&base, json!([]));
    assert_unchanged(&base, json!([set("a", "b")]));
    assert_unchanged(
        &base,
        json!([{ "action": "set-location", "location": LOCATION }]),
    );
    assert_unchanged(
        &base,
        json!([{ "action": "set-current-schema", "schema-id": 0 }]),
    );
}

#[test]
fn properties_are_set_and_removed() {
    let base = apply(&table(2), json!([set("a", "b"), set("c", "d")]));
    let base = apply(
        &base,
        json!([{ "action": "remove-properties", "removals": ["a"] }]),
    );
    assert_eq!(base.properties().get("c").map(String::as_str), Some("d"));
    assert!(!base.properties().contains_key("a"));
}

#[test]
fn a_setting_of_clients_or_a_reserved_name_is_no_property() {
    for name in [
        "s3.endpoint",
        "credential",
        "uuid",
        "format-version",
        "current-schema",
    ] {
        assert_invalid(&table(2), json!([set(name, "x")]));
    }
}

#[test]
fn a_uuid_is_assigned_once() {
    let assign = |uuid: &str| json!([{ "action": "assign-uuid", "uuid": uuid }]);
    assert_unchanged(&table(2), assign(&uuid().to_string()));
    assert_invalid(&table(2), assign("9c12d441-03fe-4693-9a96-a0705ddf69c2"));
}

#[test]
fn a_location_can_be_set_and_is_not_empty() {
    let set = |to: &str| json!([{ "action": "set-location", "location": to }]);
    assert_eq!(
        apply(&table(2), set("s3://lake/u")).location(),
        "s3://lake/u"
    );
    assert_invalid(&table(2), set(""));
}

#[test]
fn statistics_are_kept_one_for_each_snapshot() {
    let of = |id: i64, path: &str| json!({ "action": "set-statistics", "statistics": { "snapshot-id": id, "statistics-path": path, "file-size-in-bytes": 1, "file-footer-size-in-bytes": 1, "blob-metadata": [] } });
    let base = apply(&history(2, 2), json!([of(1, "a"), of(2, "b"), of(1, "c")]));
    let paths: Vec<Value> = value(&base)["statistics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["statistics-path"].clone())
        .collect();
    assert_eq!(paths, [json!("c"), json!("b")]);
    assert_unchanged(&base, json!([of(2, "b")]));
    let base = apply(
        &base,
        json!([{ "action": "remove-statistics", "snapshot-id": 1 }]),
    );
    assert_eq!(value(&base)["statistics"].as_array().unwrap().len(), 1);
    let mut other = of(1, "a");
    other["snapshot-id"] = json!(2);
    assert_invalid(&base, json!([other]));
}

#[test]
fn an_encryption_key_is_added_once_and_removed_by_its_id() {
    let add = |id: &str| json!({ "action": "add-encryption-key", "encryption-key": { "key-id": id, "encrypted-key-metadata": "AA==", "later": 1 } });
    let base = apply(&table(3), json!([add("a"), add("b"), add("a")]));
    assert_eq!(value(&base)["encryption-keys"].as_array().unwrap().len(), 2);
    assert_unchanged(&base, json!([add("b")]));
    let base = apply(
        &base,
        json!([{ "action": "remove-encryption-key", "key-id": "a" }]),
    );
    assert_eq!(value(&base)["encryption-keys"][0]["later"], 1);
}

#[test]
fn every_path_that_metadata_names_is_told_and_those_that_are_new() {
    let base = history(2, 2);
    let next = apply(
        &base,
        json!([
            set("write.data.path", "s3://lake/elsewhere"),
            add(&snapshot(3, Some(2)))
        ]),
    );
    let all: Vec<&str> = next.locations().iter().map(|(what, _)| *what).collect();
    assert_eq!(
        all,
        [
            "manifest-list",
            "manifest-list",
            "manifest-list",
            "metadata-log",
            "metadata-log",
            "metadata-log",
            "write.data.path"
        ]
    );
    let outcome = try_apply(
        &base,
        json!([
            set("write.data.path", "s3://x/y"),
            add(&snapshot(3, Some(2)))
        ]),
    )
    .unwrap();
    let new = outcome.metadata.locations_beyond(Some(&base));
    assert_eq!(
        new,
        [
            ("manifest-list", format!("{LOCATION}/metadata/snap-3.avro")),
            ("write.data.path", "s3://x/y".to_owned())
        ]
    );
}

#[test]
fn the_next_file_counts_on_from_the_one_before() {
    let table = table(2);
    let first = table.next_metadata_location(None);
    assert!(
        first.starts_with("s3://lake/t/metadata/00000-") && first.ends_with(".metadata.json"),
        "{first}"
    );
    let next = table.next_metadata_location(Some(FILE));
    assert!(next.starts_with("s3://lake/t/metadata/00008-"), "{next}");
    assert_ne!(next, table.next_metadata_location(Some(FILE)));
    let odd = table.next_metadata_location(Some("s3://lake/t/metadata/v3.metadata.json"));
    assert!(odd.starts_with("s3://lake/t/metadata/00000-"), "{odd}");
    let zipped = apply(
        &table,
        json!([
            set("write.metadata.compression-codec", "gzip"),
            set("write.metadata.path", "s3://lake/t/m/")
        ]),
    );
    let next = zipped.next_metadata_location(Some(FILE));
    assert!(
        next.starts_with("s3://lake/t/m/00008-") && next.ends_with(".gz.metadata.json"),
        "{next}"
    );
}
