#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use chrono::DateTime;
use proptest::prelude::*;
use std::io::Write as _;
use weir_core::location::Location;
use weir_core::storage::{Place, StorageSettings};
use weir_storage::seal::Keyring;
use weir_storage::{StorageConfig, Stores};

use super::*;

/// Puts the bytes into a folder and infers them as a crawl does.
pub(super) async fn infer_bytes(name: &str, bytes: &[u8]) -> Result<Inferred, Unreadable> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(name), bytes).unwrap();
    let root = Location::parse("root", &format!("file://{}", dir.path().display())).unwrap();
    let store = Stores::new(StorageConfig::default(), Keyring::fresh().unwrap())
        .open(&Place::new(&root, StorageSettings::default()))
        .unwrap();
    let object = ObjectMeta {
        location: root.join(name).unwrap(),
        size: bytes.len() as u64,
        modified: DateTime::UNIX_EPOCH,
        etag: None,
    };
    infer(&store, &object).await
}

/// `a long, b string`
pub(super) fn columns(schema: &Schema) -> String {
    let columns = schema.fields.iter().map(|field| {
        let required = if field.required { "!" } else { "" };
        format!("{} {}{required}", field.name, field.data_type)
    });
    columns.collect::<Vec<_>>().join(", ")
}

fn text(name: &str, content: &str) -> Result<Inferred, Unreadable> {
    infer_text(name, content.as_bytes(), true)
}

#[test]
#[allow(clippy::too_many_lines)]
fn delimited_text_shows_its_columns() {
    // name, content, columns, delimiter, header
    let cases = [
        (
            "a.csv",
            "id,name,price\n1,x,1.5\n2,y,2\n",
            "id long, name string, price double",
            ',',
            true,
        ),
        (
            "a.csv",
            "id;name\n1;a,b\n2;c,d\n",
            "id long, name string",
            ';',
            true,
        ),
        (
            "a.tsv",
            "id\tok\n1\ttrue\n",
            "id long, ok boolean",
            '\t',
            true,
        ),
        (
            "a.txt",
            "id|d\n1|2024-01-01\n",
            "id long, d date",
            '|',
            true,
        ),
        ("data", "a,b\n1,2\n3,4\n", "a long, b long", ',', true),
        (
            "a.csv",
            "1,x\n2,y\n",
            "column_1 long, column_2 string",
            ',',
            false,
        ),
        ("a.csv", "a,b\nc,d\ne,f\n", "a string, b string", ',', true),
        (
            "a.csv",
            "x,x\nx,x\nx,x\n",
            "column_1 string, column_2 string",
            ',',
            false,
        ),
        (
            "a.csv",
            "name,name,,id\na,b,c,1\n",
            "name string, name_2 string, column_3 string, id long",
            ',',
            true,
        ),
        (
            "a.csv",
            "\u{feff}id,\"the, name\"\n1,\"say \"\"hi\"\"\nthere\"\n",
            "id long, the, name string",
            ',',
            true,
        ),
        (
            "a.csv",
            "code,big,n\n007,9223372036854775808,1\n008,1,NA\n",
            "code string, big string, n long",
            ',',
            true,
        ),
        (
            "a.csv",
            "a,b,c,d\n1,,null,NaN\nNA,,NULL,2\n",
            "a long, b string, c string, d double",
            ',',
            true,
        ),
        (
            "a.csv",
            "t,z,m\n2024-01-01 10:00,2024-01-01T10:00:00Z,2024-01-01\n2024-01-02,2024-01-01T10:00:00+02:00,x\n",
            "t timestamp, z timestamptz, m string",
            ',',
            true,
        ),
        ("a.csv", "one\n1\n2\n", "one long", ',', true),
        (
            "a.csv",
            "id,name\r\n1,x\r\n",
            "id long, name string",
            ',',
            true,
        ),
        (
            "a.csv",
            "only,names\n",
            "only string, names string",
            ',',
            true,
        ),
        (
            "a.csv",
            "id,v\n1,2,3\n4,5\n6,7\n",
            "id long, v long",
            ',',
            true,
        ),
    ];
    for (name, content, expected, delimiter, header) in cases {
        let inferred = text(name, content).unwrap_or_else(|error| panic!("{content:?}: {error}"));
        assert_eq!(columns(&inferred.schema), expected, "{content:?}");
        assert_eq!(inferred.format, Format::Csv);
        assert_eq!(inferred.details.delimiter, Some(delimiter), "{content:?}");
        assert_eq!(inferred.details.header, Some(header), "{content:?}");
        assert_eq!(inferred.rows, None);
    }
}

