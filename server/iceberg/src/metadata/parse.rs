//! From the bytes of a metadata file to its parts, with the checks that every later step relies on.

use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;
use weir_core::{Error, Result};

use super::{Body, Member, SUPPORTED, TableMetadata};
use crate::raw::{Members, Object, Text, elements, missing};
use crate::schema::SchemaEntry;
use crate::snapshot::{
    EncryptionKey, FileEntry, LogEntry, MAIN, Snapshot, SnapshotRef, Statistics, parse_refs,
    strings,
};
use crate::spec::{BEFORE_FIRST_PARTITION_ID, PartitionSpec, SortOrder};

fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::invalid(field, message)
}

impl TableMetadata {
    /// Reads a metadata file.
    ///
    /// Errors: `invalid` for what is no JSON object, names a member twice, lacks one that its version requires, has one of
    /// another type, or refers to a schema, spec, order or snapshot that it does not have.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let json = std::str::from_utf8(json)
            .map_err(|_| invalid("metadata", "Metadata is JSON in UTF-8."))?;
        let members = Members::parse("metadata", json)?;
        let version: u8 = members.required("format-version")?;
        if !SUPPORTED.contains(&version) {
            return Err(invalid(
                "format-version",
                format!("Version {version} of the table format is not supported."),
            ));
        }
        let specs = specs(&members, version)?;
        let last_partition = specs.iter().map(PartitionSpec::last_field_id).max();
        let property_texts = match members.get("properties") {
            Some(json) => Object::parse("properties", json)?,
            None => Object::default(),
        };
        let current_snapshot_id = members
            .optional::<i64>("current-snapshot-id")?
            .filter(|id| *id != -1);
        let mut metadata = Self {
            uuid: members.required::<Uuid>("table-uuid")?,
            format_version: version,
            location: members.required("location")?,
            last_updated_ms: members.required("last-updated-ms")?,
            last_sequence_number: since(2, version, &members, "last-sequence-number", Some(0))?,
            last_column_id: members.required("last-column-id")?,
            next_row_id: since(3, version, &members, "next-row-id", Some(0))?,
            schemas: schemas(&members, version)?,
            current_schema_id: since(2, version, &members, "current-schema-id", Some(0))?,
            default_spec_id: since(2, version, &members, "default-spec-id", Some(0))?,
            last_partition_id: since(2, version, &members, "last-partition-id", last_partition)?,
            specs,
            sort_orders: sort_orders(&members, version)?,
            default_sort_order_id: since(2, version, &members, "default-sort-order-id", Some(0))?,
            properties: strings("properties", &property_texts)?,
            property_texts,
            current_snapshot_id,
            snapshots: list(&members, "snapshots", |text| {
                Snapshot::parse(text).map(Arc::new)
            })?,
            refs: refs(&members, current_snapshot_id)?,
            snapshot_log: list(&members, "snapshot-log", |text| {
                LogEntry::parse(text).map(Arc::new)
            })?,
            metadata_log: list(&members, "metadata-log", FileEntry::parse)?,
            statistics: list(&members, "statistics", |text| {
                Statistics::parse("statistics", text)
            })?,
            partition_statistics: list(&members, "partition-statistics", |text| {
                Statistics::parse("partition-statistics", text)
            })?,
            encryption_keys: list(&members, "encryption-keys", EncryptionKey::parse)?,
            members: Vec::new(),
        };
        metadata.members = members.into_iter().map(keep).collect();
        metadata.check()?;
        Ok(metadata)
    }

    /// Does it refer only to what it has, each under one number?
    pub(crate) fn check(&self) -> Result<()> {
        unique("schemas", self.schemas.iter().map(|schema| schema.id))?;
        unique("partition-specs", self.specs.iter().map(|spec| spec.id))?;
        unique("sort-orders", self.sort_orders.iter().map(|order| order.id))?;
        let absent = |field: &str| {
            Err(invalid(
                field,
                format!("What `{field}` names is not there."),
            ))
        };
        if self.schema_entry(self.current_schema_id).is_none() {
            return absent("current-schema-id");
        }
        if self.default_spec().is_none() {
            return absent("default-spec-id");
        }
        if !self
            .sort_orders
            .iter()
            .any(|order| order.id == self.default_sort_order_id)
        {
            return absent("default-sort-order-id");
        }
        let snapshots: HashSet<i64> = self.snapshots().map(Snapshot::id).collect();
        if snapshots.len() != self.snapshots.len() {
            return Err(invalid("snapshots", "Two snapshots have one id."));
        }
        if self
            .current_snapshot_id
            .is_some_and(|id| !snapshots.contains(&id))
        {
            return absent("current-snapshot-id");
        }
        if self
            .refs()
            .any(|(_, to)| !snapshots.contains(&to.snapshot_id()))
        {
            return absent("refs");
        }
        if self.reference(MAIN).map(SnapshotRef::snapshot_id) != self.current_snapshot_id {
            return Err(invalid(
                "refs",
                "`main` points to another snapshot than the current one.",
            ));
        }
        let last = self.last_sequence_number;
        if self.format_version > 1 && self.snapshots().any(|it| it.sequence_number() > last) {
            return Err(invalid(
                "last-sequence-number",
                "A snapshot has a higher sequence number than the last.",
            ));
        }
        Ok(())
    }
}

