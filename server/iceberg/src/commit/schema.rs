//! Schemas, partition specs, sort orders, and the format version.

use serde_json::value::RawValue;
use weir_core::schema::{Schema, max_field_id};
use weir_core::{Error, Result};

use super::{Draft, LAST_ADDED};
use crate::metadata::Member;
use crate::raw::{Object, Text, elements, missing, read};
use crate::schema::{SchemaEntry, check, same};
use crate::spec::{
    BEFORE_FIRST_PARTITION_ID, FieldWire, PartitionField, PartitionSpec, SortOrder, check_order,
    check_spec, parse_sort_fields,
};

/// The id itself, or what was added last in this request where it is -1.
fn resolve(what: &'static str, id: i32, last: Option<i32>) -> Result<i32> {
    if id != LAST_ADDED {
        return Ok(id);
    }
    last.ok_or_else(|| {
        Error::invalid(
            what,
            "-1 stands for the last that was added in this request, and there is none.",
        )
    })
}

/// One more than the highest, or the first.
fn after(ids: impl Iterator<Item = i32>, first: i32) -> Result<i32> {
    match ids.max() {
        None => Ok(first),
        Some(last) => last
            .checked_add(1)
            .map(|next| next.max(first))
            .ok_or_else(|| Error::invalid("metadata", "The table has no ids left.")),
    }
}

