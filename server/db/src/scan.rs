//! Scans that the server planned, and what engines report of theirs.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;
use weir_core::Result;
use weir_core::authz::{Permit, verbs};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::resource::ResourceKind;

use crate::Db;
use crate::error::map;
use crate::resolve::expect_kind;

/// A plan as it is kept: enough to make it again.
#[derive(Debug, FromRow)]
pub struct Plan {
    pub snapshot_id: i64,
    pub request: Json<Box<RawValue>>,
}

/// Keeps a plan for its planner until `expires_at`.
pub async fn keep_plan(
    db: &Db,
    permit: &Permit<verbs::Select>,
    plan: Uuid,
    snapshot: i64,
    request: &RawValue,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    let table = expect_kind(permit.object(), ResourceKind::Table)?;
    sqlx::query(KEEP_PLAN)
        .bind(plan)
        .bind(table)
        .bind(permit.caller().as_uuid())
        .bind(snapshot)
        .bind(Json(request))
        .bind(expires_at)
        .execute(db.pool())
        .await
        .map(drop)
        .map_err(map)
}

/// The plan of this id that this caller made for this table, unless its time is over.
pub async fn plan(
    db: &Db,
    permit: &Permit<verbs::Select>,
    plan: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Plan>> {
    let table = expect_kind(permit.object(), ResourceKind::Table)?;
    sqlx::query_as(PLAN)
        .bind(plan)
        .bind(table)
        .bind(permit.caller().as_uuid())
        .bind(now)
        .fetch_optional(db.pool())
        .await
        .map_err(map)
}

/// Returns whether there was such a plan.
pub async fn cancel_plan(db: &Db, permit: &Permit<verbs::Select>, plan: Uuid) -> Result<bool> {
    let table = expect_kind(permit.object(), ResourceKind::Table)?;
    sqlx::query(CANCEL_PLAN)
        .bind(plan)
        .bind(table)
        .bind(permit.caller().as_uuid())
        .execute(db.pool())
        .await
        .map(|done| done.rows_affected() > 0)
        .map_err(map)
}

pub async fn sweep_plans(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    db.sweep(SWEEP_PLANS, now).await
}

/// An engine's report of a scan or a commit.
#[derive(Debug, Clone, FromRow)]
pub struct Report {
    pub report_id: Uuid,
    pub principal_name: String,
    pub kind: String,
    pub report: Json<serde_json::Value>,
    pub at: DateTime<Utc>,
}

pub async fn add_report(
    db: &Db,
    permit: &Permit<verbs::Describe>,
    caller: &Caller,
    kind: &str,
    report: &RawValue,
    now: DateTime<Utc>,
) -> Result<()> {
    let table = expect_kind(permit.object(), ResourceKind::Table)?;
    sqlx::query(ADD_REPORT)
        .bind(Uuid::now_v7())
        .bind(table)
        .bind(caller.principal.as_uuid())
        .bind(&caller.name)
        .bind(kind)
        .bind(Json(report))
        .bind(now)
        .execute(db.pool())
        .await
        .map(drop)
        .map_err(map)
}

/// The newest reports first.
pub async fn reports(
    db: &Db,
    permit: &Permit<verbs::Describe>,
    page: &PageRequest,
) -> Result<Page<Report>> {
    let table = expect_kind(permit.object(), ResourceKind::Table)?;
    let after: Option<Uuid> = page.after().and_then(|cursor| cursor.parse().ok());
    let rows = sqlx::query_as(REPORTS)
        .bind(table)
        .bind(after)
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(Page::cut(rows, page, |row: &Report| {
        row.report_id.to_string()
    }))
}

/// Removes reports from before `before`.
pub async fn sweep_reports(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    db.sweep(SWEEP_REPORTS, before).await
}

statements! {
    KEEP_PLAN = "INSERT INTO scan_plan (plan_id, table_id, principal_id, snapshot_id, request, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    PLAN = "SELECT snapshot_id, request FROM scan_plan WHERE plan_id = $1 AND table_id = $2 AND principal_id = $3 AND expires_at > $4";
    CANCEL_PLAN = "DELETE FROM scan_plan WHERE plan_id = $1 AND table_id = $2 AND principal_id = $3";
    SWEEP_PLANS = "DELETE FROM scan_plan WHERE expires_at < $1";
    ADD_REPORT = "INSERT INTO metrics_report (report_id, table_id, principal_id, principal_name, kind, report, at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    /// $1 table, $2 after, $3 limit
    REPORTS = "SELECT report_id, principal_name, kind, report, at FROM metrics_report
         WHERE table_id = $1 AND ($2::uuid IS NULL OR report_id < $2) ORDER BY report_id DESC LIMIT $3";
    SWEEP_REPORTS = "DELETE FROM metrics_report WHERE at < $1";
}
