//! Crawlers.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;
use weir_core::authz::{Permit, verbs};
use weir_core::crawl::{Crawler, RunCounts};
use weir_core::id::{CrawlerId, LocationId, NamespaceId, PrincipalId};
use weir_core::name::Name;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::privilege::PrivilegeSet;
use weir_core::resource::{Resource, ResourceKind};
use weir_core::{Error, Result};

use crate::error::map;
use crate::resolve::{expect_kind, members};
use crate::run::RunRow;
use crate::{Db, Write};

/// A crawler about to be made.
#[derive(Debug)]
pub struct NewCrawler<'a> {
    pub id: CrawlerId,
    pub name: &'a Name,
    pub principal: PrincipalId,
    pub location: LocationId,
    pub prefix: &'a str,
    pub namespace: NamespaceId,
    pub schedule: Option<&'a str>,
    pub time_zone: &'a str,
    pub next_run_at: Option<DateTime<Utc>>,
}

/// The crawlers that the caller may describe. `describing` are the privileges that let it.
pub async fn list(
    db: &Db,
    caller: &Caller,
    describing: PrivilegeSet,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<Crawler>> {
    let rows: Vec<CrawlerRow> = sqlx::query_as(LIST)
        .bind(members(caller))
        .bind(now)
        .bind(describing.names())
        .bind(page.after().unwrap_or_default())
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let crawlers = rows
        .into_iter()
        .map(CrawlerRow::into_crawler)
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(crawlers, page, |crawler| crawler.name.clone()))
}

pub async fn get(db: &Db, permit: &Permit<verbs::Describe>) -> Result<Crawler> {
    let id = expect_kind(permit.object(), ResourceKind::Crawler)?;
    let row: CrawlerRow = sqlx::query_as(GET)
        .bind(id)
        .fetch_one(db.pool())
        .await
        .map_err(map)?;
    row.into_crawler()
}

pub async fn create(
    write: &mut Write<verbs::CreateCrawler>,
    crawler: &NewCrawler<'_>,
) -> Result<()> {
    let now = write.now();
    sqlx::query(INSERT)
        .bind(crawler.id.as_uuid())
        .bind(crawler.name.as_str())
        .bind(crawler.principal.as_uuid())
        .bind(crawler.location.as_uuid())
        .bind(crawler.prefix)
        .bind(crawler.namespace.as_uuid())
        .bind(crawler.schedule)
        .bind(crawler.time_zone)
        .bind(crawler.next_run_at)
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    write.about("crawler", crawler.id.as_uuid(), crawler.name.to_string());
    Ok(())
}

/// Where a crawler's schedule stands, read under the lock of the write.
#[derive(Debug, FromRow)]
pub struct Timing {
    pub schedule: Option<String>,
    pub time_zone: String,
    pub enabled: bool,
    pub version: i64,
}

pub async fn timing(write: &mut Write<verbs::Alter>) -> Result<Timing> {
    let id = expect_kind(write.permit().object(), ResourceKind::Crawler)?;
    sqlx::query_as(TIMING)
        .bind(id)
        .fetch_one(write.connection())
        .await
        .map_err(map)
}

