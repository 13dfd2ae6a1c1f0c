//! Crawlers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use weir_core::crawl::Crawler;
use weir_core::name::{Name, NamespaceIdent};
use weir_operations::crawler::{self, CrawlerEdit, NewCrawler};

use super::ApiState;
use super::annotation::present;
use super::auth::Authenticated;
use super::extract::{Body, Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};
use super::run::RunBody;

#[derive(Debug, Serialize, ToSchema)]
pub struct CrawlerBody {
    id: Uuid,
    name: String,
    location: String,
    /// The folder below the location; empty for all of it.
    prefix: String,
    /// Where its tables go.
    catalog: String,
    namespace: String,
    /// Five cron fields; absent when it runs only on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    time_zone: String,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run_at: Option<DateTime<Utc>>,
    /// Name it in a change.
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<RunBody>,
}

impl From<Crawler> for CrawlerBody {
    fn from(crawler: Crawler) -> Self {
        Self {
            id: crawler.id.into(),
            name: crawler.name,
            location: crawler.location,
            prefix: crawler.prefix,
            catalog: crawler.catalog,
            namespace: crawler.namespace.join("."),
            schedule: crawler.schedule,
            time_zone: crawler.time_zone,
            enabled: crawler.enabled,
            next_run_at: crawler.next_run_at,
            version: crawler.version,
            last_run: crawler.last_run.map(Into::into),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CrawlerCreate {
    name: String,
    /// The name of a storage location.
    location: String,
    #[serde(default)]
    prefix: String,
    catalog: String,
    namespace: String,
    /// `0 2 * * *` for every night at two; absent to run only on demand.
    schedule: Option<String>,
    /// UTC when absent.
    time_zone: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CrawlerUpdate {
    version: i64,
    /// `null` to run only on demand.
    #[serde(default, deserialize_with = "present")]
    schedule: Option<Option<String>>,
    time_zone: Option<String>,
    enabled: Option<bool>,
}

/// The crawlers that you may see.
#[utoipa::path(get, path = "/crawlers", tag = "crawler", params(PageParams), responses((status = 200, body = PageBody<CrawlerBody>)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<CrawlerBody>>, ApiError> {
    Ok(PageBody::of(
        crawler::list(&state.weir, &who.caller, &page.request()?).await?,
    ))
}

/// Create a crawler.
#[utoipa::path(post, path = "/crawlers", tag = "crawler", request_body = CrawlerCreate, responses((status = 201, body = CrawlerBody), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<ApiState>,
    who: Authenticated,
    Body(body): Body<CrawlerCreate>,
) -> Result<(StatusCode, Json<CrawlerBody>), ApiError> {
    let new = NewCrawler {
        name: Name::parse("name", &body.name)?,
        location: Name::parse("location", &body.location)?,
        prefix: body.prefix,
        target: NamespaceIdent::parse(&body.catalog, &body.namespace)?,
        schedule: body.schedule,
        time_zone: body.time_zone.unwrap_or_else(|| "UTC".to_owned()),
    };
    Ok((
        StatusCode::CREATED,
        Json(crawler::create(&state.weir, &who.caller, new).await?.into()),
    ))
}

/// One crawler.
#[utoipa::path(get, path = "/crawlers/{crawler}", tag = "crawler", params(("crawler" = String, Path)), responses((status = 200, body = CrawlerBody), (status = 404, body = Problem)))]
pub async fn get(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
) -> Result<Json<CrawlerBody>, ApiError> {
    Ok(Json(
        crawler::get(&state.weir, &who.caller, &Name::parse("crawler", &name)?)
            .await?
            .into(),
    ))
}

/// Change when a crawler runs.
#[utoipa::path(patch, path = "/crawlers/{crawler}", tag = "crawler", params(("crawler" = String, Path)), request_body = CrawlerUpdate, responses((status = 200, body = CrawlerBody), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn update(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
    Body(body): Body<CrawlerUpdate>,
) -> Result<Json<CrawlerBody>, ApiError> {
    let CrawlerUpdate {
        version,
        schedule,
        time_zone,
        enabled,
    } = body;
    let edit = CrawlerEdit {
        schedule,
        time_zone,
        enabled,
        version,
    };
    Ok(Json(
        crawler::update(
            &state.weir,
            &who.caller,
            &Name::parse("crawler", &name)?,
            edit,
        )
        .await?
        .into(),
    ))
}

/// Remove a crawler and its runs. The tables that it found stay.
#[utoipa::path(delete, path = "/crawlers/{crawler}", tag = "crawler", params(("crawler" = String, Path)), responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn drop_crawler(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    crawler::drop(&state.weir, &who.caller, &Name::parse("crawler", &name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
