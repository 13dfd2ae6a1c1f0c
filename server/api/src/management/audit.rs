//! The audit trail.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use weir_core::audit::{AuditEvent, AuditFilter, Outcome};
use weir_core::page::PageRequest;
use weir_operations::audit;

use super::ApiState;
use super::auth::Authenticated;
use super::extract::Params;
use super::page::PageBody;
use super::problem::{ApiError, Problem};

#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEventBody {
    id: Uuid,
    at: DateTime<Utc>,
    /// Who, by name at the time.
    principal: String,
    /// `table.annotate`, `grant.create`
    action: String,
    object_kind: String,
    /// As it was asked for.
    object: String,
    /// ok or denied
    outcome: &'static str,
    /// The grants that it rested on.
    determined_by: Vec<Uuid>,
    /// What changed, in the terms of the action.
    detail: serde_json::Value,
    request_id: String,
    /// management, console, worker or cli
    face: String,
}

impl From<AuditEvent> for AuditEventBody {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id.into(),
            at: event.at,
            principal: event.principal_name,
            action: event.action,
            object_kind: event.object_kind,
            object: event.object_name,
            outcome: event.outcome.as_str(),
            determined_by: event.determined_by.into_iter().map(Into::into).collect(),
            detail: event.detail,
            request_id: event.request_id,
            face: event.face,
        }
    }
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// A principal's name.
    principal: Option<String>,
    action: Option<String>,
    /// A part of the object's name.
    object: Option<String>,
    /// ok or denied
    outcome: Option<String>,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// Rows at the most, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// The newest events first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditParams), responses((status = 200, body = PageBody<AuditEventBody>), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Params(params): Params<AuditParams>,
) -> Result<Json<PageBody<AuditEventBody>>, ApiError> {
    let AuditParams {
        principal,
        action,
        object,
        outcome,
        from,
        until,
        limit,
        after,
    } = params;
    let outcome = outcome.as_deref().map(Outcome::parse).transpose()?;
    let filter = AuditFilter {
        principal,
        action,
        object,
        outcome,
        from,
        until,
    };
    Ok(PageBody::of(
        audit::list(
            &state.weir,
            &who.caller,
            &filter,
            &PageRequest::new(limit, after)?,
        )
        .await?,
    ))
}
