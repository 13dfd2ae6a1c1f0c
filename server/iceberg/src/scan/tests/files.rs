//! Files and manifests made of rows, with the statistics that one writer or another keeps.

use std::cmp::Ordering;

use proptest::prelude::*;
use weir_core::schema::DataType;

use super::rows::{Cell, Row, TYPES};
use super::writer::listed;
use crate::scan::apply::apply;
use crate::scan::value::Value;
use crate::scan::{
    ByField, DataFile, Entry, FieldSummary, FileContent, FileFormat, ManifestContent, ManifestFile,
    Spec, SpecField, Status, Stored,
};
use crate::transform::Transform;

pub fn partition_field() -> impl Strategy<Value = (usize, Transform)> {
    let transform = prop_oneof![
        Just(Transform::Identity),
        (1u32..5).prop_map(Transform::Bucket),
        (1u32..8).prop_map(Transform::Truncate),
        Just(Transform::Year),
        Just(Transform::Month),
        Just(Transform::Day),
        Just(Transform::Hour),
        Just(Transform::Void),
        Just(Transform::Unknown("zorder".to_owned())),
    ];
    (0..TYPES.len(), transform).prop_filter(
        "the transform takes the type",
        |(column, transform)| {
            let is_time = matches!(
                TYPES[*column],
                DataType::Date | DataType::Timestamp | DataType::TimestamptzNs
            );
            match transform {
                Transform::Bucket(_) => {
                    !matches!(TYPES[*column], DataType::Float | DataType::Double)
                }
                Transform::Truncate(_) => matches!(
                    TYPES[*column],
                    DataType::Int
                        | DataType::Long
                        | DataType::String
                        | DataType::Binary
                        | DataType::Decimal { .. }
                ),
                Transform::Hour => is_time && TYPES[*column] != DataType::Date,
                Transform::Year | Transform::Month | Transform::Day => is_time,
                _ => true,
            }
        },
    )
}

pub fn spec_of(fields: Vec<(usize, Transform)>) -> Spec {
    let fields = (1000..)
        .zip(fields)
        .map(|(field_id, (column, transform))| SpecField {
            source_ids: vec![i32::try_from(column).unwrap() + 1],
            field_id,
            name: format!("p{field_id}"),
            transform,
        })
        .collect();
    Spec { id: 0, fields }
}

/// How a writer keeps statistics; all are allowed.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    pub counts: bool,
    pub nan_counts: bool,
    pub bounds: bool,
    /// Texts and binary values are cut to so many characters or bytes.
    pub cut: usize,
    /// Against the spec, upper bounds are cut and not rounded up.
    pub sloppy: bool,
    pub signed_uuids: bool,
    /// Old writers round times before 1970 towards 1970.
    pub old_times: bool,
}

pub fn habits() -> impl Strategy<Value = Habits> {
    (any::<[bool; 6]>(), 1usize..6).prop_map(
        |([counts, nan_counts, bounds, sloppy, signed_uuids, old_times], cut)| Habits {
            counts,
            nan_counts,
            bounds,
            cut,
            sloppy,
            signed_uuids,
            old_times,
        },
    )
}

pub fn transformed(
    cell: Option<&Cell>,
    column: usize,
    transform: &Transform,
    habits: Habits,
) -> Option<Option<Value>> {
    let Some(cell) = cell else { return Some(None) };
    let data_type = &TYPES[column];
    let value = match transform {
        Transform::Void => return Some(None),
        Transform::Unknown(_) => Value::Whole(7),
        // No writer has such a value; the row is left out.
        _ => apply(transform, data_type, &cell.value())?,
    };
    let is_time = matches!(
        transform,
        Transform::Year | Transform::Month | Transform::Day | Transform::Hour
    );
    Some(Some(match value {
        Value::Whole(value) if is_time && value < 0 && habits.old_times => Value::Whole(value + 1),
        value => value,
    }))
}

fn encode(value: &Value, data_type: &DataType) -> Vec<u8> {
    match value {
        Value::Boolean(value) => vec![u8::from(*value)],
        Value::Whole(value) if matches!(data_type, DataType::Int | DataType::Date) => {
            i32::try_from(*value).unwrap().to_le_bytes().to_vec()
        }
        Value::Whole(value) => value.to_le_bytes().to_vec(),
        Value::Float(value) if *data_type == DataType::Float => {
            (*value as f32).to_le_bytes().to_vec()
        }
        Value::Float(value) => value.to_le_bytes().to_vec(),
        Value::Decimal(value) => i32::try_from(*value).unwrap().to_be_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.clone(),
    }
}

fn stored(value: Option<&Value>, data_type: &DataType) -> Stored {
    let Some(value) = value else {
        return Stored::Null;
    };
    match value {
        Value::Boolean(value) => Stored::Boolean(*value),
        Value::Whole(value) if matches!(data_type, DataType::Int | DataType::Date) => {
            Stored::Int(i32::try_from(*value).unwrap())
        }
        Value::Whole(value) => Stored::Long(*value),
        Value::Float(value) if *data_type == DataType::Float => Stored::Float(*value as f32),
        Value::Float(value) => Stored::Double(*value),
        value => Stored::Bytes(encode(value, data_type).into()),
    }
}

fn order(a: &Value, b: &Value, data_type: &DataType, habits: Habits) -> Ordering {
    match (a, b) {
        (Value::Bytes(a), Value::Bytes(b))
            if *data_type == DataType::Uuid && habits.signed_uuids =>
        {
            let halves = |bytes: &[u8]| {
                let half = |range: std::ops::Range<usize>| {
                    i64::from_be_bytes(bytes[range].try_into().unwrap())
                };
                (half(0..8), half(8..16))
            };
            halves(a).cmp(&halves(b))
        }
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (a, b) => a.compare(b).unwrap(),
    }
}

