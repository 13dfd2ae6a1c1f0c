//! Every address of the console. `/-/` parts the name of an object from what is asked of it: no name begins with `-`.

use axum::Router;
use axum::routing::{get, post};

use crate::Console;
use crate::pages::storage::{location, new};
use crate::pages::table::{access, annotate, columns, grants, partitions, reports, versions};
use crate::pages::{
    audit, catalog, crawler, crawlers, credentials, error, login, namespace, run, start, storage,
};

pub(crate) fn pages() -> Router<Console> {
    Router::new()
        .route("/", get(start::show))
        .route("/login", get(login::show).post(login::sign_in))
        .route("/logout", post(login::sign_out))
        .route("/c/{catalog}", get(catalog::show))
        .route("/c/{catalog}/{namespace}", get(namespace::show))
        .route(&table(""), get(columns::show))
        .route(
            &table("/-/annotate"),
            get(annotate::to_table).post(annotate::save_table),
        )
        .route(
            &table("/-/columns/{field_id}"),
            get(annotate::to_table).post(annotate::save_column),
        )
        .route(&table("/-/versions"), get(versions::show))
        .route(&table("/-/partitions"), get(partitions::show))
        .route(&table("/-/reports"), get(reports::show))
        .route(&table("/-/access"), get(access::show))
        .route(
            &table("/-/grants"),
            get(grants::to_form).post(grants::create),
        )
        .route(
            &table("/-/grants/{grant_id}/revoke"),
            get(grants::confirm).post(grants::revoke),
        )
        .route("/crawlers", get(crawlers::show))
        .route("/crawlers/{crawler}", get(crawler::show))
        .route(
            "/crawlers/{crawler}/-/start",
            get(crawler::to_crawler).post(crawler::start),
        )
        .route("/crawlers/{crawler}/runs/{run_id}", get(run::show))
        .route("/storage", get(storage::show))
        .route("/storage/-/new", get(new::show).post(new::create))
        .route("/storage/{location}", get(location::show))
        .route(
            "/storage/{location}/-/validate",
            get(location::to_location).post(location::validate),
        )
        .route(
            "/storage/{location}/-/rotate",
            get(location::to_location).post(location::rotate),
        )
        .route(
            "/storage/{location}/-/remove",
            get(location::to_location).post(location::remove),
        )
        .route("/credentials", get(credentials::show))
        .route("/audit", get(audit::show))
        .fallback(error::nowhere)
        .method_not_allowed_fallback(error::wrong_method)
}

/// A page of a table. Not a nested router: that would take the prefix from the address that handlers see.
fn table(rest: &str) -> String {
    format!("/c/{{catalog}}/{{namespace}}/{{table}}{rest}")
}
