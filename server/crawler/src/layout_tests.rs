#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use chrono::DateTime;
use proptest::prelude::*;
use weir_core::schema::Field;

use super::*;

fn root() -> Location {
    Location::parse("root", "s3://lake/raw").unwrap()
}

fn object(path: &str) -> ObjectMeta {
    ObjectMeta {
        location: Location::parse("path", &format!("s3://lake/raw/{path}")).unwrap(),
        size: 1,
        modified: DateTime::UNIX_EPOCH,
        etag: None,
    }
}

fn laid(paths: &[&str]) -> Layout {
    lay_out(&root(), paths.iter().map(|path| object(path)))
}

/// `name location keys types: file, file`
fn lines(layout: &Layout) -> Vec<String> {
    layout
        .tables
        .iter()
        .map(|table| {
            let below = |location: &Location| location.below(&root()).unwrap().join("/");
            let types: Vec<_> = table
                .partition_types
                .iter()
                .map(ToString::to_string)
                .collect();
            let files: Vec<_> = table
                .files
                .iter()
                .map(|file| {
                    format!(
                        "{}{:?}",
                        below(&file.object.location),
                        file.partition
                            .iter()
                            .map(|value| value.as_deref().unwrap_or("null"))
                            .collect::<Vec<_>>()
                    )
                })
                .collect();
            format!(
                "{} /{} {}:{} {}",
                table.name,
                below(&table.location),
                table.partition_keys.join("/"),
                types.join("/"),
                files.join(" ")
            )
        })
        .collect()
}

