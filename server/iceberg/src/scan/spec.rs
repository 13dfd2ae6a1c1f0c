//! Partition specs, as far as planning needs them (table spec, section "Partitioning"; Appendix C).

use serde::Deserialize;
use serde_json::value::RawValue;
use weir_core::id::FieldId;
use weir_core::schema::{DataType, Schema};
use weir_core::{Error, Result};

use crate::transform::Transform;

/// How the files of a table are partitioned.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub id: i32,
    pub fields: Vec<SpecField>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SpecField {
    /// The columns it is made of: one, except for transforms of several arguments (version 3).
    pub source_ids: Vec<i32>,
    pub field_id: i32,
    pub name: String,
    pub transform: Transform,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SpecWire {
    spec_id: i32,
    fields: Vec<FieldWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct FieldWire {
    source_id: Option<i32>,
    source_ids: Option<Vec<i32>>,
    field_id: Option<i32>,
    name: String,
    transform: String,
}

impl Spec {
    /// From an element of the metadata's `partition-specs`. Fields without an id are numbered from 1000 (version 1).
    /// Errors: `invalid` for what is not a partition spec. Unknown transforms are kept, and never prune.
    pub fn parse(json: &RawValue) -> Result<Self> {
        let wire: SpecWire = serde_json::from_str(json.get()).map_err(|source| {
            Error::invalid(
                "partition-spec",
                "A partition spec of the table is malformed.",
            )
            .source(source)
        })?;
        let fields = (1000..)
            .zip(wire.fields)
            .map(|(number, field)| SpecField {
                source_ids: field
                    .source_ids
                    .unwrap_or_else(|| field.source_id.into_iter().collect()),
                field_id: field.field_id.unwrap_or(number),
                name: field.name,
                transform: field
                    .transform
                    .parse()
                    .unwrap_or(Transform::Unknown(field.transform)),
            })
            .collect();
        Ok(Self {
            id: wire.spec_id,
            fields,
        })
    }

    /// Are its files in no partition? Fields that were removed in version 1 stay as `void` and divide nothing.
    pub fn is_unpartitioned(&self) -> bool {
        self.fields
            .iter()
            .all(|field| field.transform == Transform::Void)
    }
}

impl SpecField {
    /// The type of its values; `None` where that is not known, because the transform is not, or the column is gone.
    pub(super) fn data_type(&self, schema: &Schema) -> Option<DataType> {
        let [source] = self.source_ids.as_slice() else {
            return None;
        };
        let source = schema.find(FieldId(*source))?;
        self.transform.result_type(&source.data_type)
    }
}
