//! Runs: a queue in the database, leased by workers, with a report of what each saw and changed.
//!
//! What moves a run along (claim, heartbeat, finish) touches no governed row and needs no permit; what it writes into the
//! catalog does.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;
use weir_core::authz::{Permit, verbs};
use weir_core::crawl::{
    ChangeKind, RunChange, RunCounts, RunProblem, RunReport, RunState, RunSummary, Trigger,
};
use weir_core::id::{CrawlerId, NamespaceId, PrincipalId, RunId, TableId};
use weir_core::page::{Page, PageRequest};
use weir_core::privilege::PrivilegeSet;
use weir_core::resource::ResourceKind;
use weir_core::storage::Place;
use weir_core::{Error, Result};

use crate::crawler::no_counts;
use crate::error::map;
use crate::json::word;
use crate::resolve::expect_kind;
use crate::write::log_changes;
use crate::{Db, Write};

/// How often a run is tried in all when the servers that run it stop.
const MAX_ATTEMPTS: i32 = 3;
/// Problems kept of one run; the count goes on.
pub const MAX_PROBLEMS: usize = 1000;

/// A run in a worker's hands.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub id: RunId,
    pub crawler: CrawlerId,
    pub crawler_name: String,
    /// Whom the crawler acts as.
    pub principal: PrincipalId,
    pub location_name: String,
    pub place: Place,
    pub prefix: String,
    pub namespace: NamespaceId,
    pub catalog_name: String,
    pub namespace_path: Vec<String>,
}

/// Queues a run of the crawler of the permit. Errors: one is queued or running already.
pub async fn queue(write: &mut Write<verbs::RunCrawler>) -> Result<RunId> {
    let crawler = expect_kind(write.permit().object(), ResourceKind::Crawler)?;
    let (id, now, caller) = (RunId::new(), write.now(), write.permit().caller());
    sqlx::query(QUEUE)
        .bind(id.as_uuid())
        .bind(crawler)
        .bind(caller.as_uuid())
        .bind(now)
        .bind(no_counts())
        .execute(write.connection())
        .await
        .map_err(map)?;
    Ok(id)
}

/// Takes the oldest queued run, each once however many workers ask.
pub async fn claim(
    db: &Db,
    worker: Uuid,
    now: DateTime<Utc>,
    lease: TimeDelta,
) -> Result<Option<Claimed>> {
    let row: Option<ClaimedRow> = sqlx::query_as(CLAIM)
        .bind(worker)
        .bind(now)
        .bind(now + lease)
        .fetch_optional(db.pool())
        .await
        .map_err(map)?;
    Ok(row.map(|row| Claimed {
        id: RunId::from_uuid(row.run_id),
        crawler: CrawlerId::from_uuid(row.crawler_id),
        crawler_name: row.crawler_name,
        principal: PrincipalId::from_uuid(row.principal_id),
        location_name: row.location_name,
        place: row.place.0,
        prefix: row.prefix,
        namespace: NamespaceId::from_uuid(row.namespace_id),
        catalog_name: row.catalog_name,
        namespace_path: row.namespace_path,
    }))
}

/// Renews the lease and shows how far the run is. `false` when the run is no longer this worker's.
pub async fn heartbeat(
    db: &Db,
    run: RunId,
    worker: Uuid,
    counts: &RunCounts,
    until: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query(HEARTBEAT)
        .bind(run.as_uuid())
        .bind(worker)
        .bind(until)
        .bind(Json(counts))
        .execute(db.pool())
        .await
        .map_err(map)?;
    Ok(done.rows_affected() == 1)
}

