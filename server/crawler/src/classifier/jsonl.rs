//! JSON lines: one object a line, merged into one shape.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;
use weir_core::catalog::Format;
use weir_core::schema::{DataType, Field, Schema};

use super::{Classifier, Confidence, MAX_COLUMNS, Unreadable, has_extension, rename, too_wide};

pub struct JsonLines;

impl Classifier for JsonLines {
    fn format(&self) -> Format {
        Format::JsonLines
    }

    fn sniff(&self, name: &str, head: &[u8], _tail: &[u8]) -> Confidence {
        let named = has_extension(name, &["jsonl", "ndjson", "json", "jsonlines"]);
        let Ok(text) = std::str::from_utf8(head) else {
            return Confidence::No;
        };
        let first = text.trim_start().lines().next().unwrap_or_default();
        let opens = first.starts_with('{');
        if opens && (named || serde_json::from_str::<Shape>(first).is_ok()) {
            Confidence::Certain
        } else if named {
            Confidence::Likely
        } else if opens || text.trim_start().starts_with("[{") {
            Confidence::Possible
        } else {
            Confidence::No
        }
    }
}

pub fn infer(text: &str, whole: bool) -> Result<Schema, Unreadable> {
    if text.trim_start().starts_with('[') {
        return Err(Unreadable::Unrecognised(
            "the file is one JSON array; one object a line is expected".into(),
        ));
    }
    let text = match (whole, text.rfind('\n')) {
        (true, _) => text,
        (false, Some(end)) => text.get(..end).unwrap_or_default(),
        (false, None) => {
            return Err(Unreadable::Unrecognised(
                "the first line is longer than 1 MiB; one object a line is expected".into(),
            ));
        }
    };
    let mut merged: Option<Struct> = None;
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let shape = serde_json::from_str::<Shape>(line)
            .map_err(|error| refusal(&error, index + 1, merged.is_none() && is_spread(text)))?;
        let Shape::Struct(shape) = shape else {
            return Err(Unreadable::Broken(format!(
                "line {} is not a JSON object",
                index + 1
            )));
        };
        merged = Some(match merged {
            None => shape,
            Some(so_far) => so_far.with(shape),
        });
        if merged
            .as_ref()
            .is_some_and(|merged| merged.fields.len() > MAX_COLUMNS)
        {
            return Err(too_wide());
        }
    }
    let fields = merged.ok_or(Unreadable::Empty)?.into_fields();
    if fields.is_empty() {
        return Err(Unreadable::Unrecognised(
            "none of the objects has a field".into(),
        ));
    }
    if count(&fields) > MAX_COLUMNS {
        return Err(too_wide());
    }
    Ok(Schema::new(fields))
}

fn count(fields: &[Field]) -> usize {
    fields.iter().map(count_field).sum()
}

fn count_field(field: &Field) -> usize {
    1 + field
        .data_type
        .children()
        .into_iter()
        .map(count_field)
        .sum::<usize>()
}

/// Is the text one object that is written over several lines?
fn is_spread(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Shape>();
    match values.next() {
        Some(Ok(Shape::Struct(_))) => true,
        Some(Err(error)) => error.is_eof(),
        _ => false,
    }
}

/// Tells the place and not the content of what is wrong.
fn refusal(error: &serde_json::Error, line: usize, spread: bool) -> Unreadable {
    if spread {
        return Unreadable::Unrecognised(
            "the file spreads an object over several lines; one object a line is expected".into(),
        );
    }
    if error.is_eof() {
        return Unreadable::Broken(format!("line {line} is not valid JSON: it ends too early"));
    }
    let column = error.column();
    Unreadable::Broken(format!("line {line} is not valid JSON at column {column}"))
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Null,
    Boolean,
    Long,
    Double,
    String,
    List(Box<Shape>),
    Struct(Struct),
}

/// Fields in the order in which they were first seen.
#[derive(Debug, Clone, PartialEq, Default)]
struct Struct {
    fields: Vec<(String, Shape)>,
    places: HashMap<String, usize>,
}

impl Struct {
    /// The last of two values under one name holds.
    fn set(&mut self, name: String, shape: Shape) {
        match self.slot(&name) {
            Some(slot) => *slot = shape,
            None => self.push(name, shape),
        }
    }

    fn slot(&mut self, name: &str) -> Option<&mut Shape> {
        let place = *self.places.get(name)?;
        self.fields.get_mut(place).map(|(_, shape)| shape)
    }

    fn push(&mut self, name: String, shape: Shape) {
        self.places.insert(name.clone(), self.fields.len());
        self.fields.push((name, shape));
    }

    fn with(mut self, other: Self) -> Self {
        for (name, shape) in other.fields {
            match self.slot(&name) {
                Some(slot) => {
                    let so_far = std::mem::replace(slot, Shape::Null);
                    *slot = so_far.with(shape);
                }
                None => self.push(name, shape),
            }
        }
        self
    }

    fn into_fields(self) -> Vec<Field> {
        let fields = self.fields.into_iter();
        rename(
            fields
                .map(|(name, shape)| Field::inferred(name, shape.into_type()))
                .collect(),
        )
    }
}

impl Shape {
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Null, shape) | (shape, Self::Null) => shape,
            (Self::Struct(a), Self::Struct(b)) => Self::Struct(a.with(b)),
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.with(*b))),
            (Self::Long, Self::Double) | (Self::Double, Self::Long) => Self::Double,
            (a, b) if a == b => a,
            _ => Self::String,
        }
    }

    /// What was only ever null, or an object without fields, is text: no type says less.
    fn into_type(self) -> DataType {
        match self {
            Self::Null | Self::String => DataType::String,
            Self::Boolean => DataType::Boolean,
            Self::Long => DataType::Long,
            Self::Double => DataType::Double,
            Self::List(element) => DataType::list(element.into_type()),
            Self::Struct(shape) if shape.fields.is_empty() => DataType::String,
            Self::Struct(shape) => DataType::Struct(shape.into_fields()),
        }
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Boolean)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Long)
    }

    /// Above 63 bits only a double holds it, as it does in the readers of JSON.
    fn visit_u64<E>(self, value: u64) -> Result<Shape, E> {
        Ok(i64::try_from(value).map_or(Shape::Double, |_| Shape::Long))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Double)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut element = Shape::Null;
        while let Some(next) = seq.next_element::<Shape>()? {
            element = element.with(next);
        }
        Ok(Shape::List(Box::new(element)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut shape = Struct::default();
        while let Some((name, value)) = map.next_entry::<String, Shape>()? {
            shape.set(name, value);
            if shape.fields.len() > MAX_COLUMNS {
                return Err(A::Error::custom("too many fields"));
            }
        }
        Ok(Shape::Struct(shape))
    }
}
