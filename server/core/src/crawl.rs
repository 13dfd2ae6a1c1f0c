//! Crawlers, their runs, and what a run found.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{CrawlerId, RunId, TableId};
use crate::principal::words;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crawler {
    pub id: CrawlerId,
    pub name: String,
    pub location: String,
    /// The folder below the location that is crawled; empty for all of it.
    pub prefix: String,
    pub catalog: String,
    pub namespace: Vec<String>,
    /// Five cron fields; absent when it runs only on demand.
    pub schedule: Option<String>,
    /// An IANA time zone for the schedule.
    pub time_zone: String,
    pub enabled: bool,
    pub next_run_at: Option<DateTime<Utc>>,
    pub version: i64,
    pub last_run: Option<RunSummary>,
}

words! {
    pub enum RunState("state") {
        Queued => "queued",
        Running => "running",
        Succeeded => "succeeded",
        /// Finished, and something could not be read or did not fit.
        Warnings => "finished_with_problems",
        Failed => "failed",
        /// The server that ran it stopped.
        Interrupted => "interrupted",
    }
}

impl RunState {
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

words! {
    pub enum Trigger("trigger") {
        Manual => "manual",
        Schedule => "schedule",
        /// Takes the place of a run that was interrupted.
        Retry => "retry",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    pub id: RunId,
    pub state: RunState,
    pub trigger: Trigger,
    pub requested_by: String,
    pub queued_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub counts: RunCounts,
    /// Why the whole run failed, when it did.
    pub error: Option<String>,
}

/// What a run saw and did, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    pub objects: i64,
    pub bytes: i64,
    pub tables: i64,
    pub tables_created: i64,
    pub versions: i64,
    pub partitions_added: i64,
    pub partitions_changed: i64,
    pub partitions_removed: i64,
    pub problems: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    pub crawler: String,
    pub run: RunSummary,
    pub changes: Vec<RunChange>,
    pub problems: Vec<RunProblem>,
    /// Changes and problems of tables that the reader may not see.
    pub hidden: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunChange {
    pub table_id: TableId,
    /// `catalog.namespace.table`
    pub table: String,
    pub kind: ChangeKind,
    /// The version made, when one was.
    pub version: Option<i32>,
    pub lines: Vec<String>,
}

words! {
    pub enum ChangeKind("change") {
        Created => "created",
        SchemaChanged => "schema_changed",
        FilesChanged => "files_changed",
        Missing => "missing",
        Returned => "returned",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunProblem {
    pub path: String,
    pub cause: String,
    /// The table that the file belongs to, where one was made of the others.
    pub table_id: Option<TableId>,
}
