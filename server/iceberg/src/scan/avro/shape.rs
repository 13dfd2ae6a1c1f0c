//! What the writer's schema says about the bytes, without logical types.

use std::collections::HashMap;

use serde_json::{Map, Value};
use weir_core::Result;

use super::malformed;

/// A manifest's schema has about 8 KiB.
const MAX_SCHEMA_BYTES: usize = 128 * 1024;
const MAX_NODES: usize = 20_000;
const MAX_DEPTH: usize = 64;

/// How a value lies in the bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Null,
    Boolean,
    /// Avro's `int`, and the index of an `enum`.
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Array(Box<Shape>),
    /// Avro's own map, whose keys are texts. Iceberg's maps are arrays of records.
    Map(Box<Shape>),
    Union(Vec<Shape>),
    Record(Vec<FieldShape>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldShape {
    /// Iceberg's field id, from the attribute `field-id` (Appendix A). Files of other writers may have none.
    pub(crate) id: Option<i32>,
    pub(crate) name: String,
    pub(crate) shape: Shape,
}

impl Shape {
    /// The shape of the JSON in `avro.schema`. Errors: it is not a schema, is too large, or contains itself.
    pub(super) fn parse(json: &[u8]) -> Result<Self> {
        if json.len() > MAX_SCHEMA_BYTES {
            return Err(malformed("its schema is too large"));
        }
        let json: Value =
            serde_json::from_slice(json).map_err(|_| malformed("its schema is not JSON"))?;
        Compiler::default().compile(&json, "", 0)
    }

    fn primitive(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "bytes" => Self::Bytes,
            "string" => Self::Text,
            _ => return None,
        })
    }
}

/// Named types by their full names (Avro specification, section "Names"). Names are taken as they are: writers do not all
/// keep to the letters that the specification allows.
#[derive(Default)]
struct Compiler {
    named: HashMap<String, Shape>,
    nodes: usize,
}

impl Compiler {
    /// `namespace` is that of the type around this one.
    fn compile(&mut self, json: &Value, namespace: &str, depth: usize) -> Result<Shape> {
        self.count(1)?;
        if depth > MAX_DEPTH {
            return Err(malformed("its schema is too large"));
        }
        match json {
            Value::String(name) => match Shape::primitive(name) {
                Some(shape) => Ok(shape),
                None => self.known(name, namespace),
            },
            Value::Array(variants) => variants
                .iter()
                .map(|variant| self.compile(variant, namespace, depth + 1))
                .collect::<Result<_>>()
                .map(Shape::Union),
            Value::Object(object) => self.complex(object, namespace, depth),
            _ => Err(no_schema()),
        }
    }

    fn complex(
        &mut self,
        object: &Map<String, Value>,
        namespace: &str,
        depth: usize,
    ) -> Result<Shape> {
        let part = |name| object.get(name).ok_or_else(no_schema);
        let kind = part("type")?;
        let Value::String(kind) = kind else {
            return self.compile(kind, namespace, depth + 1);
        };
        match kind.as_str() {
            "array" => {
                let items = self.compile(part("items")?, namespace, depth + 1)?;
                Ok(Shape::Array(Box::new(items)))
            }
            "map" => {
                let values = self.compile(part("values")?, namespace, depth + 1)?;
                Ok(Shape::Map(Box::new(values)))
            }
            "record" | "enum" | "fixed" => {
                let name = full_name(object, namespace)?;
                let shape = match kind.as_str() {
                    "record" => {
                        let inner = name.rsplit_once('.').map_or("", |(inner, _)| inner);
                        self.record(part("fields")?, inner, depth)?
                    }
                    "enum" => Shape::Int,
                    _ => Shape::Fixed(
                        part("size")?
                            .as_u64()
                            .and_then(|size| usize::try_from(size).ok())
                            .ok_or_else(no_schema)?,
                    ),
                };
                self.named.insert(name, shape.clone());
                Ok(shape)
            }
            // A primitive, or a named type, with attributes such as a logical type: those say nothing about the bytes.
            name => match Shape::primitive(name) {
                Some(shape) => Ok(shape),
                None => self.known(name, namespace),
            },
        }
    }

    fn record(&mut self, fields: &Value, namespace: &str, depth: usize) -> Result<Shape> {
        fields
            .as_array()
            .ok_or_else(no_schema)?
            .iter()
            .map(|field| {
                let name = field.get("name").and_then(Value::as_str);
                let kind = field.get("type").ok_or_else(no_schema)?;
                Ok(FieldShape {
                    id: field
                        .get("field-id")
                        .and_then(Value::as_i64)
                        .and_then(|id| i32::try_from(id).ok()),
                    name: name.ok_or_else(no_schema)?.to_owned(),
                    shape: self.compile(kind, namespace, depth + 1)?,
                })
            })
            .collect::<Result<_>>()
            .map(Shape::Record)
    }

    /// A type that was defined further up. One that is not finished yet contains itself, which no manifest does.
    fn known(&mut self, name: &str, namespace: &str) -> Result<Shape> {
        let shape = self
            .named
            .get(&qualified(name, namespace))
            .or_else(|| self.named.get(name))
            .cloned()
            .ok_or_else(|| malformed("its schema refers to an unknown type"))?;
        self.count(size(&shape))?;
        Ok(shape)
    }

    fn count(&mut self, nodes: usize) -> Result<()> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(malformed("its schema is too large"));
        }
        Ok(())
    }
}

fn full_name(object: &Map<String, Value>, namespace: &str) -> Result<String> {
    let text = |name| object.get(name).and_then(Value::as_str);
    let name = text("name").ok_or_else(no_schema)?;
    Ok(qualified(name, text("namespace").unwrap_or(namespace)))
}

fn qualified(name: &str, namespace: &str) -> String {
    if namespace.is_empty() || name.contains('.') {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

fn no_schema() -> weir_core::Error {
    malformed("its schema is not Avro's")
}

fn size(shape: &Shape) -> usize {
    1 + match shape {
        Shape::Array(inner) | Shape::Map(inner) => size(inner),
        Shape::Union(variants) => variants.iter().map(size).sum(),
        Shape::Record(fields) => fields.iter().map(|field| size(&field.shape)).sum(),
        _ => 0,
    }
}
