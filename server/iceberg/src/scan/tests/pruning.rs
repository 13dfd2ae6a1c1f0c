use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::json;
use weir_core::schema::DataType;

use super::files::{Habits, file_of, habits, manifest_of, partition_field, spec_of, transformed};
use super::rows::{Cell, Predicate, Row, TYPES, predicate, row, table};
use super::writer::listed;
use crate::scan::apply::apply;
use crate::scan::value::Value;
use crate::scan::{
    ByField, Entry, Expression, FieldSummary, FileContent, Filter, ManifestContent, Spec,
};
use crate::transform::Transform;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_file_with_a_matching_row_is_never_left_out(
        rows in prop::collection::vec(row(), 1..12),
        fields in prop::collection::vec(partition_field(), 0..3),
        predicates in prop::collection::vec(predicate(), 1..6),
        habits in habits(),
    ) {
        let spec = spec_of(fields.clone());
        let mut groups: HashMap<String, (Vec<Option<Value>>, Vec<Row>)> = HashMap::new();
        for row in rows {
            let partition: Option<Vec<_>> = fields.iter()
                .map(|(column, transform)| transformed(row[*column].as_ref(), *column, transform, habits))
                .collect();
            if let Some(partition) = partition {
                groups.entry(format!("{partition:?}")).or_insert_with(|| (partition, Vec::new())).1.push(row);
            }
        }
        let partitions: Vec<_> = groups.values().map(|(partition, _)| partition.clone()).collect();
        let manifest = manifest_of(&partitions, &spec, habits);
        for predicate in predicates {
            let json = predicate.json();
            let filter = Filter::bind(&Expression::parse(&json).unwrap(), &table(), true).unwrap();
            for (partition, rows) in groups.values() {
                let matching = rows.iter().find(|row| predicate.holds(row));
                let file = file_of(rows, &spec, partition, habits);
                if let Some(row) = matching {
                    prop_assert!(filter.may_match_file(&file, &spec), "{json} leaves out {row:?} in {file:?}");
                    prop_assert!(filter.may_match_manifest(&manifest, &spec), "{json} leaves out {row:?} in {manifest:?}");
                }
            }
        }
    }

    #[test]
    fn random_bytes_as_bounds_never_panic(
        bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 2..3),
        predicate in predicate(),
    ) {
        let spec = spec_of(vec![(0, Transform::Bucket(3)), (2, Transform::Truncate(2)), (6, Transform::Day)]);
        let mut file = file_of(&[], &spec, &[None, None, None], Habits {
            counts: false, nan_counts: false, bounds: false, cut: 1, sloppy: false, signed_uuids: false, old_times: false,
        });
        file.file.record_count = 1;
        file.file.lower_bounds = (1..12).map(|id| (id, bytes[0].clone().into())).collect();
        file.file.upper_bounds = (1..12).map(|id| (id, bytes[1].clone().into())).collect();
        let mut manifest = listed(ManifestContent::Data);
        manifest.partitions = vec![FieldSummary { lower_bound: Some(bytes[0].clone().into()), ..FieldSummary::default() }; 3];
        let filter = Filter::bind(&Expression::parse(&predicate.json()).unwrap(), &table(), true).unwrap();
        filter.may_match_file(&file, &spec);
        filter.may_match_manifest(&manifest, &spec);
    }
}

/// A file of whole numbers from 10 to 20 without nulls, partitioned as `transform` says by the first.
fn tens(transform: Transform) -> (Spec, Entry) {
    let rows: Vec<Row> = [10, 20]
        .map(|value| {
            let mut row = vec![None; TYPES.len()];
            row[1] = Some(Cell::Whole(value));
            row
        })
        .to_vec();
    let spec = spec_of(vec![(1, transform.clone())]);
    let value = apply(&transform, &DataType::Long, &Value::Whole(10));
    let habits = Habits {
        counts: true,
        nan_counts: true,
        bounds: true,
        cut: 16,
        sloppy: false,
        signed_uuids: false,
        old_times: false,
    };
    let entry = file_of(&rows, &spec, &[value], habits);
    (spec, entry)
}

fn keeps(json: serde_json::Value, spec: &Spec, entry: &Entry) -> bool {
    let filter = Filter::bind(&Expression::parse(&json).unwrap(), &table(), true).unwrap();
    filter.may_match_file(entry, spec)
}