impl Draft<'_> {
    pub(super) fn upgrade(&mut self, version: u8) -> Result<()> {
        let from = self.metadata.format_version;
        if version == from {
            return Ok(());
        }
        if version < from {
            return Err(Error::invalid(
                "format-version",
                format!("A table of version {from} cannot go back to {version}."),
            ));
        }
        if from == 1 {
            self.upgrade_first()?;
        }
        self.metadata.format_version = version;
        self.touch(Member::FormatVersion);
        if version >= 3 {
            self.touch(Member::NextRowId);
        }
        Ok(())
    }

    /// What version 1 may leave out or say in another way, version 2 wants spelled out.
    fn upgrade_first(&mut self) -> Result<()> {
        if self
            .metadata
            .snapshots()
            .any(|snapshot| snapshot.manifest_list().is_none())
        {
            return Err(Error::invalid(
                "format-version",
                "A snapshot of this table has no manifest list, which later versions need. Expire it first.",
            ));
        }
        self.metadata.specs = self
            .metadata
            .specs
            .iter()
            .map(PartitionSpec::with_ids)
            .collect::<Result<_>>()?;
        self.metadata.drop_member(&Member::Schema);
        self.metadata.drop_member(&Member::PartitionSpec);
        for member in [
            Member::LastSequenceNumber,
            Member::Schemas,
            Member::CurrentSchemaId,
            Member::PartitionSpecs,
            Member::DefaultSpecId,
            Member::LastPartitionId,
            Member::SortOrders,
            Member::DefaultSortOrderId,
        ] {
            self.touch(member);
        }
        Ok(())
    }

    /// The table's own ids count: the client's number of the schema is only a hint.
    pub(super) fn add_schema(
        &mut self,
        json: &RawValue,
        last_column_id: Option<i32>,
    ) -> Result<()> {
        let schema = check(json, self.metadata.format_version)?;
        let before = self.metadata.last_column_id;
        if last_column_id.is_some_and(|last| last < before) {
            return Err(Error::invalid(
                "last-column-id",
                format!("The last column id was {before}, and does not go back."),
            ));
        }
        let last = before
            .max(max_field_id(&schema).0)
            .max(last_column_id.unwrap_or(before));
        if last != before {
            self.metadata.last_column_id = last;
            self.touch(Member::LastColumnId);
        }
        for known in &self.metadata.schemas {
            if same(&known.text, json)? {
                self.last_schema = Some(known.id);
                return Ok(());
            }
        }
        let id = after(self.metadata.schema_ids(), 0)?;
        self.metadata.schemas.push(SchemaEntry::numbered(json, id)?);
        self.last_schema = Some(id);
        self.touch(Member::Schemas);
        Ok(())
    }

    pub(super) fn set_current_schema(&mut self, id: i32) -> Result<()> {
        let id = resolve("schema-id", id, self.last_schema)?;
        if id == self.metadata.current_schema_id {
            return Ok(());
        }
        if self.metadata.schema_entry(id).is_none() {
            return Err(Error::invalid(
                "schema-id",
                format!("There is no schema {id}."),
            ));
        }
        self.metadata.current_schema_id = id;
        self.unchecked = true;
        self.touch(Member::CurrentSchemaId);
        Ok(())
    }

    pub(super) fn remove_schemas(&mut self, ids: &[i32]) -> Result<()> {
        if ids.contains(&self.metadata.current_schema_id) {
            return Err(Error::invalid(
                "schema-ids",
                "The current schema cannot be removed.",
            ));
        }
        let before = self.metadata.schemas.len();
        self.metadata
            .schemas
            .retain(|schema| !ids.contains(&schema.id));
        if self.metadata.schemas.len() != before {
            self.last_schema = self.last_schema.filter(|id| !ids.contains(id));
            self.touch(Member::Schemas);
        }
        Ok(())
    }

    fn current(&self, what: &str) -> Result<Schema> {
        let current = self.metadata.schema_entry(self.metadata.current_schema_id);
        // Some engines say which schema is current only after they add a spec that needs it.
        let last = self
            .last_schema
            .and_then(|id| self.metadata.schema_entry(id));
        current
            .or(last)
            .ok_or_else(|| Error::invalid(what, "The table has no current schema yet."))?
            .schema()
    }

    pub(super) fn add_spec(&mut self, json: &RawValue) -> Result<()> {
        let schema = self.current("spec")?;
        let texts = spec_fields(json)?;
        let mut fields: Vec<PartitionField> = Vec::new();
        let mut last = self.metadata.last_partition_id;
        for text in &texts {
            let wire: FieldWire = read("spec", text)?;
            let mut field = PartitionField {
                source_ids: wire.sources()?,
                field_id: 0,
                transform: wire.transform()?,
                name: wire.name,
            };
            field.field_id = match wire.field_id {
                Some(id) => id,
                None => self.partition_id(&field, fields.len(), &mut last)?,
            };
            fields.push(field);
        }
        let metadata = &mut self.metadata;
        if let Some(known) = metadata
            .specs
            .iter()
            .find(|it| it.is_compatible_with(&fields))
        {
            self.last_spec = Some(known.id);
            return Ok(());
        }
        check_spec(&fields, &schema, true)?;
        check_partition_ids(&fields, &metadata.specs, metadata.format_version)?;
        let id = after(metadata.specs.iter().map(PartitionSpec::id), 0)?;
        let spec = PartitionSpec::assemble(json, id, &texts, &fields)?;
        let last = metadata.last_partition_id.max(spec.last_field_id());
        metadata.specs.push(spec);
        self.last_spec = Some(id);
        self.touch(Member::PartitionSpecs);
        if last != self.metadata.last_partition_id {
            self.metadata.last_partition_id = last;
            self.touch(Member::LastPartitionId);
        }
        Ok(())
    }

    /// The id that the same field has in another spec, or the next one. Version 1 counts in every spec from 1000.
    fn partition_id(&self, field: &PartitionField, place: usize, last: &mut i32) -> Result<i32> {
        let exhausted = || Error::invalid("spec", "The table has no ids left.");
        if self.metadata.format_version == 1 {
            let place = i32::try_from(place).map_err(|_| exhausted())?;
            return Ok(BEFORE_FIRST_PARTITION_ID + 1 + place);
        }
        let known = self.metadata.specs.iter().flat_map(PartitionSpec::fields);
        let mut known =
            known.filter(|it| it.source_ids == field.source_ids && it.transform == field.transform);
        if let Some(known) = known.next() {
            return Ok(known.field_id);
        }
        *last = last.checked_add(1).ok_or_else(exhausted)?;
        Ok(*last)
    }

    pub(super) fn set_default_spec(&mut self, id: i32) -> Result<()> {
        let id = resolve("spec-id", id, self.last_spec)?;
        if id == self.metadata.default_spec_id {
            return Ok(());
        }
        if self.metadata.spec(id).is_none() {
            return Err(Error::invalid(
                "spec-id",
                format!("There is no partition spec {id}."),
            ));
        }
        self.metadata.default_spec_id = id;
        self.unchecked = true;
        self.touch(Member::DefaultSpecId);
        Ok(())
    }

    pub(super) fn remove_specs(&mut self, ids: &[i32]) -> Result<()> {
        if ids.contains(&self.metadata.default_spec_id) {
            return Err(Error::invalid(
                "spec-ids",
                "The default partition spec cannot be removed.",
            ));
        }
        let before = self.metadata.specs.len();
        self.metadata.specs.retain(|spec| !ids.contains(&spec.id));
        if self.metadata.specs.len() != before {
            self.last_spec = self.last_spec.filter(|id| !ids.contains(id));
            self.touch(Member::PartitionSpecs);
        }
        Ok(())
    }

    pub(super) fn add_order(&mut self, json: &RawValue) -> Result<()> {
        let schema = self.current("sort-order")?;
        let fields = parse_sort_fields(json)?;
        if let Some(known) = self
            .metadata
            .sort_orders
            .iter()
            .find(|it| it.fields == fields)
        {
            self.last_order = Some(known.id);
            return Ok(());
        }
        let order = if fields.is_empty() {
            SortOrder::unsorted()?
        } else {
            check_order(&fields, &schema, true)?;
            let id = after(self.metadata.sort_orders.iter().map(|it| it.id), 1)?;
            SortOrder::assemble(json, id, Some)?
        };
        self.last_order = Some(order.id);
        self.metadata.sort_orders.push(order);
        self.touch(Member::SortOrders);
        Ok(())
    }

    pub(super) fn set_default_order(&mut self, id: i32) -> Result<()> {
        let id = resolve("sort-order-id", id, self.last_order)?;
        if id == self.metadata.default_sort_order_id {
            return Ok(());
        }
        if !self.metadata.sort_orders.iter().any(|order| order.id == id) {
            return Err(Error::invalid(
                "sort-order-id",
                format!("There is no sort order {id}."),
            ));
        }
        self.metadata.default_sort_order_id = id;
        self.unchecked = true;
        self.touch(Member::DefaultSortOrderId);
        Ok(())
    }

    /// The defaults must fit the schema that they are used with.
    pub(super) fn check_defaults(&self) -> Result<()> {
        let schema = self.current("current-schema-id")?;
        let strict = false;
        if let Some(spec) = self.metadata.default_spec() {
            check_spec(&spec.fields, &schema, strict)?;
        }
        let orders = &self.metadata.sort_orders;
        let default = orders
            .iter()
            .find(|it| it.id == self.metadata.default_sort_order_id);
        default.map_or(Ok(()), |order| check_order(&order.fields, &schema, strict))
    }
}