#[test]
fn folders_and_files_become_tables() {
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["orders/b.parquet", "orders/a.parquet"],
            &["orders /orders : orders/a.parquet[] orders/b.parquet[]"],
        ),
        (
            &["sales/eu/a.csv", "sales/us/a.csv", "hr/x.csv"],
            &[
                "hr /hr : hr/x.csv[]",
                "sales_eu /sales/eu : sales/eu/a.csv[]",
                "sales_us /sales/us : sales/us/a.csv[]",
            ],
        ),
        (
            &["flights.csv.gz", "planes.csv", "no_ending"],
            &[
                "flights /flights.csv.gz : flights.csv.gz[]",
                "no_ending /no_ending : no_ending[]",
                "planes /planes.csv : planes.csv[]",
            ],
        ),
        (
            &["t/year=2023/month=01/a.csv", "t/year=2024/month=12/b.csv"],
            &[
                r#"t /t year/month:long/string t/year=2023/month=01/a.csv["2023", "01"] t/year=2024/month=12/b.csv["2024", "12"]"#,
            ],
        ),
        (
            &[
                "t/dt=2024-01-01/a.csv",
                "t/dt=__HIVE_DEFAULT_PARTITION__/b.csv",
            ],
            &[
                r#"t /t dt:date t/dt=2024-01-01/a.csv["2024-01-01"] t/dt=__HIVE_DEFAULT_PARTITION__/b.csv["null"]"#,
            ],
        ),
        (
            &["t/na%20me=a%20b%3Dc/a.csv", "t/na%20me=%C3%BC/a.csv"],
            &[
                r#"t /t na me:string t/na%20me=%C3%BC/a.csv["ü"] t/na%20me=a%20b%3Dc/a.csv["a b=c"]"#,
            ],
        ),
        (&["dt=1/a.csv"], &[r#"raw / dt:long dt=1/a.csv["1"]"#]),
        (
            &["t/dt=1/deep/er/a.csv"],
            &[r#"t /t dt:long t/dt=1/deep/er/a.csv["1"]"#],
        ),
        (
            &["My Table (1)/a.csv"],
            &["My_Table_1 /My Table (1) : My Table (1)/a.csv[]"],
        ),
        (
            &["a/b/x.csv", "a_b/x.csv", "a_b_2/x.csv"],
            &[
                "a_b /a/b : a/b/x.csv[]",
                "a_b_3 /a_b : a_b/x.csv[]",
                "a_b_2 /a_b_2 : a_b_2/x.csv[]",
            ],
        ),
        (&[], &[]),
    ];
    for (paths, expected) in cases {
        let layout = laid(paths);
        assert_eq!(lines(&layout), *expected);
        assert!(layout.problems.is_empty(), "{:?}", layout.problems);
    }
}

#[test]
fn what_writers_leave_behind_is_no_data() {
    let mut objects: Vec<_> = [
        "t/_SUCCESS",
        "t/_delta_log/0.json",
        "t/.part.crc",
        "t/part.csv.crc",
        "t/.hidden",
        "_tmp/a.csv",
        ".git/config",
        "t/a/_temporary/0/x.csv",
        "t/real.csv",
        "t/_y=1/z.csv",
    ]
    .into_iter()
    .map(object)
    .collect();
    let mut marker = object("t/sub_$folder$");
    marker.size = 0;
    objects.push(marker);
    let layout = lay_out(&root(), objects);
    let files: Vec<_> = layout
        .tables
        .iter()
        .flat_map(|table| &table.files)
        .map(|file| file.object.location.name().unwrap())
        .collect();
    // A folder `_y=1` is a partition of a column `_y`, which does not fit the file beside it; the longer keys hold.
    assert_eq!(files, ["z.csv"]);
    assert_eq!(layout.problems.len(), 1);
}

#[test]
fn files_that_do_not_fit_are_reported_and_the_rest_is_kept() {
    let layout = laid(&[
        "t/year=2023/month=1/a.csv",
        "t/year=2024/month=2/a.csv",
        "t/year=2024/stray.csv",
        "t/year=2024/stray2.csv",
        "t/month=1/year=2023/a.csv",
        "t/loose.csv",
        "!!!/a.csv",
        "twice/x=1/x=2/a.csv",
    ]);
    assert_eq!(layout.tables.len(), 1);
    assert_eq!(layout.tables[0].partition_keys, ["year", "month"]);
    assert_eq!(layout.tables[0].files.len(), 2);
    let problems: Vec<_> = layout
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.cause))
        .collect();
    assert_eq!(
        problems,
        [
            "s3://lake/raw/!!!: No table can be named after this path.",
            "s3://lake/raw/t: Its files have no partition keys; most files of the table `t` have the partition keys `year/month`. They are left out.",
            "s3://lake/raw/t/month=1/year=2023: Its files have the partition keys `month/year`; most files of the table `t` have the partition keys `year/month`. They are left out.",
            "s3://lake/raw/t/year=2024: Its files have the partition keys `year`; most files of the table `t` have the partition keys `year/month`. They are left out.",
            "s3://lake/raw/twice: A partition key appears twice: there are the partition keys `x/x`.",
        ]
    );
}

#[test]
fn a_partition_is_named_as_its_folders_are() {
    let keys = ["year".to_owned(), "month".to_owned()];
    assert_eq!(
        partition_name(&keys, &[Some("2024".into()), None]),
        "year=2024/month=__HIVE_DEFAULT_PARTITION__"
    );
}

fn schema(columns: &str) -> Schema {
    Schema::new(
        columns
            .split_whitespace()
            .map(|name| Field::inferred(name, DataType::String))
            .collect(),
    )
}

/// Splits the folder `t` with these files; `name: file file`, the format where it is not CSV.
fn split(files: &[(&str, Option<Format>, &str)]) -> Vec<String> {
    let mut table = laid(&files.iter().map(|(path, ..)| *path).collect::<Vec<_>>()).tables;
    assert_eq!(table.len(), 1);
    let schemas: Vec<_> = files
        .iter()
        .map(|(_, _, columns)| schema(columns))
        .collect();
    let shapes: Vec<_> = files
        .iter()
        .zip(&schemas)
        .map(|((_, format, _), schema)| format.map(|format| (format, schema)))
        .collect();
    split_by_schema(table.remove(0), &shapes)
        .into_iter()
        .map(|split| {
            let names: Vec<_> = split
                .table
                .files
                .iter()
                .map(|file| file.object.location.name().unwrap())
                .collect();
            let picked: Vec<_> = split
                .members
                .iter()
                .map(|index| files[*index].0.rsplit('/').next().unwrap())
                .collect();
            assert_eq!(names, picked);
            format!("{} {}: {}", split.table.name, split.format, names.join(" "))
        })
        .collect()
}

