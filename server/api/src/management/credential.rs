//! What engines were given to reach files with, and the gateway. Never a credential itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use weir_operations::delivery::tally::Counts;
use weir_operations::delivery::{self, LiveCredential, Outliving};
use weir_operations::location;

use super::ApiState;
use super::auth::Authenticated;
use super::extract::{Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};
use super::table::{TablePath, ident};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveCredential)]
pub struct CredentialBody {
    id: Uuid,
    principal: String,
    /// Absent for a table that was staged and not made yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    table_id: Option<Uuid>,
    /// `catalog.namespace.table`, as it was called then
    table: String,
    /// `store` for one that the store made and nobody takes back, `gateway` for one that ends with the grant
    delivery: String,
    /// `read`, `add` or `change`
    access: String,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<LiveCredential> for CredentialBody {
    fn from(live: LiveCredential) -> Self {
        Self {
            id: live.credential_id,
            principal: live.principal,
            table_id: live.table_id,
            table: live.table_name,
            delivery: live.delivery,
            access: live.access,
            issued_at: live.issued_at,
            expires_at: live.expires_at,
        }
    }
}

/// What ending an access did not end.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessEnded {
    /// Credentials that no store takes back, those with the latest end first.
    outlived_by: Vec<CredentialBody>,
    /// Are there more than these?
    more: bool,
}

impl AccessEnded {
    /// The answer: nothing, where nothing outlives the access.
    pub fn by(outliving: Outliving) -> Response {
        if outliving.credentials.is_empty() {
            return StatusCode::NO_CONTENT.into_response();
        }
        let credentials = outliving.credentials.into_iter();
        Json(Self {
            outlived_by: credentials.map(Into::into).collect(),
            more: outliving.is_cut,
        })
        .into_response()
    }
}

/// The credentials that are live, the newest first. For auditors.
#[utoipa::path(get, path = "/credentials", tag = "credential", params(PageParams), responses((status = 200, body = PageBody<CredentialBody>), (status = 403, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<CredentialBody>>, ApiError> {
    let live = delivery::live(&state.weir, &who.caller, &page.request()?).await?;
    Ok(PageBody::of(live))
}

/// The live credentials that reach a table, and so each of its columns: files have them all.
#[utoipa::path(get, path = "/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/credentials", tag = "credential", params(("catalog" = String, Path), ("namespace" = String, Path), ("table" = String, Path), PageParams), responses((status = 200, body = PageBody<CredentialBody>), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn of_table(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(path): Segments<TablePath>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<CredentialBody>>, ApiError> {
    let ident = ident(&path)?;
    let live = delivery::reaching(&state.weir, &who.caller, &ident, &page.request()?).await?;
    Ok(PageBody::of(live))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct GatewayBody {
    /// Is there one?
    on: bool,
    /// Where engines find it.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// What it did on the server that answers, since that started. For who may register storage locations.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<GatewayCounts>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct GatewayCounts {
    /// Answered, whatever the answer was.
    requests: u64,
    /// Of these: not let in, or not to what was asked for.
    refused: u64,
    /// Of these: failed by a fault of the server or of a store.
    failed: u64,
    /// To engines.
    sent_bytes: u64,
    /// From engines.
    received_bytes: u64,
}

impl From<Counts> for GatewayCounts {
    fn from(counts: Counts) -> Self {
        Self {
            requests: counts.requests,
            refused: counts.refused,
            failed: counts.failed,
            sent_bytes: counts.sent_bytes,
            received_bytes: counts.received_bytes,
        }
    }
}

/// Is there a gateway, where, and what did it do? Engines are told of it with their credentials.
#[utoipa::path(get, path = "/gateway", tag = "credential", responses((status = 200, body = GatewayBody)))]
pub async fn gateway(
    State(state): State<ApiState>,
    who: Authenticated,
) -> Result<Json<GatewayBody>, ApiError> {
    let endpoint = state.weir.gateway_endpoint().map(str::to_owned);
    let counts = match location::may_register(&state.weir, &who.caller).await? {
        true => state
            .weir
            .gateway_tally()
            .map(|tally| tally.counts().into()),
        false => None,
    };
    Ok(Json(GatewayBody {
        on: endpoint.is_some(),
        endpoint,
        counts,
    }))
}
