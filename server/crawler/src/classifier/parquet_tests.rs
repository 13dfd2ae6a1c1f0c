#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use std::sync::Arc;
use weir_core::catalog::Format;

use super::parquet;
use super::tests::{columns, infer_bytes};

fn parquet_file(message: &str) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(message).unwrap());
    let properties = Arc::new(WriterProperties::default());
    let writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    writer.into_inner().unwrap()
}

/// A file with one column and three rows.
fn rows_file() -> Vec<u8> {
    use ::parquet::data_type::Int64Type;
    let schema = Arc::new(parse_message_type("message m { required int64 id; }").unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int64Type>()
        .write_batch(&[1, 2, 3], None, None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn parquet_types_become_ours() {
    let cases = [
        (
            "required boolean a; optional int32 b; optional int64 c; optional float d; optional double e;",
            "a boolean!, b int, c long, d float, e double",
        ),
        (
            "optional binary a; optional binary b (UTF8); optional binary c (ENUM); optional binary d (JSON); optional binary e (BSON);",
            "a binary, b string, c string, d string, e binary",
        ),
        (
            "optional binary a (STRING); optional fixed_len_byte_array(16) b (UUID); optional fixed_len_byte_array(5) c; optional fixed_len_byte_array(2) d (FLOAT16);",
            "a string, b uuid, c fixed[5], d float",
        ),
        (
            "optional int32 a (DECIMAL(9,2)); optional int64 b (DECIMAL(18,0)); optional fixed_len_byte_array(16) c (DECIMAL(38,10)); optional binary d (DECIMAL(20,3));",
            "a decimal(9,2), b decimal(18,0), c decimal(38,10), d decimal(20,3)",
        ),
        (
            "optional int32 a (DATE); optional int32 b (TIME_MILLIS); optional int64 c (TIME(NANOS,false)); optional int96 d;",
            "a date, b time, c time, d timestamp",
        ),
        (
            "optional int64 a (TIMESTAMP_MILLIS); optional int64 b (TIMESTAMP(MICROS,true)); optional int64 c (TIMESTAMP(MICROS,false)); optional int64 d (TIMESTAMP(NANOS,true)); optional int64 e (TIMESTAMP(NANOS,false));",
            "a timestamptz, b timestamptz, c timestamp, d timestamptz_ns, e timestamp_ns",
        ),
        (
            "optional int32 a (UINT_8); optional int32 b (UINT_32); optional int64 c (UINT_64); optional int32 d (INT_16); optional int64 e (INTEGER(64,false)); optional int32 f (INTEGER(32,false));",
            "a int, b long, c decimal(20,0), d int, e decimal(20,0), f long",
        ),
        (
            "optional group s { required int32 x; optional group y { optional binary z (UTF8); } }",
            "s struct<x:int,y:struct<z:string>>",
        ),
        (
            "optional group l (LIST) { repeated group list { optional int32 element; } }",
            "l list<int>",
        ),
        (
            "optional group l (LIST) { repeated int32 element; }",
            "l list<int>",
        ),
        (
            "optional group l (LIST) { repeated group array { required int32 x; } }",
            "l list<struct<x:int>>",
        ),
        (
            "optional group l (LIST) { repeated group l_tuple { required int32 x; } }",
            "l list<struct<x:int>>",
        ),
        (
            "optional group l (LIST) { repeated group e { required int32 x; required int32 y; } }",
            "l list<struct<x:int,y:int>>",
        ),
        (
            "optional group l (LIST) { repeated group list { optional group element (LIST) { repeated group list { optional int32 element; } } } }",
            "l list<list<int>>",
        ),
        ("repeated int32 bare;", "bare list<int>!"),
        (
            "optional group m (MAP) { repeated group key_value { required binary key (UTF8); optional int32 value; } }",
            "m map<string,int>",
        ),
        (
            "optional group m (MAP_KEY_VALUE) { repeated group map { required binary k (UTF8); optional int32 v; } }",
            "m map<string,int>",
        ),
    ];
    for (fields, expected) in cases {
        let file = parquet_file(&format!("message m {{ {fields} }}"));
        for name in ["a.parquet", "part-0000"] {
            let inferred = infer_bytes(name, &file)
                .await
                .unwrap_or_else(|error| panic!("{fields}: {error}"));
            assert_eq!(columns(&inferred.schema), expected);
            assert_eq!((inferred.format, inferred.rows), (Format::Parquet, Some(0)));
        }
    }
    assert_eq!(
        infer_bytes("r.parquet", &rows_file()).await.unwrap().rows,
        Some(3)
    );
}

#[tokio::test]
async fn a_damaged_parquet_file_is_told_from_one_that_is_none() {
    let file = rows_file();
    let end = file.len();
    let mut lying = file.clone();
    lying[end - 8..end - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut encrypted = file.clone();
    encrypted[end - 4..].copy_from_slice(b"PARE");
    let cases: [(&[u8], &str); 6] = [
        (b"PAR1", "not a Parquet file: it is too short to be one"),
        (
            b"id,name\n1,x\n2,y\n",
            "not a Parquet file: the footer's magic is missing",
        ),
        (
            &file[..end - 3],
            "not a Parquet file: the footer's magic is missing",
        ),
        (
            &lying,
            "the Parquet footer is damaged: it claims to be longer than the file",
        ),
        (&encrypted, "the Parquet file's footer is encrypted"),
        (
            b"PAR1\0\0\0\0\0\0\0\0PAR1",
            "the Parquet footer is damaged: it claims to be longer than the file",
        ),
    ];
    for (bytes, expected) in cases {
        let error = infer_bytes("a.parquet", bytes).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

fn footer_of(file: &[u8]) -> &[u8] {
    let end = file.len() - 8;
    let length = parquet::footer_length(&file[end..], end as u64 - 4).unwrap();
    &file[end - usize::try_from(length).unwrap()..end]
}

#[test]
fn no_flipped_bit_and_no_cut_makes_the_decoder_fail_badly() {
    let nested = parquet_file(
        "message m { optional group m (MAP) { repeated group key_value { required binary key (UTF8); optional int64 value (TIMESTAMP(NANOS,true)); } } \
         optional int32 d (DECIMAL(9,2)); optional int64 u (INTEGER(64,false)); }",
    );
    std::panic::set_hook(Box::new(|_| {}));
    for file in [nested, rows_file()] {
        let footer = footer_of(&file);
        for at in 0..footer.len() {
            let _ = parquet::decode(&footer[..at]);
            for bit in 0..8 {
                let mut flipped = footer.to_vec();
                flipped[at] ^= 1 << bit;
                let _ = parquet::decode(&flipped);
            }
        }
        assert!(parquet::decode(footer).is_ok());
    }
    let _ = std::panic::take_hook();
}

/// A footer whose schema is `element` bytes, in Thrift's compact protocol.
fn crafted(list_header: &[u8], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x15, 0x02, 0x19];
    bytes.extend_from_slice(list_header);
    bytes.extend_from_slice(elements);
    bytes.extend_from_slice(&[0x16, 0x00, 0x19, 0x0c, 0x00]);
    bytes
}

#[test]
fn a_footer_that_asks_for_the_impossible_is_refused_before_it_is_decoded() {
    let leaf = [0x15, 0x02, 0x25, 0x02, 0x18, 0x01, b'a', 0x00];
    let group = |children: &[u8]| [&[0x48, 0x01, b'g', 0x15][..], children, &[0x00]].concat();
    let good = [group(&[0x02]), leaf.to_vec()].concat();
    assert!(parquet::decode(&crafted(&[0x2c], &good)).is_ok());

    let many = crafted(&[0xfc, 0xff, 0xff, 0xff, 0xff, 0x07], &good);
    let children = crafted(
        &[0x2c],
        &[group(&[0xfe, 0xff, 0xff, 0xff, 0x0f]), leaf.to_vec()].concat(),
    );
    let missing = crafted(&[0x2c], &[group(&[0x04]), leaf.to_vec()].concat());
    // Groups, each the only child of the one before.
    let mut chain = Vec::new();
    let deep_group = [0x35, 0x02, 0x18, 0x01, b'g', 0x15, 0x02, 0x00];
    for _ in 0..90_000 {
        chain.extend_from_slice(&deep_group);
    }
    chain.extend_from_slice(&leaf);
    let count = 90_001_u32;
    let header = [
        0xfc,
        (count & 0x7f) as u8 | 0x80,
        (count >> 7 & 0x7f) as u8 | 0x80,
        (count >> 14) as u8,
    ];
    let deep = crafted(&header, &chain);
    let spiral = [0x1c_u8; 1 << 16];
    // The number of children as text, and a list of booleans: what the decoder would read otherwise than the check.
    let disguised = crafted(&[0x1c], &[0x48, 0x01, b'g', 0x18, 0x01, 0x02, 0x00]);
    let booleans = [0x19, 0x21, 0x01, 0x01, 0x00];
    for (bytes, cause) in [
        (&many[..], "claims more elements"),
        (&children[..], "claims more columns"),
        (&missing[..], "claims more columns"),
        (&deep[..], "nested too deep"),
        (&spiral[..], "nested too deep"),
        (&disguised[..], "wrong type"),
        (&booleans[..], "wrong type"),
        (&[][..], "ends too early"),
    ] {
        let error = parquet::decode(bytes).unwrap_err().to_string();
        assert!(error.contains(cause), "{error}, not {cause}");
    }
}
