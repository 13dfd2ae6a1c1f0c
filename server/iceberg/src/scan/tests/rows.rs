//! Rows, files made of them, and predicates evaluated on rows: the oracle for pruning. It shares no code with the filter
//! but the partition transforms, which have tests of their own.

use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use weir_core::schema::{DataType, Schema};

use crate::scan::value::Value;

/// A cell, as its column compares it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Whole(i64),
    Float(f64),
    Decimal(i128),
    Bytes(Vec<u8>),
}

impl Cell {
    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    pub fn is_nan(&self) -> bool {
        matches!(self, Self::Float(value) if value.is_nan())
    }

    pub fn value(&self) -> Value {
        match self.clone() {
            Self::Whole(value) => Value::Whole(value),
            Self::Float(value) => Value::Float(value),
            Self::Decimal(value) => Value::Decimal(value),
            Self::Bytes(value) => Value::Bytes(value),
        }
    }
}

pub type Row = Vec<Option<Cell>>;

pub const TYPES: [DataType; 11] = [
    DataType::Int,
    DataType::Long,
    DataType::String,
    DataType::Double,
    DataType::Float,
    DataType::Date,
    DataType::Timestamp,
    DataType::TimestamptzNs,
    DataType::Decimal {
        precision: 9,
        scale: 2,
    },
    DataType::Uuid,
    DataType::Binary,
];

/// One optional column of each type, with the ids 1 and up; the last is inside a struct.
pub fn table() -> Schema {
    let names = [
        "int",
        "long",
        "string",
        "double",
        "float",
        "date",
        "timestamp",
        "timestamptz_ns",
        "decimal(9, 2)",
        "uuid",
        "binary",
    ];
    let mut fields: Vec<Json> = (1..)
        .zip(names)
        .map(|(id, kind)| json!({"id": id, "name": format!("c{id}"), "required": false, "type": kind}))
        .collect();
    let last = fields.pop().unwrap();
    fields.push(json!({"id": 100, "name": "s", "required": false, "type": {"type": "struct", "fields": [last]}}));
    super::schema(json!(fields))
}

pub fn name(column: usize) -> String {
    if column + 1 == TYPES.len() {
        format!("s.c{}", column + 1)
    } else {
        format!("c{}", column + 1)
    }
}

/// Few values of each type, so that rows, bounds and constants meet; around 1970 and the ends of ranges too.
pub fn cell(data_type: &DataType) -> BoxedStrategy<Cell> {
    const DAY: i64 = 86_400_000_000;
    match data_type {
        DataType::Int => prop_oneof![
            -12i64..12,
            Just(i64::from(i32::MIN)),
            Just(i64::from(i32::MAX))
        ]
        .prop_map(Cell::Whole)
        .boxed(),
        DataType::Long => prop_oneof![-25i64..25, Just(i64::MIN), Just(i64::MAX)]
            .prop_map(Cell::Whole)
            .boxed(),
        DataType::Date => prop_oneof![-3i64..4, -400i64..400]
            .prop_map(Cell::Whole)
            .boxed(),
        DataType::Timestamp => prop_oneof![
            (-3i64..4, -1i64..2).prop_map(|(day, micro)| day * DAY + micro),
            (-800i64..800).prop_map(|day| day * DAY / 24),
        ]
        .prop_map(Cell::Whole)
        .boxed(),
        DataType::TimestamptzNs => (-3i64..4, -1i64..2)
            .prop_map(|(day, nano)| Cell::Whole(day * DAY * 1000 + nano))
            .boxed(),
        DataType::Decimal { .. } => (-300i128..300).prop_map(Cell::Decimal).boxed(),
        DataType::Double | DataType::Float => prop::sample::select(vec![
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            0.0,
            f64::from(0.1f32),
            1.0,
            -1.0,
            2.5,
            -2.5,
        ])
        .prop_map(Cell::Float)
        .boxed(),
        DataType::String => "[abé]{0,5}"
            .prop_map(|text| Cell::Bytes(text.into_bytes()))
            .boxed(),
        DataType::Uuid => prop::sample::select(vec![0u8, 1, 0x7f, 0x80, 0xff])
            .prop_flat_map(|first| {
                (0u8..3, prop::sample::select(vec![0u8, 0x7f, 0x80])).prop_map(
                    move |(last, middle)| {
                        let mut bytes = vec![0; 16];
                        (bytes[0], bytes[8], bytes[15]) = (first, middle, last);
                        Cell::Bytes(bytes)
                    },
                )
            })
            .boxed(),
        _ => prop::collection::vec(prop::sample::select(vec![0u8, 1, 0x7f, 0xff]), 0..4)
            .prop_map(Cell::Bytes)
            .boxed(),
    }
}

