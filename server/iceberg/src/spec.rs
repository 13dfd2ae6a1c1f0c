//! Partition specs and sort orders (table spec, sections "Partitioning" and "Sorting"; Appendix C).

use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;
use weir_core::schema::{DataType, Schema, flatten};
use weir_core::{Error, Result};

use crate::raw::{Object, Text, array, elements, missing, read, text};
use crate::schema::path_to;
use crate::transform::Transform;

/// The number before the first id of a partition field.
pub(crate) const BEFORE_FIRST_PARTITION_ID: i32 = 999;

/// How files of a table are partitioned.
#[derive(Clone)]
pub struct PartitionSpec {
    pub(crate) id: i32,
    pub(crate) fields: Vec<PartitionField>,
    pub(crate) text: Text,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionField {
    /// One column, except for transforms of several arguments (version 3).
    pub source_ids: Vec<i32>,
    pub field_id: i32,
    pub name: String,
    pub transform: Transform,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct FieldWire {
    pub(crate) source_id: Option<i32>,
    pub(crate) source_ids: Option<Vec<i32>>,
    pub(crate) field_id: Option<i32>,
    pub(crate) name: String,
    pub(crate) transform: String,
}

impl FieldWire {
    pub(crate) fn sources(&self) -> Result<Vec<i32>> {
        sources(self.source_id, self.source_ids.as_deref())
    }

    pub(crate) fn transform(&self) -> Result<Transform> {
        self.transform.parse()
    }
}

fn sources(one: Option<i32>, several: Option<&[i32]>) -> Result<Vec<i32>> {
    match (several, one) {
        (Some(several), _) => Ok(several.to_vec()),
        (None, Some(one)) => Ok(vec![one]),
        (None, None) => Err(missing("source-id")),
    }
}

impl PartitionSpec {
    /// Fields without an id, as version 1 has them, are numbered from 1000.
    pub(crate) fn parse(json: Text) -> Result<Self> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Wire {
            spec_id: i32,
            fields: Vec<FieldWire>,
        }
        let wire: Wire = read("partition-spec", &json)?;
        let fields = (BEFORE_FIRST_PARTITION_ID + 1..)
            .zip(wire.fields)
            .map(|(number, field)| {
                Ok(PartitionField {
                    source_ids: field.sources()?,
                    field_id: field.field_id.unwrap_or(number),
                    transform: field.transform()?,
                    name: field.name,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            id: wire.spec_id,
            fields,
            text: json,
        })
    }

    /// The spec of version 1's `partition-spec`, which is only an array of fields.
    pub(crate) fn of_fields(json: Text) -> Result<Self> {
        let object: Object = [
            ("spec-id".to_owned(), text(&0)?),
            ("fields".to_owned(), json),
        ]
        .into_iter()
        .collect();
        Self::parse(object.text()?)
    }

    pub fn id(&self) -> i32 {
        self.id
    }

    pub fn fields(&self) -> &[PartitionField] {
        &self.fields
    }

    /// Its JSON, as it was written.
    pub fn json(&self) -> &RawValue {
        &self.text
    }

    /// The highest id of its fields; 999 when it has none.
    pub(crate) fn last_field_id(&self) -> i32 {
        let ids = self.fields.iter().map(|field| field.field_id);
        ids.max().unwrap_or(BEFORE_FIRST_PARTITION_ID)
    }

    /// Are both the same but for the ids of their fields?
    pub(crate) fn is_compatible_with(&self, other: &[PartitionField]) -> bool {
        let alike = |(a, b): (&PartitionField, &PartitionField)| {
            a.source_ids == b.source_ids && a.transform == b.transform && a.name == b.name
        };
        self.fields.len() == other.len() && self.fields.iter().zip(other).all(alike)
    }

    /// The same with its ids spelled out, as versions above 1 want them.
    pub(crate) fn with_ids(&self) -> Result<Self> {
        let fields = Object::parse("partition-spec", &self.text)?;
        let fields = fields.get("fields").ok_or_else(|| missing("fields"))?;
        Self::assemble(
            &self.text,
            self.id,
            &elements("fields", fields)?,
            &self.fields,
        )
    }

    /// `json` with this id, and with `fields`' ids and sources in its fields, of which `texts` are the texts.
    pub(crate) fn assemble(
        json: &RawValue,
        id: i32,
        texts: &[Text],
        fields: &[PartitionField],
    ) -> Result<Self> {
        let texts: Vec<Text> = texts
            .iter()
            .zip(fields)
            .map(|(json, field)| {
                let mut object = Object::parse("partition-spec", json)?;
                set_sources(&mut object, &field.source_ids)?;
                object.set("field-id", text(&field.field_id)?);
                object.text()
            })
            .collect::<Result<_>>()?;
        let mut object = Object::parse("partition-spec", json)?;
        object.set_first("spec-id", text(&id)?);
        object.set("fields", array(&texts)?);
        Ok(Self {
            id,
            fields: fields.to_vec(),
            text: object.text()?,
        })
    }
}

fn set_sources(object: &mut Object, sources: &[i32]) -> Result<()> {
    match sources {
        [one] if object.get("source-ids").is_none() => object.set("source-id", text(one)?),
        several => object.set("source-ids", text(several)?),
    }
    Ok(())
}

impl fmt::Debug for PartitionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionSpec({}, {:?})", self.id, self.fields)
    }
}

/// May a table with this schema be partitioned so? `strict` where the spec is written anew: then its transforms are known.
pub(crate) fn check_spec(fields: &[PartitionField], schema: &Schema, strict: bool) -> Result<()> {
    let invalid = |message: String| Error::invalid("partition-spec", message);
    let mut names = HashSet::new();
    let columns = flatten(schema);
    for field in fields {
        let name = field.name.escape_debug();
        if field.name.is_empty() || !names.insert(&field.name) {
            return Err(invalid(format!(
                "Every partition field has a name of its own: `{name}`."
            )));
        }
        if field.transform == Transform::Void {
            continue;
        }
        check_sources(
            "partition-spec",
            &field.source_ids,
            &field.transform,
            schema,
            strict,
        )?;
        for id in &field.source_ids {
            let is_free = path_to(schema, *id).is_some_and(|path| {
                path.split_last().is_some_and(|(_, above)| {
                    above
                        .iter()
                        .all(|part| matches!(part.data_type, DataType::Struct(_)))
                })
            });
            if !is_free {
                return Err(invalid(format!(
                    "`{name}`: its column lies in a list or a map."
                )));
            }
        }
        let taken = columns
            .iter()
            .any(|column| column.path == field.name && !field.source_ids.contains(&column.id.0));
        if strict && taken {
            return Err(invalid(format!(
                "Another column has the name of the partition field `{name}`."
            )));
        }
    }
    Ok(())
}

fn check_sources(
    what: &str,
    sources: &[i32],
    transform: &Transform,
    schema: &Schema,
    strict: bool,
) -> Result<()> {
    let invalid = |message: String| Err(Error::invalid(what, message));
    let name = transform.to_string();
    let name = name.escape_debug();
    let is_known = !matches!(transform, Transform::Unknown(_)) && sources.len() == 1;
    if strict && !is_known {
        return invalid(format!(
            "The transform `{name}` can be read, but not be written."
        ));
    }
    for id in sources {
        let Some(field) = path_to(schema, *id).and_then(|path| path.last().copied()) else {
            return invalid(format!(
                "There is no column {id}, which is sorted or partitioned by."
            ));
        };
        if is_known && !transform.applies_to(&field.data_type) {
            return invalid(format!("`{name}` does not apply to {}.", field.data_type));
        }
    }
    Ok(())
}

/// How rows in files are sorted.
#[derive(Clone)]
pub(crate) struct SortOrder {
    pub(crate) id: i32,
    pub(crate) fields: Vec<SortField>,
    pub(crate) text: Text,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortField {
    pub(crate) source_ids: Vec<i32>,
    transform: Transform,
    direction: Direction,
    null_order: NullOrder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Asc,
    Desc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum NullOrder {
    NullsFirst,
    NullsLast,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct OrderWire {
    order_id: Option<i32>,
    fields: Vec<SortWire>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SortWire {
    source_id: Option<i32>,
    source_ids: Option<Vec<i32>>,
    transform: String,
    direction: Direction,
    null_order: NullOrder,
}

impl SortOrder {
    pub(crate) fn parse(json: Text) -> Result<Self> {
        let wire: OrderWire = read("sort-order", &json)?;
        Ok(Self {
            id: wire.order_id.ok_or_else(|| missing("order-id"))?,
            fields: sort_fields(wire.fields)?,
            text: json,
        })
    }

    /// Rows in no order, which is order 0 in every table.
    pub(crate) fn unsorted() -> Result<Self> {
        #[derive(serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct Unsorted {
            order_id: i32,
            fields: [(); 0],
        }
        let json = text(&Unsorted {
            order_id: 0,
            fields: [],
        })?;
        Self::parse(json)
    }

    /// `json` under this id, its columns through `column`.
    pub(crate) fn assemble(
        json: &RawValue,
        id: i32,
        column: impl Fn(i32) -> Option<i32>,
    ) -> Result<Self> {
        let mut object = Object::parse("sort-order", json)?;
        let fields = object.get("fields").ok_or_else(|| missing("fields"))?;
        let mut texts = Vec::new();
        for json in elements("fields", fields)? {
            let wire: SortWire = read("sort-order", &json)?;
            let sources = sources(wire.source_id, wire.source_ids.as_deref())?;
            let sources = mapped("sort-order", &sources, &column)?;
            let mut field = Object::parse("sort-order", &json)?;
            set_sources(&mut field, &sources)?;
            texts.push(field.text()?);
        }
        object.set_first("order-id", text(&id)?);
        object.set("fields", array(&texts)?);
        Self::parse(object.text()?)
    }
}

/// Columns by the ids that they have in the table.
pub(crate) fn mapped(
    what: &str,
    sources: &[i32],
    column: impl Fn(i32) -> Option<i32>,
) -> Result<Vec<i32>> {
    sources
        .iter()
        .map(|id| {
            column(*id).ok_or_else(|| {
                Error::invalid(
                    what,
                    format!("There is no column {id}, which is sorted or partitioned by."),
                )
            })
        })
        .collect()
}

fn sort_fields(wire: Vec<SortWire>) -> Result<Vec<SortField>> {
    wire.into_iter()
        .map(|field| {
            Ok(SortField {
                source_ids: sources(field.source_id, field.source_ids.as_deref())?,
                transform: field.transform.parse()?,
                direction: field.direction,
                null_order: field.null_order,
            })
        })
        .collect()
}

/// The fields of an order as a client sends it.
pub(crate) fn parse_sort_fields(json: &RawValue) -> Result<Vec<SortField>> {
    let wire: OrderWire = read("sort-order", json)?;
    sort_fields(wire.fields)
}

/// May a table with this schema be sorted so?
pub(crate) fn check_order(fields: &[SortField], schema: &Schema, strict: bool) -> Result<()> {
    fields.iter().try_for_each(|field| {
        check_sources(
            "sort-order",
            &field.source_ids,
            &field.transform,
            schema,
            strict,
        )
    })
}
