//! What engines reported of their scans and commits.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use weir_operations::table::{self, Report};

use super::ApiState;
use super::auth::Authenticated;
use super::extract::{Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};
use super::table::{TablePath, ident};

/// An engine's report, as it sent it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportBody {
    id: Uuid,
    at: DateTime<Utc>,
    /// Who sent it.
    principal: String,
    /// `scan-report` or `commit-report`
    kind: String,
    #[schema(value_type = Object)]
    report: serde_json::Value,
}

impl From<Report> for ReportBody {
    fn from(report: Report) -> Self {
        Self {
            id: report.report_id,
            at: report.at,
            principal: report.principal_name,
            kind: report.kind,
            report: report.report.0,
        }
    }
}

/// The reports on a table, the newest first. Only for who sees all of its columns.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/reports", tag = "table", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path), PageParams), responses((status = 200, body = PageBody<ReportBody>), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<ReportBody>>, ApiError> {
    Ok(PageBody::of(
        table::metrics(&state.weir, &who.caller, &ident(&path)?, &page.request()?).await?,
    ))
}