pub fn row() -> impl Strategy<Value = Row> {
    let cells: Vec<_> = TYPES
        .iter()
        .map(|data_type| prop_oneof![1 => Just(None), 4 => cell(data_type).prop_map(Some)].boxed())
        .collect();
    cells
}

#[derive(Debug, Clone)]
pub enum Predicate {
    Constant(bool),
    Not(Box<Predicate>),
    And(Box<Predicate>, Box<Predicate>),
    Or(Box<Predicate>, Box<Predicate>),
    Leaf {
        column: usize,
        operation: &'static str,
        constants: Vec<Cell>,
        style: u8,
    },
}

pub fn predicate() -> impl Strategy<Value = Predicate> {
    let leaf = (0..TYPES.len(), any::<prop::sample::Index>(), any::<u8>()).prop_flat_map(
        |(column, operation, style)| {
            let data_type = &TYPES[column];
            let mut operations = vec![
                "is-null", "not-null", "lt", "lt-eq", "gt", "gt-eq", "eq", "not-eq", "in", "not-in",
            ];
            match data_type {
                DataType::String => operations.extend([
                    "starts-with",
                    "not-starts-with",
                    "starts-with",
                    "not-starts-with",
                ]),
                DataType::Float | DataType::Double => operations.extend(["is-nan", "not-nan"]),
                _ => {}
            }
            let operation = operations[operation.index(operations.len())];
            let constant = match data_type {
                DataType::Float => prop_oneof![cell(data_type), Just(Cell::Float(0.1))].boxed(),
                data_type => cell(data_type),
            };
            let constant = constant.prop_filter("no constant is NaN", |cell| !cell.is_nan());
            let count = match operation {
                "in" | "not-in" => 0..4,
                _ => 1..2,
            };
            prop::collection::vec(constant, count).prop_map(move |constants| Predicate::Leaf {
                column,
                operation,
                constants,
                style,
            })
        },
    );
    let leaf = prop_oneof![1 => any::<bool>().prop_map(Predicate::Constant), 12 => leaf];
    leaf.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|child| Predicate::Not(Box::new(child))),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| Predicate::And(Box::new(a), Box::new(b))),
            (inner.clone(), inner).prop_map(|(a, b)| Predicate::Or(Box::new(a), Box::new(b))),
        ]
    })
}

impl Predicate {
    /// Two-valued, as the expressions spec defines every predicate.
    pub fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Constant(constant) => *constant,
            Self::Not(child) => !child.holds(row),
            Self::And(left, right) => left.holds(row) && right.holds(row),
            Self::Or(left, right) => left.holds(row) || right.holds(row),
            Self::Leaf {
                column,
                operation,
                constants,
                ..
            } => test(row[*column].as_ref(), operation, constants),
        }
    }

    /// One of the JSON forms; `style` says which.
    pub fn json(&self) -> Json {
        match self {
            Self::Constant(constant) => json!(constant),
            Self::Not(child) => json!({"type": "not", "child": child.json()}),
            Self::And(left, right) => {
                json!({"type": "and", "left": left.json(), "right": right.json()})
            }
            Self::Or(left, right) => {
                json!({"type": "or", "left": left.json(), "right": right.json()})
            }
            Self::Leaf {
                column,
                operation,
                constants,
                style,
            } => leaf_json(*column, operation, constants, *style),
        }
    }
}