/// Ends a run with its problems. Does nothing when the run is no longer this worker's.
pub async fn finish(
    db: &Db,
    run: RunId,
    worker: Uuid,
    end: &End,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut tx = db.begin().await?;
    let done = sqlx::query(FINISH)
        .bind(run.as_uuid())
        .bind(worker)
        .bind(end.state.as_str())
        .bind(Json(&end.counts))
        .bind(end.error.as_deref())
        .bind(now)
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    if done.rows_affected() == 1 {
        // Tables show when they were last crawled.
        let crawler: Uuid = sqlx::query_scalar(CRAWLER_ID)
            .bind(run.as_uuid())
            .fetch_one(&mut *tx)
            .await
            .map_err(map)?;
        log_changes(&mut tx, &[crawler]).await?;
        let kept: Vec<&RunProblem> = end.problems.iter().take(MAX_PROBLEMS).collect();
        sqlx::query(ADD_PROBLEMS)
            .bind(run.as_uuid())
            .bind(
                kept.iter()
                    .map(|problem| problem.table_id.map(TableId::as_uuid))
                    .collect::<Vec<_>>(),
            )
            .bind(
                kept.iter()
                    .map(|problem| problem.path.clone())
                    .collect::<Vec<_>>(),
            )
            .bind(
                kept.iter()
                    .map(|problem| problem.cause.clone())
                    .collect::<Vec<_>>(),
            )
            .execute(&mut *tx)
            .await
            .map_err(map)?;
    }
    tx.commit().await.map_err(map)
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct End {
    pub state: RunState,
    pub counts: RunCounts,
    pub problems: Vec<RunProblem>,
    pub error: Option<String>,
}

/// Which running runs have lost their worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Those whose lease ran out.
    Silent,
    /// Those of one worker, which is stopping.
    Of(Uuid),
    /// All: for a server that knows it is the only one and has just started.
    All,
}

/// Marks runs that lost their worker as interrupted and queues each again, up to three attempts in all.
pub async fn interrupt(db: &Db, now: DateTime<Utc>, lost: Lost) -> Result<u64> {
    let worker = if let Lost::Of(worker) = lost {
        Some(worker)
    } else {
        None
    };
    let mut tx = db.begin().await?;
    let interrupted: Vec<(Uuid, Uuid, i32)> = sqlx::query_as(INTERRUPT)
        .bind(now)
        .bind(lost == Lost::All)
        .bind(worker)
        .fetch_all(&mut *tx)
        .await
        .map_err(map)?;
    for (crawler, requested_by, attempt) in interrupted
        .iter()
        .filter(|(_, _, attempt)| *attempt < MAX_ATTEMPTS)
    {
        sqlx::query(RETRY)
            .bind(RunId::new().as_uuid())
            .bind(crawler)
            .bind(requested_by)
            .bind(now)
            .bind(attempt + 1)
            .execute(&mut *tx)
            .await
            .map_err(map)?;
    }
    tx.commit().await.map_err(map)?;
    Ok(interrupted.len() as u64)
}

/// The newest runs of the permit's crawler first.
pub async fn list(
    db: &Db,
    permit: &Permit<verbs::Describe>,
    page: &PageRequest,
) -> Result<Page<RunSummary>> {
    let crawler = expect_kind(permit.object(), ResourceKind::Crawler)?;
    let before = page
        .after()
        .and_then(|cursor| cursor.parse::<RunId>().ok())
        .map(RunId::as_uuid)
        .unwrap_or(Uuid::max());
    let rows: Vec<Json<RunRow>> = sqlx::query_scalar(LIST)
        .bind(crawler)
        .bind(before)
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let runs = rows
        .into_iter()
        .map(|row| row.0.into_summary())
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(runs, page, |run| run.id.to_string()))
}

