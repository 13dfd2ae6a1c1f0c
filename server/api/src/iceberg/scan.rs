//! Server-side scan planning.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use weir_operations::iceberg::scan::PlanRequest;
use weir_operations::scan::{self, Planned};

use super::answer::{self, Common};
use super::error::{About, Failure, IcebergErrorResponse, Tell};
use super::extract::{Body, Segments, Who};
use super::shapes;
use super::table::shown;
use super::{ApiState, DelegationHeader, KeyHeader, PlanPath, TablePath};

/// A plan that is finished: this server plans while it is asked.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "documents what is spliced together from texts")]
pub struct PlanTableScanResult {
    #[schema(inline)]
    status: PlanStatus,
    plan_id: String,
    plan_tasks: Option<Vec<String>>,
    #[schema(value_type = Option<Vec<shapes::FileScanTask>>)]
    file_scan_tasks: Option<Vec<shapes::FileScanTask>>,
    #[schema(value_type = Option<Vec<shapes::DeleteFile>>)]
    delete_files: Option<Vec<shapes::DeleteFile>>,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "documents a word that is written as text")]
pub enum PlanStatus {
    Completed,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FetchScanTasksRequest {
    plan_task: String,
}

/// Scan and planning tasks for server-side scan planning
#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "documents what is spliced together from texts")]
pub struct FetchScanTasksResult {
    #[schema(value_type = Vec<shapes::FileScanTask>)]
    file_scan_tasks: Vec<shapes::FileScanTask>,
    #[schema(value_type = Option<Vec<shapes::DeleteFile>>)]
    delete_files: Option<Vec<shapes::DeleteFile>>,
}

fn completed(planned: &Planned) -> Response {
    let head = format!(
        "{{\"status\":\"completed\",\"plan-id\":\"{}\",",
        planned.plan_id
    );
    let members = planned.body.strip_prefix(b"{").unwrap_or(&planned.body);
    let mut body = BytesMut::with_capacity(head.len() + members.len());
    body.put(head.as_bytes());
    body.put(members);
    answer::json(body.freeze())
}

/// Submit a scan for planning.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/plan", operation_id = "planTableScan", tag = "Catalog API", params(TablePath, DelegationHeader, KeyHeader), request_body = PlanRequest, responses(
    (status = 200, body = PlanTableScanResult), (status = 404, body = IcebergErrorResponse), (status = 406, body = IcebergErrorResponse), Common))]
pub async fn plan(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, .. }: Body<Box<RawValue>>,
) -> Result<Response, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let planned = scan::plan(&state.weir, &caller, &ident, value).await;
    Ok(completed(&planned.reading(About::Table, shown(&ident))?))
}

/// Fetches the result of scan planning.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/plan/{plan-id}", operation_id = "fetchPlanningResult", tag = "Catalog API", params(PlanPath, DelegationHeader), responses(
    (status = 200, body = PlanTableScanResult), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn fetch(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
) -> Result<Response, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let id = segments.text("plan-id");
    let planned = scan::fetch(&state.weir, &caller, &ident, &id).await;
    Ok(completed(&planned.reading(About::Plan, id)?))
}

/// Cancels scan planning.
#[utoipa::path(delete, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/plan/{plan-id}", operation_id = "cancelPlanning", tag = "Catalog API", params(PlanPath, DelegationHeader, KeyHeader), responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn cancel(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
) -> Result<StatusCode, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let id = segments.text("plan-id");
    let cancelled = scan::cancel(&state.weir, &caller, &ident, &id).await;
    cancelled.reading(About::Plan, id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fetches result tasks for a plan task.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/tasks", operation_id = "fetchScanTasks", tag = "Catalog API", params(TablePath, KeyHeader), request_body = FetchScanTasksRequest, responses(
    (status = 200, body = FetchScanTasksResult), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn tasks(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, .. }: Body<FetchScanTasksRequest>,
) -> Result<Response, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let task = value.plan_task;
    let found: weir_core::Result<Bytes> = scan::tasks(&state.weir, &caller, &ident, &task).await;
    Ok(answer::json(found.reading(About::PlanTask, task)?))
}