pub async fn set_timing(
    write: &mut Write<verbs::Alter>,
    timing: &Timing,
    next_run_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let id = expect_kind(write.permit().object(), ResourceKind::Crawler)?;
    sqlx::query(SET_TIMING)
        .bind(id)
        .bind(&timing.schedule)
        .bind(&timing.time_zone)
        .bind(timing.enabled)
        .bind(next_run_at)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// Removes a crawler, its runs, and everything its principal could do. The tables it found stay.
pub async fn remove(write: &mut Write<verbs::Drop>) -> Result<()> {
    let id = expect_kind(write.permit().object(), ResourceKind::Crawler)?;
    let (now, caller) = (write.now(), write.permit().caller());
    sqlx::query(ORPHAN_TABLES)
        .bind(id)
        .execute(write.connection())
        .await
        .map_err(map)?;
    let principal: Uuid = sqlx::query_scalar(DELETE)
        .bind(id)
        .fetch_one(write.connection())
        .await
        .map_err(map)?;
    write.moves_directory();
    // The name becomes free again, so that a crawler of the same name can be made; the id stays in the audit trail.
    sqlx::query(RETIRE)
        .bind(principal)
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    sqlx::query(REVOKE_ITS_GRANTS)
        .bind(principal)
        .bind(caller.as_uuid())
        .bind(now)
        .execute(write.connection())
        .await
        .map_err(map)?;
    crate::grant::revoke_all_on(write, Resource::new(ResourceKind::Crawler, id)).await
}

/// What a due crawler needs to be queued.
#[derive(Debug, FromRow)]
pub struct Due {
    pub crawler_id: Uuid,
    pub principal_id: Uuid,
    pub schedule: String,
    pub time_zone: String,
}

/// Queues the runs that are due, each once however many replicas look. `next` says when a crawler is due again; a run that
/// is still going is not queued a second time.
pub async fn queue_due(
    db: &Db,
    now: DateTime<Utc>,
    next: impl Fn(&Due) -> Option<DateTime<Utc>>,
) -> Result<usize> {
    let mut tx = db.begin().await?;
    let due: Vec<Due> = sqlx::query_as(TAKE_DUE)
        .bind(now)
        .fetch_all(&mut *tx)
        .await
        .map_err(map)?;
    for crawler in &due {
        sqlx::query(SET_NEXT)
            .bind(crawler.crawler_id)
            .bind(next(crawler))
            .execute(&mut *tx)
            .await
            .map_err(map)?;
        sqlx::query(QUEUE)
            .bind(weir_core::id::RunId::new().as_uuid())
            .bind(crawler.crawler_id)
            .bind(crawler.principal_id)
            .bind(now)
            .execute(&mut *tx)
            .await
            .map_err(map)?;
    }
    tx.commit().await.map_err(map)?;
    Ok(due.len())
}

#[derive(FromRow)]
struct CrawlerRow {
    crawler_id: Uuid,
    name: String,
    location: String,
    prefix: String,
    catalog: String,
    namespace: Vec<String>,
    schedule: Option<String>,
    time_zone: String,
    enabled: bool,
    next_run_at: Option<DateTime<Utc>>,
    version: i64,
    last_run: Option<Json<RunRow>>,
}

impl CrawlerRow {
    fn into_crawler(self) -> Result<Crawler> {
        Ok(Crawler {
            id: CrawlerId::from_uuid(self.crawler_id),
            name: self.name,
            location: self.location,
            prefix: self.prefix,
            catalog: self.catalog,
            namespace: self.namespace,
            schedule: self.schedule,
            time_zone: self.time_zone,
            enabled: self.enabled,
            next_run_at: self.next_run_at,
            version: self.version,
            last_run: self.last_run.map(|run| run.0.into_summary()).transpose()?,
        })
    }
}

/// Counts of a run that has none yet.
pub(crate) fn no_counts() -> Json<RunCounts> {
    Json(RunCounts::default())
}

/// Errors: a version that is not the current one.
pub fn check_version(current: &Timing, seen: i64) -> Result<()> {
    if current.version == seen {
        Ok(())
    } else {
        Err(Error::conflict(
            "Somebody changed this crawler since you opened it. Nothing was saved.",
        ))
    }
}

macro_rules! crawlers {
    ($rest:expr) => {
        concat!(
            "SELECT w.crawler_id, w.name, l.name AS location, w.prefix, c.name AS catalog, n.path AS namespace, w.schedule, w.time_zone, w.enabled,
                    w.next_run_at, w.version,
                    (SELECT row_to_json(last) FROM (
                         SELECT r.run_id, r.state, r.trigger, p.name AS requested_by, r.queued_at, r.started_at, r.finished_at, r.counts, r.error
                         FROM crawler_run r JOIN principal p ON p.principal_id = r.requested_by
                         WHERE r.crawler_id = w.crawler_id ORDER BY r.run_id DESC LIMIT 1) AS last) AS last_run
             FROM crawler w JOIN storage_location l USING (location_id) JOIN namespace n USING (namespace_id)
             JOIN catalog c ON c.catalog_id = n.catalog_id ",
            $rest
        )
    };
}

statements! {
    /// $1 members, $2 now, $3 privileges, $4 after, $5 limit
    LIST = crawlers!(concat!(
        "WHERE w.name > $4 AND EXISTS (
             SELECT 1 FROM access_grant g WHERE g.principal_id = ANY($1) AND (g.resource_kind = 'server' OR g.resource_id = w.crawler_id)
                 AND g.privileges && $3 AND ", valid_grant!("$2"), ")
         ORDER BY w.name LIMIT $5"
    ));
    GET = crawlers!("WHERE w.crawler_id = $1");
    INSERT = "INSERT INTO crawler (crawler_id, name, principal_id, location_id, prefix, namespace_id, schedule, time_zone, next_run_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    TIMING = "SELECT schedule, time_zone, enabled, version FROM crawler WHERE crawler_id = $1";
    SET_TIMING = "UPDATE crawler SET schedule = $2, time_zone = $3, enabled = $4, next_run_at = $5, version = version + 1 WHERE crawler_id = $1";
    DELETE = "DELETE FROM crawler WHERE crawler_id = $1 RETURNING principal_id";
    ORPHAN_TABLES = "UPDATE lake_table SET crawler_id = NULL WHERE crawler_id = $1";
    RETIRE = "UPDATE principal SET disabled_at = $2, name = name || '#' || principal_id WHERE principal_id = $1";
    REVOKE_ITS_GRANTS = "UPDATE access_grant SET revoked_by = $2, revoked_at = $3 WHERE principal_id = $1 AND revoked_at IS NULL";
    TAKE_DUE = "SELECT crawler_id, principal_id, schedule, time_zone FROM crawler
         WHERE enabled AND schedule IS NOT NULL AND next_run_at <= $1 ORDER BY next_run_at LIMIT 20 FOR UPDATE SKIP LOCKED";
    SET_NEXT = "UPDATE crawler SET next_run_at = $2 WHERE crawler_id = $1";
    QUEUE = "INSERT INTO crawler_run (run_id, crawler_id, state, trigger, requested_by, queued_at) VALUES ($1, $2, 'queued', 'schedule', $3, $4)
         ON CONFLICT (crawler_id) WHERE state IN ('queued', 'running') DO NOTHING";
}
