use apache_avro::{Codec, DeflateSettings, ZstandardSettings};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::writer::{list_schema, listed, manifest_schema, write};
use crate::scan::{
    FileContent, FileFormat, ManifestContent, Status, Stored, manifest, manifest_list,
};

fn partition() -> Json {
    json!([
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}], "default": null, "field-id": 1000},
        {"name": "odd-name é", "type": ["null", {"type": "fixed", "size": 16, "name": "uuid_fixed", "logicalType": "uuid"}],
            "default": null, "field-id": 1001},
        {"name": "amount", "type": ["null", {"type": "fixed", "size": 4, "name": "decimal_9_2", "logicalType": "decimal",
            "precision": 9, "scale": 2}], "default": null, "field-id": 1002},
    ])
}

/// The same fields under names and types that the crate accepts, so that it can write what engines write.
fn written(version: u8) -> (Json, Vec<u8>) {
    let plain = json!([
        {"name": "day", "type": ["null", "int"], "default": null, "field-id": 1000},
        {"name": "field_1001", "type": ["null", {"type": "fixed", "size": 16, "name": "uuid_fixed"}], "default": null, "field-id": 1001},
        {"name": "amount", "type": ["null", {"type": "fixed", "size": 4, "name": "decimal_9_2"}], "default": null, "field-id": 1002},
    ]);
    let schema = manifest_schema(version, plain);
    let bytes = write(
        &schema,
        Codec::Null,
        &[
            data(version, 1, "a"),
            data(version, 2, "gone"),
            data(version, 0, "b"),
        ],
    );
    (schema, bytes)
}

fn data(version: u8, status: i32, path: &str) -> Json {
    let mut file = json!({
        "file_path": path, "file_format": "PARQUET",
        "partition": {"day": 17486, "field_1001": "0123456789abcdef", "amount": "\u{0}\u{0}\u{5}x"},
        "record_count": 10, "file_size_in_bytes": 1234,
        "value_counts": [{"key": 2, "value": 10}, {"key": 1, "value": 10}],
        "null_value_counts": [{"key": 1, "value": 3}],
        "lower_bounds": [{"key": 1, "value": [5, 0, 0, 0, 0, 0, 0, 0]}],
        "split_offsets": [4, 1000], "sort_order_id": 0,
    });
    if version == 1 {
        file["block_size_in_bytes"] = json!(1);
    } else {
        file["content"] = json!(0);
    }
    json!({"status": status, "data_file": file, "sequence_number": if status == 0 { json!(3) } else { Json::Null }})
}

#[test]
fn manifests_of_every_version_are_read_by_field_id() {
    for version in 1..=3 {
        let (schema, bytes) = written(version);
        let real = manifest_schema(version, partition());
        let bytes = replace_schema(&bytes, &schema, &real);
        let mut list = listed(ManifestContent::Data);
        if version == 1 {
            (list.sequence_number, list.first_row_id) = (0, None);
        } else {
            list.first_row_id = Some(100);
        }
        let entries = manifest(&bytes, &list).unwrap();
        assert_eq!(entries.len(), 2, "the deleted one is left out");
        let (first, second) = (&entries[0], &entries[1]);
        assert_eq!(
            (first.status, second.status),
            (Status::Added, Status::Existing)
        );
        assert_eq!(first.snapshot_id, Some(70));
        let expected = if version == 1 { (0, 0) } else { (7, 3) };
        assert_eq!((first.sequence_number, second.sequence_number), expected);
        let row_ids = if version == 1 {
            (None, None)
        } else {
            (Some(100), Some(110))
        };
        assert_eq!((first.file.first_row_id, second.file.first_row_id), row_ids);
        let file = &first.file;
        assert_eq!(
            (file.path.as_str(), file.format),
            ("a", FileFormat::Parquet)
        );
        assert_eq!(file.partition.get(1000), Some(&Stored::Int(17486)));
        assert!(
            matches!(file.partition.get(1001), Some(Stored::Bytes(bytes)) if bytes.len() == 16)
        );
        assert_eq!(
            file.partition.get(1002),
            Some(&Stored::Bytes([0, 0, 5, b'x'].as_slice().into()))
        );
        assert_eq!(file.value_counts.get(2), Some(&10));
        assert_eq!(file.null_value_counts.get(1), Some(&3));
        assert_eq!(
            file.lower_bounds.get(1).map(AsRef::as_ref),
            Some(5i64.to_le_bytes().as_slice())
        );
        assert_eq!(file.split_offsets, [4, 1000]);
    }
}