#[test]
fn bounds_and_counts_leave_files_out() {
    let (spec, entry) = tens(Transform::Void);
    let leaf =
        |operation: &str, value: i64| json!({"type": operation, "term": "c2", "value": value});
    for (json, kept) in [
        (leaf("lt", 10), false),
        (leaf("lt-eq", 10), true),
        (leaf("gt", 20), false),
        (leaf("gt-eq", 20), true),
        (leaf("eq", 9), false),
        (leaf("eq", 15), true),
        (leaf("not-eq", 15), true),
        (
            json!({"type": "in", "term": "c2", "values": [1, 30]}),
            false,
        ),
        (json!({"type": "is-null", "term": "c2"}), false),
        (json!({"type": "not-null", "term": "c1"}), false),
        (
            leaf("eq", 15)
                .as_object()
                .map(|_| json!({"type": "not", "child": leaf("lt", 30)}))
                .unwrap(),
            false,
        ),
        (
            json!({"type": "not", "child": {"type": "lt", "term": "c1", "value": 5}}),
            true,
        ),
        (
            json!({"type": "and", "left": leaf("eq", 15), "right": leaf("gt", 20)}),
            false,
        ),
        (
            json!({"type": "or", "left": leaf("eq", 9), "right": leaf("gt", 20)}),
            false,
        ),
        (
            json!({"type": "or", "left": leaf("eq", 9), "right": leaf("gt", 19)}),
            true,
        ),
        (json!(false), false),
    ] {
        assert_eq!(keeps(json.clone(), &spec, &entry), kept, "{json}");
    }
}

#[test]
fn partitions_leave_files_out_without_statistics() {
    let without = |transform| {
        let (spec, mut entry) = tens(transform);
        entry.file.lower_bounds = ByField::default();
        entry.file.upper_bounds = ByField::default();
        (spec, entry)
    };
    let leaf =
        |operation: &str, value: i64| json!({"type": operation, "term": "c2", "value": value});
    let (spec, entry) = without(Transform::Identity);
    assert!(!keeps(leaf("not-eq", 10), &spec, &entry));
    assert!(!keeps(leaf("eq", 11), &spec, &entry));
    let (spec, entry) = without(Transform::Bucket(1 << 20));
    assert!(keeps(leaf("eq", 10), &spec, &entry));
    assert!(!keeps(leaf("eq", 11), &spec, &entry));
    assert!(keeps(leaf("lt", 0), &spec, &entry));
    let term = json!({"type": "transform", "transform": "bucket[1048576]", "term": "c2"});
    assert!(!keeps(
        json!({"type": "lt", "term": term, "value": 1}),
        &spec,
        &entry
    ));
    let (spec, entry) = without(Transform::Truncate(10));
    assert!(!keeps(leaf("lt", 10), &spec, &entry));
    assert!(!keeps(leaf("gt", 19), &spec, &entry));
    assert!(keeps(leaf("eq", 13), &spec, &entry));
    let (spec, entry) = without(Transform::Unknown("zorder".to_owned()));
    assert!(keeps(leaf("eq", 11), &spec, &entry));
}

#[test]
fn a_function_is_not_guessed_at() {
    let (spec, entry) = tens(Transform::Bucket(1 << 20));
    let bucket = |function: serde_json::Value| {
        json!({"type": "lt", "right": 1, "left": {"type": "apply", "function": function,
        "arguments": [1 << 20, {"type": "reference", "name": "c2"}]}})
    };
    assert!(keeps(bucket(json!("bucket")), &spec, &entry));
    assert!(keeps(
        bucket(json!({"catalog": "lake", "identifier": ["bucket"]})),
        &spec,
        &entry
    ));
    assert!(!keeps(
        bucket(json!({"catalog": "iceberg_functions", "identifier": ["bucket"]})),
        &spec,
        &entry
    ));
}

#[test]
fn statistics_of_delete_files_say_nothing_about_rows() {
    let (spec, mut entry) = tens(Transform::Void);
    entry.file.content = FileContent::EqualityDeletes;
    let json = json!({"type": "eq", "term": "c2", "value": 5});
    assert!(keeps(json, &spec, &entry));
}

#[test]
fn a_predicate_of_a_hundred_levels_is_evaluated() {
    let (spec, entry) = tens(Transform::Void);
    let mut predicate = Predicate::Leaf {
        column: 1,
        operation: "eq",
        constants: vec![Cell::Whole(9)],
        style: 0,
    };
    for _ in 0..90 {
        predicate = Predicate::Or(
            Box::new(predicate.clone()),
            Box::new(Predicate::Constant(false)),
        );
    }
    assert!(!keeps(predicate.json(), &spec, &entry));
}

#[test]
fn an_upper_bound_that_is_cut_short_is_believed_no_further_than_it_goes() {
    let mut row: Row = vec![None; TYPES.len()];
    row[2] = Some(Cell::Bytes(b"abcd".to_vec()));
    let spec = spec_of(Vec::new());
    for sloppy in [true, false] {
        let habits = Habits {
            counts: true,
            nan_counts: true,
            bounds: true,
            cut: 2,
            sloppy,
            signed_uuids: false,
            old_times: false,
        };
        let entry = file_of(&[row.clone()], &spec, &[], habits);
        let leaf =
            |operation: &str, value: &str| json!({"type": operation, "term": "c3", "value": value});
        for (json, kept) in [
            (leaf("eq", "abcd"), true),
            (leaf("gt", "ab"), true),
            (leaf("gt-eq", "abc"), true),
            (leaf("starts-with", "abc"), true),
            (leaf("not-eq", "ab"), true),
            (leaf("eq", "aa"), false),
            (leaf("gt", "b"), false),
            (leaf("starts-with", "b"), false),
        ] {
            assert_eq!(keeps(json.clone(), &spec, &entry), kept, "{json}");
        }
    }
}
