//! The JSON form of a schema: Iceberg table spec, Appendix C.

use serde::{Deserialize, Serialize};

use super::types::{DataType, Field, Schema, primitive_name};
use crate::id::FieldId;

#[derive(Debug, Serialize, Deserialize)]
pub struct SchemaWire {
    #[serde(rename = "type")]
    kind: StructTag,
    fields: Vec<FieldWire>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FieldWire {
    id: FieldId,
    name: String,
    required: bool,
    #[serde(rename = "type")]
    data_type: TypeWire,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doc: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum TypeWire {
    Primitive(String),
    Nested(NestedWire),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum NestedWire {
    Struct {
        fields: Vec<FieldWire>,
    },
    #[serde(rename_all = "kebab-case")]
    List {
        element_id: FieldId,
        element: Box<TypeWire>,
        element_required: bool,
    },
    #[serde(rename_all = "kebab-case")]
    Map {
        key_id: FieldId,
        key: Box<TypeWire>,
        value_id: FieldId,
        value: Box<TypeWire>,
        value_required: bool,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StructTag {
    Struct,
}

impl From<Schema> for SchemaWire {
    fn from(schema: Schema) -> Self {
        Self {
            kind: StructTag::Struct,
            fields: schema.fields.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<SchemaWire> for Schema {
    type Error = String;
    fn try_from(wire: SchemaWire) -> Result<Self, String> {
        Ok(Self {
            fields: wire
                .fields
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<Field> for FieldWire {
    fn from(field: Field) -> Self {
        Self {
            id: field.id,
            name: field.name,
            required: field.required,
            data_type: field.data_type.into(),
            doc: field.doc,
        }
    }
}

impl TryFrom<FieldWire> for Field {
    type Error = String;
    fn try_from(wire: FieldWire) -> Result<Self, String> {
        Ok(Self {
            id: wire.id,
            name: wire.name,
            required: wire.required,
            data_type: wire.data_type.try_into()?,
            doc: wire.doc,
        })
    }
}

impl From<DataType> for TypeWire {
    fn from(data_type: DataType) -> Self {
        match data_type {
            DataType::Struct(fields) => Self::Nested(NestedWire::Struct {
                fields: fields.into_iter().map(Into::into).collect(),
            }),
            DataType::List(element) => Self::Nested(NestedWire::List {
                element_id: element.id,
                element_required: element.required,
                element: Box::new(element.data_type.into()),
            }),
            DataType::Map(key, value) => Self::Nested(NestedWire::Map {
                key_id: key.id,
                key: Box::new(key.data_type.into()),
                value_id: value.id,
                value_required: value.required,
                value: Box::new(value.data_type.into()),
            }),
            DataType::Decimal { precision, scale } => {
                Self::Primitive(format!("decimal({precision}, {scale})"))
            }
            DataType::Fixed(length) => Self::Primitive(format!("fixed[{length}]")),
            geo @ (DataType::Geometry { .. } | DataType::Geography { .. }) => {
                Self::Primitive(geo.to_string())
            }
            primitive => Self::Primitive(primitive_name(&primitive).to_owned()),
        }
    }
}

impl TryFrom<TypeWire> for DataType {
    type Error = String;
    fn try_from(wire: TypeWire) -> Result<Self, String> {
        let part = |id, name: &str, required, wire: TypeWire| -> Result<Box<Field>, String> {
            Ok(Box::new(Field {
                id,
                name: name.to_owned(),
                required,
                data_type: wire.try_into()?,
                doc: None,
            }))
        };
        match wire {
            TypeWire::Primitive(name) => {
                primitive(&name).ok_or_else(|| format!("unknown type `{}`", name.escape_debug()))
            }
            TypeWire::Nested(NestedWire::Struct { fields }) => Ok(Self::Struct(
                fields
                    .into_iter()
                    .map(TryInto::try_into)
                    .collect::<Result<_, _>>()?,
            )),
            TypeWire::Nested(NestedWire::List {
                element_id,
                element,
                element_required,
            }) => Ok(Self::List(part(
                element_id,
                "element",
                element_required,
                *element,
            )?)),
            TypeWire::Nested(NestedWire::Map {
                key_id,
                key,
                value_id,
                value,
                value_required,
            }) => Ok(Self::Map(
                part(key_id, "key", true, *key)?,
                part(value_id, "value", value_required, *value)?,
            )),
        }
    }
}

fn primitive(name: &str) -> Option<DataType> {
    if let Some(inner) = name
        .strip_prefix("decimal(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        let (precision, scale) = inner.split_once(',')?;
        return Some(DataType::Decimal {
            precision: precision.trim().parse().ok()?,
            scale: scale.trim().parse().ok()?,
        });
    }
    if let Some(length) = name
        .strip_prefix("fixed[")
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return Some(DataType::Fixed(length.parse().ok()?));
    }
    if let Some(shape) = geo(name) {
        return Some(shape);
    }
    const PLAIN: [DataType; 16] = [
        DataType::Boolean,
        DataType::Int,
        DataType::Long,
        DataType::Float,
        DataType::Double,
        DataType::Date,
        DataType::Time,
        DataType::Timestamp,
        DataType::Timestamptz,
        DataType::TimestampNs,
        DataType::TimestamptzNs,
        DataType::String,
        DataType::Uuid,
        DataType::Binary,
        DataType::Variant,
        DataType::Unknown,
    ];
    PLAIN
        .into_iter()
        .find(|candidate| primitive_name(candidate) == name)
}

/// How edges on the globe run (table spec, section "Primitive Types", geography).
const EDGES: [&str; 5] = ["spherical", "vincenty", "thomas", "andoyer", "karney"];

/// `geometry`, `geometry(crs)`, `geography`, `geography(crs)`, `geography(crs, algorithm)`.
fn geo(name: &str) -> Option<DataType> {
    match name {
        "geometry" => return Some(DataType::Geometry { crs: None }),
        "geography" => {
            return Some(DataType::Geography {
                crs: None,
                algorithm: None,
            });
        }
        _ => {}
    }
    let (kind, inner) = name.strip_suffix(')')?.split_once('(')?;
    let crs = |text: &str| {
        let text = text.trim();
        (!text.is_empty() && !text.contains(',')).then(|| text.to_owned())
    };
    match (kind, inner.rsplit_once(',')) {
        ("geometry", None) => Some(DataType::Geometry {
            crs: Some(crs(inner)?),
        }),
        ("geography", None) => Some(DataType::Geography {
            crs: Some(crs(inner)?),
            algorithm: None,
        }),
        ("geography", Some((system, algorithm))) => {
            let algorithm = algorithm.trim();
            let known = EDGES
                .iter()
                .any(|edge| edge.eq_ignore_ascii_case(algorithm));
            known.then_some(())?;
            Some(DataType::Geography {
                crs: Some(crs(system)?),
                algorithm: Some(algorithm.to_owned()),
            })
        }
        _ => None,
    }
}
