//! One schema for files that differ: the union of their columns, each as wide as any of them needs.

use super::types::{DataType, Field, Schema};

/// Two files disagree on a column in a way that no type holds both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub path: String,
    pub left: DataType,
    pub right: DataType,
}

/// The narrowest type that holds every value of both without loss, or none.
///
/// Integers widen to longer ones and, being exact there, `int` to `double`; floats to doubles; decimals to more digits;
/// structs to the union of their fields, and what is unknown to anything. This is wider than what Iceberg lets an engine promote (table spec, Schema
/// Evolution), because here it describes files that exist.
pub fn widen(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{
        Date, Decimal, Double, Float, Int, List, Long, Map, Struct, Timestamp, TimestampNs,
        Timestamptz, TimestamptzNs, Unknown,
    };
    if a == b {
        return Some(a.clone());
    }
    Some(match (a, b) {
        (Unknown, known) | (known, Unknown) => known.clone(),
        (Int, Long) | (Long, Int) => Long,
        (Float, Double) | (Double, Float) | (Int, Double) | (Double, Int) => Double,
        (Timestamp, TimestampNs) | (TimestampNs, Timestamp) => TimestampNs,
        (Timestamptz, TimestamptzNs) | (TimestamptzNs, Timestamptz) => TimestamptzNs,
        (Date, Timestamp) | (Timestamp, Date) => Timestamp,
        (
            Decimal {
                precision: p1,
                scale: s1,
            },
            Decimal {
                precision: p2,
                scale: s2,
            },
        ) => wider_decimal((*p1, *s1), (*p2, *s2))?,
        (Struct(left), Struct(right)) => {
            let (fields, conflicts) = merge_fields("", left, right);
            if conflicts.is_empty() {
                Struct(fields)
            } else {
                return None;
            }
        }
        (List(left), List(right)) => List(Box::new(widen_part(left, right)?)),
        (Map(k1, v1), Map(k2, v2)) => {
            Map(Box::new(widen_part(k1, k2)?), Box::new(widen_part(v1, v2)?))
        }
        _ => return None,
    })
}

fn wider_decimal((p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> Option<DataType> {
    let scale = s1.max(s2);
    let whole = p1.checked_sub(s1)?.max(p2.checked_sub(s2)?);
    let precision = whole + scale;
    (precision <= 38).then_some(DataType::Decimal { precision, scale })
}

fn widen_part(left: &Field, right: &Field) -> Option<Field> {
    Some(Field {
        data_type: widen(&left.data_type, &right.data_type)?,
        required: left.required && right.required,
        ..left.clone()
    })
}

/// The union of two schemas by column name; `left` keeps its order, its ids, and its type where they conflict.
/// A column that one side lacks becomes optional.
pub fn merge(left: &Schema, right: &Schema) -> (Schema, Vec<Conflict>) {
    let (fields, conflicts) = merge_fields("", &left.fields, &right.fields);
    (Schema { fields }, conflicts)
}

fn merge_fields(path: &str, left: &[Field], right: &[Field]) -> (Vec<Field>, Vec<Conflict>) {
    let mut conflicts = Vec::new();
    let mut merged: Vec<Field> = left
        .iter()
        .map(
            |field| match right.iter().find(|other| other.name == field.name) {
                Some(other) => merge_field(path, field, other, &mut conflicts),
                None => Field {
                    required: false,
                    ..field.clone()
                },
            },
        )
        .collect();
    let new = right
        .iter()
        .filter(|field| !left.iter().any(|other| other.name == field.name));
    merged.extend(new.map(|field| Field {
        required: false,
        ..field.clone()
    }));
    (merged, conflicts)
}

fn merge_field(path: &str, left: &Field, right: &Field, conflicts: &mut Vec<Conflict>) -> Field {
    let path = if path.is_empty() {
        left.name.clone()
    } else {
        format!("{path}.{}", left.name)
    };
    let data_type = match (&left.data_type, &right.data_type) {
        (DataType::Struct(a), DataType::Struct(b)) => {
            let (fields, inner) = merge_fields(&path, a, b);
            conflicts.extend(inner);
            DataType::Struct(fields)
        }
        (a, b) => widen(a, b).unwrap_or_else(|| {
            conflicts.push(Conflict {
                path,
                left: a.clone(),
                right: b.clone(),
            });
            a.clone()
        }),
    };
    Field {
        data_type,
        required: left.required && right.required,
        doc: left.doc.clone().or_else(|| right.doc.clone()),
        ..left.clone()
    }
}