fn leaf_json(column: usize, operation: &str, constants: &[Cell], style: u8) -> Json {
    let data_type = &TYPES[column];
    let constants: Vec<Json> = constants
        .iter()
        .map(|cell| constant_json(cell, data_type))
        .collect();
    let by_name = json!({"type": "reference", "name": name(column)});
    let reference = if style.is_multiple_of(2) {
        by_name
    } else {
        json!({"type": "reference", "id": column + 1})
    };
    let mirrored = match operation {
        "lt" => "gt",
        "lt-eq" => "gt-eq",
        "gt" => "lt",
        "gt-eq" => "lt-eq",
        other => other,
    };
    match operation {
        "is-null" | "not-null" | "is-nan" | "not-nan" => match style % 3 {
            0 => json!({"type": operation, "term": name(column)}),
            _ => json!({"type": operation, "child": reference}),
        },
        "in" | "not-in" => match style % 3 {
            0 => json!({"type": operation, "term": name(column), "values": constants}),
            _ => json!({"type": operation, "child": reference, "values": constants}),
        },
        "lt" | "lt-eq" | "gt" | "gt-eq" if style % 5 == 1 => {
            json!({"type": mirrored, "left": constants[0], "right": reference})
        }
        _ => match style % 3 {
            0 => json!({"type": operation, "term": name(column), "value": constants[0]}),
            1 => json!({"type": operation, "left": reference, "right": constants[0]}),
            _ => {
                json!({"type": operation, "left": reference, "right": {"type": "literal", "value": constants[0]}})
            }
        },
    }
}

fn constant_json(cell: &Cell, data_type: &DataType) -> Json {
    match (cell, data_type) {
        (Cell::Whole(nanos), DataType::TimestamptzNs) => {
            let time = chrono::DateTime::from_timestamp_nanos(*nanos);
            json!(time.format("%Y-%m-%dT%H:%M:%S%.9f+00:00").to_string())
        }
        (Cell::Whole(value), _) => json!(value),
        (Cell::Float(value), _) if *value == f64::INFINITY => json!("Infinity"),
        (Cell::Float(value), _) if *value == f64::NEG_INFINITY => json!("-Infinity"),
        (Cell::Float(value), _) => json!(value),
        (Cell::Decimal(value), _) => json!(format!("{value}E-2")),
        (Cell::Bytes(bytes), DataType::String) => json!(std::str::from_utf8(bytes).unwrap()),
        (Cell::Bytes(bytes), DataType::Uuid) => {
            json!(uuid::Uuid::from_slice(bytes).unwrap().to_string())
        }
        (Cell::Bytes(bytes), _) => json!(
            bytes
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect::<String>()
        ),
    }
}

fn test(cell: Option<&Cell>, operation: &str, constants: &[Cell]) -> bool {
    let is_nan = cell.is_some_and(Cell::is_nan);
    let order = |constant: &Cell| cell.and_then(|cell| cell.order(constant));
    let first =
        |accept: fn(Ordering) -> bool| constants.first().and_then(order).is_some_and(accept);
    let any_equal = || {
        constants
            .iter()
            .any(|constant| order(constant) == Some(Ordering::Equal))
    };
    let starts = || match (cell, constants.first()) {
        (Some(Cell::Bytes(bytes)), Some(Cell::Bytes(prefix))) => bytes.starts_with(prefix),
        _ => false,
    };
    match operation {
        "is-null" => cell.is_none(),
        "not-null" => cell.is_some(),
        "is-nan" => is_nan,
        "not-nan" => !is_nan,
        "lt" => first(Ordering::is_lt),
        "lt-eq" => first(Ordering::is_le),
        "gt" => first(Ordering::is_gt),
        "gt-eq" => first(Ordering::is_ge),
        "eq" | "in" => any_equal(),
        "not-eq" | "not-in" => !any_equal(),
        "starts-with" => starts(),
        "not-starts-with" => !starts(),
        other => panic!("{other}"),
    }
}
