//! Predicates on a column as predicates on a partition field (table spec, section "Scan Planning": inclusive projection).

use weir_core::schema::DataType;

use super::op::Op;
use crate::scan::apply::apply;
use crate::scan::value::Value;
use crate::transform::Transform;

/// A predicate that holds for the transformed value wherever `op` holds for a value of type `source`. `None` where there is
/// no such predicate but `true`.
///
/// All transforms but `void` keep nulls and only those, and never make a NaN.
pub(super) fn project(op: &Op, transform: &Transform, source: &DataType) -> Option<Op> {
    match transform {
        Transform::Identity => Some(op.clone()),
        Transform::Void | Transform::Unknown(_) => None,
        Transform::Bucket(_) => bucket(op, transform, source),
        Transform::Truncate(width) => truncate(op, *width, source),
        Transform::Year | Transform::Month | Transform::Day | Transform::Hour => {
            ordered(op, transform, source).map(allow_rounding_up)
        }
    }
}

fn bucket(op: &Op, transform: &Transform, source: &DataType) -> Option<Op> {
    match op {
        Op::IsNull => Some(Op::IsNull),
        Op::In(values) => each(values, transform, source).map(Op::In),
        Op::NotNull
        | Op::Less(_)
        | Op::LessOrEqual(_)
        | Op::Greater(_)
        | Op::GreaterOrEqual(_)
        | Op::StartsWith(_) => Some(Op::NotNull),
        Op::IsNan | Op::NotNan | Op::NotIn(_) | Op::NotStartsWith(_) => None,
    }
}

/// For transforms that keep the order: what is less is not greater afterwards.
fn ordered(op: &Op, transform: &Transform, source: &DataType) -> Option<Op> {
    let one = |value: &Value| apply(transform, source, value);
    match op {
        Op::IsNull => Some(Op::IsNull),
        Op::NotNull => Some(Op::NotNull),
        Op::Less(value) => one(&before(value)).map(Op::LessOrEqual),
        Op::LessOrEqual(value) => one(value).map(Op::LessOrEqual),
        Op::Greater(value) => one(&after(value)).map(Op::GreaterOrEqual),
        Op::GreaterOrEqual(value) => one(value).map(Op::GreaterOrEqual),
        Op::In(values) => each(values, transform, source).map(Op::In),
        Op::StartsWith(_) => Some(Op::NotNull),
        Op::IsNan | Op::NotNan | Op::NotIn(_) | Op::NotStartsWith(_) => None,
    }
}

fn truncate(op: &Op, width: u32, source: &DataType) -> Option<Op> {
    let transform = Transform::Truncate(width);
    let (Op::StartsWith(prefix) | Op::NotStartsWith(prefix)) = op else {
        return ordered(op, &transform, source);
    };
    let length = match source {
        DataType::String => std::str::from_utf8(prefix).ok()?.chars().count(),
        _ => prefix.len(),
    };
    let fits = length <= width as usize;
    match op {
        Op::StartsWith(_) if length < width as usize => Some(op.clone()),
        Op::StartsWith(_) => {
            let cut = apply(&transform, source, &Value::Bytes(prefix.clone()))?;
            Some(Op::In(vec![cut]))
        }
        _ => fits.then(|| op.clone()),
    }
}

fn each(values: &[Value], transform: &Transform, source: &DataType) -> Option<Vec<Value>> {
    values
        .iter()
        .map(|value| apply(transform, source, value))
        .collect()
}

/// The largest value less than this, where values are apart; else the value itself, which only widens the predicate.
fn before(value: &Value) -> Value {
    step(value, -1)
}

fn after(value: &Value) -> Value {
    step(value, 1)
}

fn step(value: &Value, by: i8) -> Value {
    let stepped = match value {
        Value::Whole(whole) => whole.checked_add(i64::from(by)).map(Value::Whole),
        Value::Decimal(unscaled) => unscaled.checked_add(i128::from(by)).map(Value::Decimal),
        _ => None,
    };
    stepped.unwrap_or_else(|| value.clone())
}

/// Old writers rounded times before 1970 up, so that a partition value below 0 may be one too large. The reference
/// implementation allows for it too, in `ProjectionUtil`.
fn allow_rounding_up(op: Op) -> Op {
    match op {
        Op::LessOrEqual(Value::Whole(value)) if value < 0 => {
            Op::LessOrEqual(Value::Whole(value + 1))
        }
        Op::In(values) => Op::In(
            values
                .into_iter()
                .flat_map(|value| match value {
                    Value::Whole(whole) if whole < 0 => {
                        vec![value, Value::Whole(whole + 1)]
                    }
                    _ => vec![value],
                })
                .collect(),
        ),
        op => op,
    }
}