pub(crate) fn spec_fields(json: &RawValue) -> Result<Vec<Text>> {
    let object = Object::parse("spec", json)?;
    elements(
        "fields",
        object.get("fields").ok_or_else(|| missing("fields"))?,
    )
}

/// In version 1 ids follow from the place. Later one id means one thing in all specs of a table.
fn check_partition_ids(
    fields: &[PartitionField],
    specs: &[PartitionSpec],
    version: u8,
) -> Result<()> {
    let invalid = |message: &str| Err(Error::invalid("spec", message.to_owned()));
    let mut seen = std::collections::HashSet::new();
    for (expected, field) in (BEFORE_FIRST_PARTITION_ID + 1..).zip(fields) {
        if version == 1 && field.field_id != expected {
            return invalid("In version 1 the ids of partition fields count up from 1000.");
        }
        if !seen.insert(field.field_id) {
            return invalid("Two partition fields have one id.");
        }
        let mut used = specs
            .iter()
            .flat_map(PartitionSpec::fields)
            .filter(|it| it.field_id == field.field_id)
            .peekable();
        let is_same = |it: &PartitionField| {
            it.source_ids == field.source_ids && it.transform == field.transform
        };
        if version > 1 && used.peek().is_some() && !used.any(is_same) {
            return invalid("Another partition field has this id.");
        }
    }
    Ok(())
}
