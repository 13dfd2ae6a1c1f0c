//! What a client learns first: its prefix, and which endpoints there are.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_core::Error;
use weir_core::name::Name;
use weir_operations::catalog;

use super::ApiState;
use super::error::{About, Failure, IcebergErrorResponse, Tell};
use super::extract::{Params, Who};

/// Every endpoint that is served, as clients look them up.
pub const ENDPOINTS: &[&str] = &[
    "GET /v1/{prefix}/namespaces",
    "POST /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "DELETE /v1/{prefix}/namespaces/{namespace}",
    "POST /v1/{prefix}/namespaces/{namespace}/properties",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "POST /v1/{prefix}/namespaces/{namespace}/tables",
    "POST /v1/{prefix}/namespaces/{namespace}/register",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/sign",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/unregister",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/plan",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/plan/{plan-id}",
    "DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}/plan/{plan-id}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/tasks",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
    "POST /v1/{prefix}/tables/rename",
    "POST /v1/{prefix}/transactions/commit",
    "GET /v1/{prefix}/namespaces/{namespace}/views",
    "POST /v1/{prefix}/namespaces/{namespace}/views",
    "GET /v1/{prefix}/namespaces/{namespace}/views/{view}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/views/{view}",
    "POST /v1/{prefix}/namespaces/{namespace}/views/{view}",
    "DELETE /v1/{prefix}/namespaces/{namespace}/views/{view}",
    "POST /v1/{prefix}/namespaces/{namespace}/register-view",
    "POST /v1/{prefix}/views/rename",
    "GET /v1/{prefix}/namespaces/{namespace}/functions",
    "GET /v1/{prefix}/namespaces/{namespace}/functions/{function}",
];

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConfigParams {
    /// The catalog's name.
    #[param(required = false)]
    warehouse: Option<String>,
}

/// Server-provided configuration for the catalog.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CatalogConfig {
    /// Properties that should be used to override client configuration; applied after defaults and client configuration.
    overrides: BTreeMap<&'static str, String>,
    /// Properties that should be used as default configuration; applied before client configuration.
    defaults: BTreeMap<&'static str, String>,
    /// The endpoints that are served.
    endpoints: Vec<&'static str>,
    /// How long an Idempotency-Key is remembered, as an ISO 8601 duration.
    #[schema(example = "PT30M")]
    idempotency_key_lifetime: &'static str,
}

/// List all catalog configuration settings.
#[utoipa::path(get, path = "/v1/config", operation_id = "getConfig", tag = "Configuration API", params(ConfigParams), responses(
    (status = 200, body = CatalogConfig), (status = 404, body = IcebergErrorResponse), super::answer::Common))]
pub async fn get(
    State(state): State<ApiState>,
    Who(caller): Who,
    Params(query): Params<ConfigParams>,
) -> Result<Json<CatalogConfig>, Failure> {
    let name = query.warehouse.filter(|name| !name.is_empty());
    let name =
        name.ok_or_else(|| Error::invalid("warehouse", "Name a catalog: warehouse=<name>."))?;
    let catalog = match Name::parse("warehouse", &name) {
        Ok(name) => catalog::get(&state.weir, &caller, &name).await,
        Err(_) => Err(Error::not_found("There is no such catalog.")),
    };
    let catalog = catalog.reading(About::Warehouse, name)?;
    Ok(Json(CatalogConfig {
        overrides: BTreeMap::from([("prefix", catalog.name)]),
        defaults: BTreeMap::new(),
        endpoints: ENDPOINTS.to_vec(),
        idempotency_key_lifetime: "PT30M",
    }))
}

#[cfg(test)]
mod tests {
    use super::ENDPOINTS;
    use std::collections::BTreeSet;

    #[test]
    fn exactly_what_is_served_is_advertised() {
        let document = serde_json::to_value(super::super::document()).unwrap();
        let mut served = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in ["get", "head", "post", "delete"] {
                if item[method].is_object() {
                    served.insert(format!("{} {path}", method.to_uppercase()));
                }
            }
        }
        // Every client knows these two, and none looks for them in the list.
        assert!(served.remove("GET /v1/config") && served.remove("POST /v1/oauth/tokens"));
        let advertised: BTreeSet<String> = ENDPOINTS.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(advertised, served);
        assert_eq!(advertised.len(), ENDPOINTS.len());
    }
}
