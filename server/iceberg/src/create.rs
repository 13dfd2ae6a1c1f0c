//! The metadata of a new table: with ids of its own, whatever the client's are (REST catalog document, "Create a table").

use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;
use weir_core::schema::Schema;
use weir_core::{Error, Result};

use crate::commit::{DEFAULT_VERSION, parse_version, sound, spec_fields};
use crate::metadata::TableMetadata;
use crate::properties::{check_properties, check_reserved};
use crate::raw::{read, text};
use crate::schema::{SchemaEntry, check, renumber};
use crate::spec::{
    BEFORE_FIRST_PARTITION_ID, FieldWire, PartitionField, PartitionSpec, SortOrder, check_order,
    check_spec, mapped, parse_sort_fields,
};

/// A table as it is asked for.
#[derive(Debug)]
pub struct NewTable {
    pub uuid: Uuid,
    pub location: String,
    pub schema: Box<RawValue>,
    pub partition_spec: Option<Box<RawValue>>,
    pub write_order: Option<Box<RawValue>>,
    /// `format-version` among them asks for the version, which is 2 otherwise.
    pub properties: BTreeMap<String, String>,
    /// Milliseconds since 1970.
    pub now_ms: i64,
}

/// What the reference implementation sets in every new table.
const COMPRESSION: (&str, &str) = ("write.parquet.compression-codec", "zstd");

/// The metadata of a table without a snapshot.
///
/// Errors: `invalid` for a schema, spec or order that its version does not allow, or a property that may not be set.
pub fn create(new: NewTable) -> Result<TableMetadata> {
    let mut properties = new.properties;
    check_properties(&properties)?;
    let asked = properties.remove("format-version");
    let version = asked
        .as_deref()
        .map_or(Ok(DEFAULT_VERSION), parse_version)?;
    check_reserved(&properties)?;
    if new.location.is_empty() {
        return Err(Error::invalid("location", "A location is not empty."));
    }
    let numbered = renumber(&new.schema)?;
    let schema = check(&numbered.text, version)?;
    let spec = spec(new.partition_spec.as_deref(), &numbered.ids, &schema)?;
    let order = order(new.write_order.as_deref(), &numbered.ids, &schema)?;
    properties
        .entry(COMPRESSION.0.to_owned())
        .or_insert_with(|| COMPRESSION.1.to_owned());

    let mut metadata = TableMetadata::empty(version);
    metadata.uuid = new.uuid;
    metadata.location = new.location;
    metadata.last_updated_ms = new.now_ms;
    metadata.last_column_id = numbered.last;
    metadata.current_schema_id = 0;
    metadata.schemas = vec![SchemaEntry {
        id: 0,
        text: numbered.text,
    }];
    metadata.default_spec_id = spec.id;
    metadata.last_partition_id = spec.last_field_id();
    metadata.specs = vec![spec];
    metadata.default_sort_order_id = order.id;
    metadata.sort_orders = vec![order];
    metadata.property_texts = properties
        .iter()
        .map(|(name, value)| Ok((name.clone(), text(value)?)))
        .collect::<Result<_>>()?;
    metadata.properties = properties;
    sound(metadata)
}

fn spec(
    json: Option<&RawValue>,
    ids: &HashMap<i32, i32>,
    schema: &Schema,
) -> Result<PartitionSpec> {
    let Some(json) = json else {
        return PartitionSpec::of_fields(text::<[(); 0]>(&[])?);
    };
    let texts = spec_fields(json)?;
    let fields: Vec<PartitionField> = (BEFORE_FIRST_PARTITION_ID + 1..)
        .zip(&texts)
        .map(|(field_id, text)| {
            let wire: FieldWire = read("partition-spec", text)?;
            Ok(PartitionField {
                source_ids: mapped("partition-spec", &wire.sources()?, |id| {
                    ids.get(&id).copied()
                })?,
                field_id,
                transform: wire.transform()?,
                name: wire.name,
            })
        })
        .collect::<Result<_>>()?;
    check_spec(&fields, schema, true)?;
    PartitionSpec::assemble(json, 0, &texts, &fields)
}

fn order(json: Option<&RawValue>, ids: &HashMap<i32, i32>, schema: &Schema) -> Result<SortOrder> {
    let Some(json) = json else {
        return SortOrder::unsorted();
    };
    if parse_sort_fields(json)?.is_empty() {
        return SortOrder::unsorted();
    }
    let order = SortOrder::assemble(json, 1, |id| ids.get(&id).copied())?;
    check_order(&order.fields, schema, true)?;
    Ok(order)
}
