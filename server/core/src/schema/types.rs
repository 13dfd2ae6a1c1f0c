//! The shape of a table. Types are Iceberg's, so that nothing is lost between a file, a version and an engine.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::id::FieldId;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "super::wire::SchemaWire", into = "super::wire::SchemaWire")]
pub struct Schema {
    pub fields: Vec<Field>,
}

/// A column, or a part of a nested one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub id: FieldId,
    pub name: String,
    pub data_type: DataType,
    pub required: bool,
    /// What the source itself says about the column. Not a person's definition.
    pub doc: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataType {
    Boolean,
    /// 32 bits, signed.
    Int,
    /// 64 bits, signed.
    Long,
    Float,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds, without a zone.
    Timestamp,
    /// Microseconds, UTC.
    Timestamptz,
    TimestampNs,
    TimestamptzNs,
    String,
    Uuid,
    Fixed(u32),
    Binary,
    /// Semi-structured values (version 3).
    Variant,
    /// Always null; a column whose type is not known yet (version 3).
    Unknown,
    /// Shapes on a plane (version 3). `crs` names the coordinate system; without one it is `OGC:CRS84`.
    Geometry {
        crs: Option<String>,
    },
    /// Shapes on the globe (version 3). `algorithm` interpolates edges, and is `spherical` when absent.
    Geography {
        crs: Option<String>,
        algorithm: Option<String>,
    },
    Struct(Vec<Field>),
    /// The element is a field named `element`.
    List(Box<Field>),
    /// The parts are fields named `key` and `value`.
    Map(Box<Field>, Box<Field>),
}

impl Schema {
    pub fn new(fields: Vec<Field>) -> Self {
        Self { fields }
    }

    /// The field with this id at any depth.
    pub fn find(&self, id: FieldId) -> Option<&Field> {
        self.fields.iter().find_map(|field| field.find(id))
    }
}

impl Field {
    /// An optional column without an id, as inference makes them.
    pub fn inferred(name: impl Into<String>, data_type: DataType) -> Self {
        Self {
            id: FieldId::UNASSIGNED,
            name: name.into(),
            data_type,
            required: false,
            doc: None,
        }
    }

    pub fn with_id(mut self, id: i32) -> Self {
        self.id = FieldId(id);
        self
    }

    pub(super) fn find(&self, id: FieldId) -> Option<&Self> {
        if self.id == id {
            Some(self)
        } else {
            self.data_type
                .children()
                .iter()
                .find_map(|child| child.find(id))
        }
    }
}

impl DataType {
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(Field::inferred("element", element)))
    }

    pub fn map(key: Self, value: Self) -> Self {
        let mut key = Field::inferred("key", key);
        key.required = true;
        Self::Map(Box::new(key), Box::new(Field::inferred("value", value)))
    }

    /// The fields inside a nested type, in order; none for a primitive.
    pub fn children(&self) -> Vec<&Field> {
        match self {
            Self::Struct(fields) => fields.iter().collect(),
            Self::List(element) => vec![element],
            Self::Map(key, value) => vec![key, value],
            _ => Vec::new(),
        }
    }

    pub(super) fn children_mut(&mut self) -> Vec<&mut Field> {
        match self {
            Self::Struct(fields) => fields.iter_mut().collect(),
            Self::List(element) => vec![element],
            Self::Map(key, value) => vec![key, value],
            _ => Vec::new(),
        }
    }

    /// Are both of the same nested kind, so that their parts can be compared one by one?
    pub(super) fn same_shape(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Struct(_), Self::Struct(_))
                | (Self::List(_), Self::List(_))
                | (Self::Map(..), Self::Map(..))
        )
    }

    pub fn is_nested(&self) -> bool {
        matches!(self, Self::Struct(_) | Self::List(_) | Self::Map(..))
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Fixed(length) => write!(f, "fixed[{length}]"),
            Self::Geometry { crs: Some(crs) } => write!(f, "geometry({crs})"),
            Self::Geography {
                crs: Some(crs),
                algorithm: Some(algorithm),
            } => write!(f, "geography({crs}, {algorithm})"),
            Self::Geography {
                crs: Some(crs),
                algorithm: None,
            } => write!(f, "geography({crs})"),
            Self::List(element) => write!(f, "list<{}>", element.data_type),
            Self::Map(key, value) => write!(f, "map<{},{}>", key.data_type, value.data_type),
            Self::Struct(fields) => {
                f.write_str("struct<")?;
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "{}:{}", field.name, field.data_type)?;
                }
                f.write_str(">")
            }
            primitive => f.write_str(primitive_name(primitive)),
        }
    }
}

pub(super) fn primitive_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "boolean",
        DataType::Int => "int",
        DataType::Long => "long",
        DataType::Float => "float",
        DataType::Double => "double",
        DataType::Date => "date",
        DataType::Time => "time",
        DataType::Timestamp => "timestamp",
        DataType::Timestamptz => "timestamptz",
        DataType::TimestampNs => "timestamp_ns",
        DataType::TimestamptzNs => "timestamptz_ns",
        DataType::String => "string",
        DataType::Uuid => "uuid",
        DataType::Binary => "binary",
        DataType::Variant => "variant",
        DataType::Unknown => "unknown",
        DataType::Geometry { .. } => "geometry",
        DataType::Geography { .. } => "geography",
        DataType::Decimal { .. } => "decimal",
        DataType::Fixed(_) => "fixed",
        DataType::Struct(_) => "struct",
        DataType::List(_) => "list",
        DataType::Map(..) => "map",
    }
}
