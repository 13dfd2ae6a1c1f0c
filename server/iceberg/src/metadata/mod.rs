//! A table's metadata file (table spec, section "Table Metadata" and Appendix C), versions 1 to 3.
//!
//! Invariant: what a change does not touch is written as it was read. A file is an ordered list of members, each kept as
//! its text; beside them stand the parts that rules read. Only a member that changed is written from those parts, and then
//! of its own elements again only the changed ones.

mod parse;
mod place;
mod render;
mod restrict;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;
use weir_core::schema::Schema;
use weir_core::{Error, Result};

use crate::raw::{Object, Text};
use crate::schema::SchemaEntry;
use crate::snapshot::{EncryptionKey, FileEntry, LogEntry, Snapshot, SnapshotRef, Statistics};
use crate::spec::{PartitionSpec, SortOrder};

pub(crate) use place::metadata_location;

/// The versions of the format that are read and written.
pub(crate) const SUPPORTED: std::ops::RangeInclusive<u8> = 1..=3;

/// The metadata of one table.
#[derive(Clone)]
pub struct TableMetadata {
    pub(crate) members: Vec<(Member, Body)>,
    pub(crate) uuid: Uuid,
    pub(crate) format_version: u8,
    pub(crate) location: String,
    pub(crate) last_updated_ms: i64,
    pub(crate) last_sequence_number: i64,
    pub(crate) last_column_id: i32,
    pub(crate) next_row_id: i64,
    pub(crate) current_schema_id: i32,
    pub(crate) schemas: Vec<SchemaEntry>,
    pub(crate) default_spec_id: i32,
    pub(crate) specs: Vec<PartitionSpec>,
    pub(crate) last_partition_id: i32,
    pub(crate) default_sort_order_id: i32,
    pub(crate) sort_orders: Vec<SortOrder>,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) property_texts: Object,
    pub(crate) current_snapshot_id: Option<i64>,
    pub(crate) snapshots: Vec<Arc<Snapshot>>,
    pub(crate) refs: Vec<(String, SnapshotRef)>,
    pub(crate) snapshot_log: Vec<Arc<LogEntry>>,
    pub(crate) metadata_log: Vec<FileEntry>,
    pub(crate) statistics: Vec<Statistics>,
    pub(crate) partition_statistics: Vec<Statistics>,
    pub(crate) encryption_keys: Vec<EncryptionKey>,
}

/// The text of a member; without one it is written from the parts.
pub(crate) type Body = Option<Text>;

macro_rules! members {
    ($($variant:ident => $name:literal),* $(,)?) => {
        /// A member of the metadata at the top.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) enum Member {
            $($variant,)*
            /// One that no rule reads.
            Other(String),
        }

        impl Member {
            pub(crate) fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }

            fn of(name: String) -> Self {
                match name.as_str() {
                    $($name => Self::$variant,)*
                    _ => Self::Other(name),
                }
            }
        }
    };
}

members! {
    FormatVersion => "format-version",
    TableUuid => "table-uuid",
    Location => "location",
    LastSequenceNumber => "last-sequence-number",
    LastUpdatedMs => "last-updated-ms",
    LastColumnId => "last-column-id",
    Schema => "schema",
    Schemas => "schemas",
    CurrentSchemaId => "current-schema-id",
    PartitionSpec => "partition-spec",
    PartitionSpecs => "partition-specs",
    DefaultSpecId => "default-spec-id",
    LastPartitionId => "last-partition-id",
    DefaultSortOrderId => "default-sort-order-id",
    SortOrders => "sort-orders",
    Properties => "properties",
    CurrentSnapshotId => "current-snapshot-id",
    NextRowId => "next-row-id",
    EncryptionKeys => "encryption-keys",
    Refs => "refs",
    Snapshots => "snapshots",
    Statistics => "statistics",
    PartitionStatistics => "partition-statistics",
    SnapshotLog => "snapshot-log",
    MetadataLog => "metadata-log",
}

impl TableMetadata {
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// 1, 2 or 3.
    pub fn format_version(&self) -> u8 {
        self.format_version
    }

    pub fn location(&self) -> &str {
        &self.location
    }

    /// Milliseconds since 1970.
    pub fn last_updated_ms(&self) -> i64 {
        self.last_updated_ms
    }

    /// 0 in version 1.
    pub fn last_sequence_number(&self) -> i64 {
        self.last_sequence_number
    }

    pub fn last_column_id(&self) -> i32 {
        self.last_column_id
    }

    pub fn current_schema_id(&self) -> i32 {
        self.current_schema_id
    }

    /// Errors: `invalid` for one with a type of a later version.
    pub fn current_schema(&self) -> Result<Schema> {
        self.schema(self.current_schema_id)?
            .ok_or_else(|| Error::internal("The current schema is not among the schemas"))
    }

    /// The schema with this number, if there is one. Errors: `invalid` for one with a type of a later version.
    pub fn schema(&self, id: i32) -> Result<Option<Schema>> {
        self.schema_entry(id).map(SchemaEntry::schema).transpose()
    }

    pub fn schema_ids(&self) -> impl Iterator<Item = i32> {
        self.schemas.iter().map(|schema| schema.id)
    }

    pub(crate) fn schema_entry(&self, id: i32) -> Option<&SchemaEntry> {
        self.schemas.iter().find(|schema| schema.id == id)
    }

    pub fn properties(&self) -> &BTreeMap<String, String> {
        &self.properties
    }

    pub fn current_snapshot(&self) -> Option<&Snapshot> {
        self.snapshot(self.current_snapshot_id?)
    }

    pub fn snapshot(&self, id: i64) -> Option<&Snapshot> {
        // The ones that are asked for are mostly the latest.
        let found = self
            .snapshots
            .iter()
            .rev()
            .find(|snapshot| snapshot.id() == id);
        found.map(|snapshot| &**snapshot)
    }

    pub fn snapshots(&self) -> impl DoubleEndedIterator<Item = &Snapshot> + ExactSizeIterator {
        self.snapshots.iter().map(|snapshot| &**snapshot)
    }

    pub fn refs(&self) -> impl Iterator<Item = (&str, &SnapshotRef)> {
        self.refs.iter().map(|(name, to)| (name.as_str(), to))
    }

    pub fn reference(&self, name: &str) -> Option<&SnapshotRef> {
        let found = self.refs.iter().find(|(known, _)| known == name);
        found.map(|(_, to)| to)
    }

    pub fn default_spec(&self) -> Option<&PartitionSpec> {
        self.spec(self.default_spec_id)
    }

    pub fn spec(&self, id: i32) -> Option<&PartitionSpec> {
        self.specs.iter().find(|spec| spec.id == id)
    }

    pub fn specs(&self) -> &[PartitionSpec] {
        &self.specs
    }

    /// From now on the member is written from the parts.
    pub(crate) fn touch(&mut self, member: Member) {
        match self.members.iter_mut().find(|(known, _)| *known == member) {
            Some((_, body)) => *body = None,
            None => self.members.push((member, None)),
        }
    }

    pub(crate) fn drop_member(&mut self, member: &Member) {
        self.members.retain(|(known, _)| known != member);
    }
}

impl fmt::Debug for TableMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableMetadata({}, v{})", self.uuid, self.format_version)
    }
}
