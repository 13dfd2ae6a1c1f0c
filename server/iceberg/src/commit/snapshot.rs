//! Snapshots and the branches and tags that point to them.

use serde_json::value::RawValue;
use std::collections::HashSet;
use std::sync::Arc;
use weir_core::{Error, Result};

use super::Draft;
use crate::metadata::Member;
use crate::raw::{Text, missing};
use crate::snapshot::{MAIN, Snapshot, SnapshotRef};

impl Draft<'_> {
    /// Errors: `conflict` when other snapshots have come in between, so that the client can make it anew.
    pub(super) fn add_snapshot(&mut self, json: &RawValue) -> Result<()> {
        let snapshot = Snapshot::parse(json.to_owned().into())?;
        let metadata = &self.metadata;
        let before = |what: &str, is_there: bool| {
            if is_there {
                return Ok(());
            }
            Err(Error::invalid(
                "snapshot",
                format!("A table has a {what} before it has a snapshot."),
            ))
        };
        before("schema", !metadata.schemas.is_empty())?;
        before("partition spec", !metadata.specs.is_empty())?;
        before("sort order", !metadata.sort_orders.is_empty())?;
        if metadata.snapshot(snapshot.id()).is_some() {
            return Err(Error::invalid(
                "snapshot-id",
                format!("There is a snapshot {} already.", snapshot.id()),
            ));
        }
        if snapshot.id() < 0 {
            return Err(Error::invalid(
                "snapshot-id",
                "The id of a snapshot is not negative.",
            ));
        }
        snapshot
            .manifest_list()
            .ok_or_else(|| missing("manifest-list"))?;
        self.check_summary(&snapshot)?;
        if self.metadata.format_version > 1 {
            self.take_sequence_number(&snapshot)?;
        }
        if self.metadata.format_version > 2 {
            self.take_row_ids(&snapshot)?;
        }
        self.updated_ms = self.updated_ms.max(Some(snapshot.timestamp_ms()));
        self.added.push(snapshot.id());
        self.metadata.snapshots.push(Arc::new(snapshot));
        self.touch(Member::Snapshots);
        Ok(())
    }

    fn check_summary(&self, snapshot: &Snapshot) -> Result<()> {
        match snapshot.operation() {
            Some("append" | "replace" | "overwrite" | "delete") => Ok(()),
            None => Err(missing("summary.operation")),
            Some(other) => Err(Error::invalid(
                "summary.operation",
                format!("There is no operation `{}`.", other.escape_debug()),
            )),
        }
    }

    fn take_sequence_number(&mut self, snapshot: &Snapshot) -> Result<()> {
        if !snapshot.has_sequence_number() {
            return Err(missing("sequence-number"));
        }
        let (last, number) = (
            self.metadata.last_sequence_number,
            snapshot.sequence_number(),
        );
        if number < 0 {
            return Err(Error::invalid(
                "sequence-number",
                "A sequence number is not negative.",
            ));
        }
        if number <= last && snapshot.parent().is_some() {
            return Err(Error::conflict(format!(
                "Cannot add a snapshot with sequence number {number}: the last is {last}. Refresh the table and try again."
            )));
        }
        if number > last {
            self.metadata.last_sequence_number = number;
            self.touch(Member::LastSequenceNumber);
        }
        Ok(())
    }

    fn take_row_ids(&mut self, snapshot: &Snapshot) -> Result<()> {
        let first = snapshot
            .first_row_id()
            .ok_or_else(|| missing("first-row-id"))?;
        let rows = snapshot.added_rows().ok_or_else(|| missing("added-rows"))?;
        let next = self.metadata.next_row_id;
        if rows < 0 {
            return Err(Error::invalid(
                "added-rows",
                "A snapshot adds no less than 0 rows.",
            ));
        }
        if first < next {
            return Err(Error::conflict(format!(
                "Cannot add a snapshot whose row ids start at {first}: the next is {next}. Refresh the table and try again."
            )));
        }
        // Above all that were given out, also where the snapshot left some out before its own.
        let after = first
            .checked_add(rows)
            .ok_or_else(|| Error::invalid("added-rows", "The table has no row ids left."))?;
        if after != next {
            self.metadata.next_row_id = after;
            self.touch(Member::NextRowId);
        }
        Ok(())
    }

    pub(super) fn set_ref(&mut self, name: &str, json: Text) -> Result<()> {
        let new = SnapshotRef::parse(json)?;
        new.check(name)?;
        let id = new.snapshot_id();
        if self.metadata.snapshot(id).is_none() {
            return Err(Error::invalid(
                "snapshot-id",
                format!("There is no snapshot {id}."),
            ));
        }
        match self
            .metadata
            .refs
            .iter_mut()
            .find(|(known, _)| known == name)
        {
            Some((_, old)) => {
                if old.kind() != new.kind() {
                    return Err(Error::invalid(
                        "ref-name",
                        format!(
                            "`{}` is a {:?} and stays one until it is removed.",
                            name.escape_debug(),
                            old.kind()
                        )
                        .to_lowercase(),
                    ));
                }
                if old.head == new.head && old.text().get() == new.text().get() {
                    return Ok(());
                }
                let is_same = old.head == new.head && has_only_known(&new);
                if is_same {
                    return Ok(());
                }
                *old = new;
            }
            None => self.metadata.refs.push((name.to_owned(), new)),
        }
        self.touch(Member::Refs);
        if name == MAIN {
            self.set_current(Some(id));
        }
        Ok(())
    }

    fn set_current(&mut self, id: Option<i64>) {
        if self.metadata.current_snapshot_id == id {
            return;
        }
        self.metadata.current_snapshot_id = id;
        if id.is_none() && self.metadata.format_version > 2 {
            self.changed = true;
            self.metadata.drop_member(&Member::CurrentSnapshotId);
        } else {
            self.touch(Member::CurrentSnapshotId);
        }
    }

    pub(super) fn remove_ref(&mut self, name: &str) {
        let before = self.metadata.refs.len();
        self.metadata.refs.retain(|(known, _)| known != name);
        if self.metadata.refs.len() == before {
            return;
        }
        self.touch(Member::Refs);
        if name == MAIN {
            self.set_current(None);
        }
    }

    /// With them go their statistics, and the branches and tags that point to them.
    pub(super) fn remove_snapshots(&mut self, ids: &[i64]) {
        let set: HashSet<i64> = ids.iter().copied().collect();
        let before = self.metadata.snapshots.len();
        self.metadata
            .snapshots
            .retain(|snapshot| !set.contains(&snapshot.id()));
        if self.metadata.snapshots.len() == before {
            return;
        }
        self.added.retain(|id| !set.contains(id));
        self.removed_snapshots = true;
        self.touch(Member::Snapshots);
        self.remove_statistics(Member::Statistics, ids);
        self.remove_statistics(Member::PartitionStatistics, ids);
        let dangling: Vec<String> = self
            .metadata
            .refs()
            .filter(|(_, to)| set.contains(&to.snapshot_id()))
            .map(|(name, _)| name.to_owned())
            .collect();
        dangling.iter().for_each(|name| self.remove_ref(name));
    }
}

/// Does the ref say nothing but what the specification names?
fn has_only_known(to: &SnapshotRef) -> bool {
    let known = [
        "snapshot-id",
        "type",
        "min-snapshots-to-keep",
        "max-snapshot-age-ms",
        "max-ref-age-ms",
    ];
    crate::raw::Object::parse("refs", to.text())
        .is_ok_and(|members| members.iter().all(|(name, _)| known.contains(&name)))
}
