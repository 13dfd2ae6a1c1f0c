//! Manifests and lists as engines write them: the schemas of the table spec with field ids, for each format version.

use apache_avro::types::Value;
use apache_avro::{Codec, Schema, Writer};
use serde_json::{Value as Json, json};

use crate::scan::{ManifestContent, ManifestFile};

fn optional(id: i32, name: &str, kind: Json) -> Json {
    json!({"name": name, "type": ["null", kind], "default": null, "field-id": id})
}

fn required(id: i32, name: &str, kind: Json) -> Json {
    json!({"name": name, "type": kind, "field-id": id})
}

/// A map from field ids, as Appendix A has it.
fn map(key: i32, value: i32, kind: &str) -> Json {
    json!({"type": "array", "logicalType": "map", "items": {
    "type": "record", "name": format!("k{key}_v{value}"), "fields": [
        {"name": "key", "type": "int", "field-id": key},
        {"name": "value", "type": kind, "field-id": value},
    ]}})
}

fn array(element: i32, kind: &str) -> Json {
    json!({"type": "array", "items": kind, "element-id": element})
}

/// The schema of a manifest whose partitions have the given fields.
pub fn manifest_schema(version: u8, partition: Json) -> Json {
    let partition = json!({"type": "record", "name": "r102", "fields": partition});
    let mut file = vec![
        required(100, "file_path", json!("string")),
        required(101, "file_format", json!("string")),
        required(102, "partition", partition),
        required(103, "record_count", json!("long")),
        required(104, "file_size_in_bytes", json!("long")),
        optional(108, "column_sizes", map(117, 118, "long")),
        optional(109, "value_counts", map(119, 120, "long")),
        optional(110, "null_value_counts", map(121, 122, "long")),
        optional(137, "nan_value_counts", map(138, 139, "long")),
        optional(125, "lower_bounds", map(126, 127, "bytes")),
        optional(128, "upper_bounds", map(129, 130, "bytes")),
        optional(131, "key_metadata", json!("bytes")),
        optional(132, "split_offsets", array(133, "long")),
        optional(135, "equality_ids", array(136, "int")),
        optional(140, "sort_order_id", json!("int")),
    ];
    if version == 1 {
        file.insert(5, required(105, "block_size_in_bytes", json!("long")));
    } else {
        file.insert(0, required(134, "content", json!("int")));
    }
    if version == 3 {
        file.push(optional(142, "first_row_id", json!("long")));
        file.push(optional(143, "referenced_data_file", json!("string")));
        file.push(optional(144, "content_offset", json!("long")));
        file.push(optional(145, "content_size_in_bytes", json!("long")));
    }
    let file = json!({"type": "record", "name": "r2", "fields": file});
    let mut entry = vec![
        required(0, "status", json!("int")),
        optional(1, "snapshot_id", json!("long")),
        required(2, "data_file", file),
    ];
    if version > 1 {
        entry.push(optional(3, "sequence_number", json!("long")));
        entry.push(optional(4, "file_sequence_number", json!("long")));
    }
    json!({"type": "record", "name": "manifest_entry", "fields": entry})
}

pub fn list_schema(version: u8) -> Json {
    let summary = json!({"type": "record", "name": "r508", "fields": [
        required(509, "contains_null", json!("boolean")),
        optional(518, "contains_nan", json!("boolean")),
        optional(510, "lower_bound", json!("bytes")),
        optional(511, "upper_bound", json!("bytes")),
    ]});
    let count = |id, name| optional(id, name, json!("int"));
    let mut fields = vec![
        required(500, "manifest_path", json!("string")),
        required(501, "manifest_length", json!("long")),
        required(502, "partition_spec_id", json!("int")),
        required(503, "added_snapshot_id", json!("long")),
        count(504, "added_files_count"),
        count(505, "existing_files_count"),
        count(506, "deleted_files_count"),
        optional(
            507,
            "partitions",
            json!({"type": "array", "items": summary, "element-id": 508}),
        ),
        optional(519, "key_metadata", json!("bytes")),
    ];
    if version > 1 {
        fields.push(required(517, "content", json!("int")));
        fields.push(required(515, "sequence_number", json!("long")));
        fields.push(required(516, "min_sequence_number", json!("long")));
    }
    if version == 3 {
        fields.push(optional(520, "first_row_id", json!("long")));
    }
    json!({"type": "record", "name": "manifest_file", "fields": fields})
}

/// The values as a file. Members that are not given are null.
pub fn write(schema: &Json, codec: Codec, values: &[Json]) -> Vec<u8> {
    let schema = Schema::parse(schema).unwrap();
    let mut writer = Writer::with_codec(&schema, Vec::new(), codec);
    for value in values {
        let value = Value::from(value.clone()).resolve(&schema).unwrap();
        writer.append(value).unwrap();
    }
    writer.into_inner().unwrap()
}

/// An entry of the list for a manifest of this content, at sequence number 7.
pub fn listed(content: ManifestContent) -> ManifestFile {
    ManifestFile {
        path: "s3://lake/m.avro".to_owned(),
        length: 1,
        spec_id: 0,
        content,
        sequence_number: 7,
        min_sequence_number: 1,
        added_snapshot_id: Some(70),
        added_files: Some(1),
        existing_files: Some(0),
        deleted_files: Some(0),
        added_rows: None,
        existing_rows: None,
        deleted_rows: None,
        partitions: Vec::new(),
        key_metadata: None,
        first_row_id: None,
    }
}
