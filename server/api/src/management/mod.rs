//! The management API, `/api/v1`: what the console and scripts use.
//!
//! Bearer tokens only: cookies mean nothing here, so no browser can be tricked into calling it.

mod annotation;
mod audit;
mod auth;
mod catalog;
mod crawler;
mod credential;
mod dropped;
mod extract;
mod grant;
mod location;
mod namespace;
mod page;
mod partition;
mod principal;
mod problem;
mod report;
mod run;
mod table;
mod token;
mod version;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::any;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use problem::ApiError;

/// No request of this API is larger than this.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Weir management API",
        description = "Catalogs, tables, business metadata, grants, crawlers and the audit trail. Errors are problem details (RFC 9457). Lists are keyset pages: pass `next` of one page as `after` of the next.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    security(("token" = []))
)]
struct Document;

/// The routes, all below `/api`, to be merged with other faces. There is no fallback but for paths below `/api`.
pub fn router(state: ApiState) -> Router {
    let (router, _) = routes_and_document().split_for_parts();
    router
        .route("/api/{*rest}", any(problem::no_route))
        .method_not_allowed_fallback(problem::no_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .with_state(state)
}

/// The OpenAPI 3.1 document.
pub fn document() -> utoipa::openapi::OpenApi {
    let (_, mut document) = routes_and_document().split_for_parts();
    if let Some(components) = document.components.as_mut() {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of `POST /api/v1/tokens`."))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
    document
}

fn routes_and_document() -> OpenApiRouter<ApiState> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(token::sign_in))
        .routes(routes!(token::sign_out))
        .routes(routes!(token::me))
        .routes(routes!(catalog::list, catalog::create))
        .routes(routes!(catalog::get, catalog::drop_catalog))
        .routes(routes!(namespace::list, namespace::create))
        .routes(routes!(
            namespace::get,
            namespace::annotate,
            namespace::drop_namespace
        ))
        .routes(routes!(table::list))
        .routes(routes!(table::describe, table::annotate, table::drop_table))
        .routes(routes!(table::columns))
        .routes(routes!(table::annotate_column))
        .routes(routes!(table::access))
        .routes(routes!(report::list))
        .routes(routes!(dropped::list))
        .routes(routes!(dropped::undrop))
        .routes(routes!(dropped::protect))
        .routes(routes!(version::list))
        .routes(routes!(version::get))
        .routes(routes!(partition::list))
        .routes(routes!(grant::list, grant::create))
        .routes(routes!(grant::get, grant::revoke))
        .routes(routes!(principal::list, principal::create))
        .routes(routes!(principal::disable))
        .routes(routes!(principal::add_member))
        .routes(routes!(principal::remove_member))
        .routes(routes!(location::list, location::register))
        .routes(routes!(location::validate))
        .routes(routes!(location::rotate))
        .routes(routes!(location::unregister))
        .routes(routes!(credential::list))
        .routes(routes!(credential::of_table))
        .routes(routes!(credential::gateway))
        .routes(routes!(crawler::list, crawler::create))
        .routes(routes!(
            crawler::get,
            crawler::update,
            crawler::drop_crawler
        ))
        .routes(routes!(run::list, run::start))
        .routes(routes!(run::report))
        .routes(routes!(audit::list));
    OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", v1)
}