#[test]
fn json_lines_show_their_columns() {
    let cases = [
        (r#"{"b": 1, "a": "x"}"#, "b long, a string"),
        (
            "{\"a\": 1}\n\n{\"a\": 2.5, \"c\": true}\r\n",
            "a double, c boolean",
        ),
        ("{\"a\": null}\n{\"a\": null}", "a string"),
        ("{\"a\": null}\n{\"a\": 3}", "a long"),
        ("{\"a\": 1}\n{\"a\": \"x\"}", "a string"),
        ("{\"a\": {\"x\": 1}}\n{\"a\": 2}", "a string"),
        (
            "{\"a\": {\"x\": 1}}\n{\"a\": {\"y\": [1, 2.5]}}",
            "a struct<x:long,y:list<double>>",
        ),
        (
            "{\"a\": []}\n{\"a\": [{\"k\": true}]}",
            "a list<struct<k:boolean>>",
        ),
        ("{\"a\": [], \"b\": {}}", "a list<string>, b string"),
        ("{\"a\": 1, \"a\": \"last\"}", "a string"),
        (
            "{\"big\": 18446744073709551615, \"n\": -9223372036854775808}",
            "big double, n long",
        ),
        (
            "\u{feff}{\"\": 1, \"a\\u0000\": 2}",
            "column_1 long, a_ long",
        ),
    ];
    for (content, expected) in cases {
        for name in ["a.jsonl", "a.json", "data"] {
            let inferred =
                text(name, content).unwrap_or_else(|error| panic!("{content:?}: {error}"));
            assert_eq!(columns(&inferred.schema), expected, "{content:?}");
            assert_eq!(inferred.format, Format::JsonLines);
        }
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let cases: &[(&str, &[u8], &str)] = &[
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b" \n ", "the file is empty"),
        (
            "a.json",
            b"[{\"a\": 1}]",
            "the file is one JSON array; one object a line is expected",
        ),
        (
            "a.json",
            b"{\n  \"a\": 1\n}\n",
            "the file spreads an object over several lines; one object a line is expected",
        ),
        (
            "a.jsonl",
            b"{\"a\": 1}\n{\"a\": secret}\n",
            "line 2 is not valid JSON at column 7",
        ),
        (
            "a.jsonl",
            b"{\"a\": 1}\n\n{\"a\":\n",
            "line 3 is not valid JSON: it ends too early",
        ),
        ("a.jsonl", b"{\"a\": 1}\n7\n", "line 2 is not a JSON object"),
        ("a.jsonl", b"{}\n", "none of the objects has a field"),
        (
            "a.csv",
            b"gr\xf6\xdfe,b\n1,2\n",
            "the file is neither Parquet nor UTF-8 text",
        ),
        (
            "a.csv",
            b"\xff\xfea\0,\0b\0",
            "the file is UTF-16 text; UTF-8 is read",
        ),
        (
            "a.zip",
            b"PK\x03\x04....",
            "the file is compressed with zip; gzip and zstd are read",
        ),
        ("a.gz", b"\x1f\x8b\x08", "the gzip stream ends too early"),
        (
            "a.gz",
            b"\x1f\x8bgarbage and more garbage",
            "the gzip stream is damaged",
        ),
        (
            "a.zst",
            b"\x28\xb5\x2f\xfdgarbage",
            "the zstd stream is damaged",
        ),
        (
            "README",
            b"Hello, this is prose.\nIt has lines.\n",
            "the file is none of the formats that are read: Parquet, CSV, JSON lines",
        ),
        (
            "image.png",
            b"\x89PNG\r\n\x1a\n\0\0",
            "the file is neither Parquet nor UTF-8 text",
        ),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (name, bytes, expected) in cases {
        let error = runtime.block_on(infer_bytes(name, bytes)).unwrap_err();
        assert_eq!(error.to_string(), *expected, "{name}");
    }
}

#[test]
fn a_cut_off_sample_ignores_its_half_record() {
    let lines = "1,x\n".repeat(10);
    let half = infer_text("a.csv", format!("id,v\n{lines}2,\"half").as_bytes(), false).unwrap();
    assert_eq!(columns(&half.schema), "id long, v string");
    let half = infer_text("a.csv", b"id,v\n1,2\n3,4\n5,x", false).unwrap();
    assert_eq!(columns(&half.schema), "id long, v long");
    let half = infer_text("a.jsonl", "{\"a\": 1}\n{\"a\": \"ü".as_bytes(), false).unwrap();
    assert_eq!(columns(&half.schema), "a long");
    assert!(infer_text("a.jsonl", b"{\"a\": ", false).is_err());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compressed_files_are_read_by_their_content_and_no_further_than_the_sample() {
    let row = "1,abc\n".repeat(2_000_000);
    let bomb = format!("id,v\n{row}");
    let encoded = [
        ("a.csv.gz", gzip(bomb.as_bytes()), Compression::Gzip),
        (
            "a.csv.zst",
            zstd::encode_all(bomb.as_bytes(), 3).unwrap(),
            Compression::Zstd,
        ),
        ("plain.csv", bomb.into_bytes(), Compression::None),
    ];
    for (name, bytes, compression) in encoded {
        let inferred = infer_bytes(name, &bytes).await.unwrap();
        assert_eq!(columns(&inferred.schema), "id long, v string");
        assert_eq!(inferred.compression, compression);
    }
    let sample =
        compression::sample(Compression::Gzip, &gzip(&vec![b'x'; 50 << 20]), true).unwrap();
    assert_eq!((sample.bytes.len(), sample.whole), (SAMPLE_BYTES, false));
    let cut = gzip(b"id,v\n1,2\n3,4\n");
    let cut = compression::sample(Compression::Gzip, &cut[..cut.len() - 4], false).unwrap();
    assert!(!cut.whole);
    let cut = zstd::encode_all(&b"id,v\n1,2\n3,4\n"[..], 3).unwrap();
    let cut = compression::sample(Compression::Zstd, &cut[..cut.len() - 4], false).unwrap();
    assert!(!cut.whole);
}

#[test]
fn too_many_columns_are_refused() {
    let wide = format!("{}\n", ",".repeat(MAX_COLUMNS + 1)).repeat(2);
    assert!(matches!(
        text("a.csv", &wide),
        Err(Unreadable::Unrecognised(_))
    ));
}

#[test]
fn names_are_made_fit() {
    let names = ["a", "", "a", "a_2", " b ", "\n", "a"].map(str::to_owned);
    assert_eq!(
        name_columns(names),
        ["a", "column_2", "a_2", "a_2_2", "b", "_", "a_3"]
    );
    let long = name_columns(["x".repeat(500), "x".repeat(500)]);
    assert!(long.iter().all(|name| name.chars().count() <= 255));
}

#[test]
fn each_classifier_knows_its_own() {
    let none: &[u8] = b"";
    let samples = [
        (
            "x",
            &b"PAR1...."[..],
            &b"....PAR1"[..],
            Some(Format::Parquet),
        ),
        ("x", &b"{\"a\": 1}\n"[..], none, Some(Format::JsonLines)),
        ("x.csv", &b"{\"a\": 1}\n"[..], none, Some(Format::JsonLines)),
        ("x.csv", &b"a,b\n1,2\n"[..], none, Some(Format::Csv)),
        ("x", &b"prose, and\nmore"[..], none, None),
    ];
    for (name, head, tail, format) in samples {
        let best = ALL
            .iter()
            .map(|one| (one.sniff(name, head, tail), one.format()))
            .max()
            .unwrap();
        let found = (best.0 > Confidence::No).then_some(best.1);
        assert_eq!(found, format, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_inference_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), whole in any::<bool>(), name in "a\\.(csv|jsonl|tsv|gz|txt)|a") {
        let _ = infer_text(&name, &bytes, whole);
        let _ = parquet::decode(&bytes);
    }

    #[test]
    fn no_damage_to_a_stream_makes_decompression_panic(at in 0..200usize, byte in any::<u8>(), magic in 0..2usize) {
        let plain = b"id,v\n1,2\n".repeat(40);
        let (compression, mut bytes) = [
            (Compression::Gzip, gzip(&plain)),
            (Compression::Zstd, zstd::encode_all(&plain[..], 3).unwrap()),
        ][magic].clone();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = compression::sample(compression, &bytes, true);
        let _ = compression::sample(compression, &bytes[..at], false);
    }

    #[test]
    fn no_text_makes_inference_panic(text in "[ab0-9,;|\"'\\n\\t{}:\\[\\]é.-]{0,200}", whole in any::<bool>()) {
        for name in ["a.csv", "a.jsonl", "a.tsv", "a"] {
            if let Ok(inferred) = infer_text(name, text.as_bytes(), whole) {
                let names: std::collections::HashSet<_> = inferred.schema.fields.iter().map(|field| &field.name).collect();
                prop_assert_eq!(names.len(), inferred.schema.fields.len());
                prop_assert!(names.iter().all(|name| !name.is_empty()));
            }
        }
    }

    #[test]
    fn every_file_of_a_csv_writer_is_read_back(rows in prop::collection::vec(("[a-z ,\"\\n]{1,8}", any::<i64>()), 2..20)) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(["the text", "number"]).unwrap();
        for (text, number) in &rows {
            writer.write_record([text, &number.to_string()]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let inferred = infer_text("a.csv", &bytes, true).unwrap();
        prop_assert_eq!(columns(&inferred.schema), "the text string, number long");
    }
}