#[test]
fn files_of_one_folder_are_one_table_only_when_they_are_alike() {
    let (csv, json, none) = (Some(Format::Csv), Some(Format::JsonLines), None);
    assert_eq!(
        split(&[("t/1.csv", csv, "a b c"), ("t/2.csv", csv, "a b c d")]),
        ["t csv: 1.csv 2.csv"]
    );
    assert_eq!(
        split(&[
            ("t/airports.csv", csv, "faa lat"),
            ("t/flights.csv", csv, "year dep"),
            ("t/planes.csv.gz", csv, "tail year engine")
        ]),
        [
            "airports csv: airports.csv",
            "flights csv: flights.csv",
            "planes csv: planes.csv.gz"
        ]
    );
    assert_eq!(
        split(&[
            ("t/1.csv", csv, "a b"),
            ("t/2.csv", csv, "a b"),
            ("t/3.csv", csv, "a b"),
            ("t/readme.csv", csv, "x")
        ]),
        ["t csv: 1.csv 2.csv 3.csv", "readme csv: readme.csv"]
    );
    assert_eq!(
        split(&[
            ("t/1.csv", csv, "a"),
            ("t/2.csv", csv, "a"),
            ("t/3.jsonl", json, "a"),
            ("t/4.csv", none, "")
        ]),
        ["t csv: 1.csv 2.csv", "t_jsonl jsonl: 3.jsonl"]
    );
    assert_eq!(
        split(&[("t/x=1/1.csv", csv, "a"), ("t/x=2/2.csv", csv, "b")]),
        ["t csv: 1.csv 2.csv"]
    );
    assert_eq!(split(&[("t/1.csv", none, "")]), Vec::<String>::new());
}

#[test]
fn a_fingerprint_changes_with_every_file() {
    let entry = |path: &str| FileEntry {
        object: object(path),
        partition: Vec::new(),
    };
    let base = vec![entry("t/a.csv"), entry("t/b.csv")];
    let hash = fingerprint(&base);
    assert_eq!(hash.len(), 64);
    assert_eq!(fingerprint(base.iter().rev()), hash);
    let mut seen = HashSet::from([hash, fingerprint(&[])]);
    let changes: [fn(&mut Vec<FileEntry>); 6] = [
        |files| files[0].object.size = 2,
        |files| files[0].object.etag = Some("e".into()),
        |files| files[0].object.etag = Some("f".into()),
        |files| files[1].object.modified += chrono::TimeDelta::seconds(1),
        |files| {
            files.pop();
        },
        |files| files[1].object.location = object("t/c.csv").location,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut files = base.clone();
        change(&mut files);
        assert!(
            seen.insert(fingerprint(&files)),
            "change {index} does not show"
        );
    }
}

proptest! {
    #[test]
    fn the_order_of_a_listing_does_not_matter_and_no_file_is_in_two_tables(
        paths in prop::collection::btree_set("(([ab]|k=[12]|_x|m=1)/){0,3}[xyz]\\.csv", 0..12),
        shift in 0..12usize,
    ) {
        let objects: Vec<_> = paths.iter().map(|path| object(path)).collect();
        let mut turned = objects.clone();
        turned.rotate_left(shift.min(objects.len()));
        let layout = lay_out(&root(), objects);
        prop_assert_eq!(&lay_out(&root(), turned), &layout);
        let files: Vec<_> = layout.tables.iter().flat_map(|table| &table.files).map(|file| &file.object.location).collect();
        prop_assert_eq!(files.iter().collect::<HashSet<_>>().len(), files.len());
        let names: HashSet<_> = layout.tables.iter().map(|table| &table.name).collect();
        prop_assert_eq!(names.len(), layout.tables.len());
        for table in &layout.tables {
            prop_assert!(table.files.iter().all(|file| file.partition.len() == table.partition_keys.len()));
        }
    }
}
