//! Grants.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use weir_core::grant::{ColumnSet, Grant};
use weir_core::id::GrantId;
use weir_core::name::{Name, NamespaceIdent, PrincipalName, TableIdent};
use weir_core::page::PageRequest;
use weir_core::privilege::PrivilegeSet;
use weir_core::{Error, Result};
use weir_operations::grant::{self, GrantRequest, GrantTarget};

use super::ApiState;
use super::auth::Authenticated;
use super::credential::AccessEnded;
use super::extract::{Body, Params, Segments};
use super::page::PageBody;
use super::problem::{ApiError, Problem};

/// A grant.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantBody {
    id: Uuid,
    principal: String,
    principal_kind: &'static str,
    /// server, catalog, namespace, table, location or crawler
    resource_kind: &'static str,
    /// `lake.sales.orders`; empty for the server
    resource: String,
    privileges: Vec<String>,
    columns: ColumnsBody,
    grantable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    created_by: String,
    created_at: DateTime<Utc>,
}

/// Which columns: all, only those listed, or all but those listed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnsBody {
    /// all, only or all_but
    mode: String,
    #[serde(default)]
    field_ids: Vec<i32>,
}

impl From<Grant> for GrantBody {
    fn from(grant: Grant) -> Self {
        let fact = grant.fact;
        Self {
            id: fact.id.into(),
            principal: grant.principal_name,
            principal_kind: grant.principal_kind.as_str(),
            resource_kind: fact.resource.kind.as_str(),
            resource: grant.resource_name,
            privileges: fact.privileges.names(),
            columns: ColumnsBody {
                mode: fact.columns.mode().to_owned(),
                field_ids: fact.columns.field_ids(),
            },
            grantable: fact.grantable,
            valid_from: fact.valid_from,
            valid_until: fact.valid_until,
            reason: grant.reason,
            created_by: grant.created_by,
            created_at: grant.created_at,
        }
    }
}

/// What a grant is on: nothing named is the whole server; a catalog; with a namespace; with a table; or one of the others.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetBody {
    catalog: Option<String>,
    namespace: Option<String>,
    table: Option<String>,
    location: Option<String>,
    crawler: Option<String>,
}

impl TargetBody {
    fn parse(&self) -> Result<GrantTarget> {
        let parts = [
            &self.catalog,
            &self.namespace,
            &self.table,
            &self.location,
            &self.crawler,
        ]
        .map(Option::as_deref);
        match parts {
            [None, None, None, None, None] => Ok(GrantTarget::Server),
            [Some(catalog), None, None, None, None] => {
                Name::parse("catalog", catalog).map(GrantTarget::Catalog)
            }
            [Some(catalog), Some(namespace), None, None, None] => {
                NamespaceIdent::parse(catalog, namespace).map(GrantTarget::Namespace)
            }
            [Some(catalog), Some(namespace), Some(table), None, None] => {
                TableIdent::parse(catalog, namespace, table).map(GrantTarget::Table)
            }
            [None, None, None, Some(location), None] => {
                Name::parse("location", location).map(GrantTarget::Location)
            }
            [None, None, None, None, Some(crawler)] => {
                Name::parse("crawler", crawler).map(GrantTarget::Crawler)
            }
            _ => Err(Error::invalid(
                "on",
                "Name a catalog, a catalog and namespace, a catalog, namespace and table, a location, or a crawler.",
            )),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantCreate {
    /// To whom.
    principal: String,
    on: TargetBody,
    privileges: Vec<String>,
    /// All of a table's columns when absent.
    columns: Option<ColumnsBody>,
    /// May the principal hand on what it gets?
    #[serde(default)]
    grantable: bool,
    valid_from: Option<DateTime<Utc>>,
    valid_until: Option<DateTime<Utc>>,
    reason: Option<String>,
}

impl GrantCreate {
    fn parse(self) -> Result<(GrantTarget, GrantRequest)> {
        let columns = self.columns.map_or(Ok(ColumnSet::All), |columns| {
            ColumnSet::parse(&columns.mode, columns.field_ids)
        })?;
        let request = GrantRequest {
            principal: PrincipalName::parse("principal", &self.principal)?,
            privileges: PrivilegeSet::parse(self.privileges.iter().map(String::as_str))?,
            columns,
            grantable: self.grantable,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            reason: self.reason.filter(|reason| !reason.is_empty()),
        };
        Ok((self.on.parse()?, request))
    }
}

/// On what, and to whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GrantParams {
    catalog: Option<String>,
    namespace: Option<String>,
    table: Option<String>,
    location: Option<String>,
    crawler: Option<String>,
    /// Only grants to this principal.
    principal: Option<String>,
    /// Rows at the most, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// The grants on an object and on everything inside it, the newest first.
#[utoipa::path(get, path = "/grants", tag = "grant", params(GrantParams), responses((status = 200, body = PageBody<GrantBody>), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Params(params): Params<GrantParams>,
) -> Result<Json<PageBody<GrantBody>>, ApiError> {
    let GrantParams {
        catalog,
        namespace,
        table,
        location,
        crawler,
        principal,
        limit,
        after,
    } = params;
    let on = TargetBody {
        catalog,
        namespace,
        table,
        location,
        crawler,
    }
    .parse()?;
    let to = principal
        .map(|name| PrincipalName::parse("principal", &name))
        .transpose()?;
    Ok(PageBody::of(
        grant::list(
            &state.weir,
            &who.caller,
            &on,
            to.as_ref(),
            &PageRequest::new(limit, after)?,
        )
        .await?,
    ))
}

/// Grant.
#[utoipa::path(post, path = "/grants", tag = "grant", request_body = GrantCreate, responses((status = 201, body = GrantBody), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<ApiState>,
    who: Authenticated,
    Body(body): Body<GrantCreate>,
) -> Result<(StatusCode, Json<GrantBody>), ApiError> {
    let (on, request) = body.parse()?;
    Ok((
        StatusCode::CREATED,
        Json(
            grant::create(&state.weir, &who.caller, &on, request)
                .await?
                .into(),
        ),
    ))
}

/// One grant.
#[utoipa::path(get, path = "/grants/{id}", tag = "grant", params(("id" = Uuid, Path)), responses((status = 200, body = GrantBody), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn get(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(id): Segments<String>,
) -> Result<Json<GrantBody>, ApiError> {
    Ok(Json(
        grant::get(&state.weir, &who.caller, id.parse::<GrantId>()?)
            .await?
            .into(),
    ))
}

/// Revoke. It holds nowhere from the next request on, but for credentials that a store made before: those are told, each with its end.
#[utoipa::path(delete, path = "/grants/{id}", tag = "grant", params(("id" = Uuid, Path)), responses((status = 200, body = AccessEnded, description = "It ended, and these credentials go on until their end"), (status = 204, description = "It ended, and nothing outlives it"), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn revoke(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(id): Segments<String>,
) -> Result<Response, ApiError> {
    let outliving = grant::revoke(&state.weir, &who.caller, id.parse::<GrantId>()?).await?;
    Ok(AccessEnded::by(outliving))
}