/// Long lists are kept once, as their elements.
fn keep((name, value): (String, &RawValue)) -> (Member, Body) {
    let member = Member::of(name);
    let body = match member {
        Member::Snapshots | Member::SnapshotLog => None,
        _ => Some(Text::from(value.to_owned())),
    };
    (member, body)
}

fn unique<T: std::hash::Hash + Eq>(field: &str, ids: impl Iterator<Item = T>) -> Result<()> {
    let mut seen = HashSet::new();
    let mut ids = ids;
    if ids.all(|id| seen.insert(id)) {
        Ok(())
    } else {
        Err(invalid(field, format!("`{field}` has two of one id.")))
    }
}

/// A number that is required from version `first` on, and `default` before where it is absent.
fn since<'a, T: serde::Deserialize<'a>>(
    first: u8,
    version: u8,
    members: &Members<'a>,
    name: &str,
    default: Option<T>,
) -> Result<T> {
    let value = members.optional(name)?;
    let value = if version < first {
        value.or(default)
    } else {
        value
    };
    value.ok_or_else(|| missing(name))
}

fn list<T>(members: &Members<'_>, name: &str, parse: impl Fn(Text) -> Result<T>) -> Result<Vec<T>> {
    match members.get(name) {
        Some(json) => elements(name, json)?.into_iter().map(parse).collect(),
        None => Ok(Vec::new()),
    }
}

fn owned(json: &RawValue) -> Text {
    Text::from(json.to_owned())
}

fn schemas(members: &Members<'_>, version: u8) -> Result<Vec<SchemaEntry>> {
    if members.get("schemas").is_none() && version == 1 {
        let schema = members.get("schema").ok_or_else(|| missing("schema"))?;
        return Ok(vec![SchemaEntry::parse(owned(schema), Some(0))?]);
    }
    members.get("schemas").ok_or_else(|| missing("schemas"))?;
    list(members, "schemas", |text| SchemaEntry::parse(text, None))
}

fn specs(members: &Members<'_>, version: u8) -> Result<Vec<PartitionSpec>> {
    if members.get("partition-specs").is_none() && version == 1 {
        let fields = members
            .get("partition-spec")
            .ok_or_else(|| missing("partition-spec"))?;
        return Ok(vec![PartitionSpec::of_fields(owned(fields))?]);
    }
    members
        .get("partition-specs")
        .ok_or_else(|| missing("partition-specs"))?;
    list(members, "partition-specs", PartitionSpec::parse)
}

fn sort_orders(members: &Members<'_>, version: u8) -> Result<Vec<SortOrder>> {
    if members.get("sort-orders").is_none() && version == 1 {
        return Ok(vec![SortOrder::unsorted()?]);
    }
    members
        .get("sort-orders")
        .ok_or_else(|| missing("sort-orders"))?;
    list(members, "sort-orders", SortOrder::parse)
}

/// Where there are none, the current snapshot is `main` (table spec, "Snapshot References").
fn refs(members: &Members<'_>, current: Option<i64>) -> Result<Vec<(String, SnapshotRef)>> {
    let mut refs = match members.get("refs") {
        Some(json) => parse_refs(json)?,
        None => Vec::new(),
    };
    let has_main = refs.iter().any(|(name, _)| name == MAIN);
    if let (Some(current), false) = (current, has_main) {
        refs.push((MAIN.to_owned(), SnapshotRef::branch(current)?));
    }
    Ok(refs)
}

impl TableMetadata {
    /// Of a table that is about to be: nothing but its format version. What it lacks is checked when it is finished.
    pub(crate) fn empty(version: u8) -> Self {
        let mut members = vec![Member::FormatVersion, Member::TableUuid, Member::Location];
        if version > 1 {
            members.push(Member::LastSequenceNumber);
        } else {
            members.push(Member::Schema);
            members.push(Member::PartitionSpec);
        }
        members.extend([
            Member::LastUpdatedMs,
            Member::LastColumnId,
            Member::CurrentSchemaId,
            Member::Schemas,
            Member::DefaultSpecId,
            Member::PartitionSpecs,
            Member::LastPartitionId,
            Member::DefaultSortOrderId,
            Member::SortOrders,
            Member::Properties,
        ]);
        members.push(match version {
            3.. => Member::NextRowId,
            _ => Member::CurrentSnapshotId,
        });
        members.extend([
            Member::Refs,
            Member::Snapshots,
            Member::Statistics,
            Member::PartitionStatistics,
            Member::SnapshotLog,
            Member::MetadataLog,
        ]);
        Self {
            members: members.into_iter().map(|member| (member, None)).collect(),
            uuid: Uuid::nil(),
            format_version: version,
            location: String::new(),
            last_updated_ms: 0,
            last_sequence_number: 0,
            last_column_id: 0,
            next_row_id: 0,
            current_schema_id: -1,
            schemas: Vec::new(),
            default_spec_id: -1,
            specs: Vec::new(),
            last_partition_id: BEFORE_FIRST_PARTITION_ID,
            default_sort_order_id: -1,
            sort_orders: Vec::new(),
            properties: BTreeMap::new(),
            property_texts: Object::default(),
            current_snapshot_id: None,
            snapshots: Vec::new(),
            refs: Vec::new(),
            snapshot_log: Vec::new(),
            metadata_log: Vec::new(),
            statistics: Vec::new(),
            partition_statistics: Vec::new(),
            encryption_keys: Vec::new(),
        }
    }
}
