//! From the parts to the text of a metadata file.

use serde::Serialize;
use std::collections::HashSet;
use weir_core::{Error, Result};

use super::{Member, TableMetadata};
use crate::raw::{Object, Text, missing};
use crate::snapshot::Snapshot;

impl TableMetadata {
    /// The text of its file: unchanged members as they were read, without spaces between members.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let size: usize = self.snapshots().map(|it| it.json().get().len() + 1).sum();
        let mut out = Vec::with_capacity(size + 8192);
        self.write(&mut out, |_| true)?;
        Ok(out)
    }

    /// The same with those snapshots only that a branch or tag points to (`snapshots=refs` of the REST catalog). None where
    /// that would leave nothing out.
    pub fn refs_json(&self) -> Result<Option<Vec<u8>>> {
        let kept: HashSet<i64> = self.refs().map(|(_, to)| to.snapshot_id()).collect();
        if self
            .snapshots()
            .all(|snapshot| kept.contains(&snapshot.id()))
        {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(8192);
        self.write(&mut out, |snapshot| kept.contains(&snapshot.id()))?;
        Ok(Some(out))
    }

    fn write(&self, out: &mut Vec<u8>, keep: impl Fn(&Snapshot) -> bool) -> Result<()> {
        let mut separator = b'{';
        for (member, body) in &self.members {
            out.push(separator);
            separator = b',';
            put(out, member.name())?;
            out.push(b':');
            match (body, member) {
                (Some(text), _) => out.extend_from_slice(text.get().as_bytes()),
                (None, Member::Snapshots) => {
                    let kept = self.snapshots.iter().filter(|snapshot| keep(snapshot));
                    put_list(out, kept.map(|snapshot| snapshot.text()));
                }
                (None, member) => self.put_member(out, member)?,
            }
        }
        out.push(b'}');
        Ok(())
    }

    fn put_member(&self, out: &mut Vec<u8>, member: &Member) -> Result<()> {
        match member {
            Member::FormatVersion => put(out, &self.format_version),
            Member::TableUuid => put(out, &self.uuid),
            Member::Location => put(out, &self.location),
            Member::LastSequenceNumber => put(out, &self.last_sequence_number),
            Member::LastUpdatedMs => put(out, &self.last_updated_ms),
            Member::LastColumnId => put(out, &self.last_column_id),
            Member::CurrentSchemaId => put(out, &self.current_schema_id),
            Member::DefaultSpecId => put(out, &self.default_spec_id),
            Member::LastPartitionId => put(out, &self.last_partition_id),
            Member::DefaultSortOrderId => put(out, &self.default_sort_order_id),
            Member::CurrentSnapshotId => put(out, &self.current_snapshot_id.unwrap_or(-1)),
            Member::NextRowId => put(out, &self.next_row_id),
            Member::Properties => put(out, &self.property_texts),
            Member::Refs => {
                let refs = self
                    .refs()
                    .map(|(name, to)| (name.to_owned(), to.text().clone()));
                put(out, &refs.collect::<Object>())
            }
            Member::Schema => {
                let schema = self.schema_entry(self.current_schema_id);
                put(out, &*schema.ok_or_else(|| missing("schema"))?.text)
            }
            Member::PartitionSpec => {
                let spec = self
                    .default_spec()
                    .ok_or_else(|| missing("partition-spec"))?;
                let fields = Object::parse("partition-spec", &spec.text)?;
                put(
                    out,
                    &**fields.get("fields").ok_or_else(|| missing("fields"))?,
                )
            }
            Member::Other(name) => Err(Error::internal(format!("No text for `{name}`"))),
            list => {
                self.put_list_member(out, list);
                Ok(())
            }
        }
    }

    fn put_list_member(&self, out: &mut Vec<u8>, member: &Member) {
        match member {
            Member::Schemas => put_list(out, self.schemas.iter().map(|it| &it.text)),
            Member::PartitionSpecs => put_list(out, self.specs.iter().map(|it| &it.text)),
            Member::SortOrders => put_list(out, self.sort_orders.iter().map(|it| &it.text)),
            Member::EncryptionKeys => put_list(out, self.encryption_keys.iter().map(|it| &it.text)),
            Member::Statistics => put_list(out, self.statistics.iter().map(|it| &it.text)),
            Member::PartitionStatistics => {
                put_list(out, self.partition_statistics.iter().map(|it| &it.text));
            }
            Member::SnapshotLog => put_list(out, self.snapshot_log.iter().map(|it| &it.text)),
            Member::MetadataLog => put_list(out, self.metadata_log.iter().map(|it| &it.text)),
            _ => put_list(out, self.snapshots.iter().map(|it| it.text())),
        }
    }
}

pub(super) fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<()> {
    serde_json::to_writer(out, value)
        .map_err(|error| Error::internal("Metadata cannot be written").source(error))
}

fn put_list<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a Text>) {
    out.push(b'[');
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(text.get().as_bytes());
    }
    out.push(b']');
}