/// One run of the permit's crawler, with the changes and problems of the tables that the caller sees whole.
pub async fn report(
    db: &Db,
    permit: &Permit<verbs::Describe>,
    run: RunId,
    describing: PrivilegeSet,
    now: DateTime<Utc>,
) -> Result<RunReport> {
    let crawler = expect_kind(permit.object(), ResourceKind::Crawler)?;
    let members: Vec<Uuid> = permit.member_of().iter().map(|id| id.as_uuid()).collect();
    let head: Option<(String, Json<RunRow>)> = sqlx::query_as(HEAD)
        .bind(run.as_uuid())
        .bind(crawler)
        .fetch_optional(db.pool())
        .await
        .map_err(map)?;
    let (crawler, Json(row)) =
        head.ok_or_else(|| Error::not_found("This crawler has no such run."))?;
    let rows: Vec<FindingRow> = sqlx::query_as(FINDINGS)
        .bind(run.as_uuid())
        .bind(members)
        .bind(describing.names())
        .bind(now)
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let mut report = RunReport {
        crawler,
        run: row.into_summary()?,
        changes: Vec::new(),
        problems: Vec::new(),
        hidden: 0,
    };
    for row in rows {
        row.add_to(&mut report)?;
    }
    Ok(report)
}

#[derive(FromRow)]
struct ClaimedRow {
    run_id: Uuid,
    crawler_id: Uuid,
    crawler_name: String,
    principal_id: Uuid,
    location_name: String,
    place: Json<Place>,
    prefix: String,
    namespace_id: Uuid,
    catalog_name: String,
    namespace_path: Vec<String>,
}

/// A run as statements hand it over, in one document.
#[derive(Debug, Deserialize)]
pub(crate) struct RunRow {
    run_id: Uuid,
    state: String,
    trigger: String,
    requested_by: String,
    queued_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    counts: RunCounts,
    error: Option<String>,
}

impl RunRow {
    pub(crate) fn into_summary(self) -> Result<RunSummary> {
        Ok(RunSummary {
            id: RunId::from_uuid(self.run_id),
            state: word(RunState::parse, &self.state)?,
            trigger: word(Trigger::parse, &self.trigger)?,
            requested_by: self.requested_by,
            queued_at: self.queued_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            counts: self.counts,
            error: self.error,
        })
    }
}

#[derive(FromRow)]
struct FindingRow {
    visible: bool,
    table_id: Option<Uuid>,
    name: Option<String>,
    kind: Option<String>,
    version: Option<i32>,
    lines: Option<Vec<String>>,
    path: Option<String>,
    cause: Option<String>,
}

impl FindingRow {
    fn add_to(self, report: &mut RunReport) -> Result<()> {
        let table_id = self.table_id.map(TableId::from_uuid);
        match (self.visible, self.kind, table_id, self.path) {
            (false, ..) => report.hidden += 1,
            (true, Some(kind), Some(table_id), _) => report.changes.push(RunChange {
                table_id,
                table: self.name.unwrap_or_default(),
                kind: word(ChangeKind::parse, &kind)?,
                version: self.version,
                lines: self.lines.unwrap_or_default(),
            }),
            (true, _, table_id, path) => {
                report.problems.push(RunProblem {
                    path: path.unwrap_or_default(),
                    cause: self.cause.unwrap_or_default(),
                    table_id,
                });
            }
        }
        Ok(())
    }
}

macro_rules! run_json {
    () => {
        "json_build_object('run_id', r.run_id, 'state', r.state, 'trigger', r.trigger, 'requested_by', p.name, 'queued_at', r.queued_at,
            'started_at', r.started_at, 'finished_at', r.finished_at, 'counts', r.counts, 'error', r.error)"
    };
}

/// Does the caller see the table `$table` whole? $2 members, $3 privileges, $4 now
macro_rules! sees_whole {
    ($table:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM lake_table t JOIN namespace n USING (namespace_id)
                 JOIN access_grant g ON g.resource_id = ANY(array_append(n.ancestor_ids || n.catalog_id || t.table_id, '00000000-0000-0000-0000-000000000000'::uuid))
                 WHERE t.table_id = ",
            $table,
            " AND g.principal_id = ANY($2) AND g.privileges && $3 AND g.column_mode = 'all' AND ",
            valid_grant!("$4"),
            ")"
        )
    };
}

