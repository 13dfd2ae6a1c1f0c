//! What engines report of their scans and commits.

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use weir_core::authz::verbs::Describe;
use weir_core::name::TableIdent;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::scan;

pub use weir_db::scan::Report;

use crate::Weir;

/// How long reports are kept.
pub(crate) const KEPT: TimeDelta = TimeDelta::days(30);

const MAX_REPORT_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "report-type")]
    report_type: String,
}

/// Keeps a report. Errors: `Invalid` for one that is neither of a scan nor of a commit.
pub async fn report_metrics(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    report: Box<RawValue>,
) -> Result<()> {
    let permit = weir
        .gate
        .read::<Describe>(caller, Target::Table(ident), "table.report")
        .await?;
    if report.get().len() > MAX_REPORT_BYTES {
        return Err(Error::too_large("A report has at most 64 KiB."));
    }
    let kind = serde_json::from_str::<Kind>(report.get())
        .map(|kind| kind.report_type)
        .unwrap_or_default();
    if !matches!(kind.as_str(), "scan-report" | "commit-report") {
        return Err(Error::invalid(
            "report-type",
            "A report is a `scan-report` or a `commit-report`.",
        ));
    }
    scan::add_report(&weir.db, &permit, caller, &kind, &report, weir.now()).await
}

/// The newest reports first. They show the literals of filters and counts of the whole table, so only who may
/// read all columns may read them.
pub async fn metrics(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    page: &PageRequest,
) -> Result<Page<Report>> {
    let target = Target::Table(ident);
    let facts = weir_db::resolve::facts(&weir.db, target, caller, weir.now()).await?;
    let permit = weir
        .gate
        .judge::<Describe>(caller, target, &facts, "table.metrics")
        .await?;
    if !weir.gate.reads_all(caller, &facts)? {
        let message = "Reports show values of columns, and take SELECT on all of them.";
        return weir
            .gate
            .refuse(caller, target, "table.metrics", message)
            .await;
    }
    scan::reports(&weir.db, &permit, page).await
}

/// The figures of a report that are the same for all engines (REST document, `ScanReport` and `CommitReport`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub what: String,
    pub snapshot: Option<i64>,
    pub files: Option<i64>,
    pub rows: Option<i64>,
    /// How long planning, or the commit, took.
    pub milliseconds: Option<i64>,
}

impl Figures {
    pub fn of(report: &Report) -> Self {
        let report = &report.report.0;
        let metric = |name: &str, part: &str| {
            let metric = report.get("metrics")?.get(name)?;
            metric.get(part)?.as_i64()
        };
        let time = |name: &str| metric(name, "total-duration").map(|ns| ns / 1_000_000);
        let operation = report.get("operation").and_then(Value::as_str);
        match operation {
            Some(operation) => Self {
                what: format!("commit, {operation}"),
                snapshot: report.get("snapshot-id").and_then(Value::as_i64),
                files: metric("added-data-files", "value"),
                rows: metric("added-records", "value"),
                milliseconds: time("total-duration"),
            },
            None => Self {
                what: "scan".to_owned(),
                snapshot: report.get("snapshot-id").and_then(Value::as_i64),
                files: metric("result-data-files", "value"),
                rows: None,
                milliseconds: time("total-planning-duration"),
            },
        }
    }
}
