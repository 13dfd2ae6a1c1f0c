//! Iceberg REST, `/iceberg/v1`: what query engines use. Types and operations are named as the REST catalog document names them;
//! where this face departs from it, `openapi/README.md` says so.
//!
//! Every answer below `/iceberg` that is no success has the protocol's error envelope, but for the token endpoint, which
//! has OAuth's.

mod answer;
mod config;
mod credential;
mod error;
mod extract;
mod function;
mod namespace;
mod oauth;
mod scan;
mod shapes;
mod table;
mod transaction;
mod view;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::any;
use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::security::{
    ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme,
};
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;

pub use error::failure;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Weir Iceberg REST catalog",
        description = "The Apache Iceberg REST catalog protocol as Weir serves it, below /iceberg. The prefix is the name of a catalog. README.md beside this file lists where it departs from the upstream document.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        version = "0.0.1"
    ),
    components(schemas(error::IcebergErrorResponse, shapes::AccessDelegation)),
    servers((url = "/iceberg")),
    security(("OAuth2" = ["catalog"]), ("BearerAuth" = []))
)]
struct Document;

/// The routes, all below `/iceberg`.
pub fn router(state: ApiState) -> Router {
    let (router, _) = routes_and_document().split_for_parts();
    let nothing = || async { failure(StatusCode::NOT_FOUND, false, false) };
    Router::new()
        .nest("/iceberg", router)
        .route("/iceberg", any(nothing))
        .route("/iceberg/", any(nothing))
        .route("/iceberg/{*rest}", any(nothing))
        .method_not_allowed_fallback(|| async {
            failure(StatusCode::METHOD_NOT_ALLOWED, false, false)
        })
        .layer(DefaultBodyLimit::max(extract::METADATA_LIMIT_BYTES))
        .with_state(state)
}

/// The OpenAPI 3.1 document.
pub fn document() -> utoipa::openapi::OpenApi {
    let (_, mut document) = routes_and_document().split_for_parts();
    if let Some(components) = document.components.as_mut() {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("BearerAuth", SecurityScheme::Http(bearer));
        let scopes = Scopes::from_iter([("catalog", "Everything that the client was granted")]);
        let flow = Flow::ClientCredentials(ClientCredentials::new("/v1/oauth/tokens", scopes));
        components.add_security_scheme("OAuth2", SecurityScheme::OAuth2(OAuth2::new([flow])));
    }
    describe_responses(&mut document);
    document
}

/// OpenAPI demands a description of every response (3.1, Response Object); where there is no better one, its status says it.
fn describe_responses(document: &mut utoipa::openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        let methods = [
            &mut item.get,
            &mut item.head,
            &mut item.post,
            &mut item.delete,
        ];
        for operation in methods.into_iter().flatten() {
            for (status, response) in &mut operation.responses.responses {
                let reason = StatusCode::from_bytes(status.as_bytes())
                    .ok()
                    .and_then(|status| status.canonical_reason());
                if let RefOr::T(response) = response
                    && response.description.is_empty()
                {
                    response.description = reason.unwrap_or("As the status says").to_owned();
                }
            }
        }
    }
}

fn routes_and_document() -> OpenApiRouter<ApiState> {
    let small = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(config::get))
        .routes(routes!(oauth::token))
        .routes(routes!(namespace::list, namespace::create))
        .routes(routes!(
            namespace::get,
            namespace::exists,
            namespace::drop_namespace
        ))
        .routes(routes!(namespace::set_properties))
        .routes(routes!(table::register))
        .routes(routes!(credential::get))
        .routes(routes!(credential::sign))
        .routes(routes!(table::unregister))
        .routes(routes!(table::report))
        .routes(routes!(table::rename))
        .routes(routes!(scan::plan))
        .routes(routes!(scan::fetch, scan::cancel))
        .routes(routes!(scan::tasks))
        .routes(routes!(view::register))
        .routes(routes!(view::rename))
        .routes(routes!(function::list))
        .routes(routes!(function::load))
        .layer(DefaultBodyLimit::max(extract::BODY_LIMIT_BYTES));
    // What may bring metadata with it.
    small
        .routes(routes!(table::list, table::create))
        .routes(routes!(
            table::load,
            table::exists,
            table::commit,
            table::drop_table
        ))
        .routes(routes!(transaction::commit))
        .routes(routes!(view::list, view::create))
        .routes(routes!(
            view::load,
            view::exists,
            view::replace,
            view::drop_view
        ))
}

/// A table's address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(
    dead_code,
    reason = "only documents the parameters; they are read as one by `extract::Segments`"
)]
struct TablePath {
    prefix: String,
    namespace: String,
    table: String,
}

/// A view's address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(
    dead_code,
    reason = "only documents the parameters; they are read as one by `extract::Segments`"
)]
struct ViewPath {
    prefix: String,
    namespace: String,
    view: String,
}

/// A plan's address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(
    dead_code,
    reason = "only documents the parameters; they are read as one by `extract::Segments`"
)]
struct PlanPath {
    prefix: String,
    namespace: String,
    table: String,
    #[param(rename = "plan-id")]
    plan_id: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(
    dead_code,
    reason = "only documents the header; `extract::Body` and `extract::Keyed` read it"
)]
struct KeyHeader {
    /// A UUID of version 7. The same request sent again with it is carried out once.
    #[param(rename = "Idempotency-Key", required = false, value_type = uuid::Uuid)]
    idempotency_key: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(
    dead_code,
    reason = "only documents the header; `credential::Delegation` reads it"
)]
struct DelegationHeader {
    /// The ways of reaching files that the client knows.
    #[param(rename = "X-Iceberg-Access-Delegation", required = false, style = Simple, explode = false, value_type = Vec<shapes::AccessDelegation>)]
    delegation: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "only documents the header; the handler reads it")]
struct IfNoneMatchHeader {
    /// The tag of what the client has.
    #[param(rename = "If-None-Match", required = false, value_type = String)]
    if_none_match: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(
    dead_code,
    reason = "only documents the parameter; nothing depends on it yet"
)]
struct ReferencedBy {
    /// The views through which the view is read.
    #[param(rename = "referenced-by", required = false)]
    referenced_by: Option<String>,
}