/// The least and the greatest value, without nulls and NaNs.
fn extremes<'a>(
    values: &'a [Option<Value>],
    data_type: &DataType,
    habits: Habits,
) -> Option<(&'a Value, &'a Value)> {
    let present = || values.iter().flatten().filter(|value| !is_nan(value));
    Some((
        present().min_by(|a, b| order(a, b, data_type, habits))?,
        present().max_by(|a, b| order(a, b, data_type, habits))?,
    ))
}

fn cut(value: &Value, data_type: &DataType, habits: Habits, upper: bool) -> Option<Value> {
    let Value::Bytes(bytes) = value else {
        return Some(value.clone());
    };
    let end = match data_type {
        DataType::String => std::str::from_utf8(bytes)
            .unwrap()
            .char_indices()
            .nth(habits.cut)
            .map(|(end, _)| end),
        DataType::Binary => (bytes.len() > habits.cut).then_some(habits.cut),
        _ => None,
    };
    let Some(end) = end else {
        return Some(value.clone());
    };
    let kept = &bytes[..end];
    if !upper || habits.sloppy {
        return Some(Value::Bytes(kept.to_vec()));
    }
    if *data_type == DataType::Binary {
        let last = kept.iter().rposition(|byte| *byte != 0xff)?;
        let mut kept = kept[..=last].to_vec();
        kept[last] += 1;
        return Some(Value::Bytes(kept));
    }
    let mut text: Vec<char> = std::str::from_utf8(kept).unwrap().chars().collect();
    let last = text.last_mut().unwrap();
    *last = char::from_u32(*last as u32 + 1).unwrap();
    Some(Value::Bytes(
        text.into_iter().collect::<String>().into_bytes(),
    ))
}

pub fn file_of(rows: &[Row], spec: &Spec, partition: &[Option<Value>], habits: Habits) -> Entry {
    let mut file = DataFile {
        content: FileContent::Data,
        path: "f".to_owned(),
        format: FileFormat::Parquet,
        partition: spec
            .fields
            .iter()
            .zip(partition)
            .map(|(field, value)| {
                let source = &TYPES[usize::try_from(field.source_ids[0]).unwrap() - 1];
                let data_type = field.transform.result_type(source).unwrap_or(DataType::Int);
                (field.field_id, stored(value.as_ref(), &data_type))
            })
            .collect(),
        record_count: rows.len() as i64,
        file_size: 1,
        column_sizes: ByField::default(),
        value_counts: ByField::default(),
        null_value_counts: ByField::default(),
        nan_value_counts: ByField::default(),
        lower_bounds: ByField::default(),
        upper_bounds: ByField::default(),
        key_metadata: None,
        split_offsets: Vec::new(),
        equality_ids: Vec::new(),
        sort_order_id: None,
        first_row_id: None,
        referenced_data_file: None,
        content_offset: None,
        content_size: None,
    };
    let count = |test: fn(&Option<Cell>) -> bool| -> ByField<i64> {
        (0..TYPES.len())
            .map(|column| {
                (
                    column as i32 + 1,
                    rows.iter().filter(|row| test(&row[column])).count() as i64,
                )
            })
            .collect()
    };
    if habits.counts {
        file.value_counts = count(|_| true);
        file.null_value_counts = count(Option::is_none);
    }
    if habits.nan_counts {
        file.nan_value_counts = count(|cell| cell.as_ref().is_some_and(Cell::is_nan));
    }
    if habits.bounds {
        let bound = |upper: bool| -> ByField<Box<[u8]>> {
            TYPES
                .iter()
                .enumerate()
                .filter_map(|(column, data_type)| {
                    let values: Vec<_> = rows
                        .iter()
                        .map(|row| row[column].as_ref().map(Cell::value))
                        .collect();
                    let (low, high) = extremes(&values, data_type, habits)?;
                    let value = cut(if upper { high } else { low }, data_type, habits, upper)?;
                    Some((column as i32 + 1, encode(&value, data_type).into()))
                })
                .collect()
        };
        (file.lower_bounds, file.upper_bounds) = (bound(false), bound(true));
    }
    Entry {
        status: Status::Added,
        snapshot_id: None,
        sequence_number: 1,
        file_sequence_number: None,
        spec_id: 0,
        file,
    }
}

pub fn manifest_of(partitions: &[Vec<Option<Value>>], spec: &Spec, habits: Habits) -> ManifestFile {
    let mut manifest = listed(ManifestContent::Data);
    manifest.partitions = spec
        .fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let source = &TYPES[usize::try_from(field.source_ids[0]).unwrap() - 1];
            let data_type = field.transform.result_type(source).unwrap_or(DataType::Int);
            let values: Vec<_> = partitions
                .iter()
                .map(|partition| partition[index].clone())
                .collect();
            let bounds = extremes(&values, &data_type, habits);
            FieldSummary {
                contains_null: values.iter().any(Option::is_none),
                contains_nan: habits
                    .nan_counts
                    .then(|| values.iter().flatten().any(is_nan)),
                lower_bound: bounds.map(|(low, _)| encode(low, &data_type).into()),
                upper_bound: bounds.map(|(_, high)| encode(high, &data_type).into()),
            }
        })
        .collect();
    manifest
}

fn is_nan(value: &Value) -> bool {
    matches!(value, Value::Float(value) if value.is_nan())
}
