use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use weir_core::grant::{ColumnScope, ColumnSet};
use weir_core::id::FieldId;
use weir_core::schema::{Schema, project};

use super::writer::{listed, manifest_schema, write};
use super::{people, spec};
use crate::scan::{Entry, ManifestContent, Spec, Tasks, manifest, resolve, tasks_json};

fn specs() -> Vec<Spec> {
    let field = |source: i32, id: i32, name: &str| json!({"source-id": source, "field-id": id, "name": name, "transform": "identity"});
    vec![
        spec(json!({"spec-id": 0, "fields": [field(3, 1000, "day"), field(5, 1001, "secret")]})),
        spec(json!({"spec-id": 1, "fields": []})),
    ]
}

/// Files of one manifest. `partition` in each is the day.
fn read(content: ManifestContent, spec: i32, files: &[Json]) -> Vec<Entry> {
    let partition = if spec == 0 {
        json!([
            {"name": "day", "type": ["null", "int"], "default": null, "field-id": 1000},
            {"name": "secret", "type": ["null", "string"], "default": null, "field-id": 1001},
        ])
    } else {
        json!([])
    };
    let entries: Vec<Json> = files
        .iter()
        .map(|file| {
            let (mut file, day) = (file.clone(), file["day"].clone());
            let sequence = file["sequence"].clone();
            file["partition"] = if spec == 0 {
                json!({"day": day, "secret": "hidden-value"})
            } else {
                json!({})
            };
            file["record_count"] = json!(10);
            file["file_size_in_bytes"] = json!(1000);
            if file.get("file_format").is_none() {
                file["file_format"] = json!("parquet");
            }
            json!({"status": 1, "data_file": file, "sequence_number": sequence})
        })
        .collect();
    let bytes = write(
        &manifest_schema(3, partition),
        apache_avro::Codec::Null,
        &entries,
    );
    let mut list = listed(content);
    list.spec_id = spec;
    manifest(&bytes, &list).unwrap()
}

fn data(path: &str, day: i32, sequence: i64) -> Json {
    json!({"content": 0, "file_path": path, "day": day, "sequence": sequence})
}

fn deletes(content: i32, path: &str, day: i32, sequence: i64) -> Json {
    json!({"content": content, "file_path": path, "day": day, "sequence": sequence})
}

fn plan(
    data: &[Entry],
    deletes: &[Entry],
    schema: &Schema,
    restricted: bool,
    stats: &[&str],
) -> Json {
    let names: Vec<String> = stats.iter().map(|name| (*name).to_owned()).collect();
    let stats = if names.is_empty() {
        BTreeSet::new()
    } else {
        resolve("stats-fields", &names, &people(), true).unwrap()
    };
    let tasks = Tasks {
        data,
        deletes,
        specs: &specs(),
        schema,
        restricted,
        stats: &stats,
    };
    serde_json::from_slice(&tasks_json(&tasks).unwrap()).unwrap()
}

/// The paths of the deletes that apply to each data file.
fn applied(plan: &Json) -> Vec<(String, Vec<String>)> {
    plan["file-scan-tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| {
            let references = task["delete-file-references"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let paths = references
                .iter()
                .map(|index| {
                    let file =
                        &plan["delete-files"][usize::try_from(index.as_u64().unwrap()).unwrap()];
                    file["file-path"].as_str().unwrap().to_owned()
                })
                .collect();
            (
                task["data-file"]["file-path"].as_str().unwrap().to_owned(),
                paths,
            )
        })
        .collect()
}

fn expect(plan: &Json, expected: &[(&str, &[&str])]) {
    let expected: Vec<(String, Vec<String>)> = expected
        .iter()
        .map(|(path, deletes)| {
            (
                (*path).to_owned(),
                deletes.iter().map(|path| (*path).to_owned()).collect(),
            )
        })
        .collect();
    assert_eq!(applied(plan), expected);
}

#[test]
fn deletes_apply_by_sequence_number_and_partition() {
    let data = read(
        ManifestContent::Data,
        0,
        &[
            data("old", 1, 3),
            data("same", 1, 5),
            data("new", 1, 6),
            data("other", 2, 3),
        ],
    );
    let mut entries = read(
        ManifestContent::Deletes,
        0,
        &[deletes(1, "positions", 1, 5), deletes(2, "equality", 1, 5)],
    );
    entries.extend(read(
        ManifestContent::Deletes,
        1,
        &[deletes(2, "global", 0, 4), deletes(1, "elsewhere", 0, 9)],
    ));
    let plan = plan(&data, &entries, &people(), false, &[]);
    expect(
        &plan,
        &[
            ("old", &["positions", "equality", "global"]),
            ("same", &["positions"]),
            ("new", &[]),
            ("other", &["global"]),
        ],
    );
    assert_eq!(
        plan["delete-files"].as_array().unwrap().len(),
        3,
        "what applies to nothing is left out"
    );
}

#[test]
fn positions_are_of_the_files_they_name() {
    let path_bounds = |low: &str, high: &str, path: &str| {
        let bound = |text: &str| json!([{"key": 2_147_483_546, "value": text.as_bytes()}]);
        let mut file = deletes(1, path, 1, 9);
        file["lower_bounds"] = bound(low);
        file["upper_bounds"] = bound(high);
        file
    };
    let mut named = deletes(1, "named", 1, 9);
    named["referenced_data_file"] = json!("b");
    let data = read(
        ManifestContent::Data,
        0,
        &[data("a", 1, 3), data("b", 1, 3)],
    );
    let deletes = read(
        ManifestContent::Deletes,
        0,
        &[
            path_bounds("a", "a", "within"),
            path_bounds("c", "d", "outside"),
            named,
        ],
    );
    expect(
        &plan(&data, &deletes, &people(), false, &[]),
        &[("a", &["within"]), ("b", &["named"])],
    );
}