statements! {
    QUEUE = "INSERT INTO crawler_run (run_id, crawler_id, state, trigger, requested_by, queued_at, counts) VALUES ($1, $2, 'queued', 'manual', $3, $4, $5)";

    CLAIM = concat!("WITH taken AS (
             UPDATE crawler_run SET state = 'running', worker = $1, started_at = $2, lease_until = $3
             WHERE run_id = (SELECT run_id FROM crawler_run WHERE state = 'queued' ORDER BY run_id LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING run_id, crawler_id
         )
         SELECT taken.run_id, w.crawler_id, w.name AS crawler_name, w.principal_id, s.name AS location_name, ", place!(), " AS place, w.prefix, n.namespace_id,
                c.name AS catalog_name, n.path AS namespace_path
         FROM taken JOIN crawler w USING (crawler_id) JOIN storage_location s USING (location_id)
         JOIN namespace n USING (namespace_id) JOIN catalog c ON c.catalog_id = n.catalog_id");

    HEARTBEAT = "UPDATE crawler_run SET lease_until = $3, counts = $4 WHERE run_id = $1 AND worker = $2 AND state = 'running'";

    FINISH = "UPDATE crawler_run SET state = $3, counts = $4, error = $5, finished_at = $6, lease_until = NULL
         WHERE run_id = $1 AND worker = $2 AND state = 'running'";

    /// $1 run, $2 tables, $3 paths, $4 causes
    ADD_PROBLEMS = "INSERT INTO run_problem (run_id, seq, table_id, path, cause)
         SELECT $1, p.seq, p.table_id, p.path, p.cause
         FROM unnest($2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY AS p (table_id, path, cause, seq)";

    INTERRUPT = "UPDATE crawler_run SET state = 'interrupted', finished_at = $1, lease_until = NULL,
             error = 'The server that ran it stopped. Tables it had finished are kept; the others are as before.'
         WHERE state = 'running' AND ($2 OR lease_until < $1 OR worker = $3) RETURNING crawler_id, requested_by, attempt";

    RETRY = "INSERT INTO crawler_run (run_id, crawler_id, state, trigger, requested_by, queued_at, attempt) VALUES ($1, $2, 'queued', 'retry', $3, $4, $5)
         ON CONFLICT (crawler_id) WHERE state IN ('queued', 'running') DO NOTHING";

    LIST = concat!(
        "SELECT ", run_json!(), " FROM crawler_run r JOIN principal p ON p.principal_id = r.requested_by
         WHERE r.crawler_id = $1 AND r.run_id < $2 ORDER BY r.run_id DESC LIMIT $3"
    );

    HEAD = concat!(
        "SELECT w.name, ", run_json!(), " FROM crawler_run r JOIN crawler w USING (crawler_id) JOIN principal p ON p.principal_id = r.requested_by
         WHERE r.run_id = $1 AND r.crawler_id = $2"
    );

    CRAWLER_ID = "SELECT crawler_id FROM crawler_run WHERE run_id = $1";

    /// $1 run, $2 members, $3 privileges, $4 now
    FINDINGS = concat!(
        "SELECT ", sees_whole!("x.table_id"), " AS visible, x.table_id, x.name, x.kind, x.version, x.lines, NULL AS path, NULL AS cause
         FROM run_change x WHERE x.run_id = $1
         UNION ALL
         SELECT ", sees_whole!("x.table_id"), " OR (x.table_id IS NULL AND EXISTS (
                 SELECT 1 FROM crawler_run r JOIN crawler w USING (crawler_id) JOIN namespace n USING (namespace_id)
                 JOIN access_grant g ON g.resource_id = ANY(array_append(n.ancestor_ids || n.catalog_id, '00000000-0000-0000-0000-000000000000'::uuid))
                 WHERE r.run_id = $1 AND g.principal_id = ANY($2) AND g.privileges && $3 AND g.column_mode = 'all' AND ", valid_grant!("$4"), "
             )), x.table_id, NULL, NULL, NULL, NULL, x.path, x.cause
         FROM run_problem x WHERE x.run_id = $1"
    );
}
