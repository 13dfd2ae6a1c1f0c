//! Runs of crawlers and their reports.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use weir_core::crawl::{RunChange, RunCounts, RunProblem, RunReport, RunSummary};
use weir_core::id::RunId;
use weir_core::name::Name;
use weir_operations::crawler;

use super::ApiState;
use super::auth::Authenticated;
use super::extract::{Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};

#[derive(Debug, Serialize, ToSchema)]
pub struct RunBody {
    id: Uuid,
    /// queued, running, succeeded, finished_with_problems, failed or interrupted
    state: &'static str,
    /// manual, schedule or retry
    trigger: &'static str,
    requested_by: String,
    queued_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
    counts: CountsBody,
    /// Why the whole run failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What a run saw and did.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountsBody {
    objects: i64,
    bytes: i64,
    tables: i64,
    tables_created: i64,
    versions: i64,
    partitions_added: i64,
    partitions_changed: i64,
    partitions_removed: i64,
    problems: i64,
}

/// A run with what it changed and what it could not read.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunReportBody {
    crawler: String,
    #[serde(flatten)]
    run: RunBody,
    changes: Vec<RunChangeBody>,
    problems: Vec<RunProblemBody>,
    /// Entries about tables that you may not see whole.
    hidden: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RunChangeBody {
    table: String,
    /// created, schema_changed, files_changed, missing or returned
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i32>,
    lines: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RunProblemBody {
    path: String,
    cause: String,
}

impl From<RunSummary> for RunBody {
    fn from(run: RunSummary) -> Self {
        Self {
            id: run.id.into(),
            state: run.state.as_str(),
            trigger: run.trigger.as_str(),
            requested_by: run.requested_by,
            queued_at: run.queued_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            counts: run.counts.into(),
            error: run.error,
        }
    }
}

impl From<RunCounts> for CountsBody {
    fn from(counts: RunCounts) -> Self {
        let RunCounts {
            objects,
            bytes,
            tables,
            tables_created,
            versions,
            partitions_added,
            partitions_changed,
            partitions_removed,
            problems,
        } = counts;
        Self {
            objects,
            bytes,
            tables,
            tables_created,
            versions,
            partitions_added,
            partitions_changed,
            partitions_removed,
            problems,
        }
    }
}

impl From<RunReport> for RunReportBody {
    fn from(report: RunReport) -> Self {
        let change = |change: RunChange| RunChangeBody {
            table: change.table,
            kind: change.kind.as_str(),
            version: change.version,
            lines: change.lines,
        };
        let problem = |problem: RunProblem| RunProblemBody {
            path: problem.path,
            cause: problem.cause,
        };
        Self {
            crawler: report.crawler,
            run: report.run.into(),
            changes: report.changes.into_iter().map(change).collect(),
            problems: report.problems.into_iter().map(problem).collect(),
            hidden: report.hidden,
        }
    }
}

/// The run that was queued.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunQueued {
    id: Uuid,
}

/// The newest runs first.
#[utoipa::path(get, path = "/crawlers/{crawler}/runs", tag = "crawler", params(("crawler" = String, Path), PageParams), responses((status = 200, body = PageBody<RunBody>), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<RunBody>>, ApiError> {
    Ok(PageBody::of(
        crawler::runs(
            &state.weir,
            &who.caller,
            &Name::parse("crawler", &name)?,
            &page.request()?,
        )
        .await?,
    ))
}

/// Start a crawler.
#[utoipa::path(post, path = "/crawlers/{crawler}/runs", tag = "crawler", params(("crawler" = String, Path)), responses((status = 202, body = RunQueued), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn start(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
) -> Result<(StatusCode, Json<RunQueued>), ApiError> {
    let id = crawler::start(&state.weir, &who.caller, &Name::parse("crawler", &name)?).await?;
    Ok((StatusCode::ACCEPTED, Json(RunQueued { id: id.into() })))
}

/// What a run saw, changed and could not read.
#[utoipa::path(get, path = "/crawlers/{crawler}/runs/{run}", tag = "crawler", params(("crawler" = String, Path), ("run" = Uuid, Path)), responses((status = 200, body = RunReportBody), (status = 404, body = Problem)))]
pub async fn report(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments((name, run)): Segments<(String, String)>,
) -> Result<Json<RunReportBody>, ApiError> {
    let name = Name::parse("crawler", &name)?;
    Ok(Json(
        crawler::report(&state.weir, &who.caller, &name, run.parse::<RunId>()?)
            .await?
            .into(),
    ))
}