#[test]
fn a_deletion_vector_takes_the_place_of_position_deletes() {
    let vector = |path: &str, of: &str, sequence: i64| {
        let mut file = deletes(1, path, 1, sequence);
        file["file_format"] = json!("puffin");
        file["referenced_data_file"] = json!(of);
        file["content_offset"] = json!(4);
        file["content_size_in_bytes"] = json!(50);
        file
    };
    let data = read(
        ManifestContent::Data,
        0,
        &[data("a", 1, 3), data("b", 1, 3), data("c", 1, 8)],
    );
    let deletes = read(
        ManifestContent::Deletes,
        0,
        &[
            vector("v", "a", 5),
            deletes(1, "positions", 1, 4),
            deletes(2, "equality", 1, 5),
            vector("late", "c", 7),
        ],
    );
    let plan = plan(&data, &deletes, &people(), false, &[]);
    expect(
        &plan,
        &[
            ("a", &["v", "equality"]),
            ("b", &["positions", "equality"]),
            ("c", &[]),
        ],
    );
    let v = &plan["delete-files"][0];
    assert_eq!(
        (&v["content-offset"], &v["content-size-in-bytes"]),
        (&json!(4), &json!(50))
    );
    assert_eq!(
        (&v["content"], &v["file-format"], &v["referenced-data-file"]),
        (&json!("position-deletes"), &json!("puffin"), &json!("a"))
    );
}

fn with_stats() -> Vec<Entry> {
    let long = |value: i64| value.to_le_bytes().to_vec();
    let counts = json!([{"key": 1, "value": 10}, {"key": 5, "value": 10}]);
    let bounds =
        json!([{"key": 1, "value": long(7)}, {"key": 5, "value": b"hidden-value".to_vec()}]);
    let mut file = data("s3://lake/f.parquet", 17486, 5);
    for name in [
        "column_sizes",
        "value_counts",
        "null_value_counts",
        "nan_value_counts",
    ] {
        file[name] = counts.clone();
    }
    file["lower_bounds"] = bounds.clone();
    file["upper_bounds"] = bounds;
    file["key_metadata"] = json!([1, 2]);
    file["split_offsets"] = json!([4]);
    file["sort_order_id"] = json!(1);
    file["first_row_id"] = json!(40);
    let mut entries = read(ManifestContent::Data, 0, &[file]);
    entries[0].file.first_row_id = Some(40);
    entries
}

#[test]
fn a_data_file_is_written_as_the_document_says() {
    let plan = plan(&with_stats(), &[], &people(), false, &["id"]);
    assert_eq!(
        plan,
        json!({"file-scan-tasks": [{"data-file": {
            "spec-id": 0, "content": "data", "file-path": "s3://lake/f.parquet", "file-format": "parquet",
            "partition": ["2017-11-16", "hidden-value"], "file-size-in-bytes": 1000, "record-count": 10,
            "column-sizes": {"keys": [1], "values": [10]},
            "value-counts": {"keys": [1], "values": [10]},
            "null-value-counts": {"keys": [1], "values": [10]},
            "nan-value-counts": {"keys": [1], "values": [10]},
            "lower-bounds": {"keys": [1], "values": ["0700000000000000"]},
            "upper-bounds": {"keys": [1], "values": ["0700000000000000"]},
            "key-metadata": "0102", "split-offsets": [4], "sort-order-id": 1, "first-row-id": 40, "data-sequence-number": 5,
        }}]})
    );
}

#[test]
fn nothing_of_a_hidden_column_is_written() {
    let scope = ColumnScope::of(ColumnSet::Only([FieldId(1), FieldId(3)].into()));
    let visible = project(&people(), &scope);
    let plan = plan(&with_stats(), &[], &visible, true, &["id", "secret"]);
    let file = &plan["file-scan-tasks"][0]["data-file"];
    assert_eq!(file["partition"], json!(["2017-11-16"]));
    assert_eq!(file["value-counts"]["keys"], json!([1]));
    assert_eq!(file["lower-bounds"]["keys"], json!([1]));
    assert!(file.get("key-metadata").is_none());
    let text = plan.to_string();
    assert!(
        !text.contains("hidden-value") && !text.contains("68696464656E"),
        "{text}"
    );
}

#[test]
fn a_partition_of_a_dropped_column_is_null() {
    let mut left = people();
    left.fields.retain(|field| field.id != FieldId(5));
    let plan = plan(&with_stats(), &[], &left, false, &[]);
    assert_eq!(
        plan["file-scan-tasks"][0]["data-file"]["partition"],
        json!(["2017-11-16", null])
    );
}

#[test]
fn a_file_of_an_unknown_spec_is_an_error() {
    let mut data = with_stats();
    data[0].spec_id = 9;
    let tasks = Tasks {
        data: &data,
        deletes: &[],
        specs: &specs(),
        schema: &people(),
        restricted: false,
        stats: &BTreeSet::new(),
    };
    assert!(tasks_json(&tasks).is_err());
}