/// The file with another text for its schema: the bytes of the values are the same.
fn replace_schema(bytes: &[u8], old: &Json, new: &Json) -> Vec<u8> {
    let old = apache_avro::Schema::parse(old).unwrap();
    let old = serde_json::to_string(&old).unwrap();
    let new = new.to_string();
    let at = bytes
        .windows(old.len())
        .position(|window| window == old.as_bytes())
        .unwrap();
    let length = |text: &str| {
        let mut rest = (text.len() as u64) << 1;
        let mut bytes = Vec::new();
        while rest > 0x7f {
            bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        bytes.push(u8::try_from(rest).unwrap());
        bytes
    };
    let start = at - length(&old).len();
    [
        &bytes[..start],
        &length(&new),
        new.as_bytes(),
        &bytes[at + old.len()..],
    ]
    .concat()
}

#[test]
fn without_field_ids_names_are_used() {
    let (schema, bytes) = written(2);
    let stripped: Json = serde_json::from_str(&strip_ids(&schema.to_string())).unwrap();
    let bytes = replace_schema(&bytes, &schema, &stripped);
    let entries = manifest(&bytes, &listed(ManifestContent::Data)).unwrap();
    assert_eq!(entries[0].file.record_count, 10);
    assert_eq!(
        entries[0].file.partition.get(1000),
        Some(&Stored::Int(17486))
    );
    assert_eq!(entries[0].file.value_counts.get(2), Some(&10));
}

fn strip_ids(schema: &str) -> String {
    schema.replace("\"field-id\"", "\"unknown\"")
}

#[test]
fn deletes_of_version_2_and_deletion_vectors_of_version_3_are_read() {
    let positions = json!({"content": 1, "file_path": "p", "file_format": "parquet", "partition": {}, "record_count": 1,
        "file_size_in_bytes": 1});
    let equality = json!({"content": 2, "file_path": "e", "file_format": "avro", "partition": {}, "record_count": 1,
        "file_size_in_bytes": 1, "equality_ids": [1, 5]});
    let vector = json!({"content": 1, "file_path": "v", "file_format": "puffin", "partition": {}, "record_count": 1,
        "file_size_in_bytes": 1, "referenced_data_file": "a", "content_offset": 4, "content_size_in_bytes": 40});
    let entry = |file| json!({"status": 1, "data_file": file, "snapshot_id": 9});
    let list = listed(ManifestContent::Deletes);

    let bytes = write(
        &manifest_schema(2, json!([])),
        Codec::Snappy,
        &[entry(&positions), entry(&equality)],
    );
    let entries = manifest(&bytes, &list).unwrap();
    assert_eq!(entries[0].file.content, FileContent::PositionDeletes);
    assert_eq!(entries[1].file.content, FileContent::EqualityDeletes);
    assert_eq!(entries[1].file.equality_ids, [1, 5]);
    assert_eq!(entries[1].snapshot_id, Some(9));

    let bytes = write(
        &manifest_schema(3, json!([])),
        Codec::Snappy,
        &[entry(&vector)],
    );
    let entries = manifest(&bytes, &list).unwrap();
    let file = &entries[0].file;
    assert!(file.is_deletion_vector());
    assert_eq!(file.referenced_data_file.as_deref(), Some("a"));
    assert_eq!(
        (file.content_offset, file.content_size),
        (Some(4), Some(40))
    );

    assert!(manifest(&bytes, &listed(ManifestContent::Data)).is_err());
}

fn list_bytes(version: u8, codec: Codec) -> Vec<u8> {
    let manifest = json!({
        "manifest_path": "s3://lake/m1.avro", "manifest_length": 4000, "partition_spec_id": 2, "added_snapshot_id": 70,
        "added_files_count": 1, "existing_files_count": 0, "deleted_files_count": 4,
        "partitions": [{"contains_null": true, "contains_nan": false, "lower_bound": [1, 0, 0, 0], "upper_bound": [9, 0, 0, 0]}],
        "content": 1, "sequence_number": 7, "min_sequence_number": 2, "first_row_id": 1000,
    });
    write(&list_schema(version), codec, &[manifest])
}

#[test]
fn lists_of_every_version_and_codec_are_read() {
    let codecs = [
        Codec::Null,
        Codec::Deflate(DeflateSettings::default()),
        Codec::Snappy,
        Codec::Zstandard(ZstandardSettings::default()),
    ];
    for version in 1..=3 {
        for codec in codecs {
            let manifests = manifest_list(&list_bytes(version, codec)).unwrap();
            let file = &manifests[0];
            assert_eq!(
                (file.path.as_str(), file.length, file.spec_id),
                ("s3://lake/m1.avro", 4000, 2)
            );
            assert_eq!(file.added_snapshot_id, Some(70));
            assert_eq!(file.deleted_files, Some(4));
            assert!(file.has_live_files());
            assert_eq!(
                file.partitions[0].upper_bound.as_deref(),
                Some([9, 0, 0, 0].as_slice())
            );
            assert_eq!(file.partitions[0].contains_nan, Some(false));
            let v2 = version > 1;
            assert_eq!(
                file.content,
                if v2 {
                    ManifestContent::Deletes
                } else {
                    ManifestContent::Data
                }
            );
            assert_eq!(file.sequence_number, if v2 { 7 } else { 0 });
            assert_eq!(file.first_row_id, (version == 3).then_some(1000));
        }
    }
}

#[test]
fn a_file_that_ends_early_is_an_error_wherever_it_ends() {
    for codec in [Codec::Null, Codec::Deflate(DeflateSettings::default())] {
        let bytes = list_bytes(3, codec);
        let header = 16
            + bytes
                .windows(9)
                .position(|window| window == b"snapshot_")
                .unwrap();
        for end in 0..bytes.len() {
            let read = manifest_list(&bytes[..end]);
            // A file without blocks is a list without manifests, so that one point within is no error.
            assert!(
                read.is_err() || read.unwrap().is_empty() && end > header,
                "{end}"
            );
        }
    }
}

#[test]
fn absurd_lengths_and_bombs_take_no_memory() {
    let schema = br#"{"type":"record","name":"manifest_file","fields":[{"name":"manifest_path","type":"string","field-id":500},{"name":"x","type":{"type":"array","items":"null"}}]}"#;
    let header = |codec: &str| {
        let mut bytes = b"Obj\x01\x04".to_vec();
        for (key, value) in [
            ("avro.schema", schema.as_slice()),
            ("avro.codec", codec.as_bytes()),
        ] {
            bytes.extend(long(key.len() as i64));
            bytes.extend(key.as_bytes());
            bytes.extend(long(value.len() as i64));
            bytes.extend(value);
        }
        bytes.push(0);
        bytes.extend([7; 16]);
        bytes
    };
    let block = |codec, count, data: &[u8]| {
        [
            header(codec),
            long(count),
            long(data.len() as i64),
            data.to_vec(),
            vec![7; 16],
        ]
        .concat()
    };
    let bodies = [
        block("null", i64::MAX, b"\x02a\x00"),
        block("null", -1, b"\x02a\x00"),
        block("null", 1, &[long(i64::MAX), vec![0]].concat()),
        block(
            "null",
            1,
            &[long(1), vec![b'a'], long(1 << 40), vec![0]].concat(),
        ),
        block(
            "null",
            1,
            &[long(1), vec![b'a'], long(5), vec![0; 8]].concat(),
        ),
        block(
            "null",
            1,
            &[long(1), vec![b'a'], long(i64::MIN), long(1), vec![0]].concat(),
        ),
        block("null", 1, &[0xff; 40]),
        block("snappy", 1, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]),
        block("snappy", 1, &[0]),
        block("deflate", 1, &[0xff; 9]),
        block("zstandard", 1, &[0xff; 9]),
        block("bzip2", 1, b"\x02a\x00"),
        block(
            "zstandard",
            1,
            &zstd::encode_all(std::io::repeat(0).take(100 << 20), 1).unwrap(),
        ),
        [header("null"), long(1), long(i64::MAX)].concat(),
        [b"Obj\x01".to_vec(), long(i64::MAX)].concat(),
        with_schema(br#"{"type":"record","name":"a","fields":[{"name":"b","type":["null","a"]}]}"#),
        with_schema(b"[".repeat(100_000).as_slice()),
        with_schema(br#"{"type":"record","name":"a","fields":5}"#),
        with_schema(br#"{"type":"fixed","name":"a","size":-1}"#),
    ];
    for (number, body) in bodies.iter().enumerate() {
        assert!(manifest_list(body).is_err(), "{number}");
    }
    use std::io::Read as _;
}

/// A file whose only value is one byte.
fn with_schema(schema: &[u8]) -> Vec<u8> {
    let header = [
        b"Obj\x01\x02".to_vec(),
        long(11),
        b"avro.schema".to_vec(),
        long(schema.len() as i64),
        schema.to_vec(),
        vec![0; 17],
    ];
    [header.concat(), long(1), long(1), vec![0], vec![0; 16]].concat()
}

fn long(value: i64) -> Vec<u8> {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while rest > 0x7f {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_damage_is_an_error_or_another_manifest(changes in prop::collection::vec((any::<(prop::sample::Index, bool)>(), any::<u8>()), 1..6), version in 1u8..=3) {
        let (_, mut bytes) = written(version);
        for (at, byte) in &changes {
            // The schema is most of the file; the values are at its end.
            let (at, in_values) = at;
            let at = if *in_values { bytes.len() - 1 - at.index(400) } else { at.index(bytes.len()) };
            bytes[at] = *byte;
        }
        // What matters is that it returns.
        drop(manifest(&bytes, &listed(ManifestContent::Data)));
        drop(manifest_list(&bytes));
    }

    #[test]
    fn noise_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(manifest_list(&bytes).is_err());
        let framed = [b"Obj\x01".to_vec(), bytes].concat();
        prop_assert!(manifest_list(&framed).is_err());
    }
}

#[test]
fn only_a_file_that_was_added_inherits_a_sequence_number() {
    let mut file = data(2, 0, "a")["data_file"].clone();
    file["partition"] = json!({});
    let read = |status: i32, sequence: i64| {
        let entry = json!({"status": status, "data_file": file});
        let bytes = write(&manifest_schema(2, json!([])), Codec::Null, &[entry]);
        let mut list = listed(ManifestContent::Data);
        list.sequence_number = sequence;
        manifest(&bytes, &list)
    };
    assert_eq!(read(1, 7).unwrap()[0].sequence_number, 7);
    assert_eq!(read(0, 0).unwrap()[0].sequence_number, 0);
    assert!(read(0, 7).is_err());
}
