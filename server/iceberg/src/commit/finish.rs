//! What follows from all updates of a commit together: the two logs, the time, and that nothing points to nothing.

use std::collections::HashSet;
use std::sync::Arc;
use weir_core::{Error, Result};

use super::{Committed, Draft};
use crate::metadata::{Member, TableMetadata};
use crate::properties::count;
use crate::raw::missing;
use crate::snapshot::{FileEntry, LogEntry, Snapshot};

/// How many earlier metadata files are remembered (`write.metadata.previous-versions-max`).
const PREVIOUS_VERSIONS: usize = 100;

impl Draft<'_> {
    pub(super) fn finish(mut self) -> Result<Committed> {
        if !self.changed {
            return Ok(Committed {
                metadata: self.metadata,
                changed: false,
            });
        }
        if self.metadata.uuid.is_nil() {
            return Err(missing("uuid"));
        }
        if self.metadata.location.is_empty() {
            return Err(missing("location"));
        }
        if self.unchecked {
            self.check_defaults()?;
        }
        self.log_snapshots()?;
        self.log_metadata()?;
        let since = self.metadata.last_updated_ms;
        let logged = self
            .metadata
            .snapshot_log
            .last()
            .map(|entry| entry.timestamp_ms);
        let updated = self.updated_ms.unwrap_or(self.now_ms).max(since);
        self.metadata.last_updated_ms = logged.map_or(updated, |logged| updated.max(logged));
        self.touch(Member::LastUpdatedMs);
        if self.metadata.format_version == 1 {
            self.touch(Member::Schema);
            self.touch(Member::PartitionSpec);
        }
        self.metadata.check()?;
        Ok(Committed {
            metadata: self.metadata,
            changed: true,
        })
    }

    /// Only what is current at the end was ever seen as current, so only that is logged. Where a snapshot is gone, what was
    /// logged before it goes too: the log would claim that an earlier one was current in its time.
    fn log_snapshots(&mut self) -> Result<()> {
        let mut touched = false;
        if self.removed_snapshots {
            let known: HashSet<i64> = self.metadata.snapshots().map(Snapshot::id).collect();
            let log = &mut self.metadata.snapshot_log;
            if let Some(gap) = log
                .iter()
                .rposition(|entry| !known.contains(&entry.snapshot_id))
            {
                log.drain(..=gap);
                touched = true;
            }
        }
        let last = self.metadata.snapshot_log.last();
        let (last_id, last_ms) = (
            last.map(|it| it.snapshot_id),
            last.map(|it| it.timestamp_ms),
        );
        if let Some(current) = self
            .metadata
            .current_snapshot()
            .filter(|it| Some(it.id()) != last_id)
        {
            let when = if self.added.contains(&current.id()) {
                current.timestamp_ms()
            } else {
                self.now_ms
            };
            // Readers refuse a log that runs backwards, as the clock of a client can.
            let when = last_ms.map_or(when, |last| when.max(last));
            let entry = LogEntry::new(when, current.id())?;
            self.metadata.snapshot_log.push(Arc::new(entry));
            touched = true;
        }
        if touched {
            self.touch(Member::SnapshotLog);
        }
        Ok(())
    }

    fn log_metadata(&mut self) -> Result<()> {
        let Some(base) = self.base else {
            return Ok(());
        };
        let properties = &self.metadata.properties;
        let limit = count(
            properties,
            "write.metadata.previous-versions-max",
            PREVIOUS_VERSIONS,
        );
        let entry = FileEntry::new(base.metadata.last_updated_ms, base.location)?;
        let log = &mut self.metadata.metadata_log;
        log.push(entry);
        let surplus = log.len().saturating_sub(limit);
        log.drain(..surplus);
        self.touch(Member::MetadataLog);
        Ok(())
    }
}

/// Metadata that was built whole must be as sound as what is read. Errors: `internal`, for a defect of ours.
pub(crate) fn sound(metadata: TableMetadata) -> Result<TableMetadata> {
    match metadata.check() {
        Ok(()) => Ok(metadata),
        Err(error) => Err(Error::internal("New metadata is not sound").source(error)),
    }
}
