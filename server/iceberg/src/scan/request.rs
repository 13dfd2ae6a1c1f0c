//! What a client asks to be planned (upstream schema `PlanTableScanRequest`).

use serde::Deserialize;
use utoipa::ToSchema;
use weir_core::{Error, Result};

use super::expression::Expression;

/// A scan to plan. Members that are not known are ignored; [`PlanRequest::snapshots`] checks those that are.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = PlanTableScanRequest)]
pub struct PlanRequest {
    /// The snapshot to scan; the table's current one where no snapshot is named.
    #[serde(default)]
    pub snapshot_id: Option<i64>,
    /// An incremental scan begins after this snapshot.
    #[serde(default)]
    pub start_snapshot_id: Option<i64>,
    /// The last snapshot of an incremental scan.
    #[serde(default)]
    pub end_snapshot_id: Option<i64>,
    /// Full names of the columns to read; all of them where absent.
    #[serde(default)]
    pub select: Option<Vec<String>>,
    #[serde(default)]
    pub filter: Option<Expression>,
    /// How many rows the client wants at least. A hint.
    #[serde(default)]
    pub min_rows_requested: Option<i64>,
    /// Whether the names in `select`, `filter` and `stats-fields` are compared with their case.
    #[serde(default = "yes")]
    #[schema(required = false, default = true)]
    pub case_sensitive: bool,
    /// Whether names are those of the schema that the snapshot was written with.
    #[serde(default)]
    #[schema(required = false, default = false)]
    pub use_snapshot_schema: bool,
    /// Full names of the columns whose counts and bounds the client wants.
    #[serde(default)]
    pub stats_fields: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

/// Which rows a scan is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshots {
    /// All rows of the current snapshot.
    Current,
    /// All rows of this one.
    At(i64),
    /// Rows that the snapshots after `after` (or from the first on) up to `until` have appended.
    Between { after: Option<i64>, until: i64 },
}

impl PlanRequest {
    /// Errors: `invalid` where both a snapshot and a range are named, a range has no end, or a number of rows is negative.
    pub fn snapshots(&self) -> Result<Snapshots> {
        if self.min_rows_requested.is_some_and(|rows| rows < 0) {
            return Err(Error::invalid(
                "min-rows-requested",
                "A number of rows is not negative.",
            ));
        }
        match (
            self.snapshot_id,
            self.start_snapshot_id,
            self.end_snapshot_id,
        ) {
            (None, None, None) => Ok(Snapshots::Current),
            (Some(id), None, None) => Ok(Snapshots::At(id)),
            (None, after, Some(until)) => Ok(Snapshots::Between { after, until }),
            (None, Some(_), None) => Err(Error::invalid(
                "end-snapshot-id",
                "A scan that has a start-snapshot-id needs an end-snapshot-id.",
            )),
            (Some(_), ..) => Err(Error::invalid(
                "snapshot-id",
                "A scan is of one snapshot-id, or from a start-snapshot-id to an end-snapshot-id, not both.",
            )),
        }
    }
}
