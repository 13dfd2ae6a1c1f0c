//! Crawlers: made, timed, started, and their runs read.

use serde_json::json;
use weir_core::authz::verbs::{
    Alter, CreateCrawler, CreateTable, Describe, Drop, RunCrawler, UseLocation,
};
use weir_core::authz::{Permit, Verb};
use weir_core::crawl::{Crawler, RunReport, RunSummary};
use weir_core::grant::{ColumnSet, NewGrant};
use weir_core::id::{CrawlerId, LocationId, NamespaceId, PrincipalId, RunId};
use weir_core::location::Location;
use weir_core::name::{Name, NamespaceIdent};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::privilege::Privilege;
use weir_core::schedule::{Schedule, parse_zone};
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::{Write, crawler, directory, grant, location, run};

use crate::Weir;

/// A crawler to be made.
#[derive(Debug, Clone)]
pub struct NewCrawler {
    pub name: Name,
    pub location: Name,
    /// The folder below the location; empty for all of it.
    pub prefix: String,
    pub target: NamespaceIdent,
    /// Five cron fields; absent to run on demand only.
    pub schedule: Option<String>,
    pub time_zone: String,
}

/// A change to when a crawler runs.
#[derive(Debug, Clone, Default)]
pub struct CrawlerEdit {
    /// Absent to leave it, `Some(None)` to run on demand only.
    pub schedule: Option<Option<String>>,
    pub time_zone: Option<String>,
    pub enabled: Option<bool>,
    pub version: i64,
}

pub async fn list(weir: &Weir, caller: &Caller, page: &PageRequest) -> Result<Page<Crawler>> {
    crawler::list(&weir.db, caller, weir.gate.describing(), weir.now(), page).await
}

pub async fn get(weir: &Weir, caller: &Caller, name: &Name) -> Result<Crawler> {
    let permit = describing(weir, caller, name, "crawler.describe").await?;
    crawler::get(&weir.db, &permit).await
}

/// Makes a crawler and the service principal that it acts as, which gets what its work needs and no more: CREATE_TABLE and
/// ALTER in its namespace, DATA_LOCATION_ACCESS on its location. The maker must hold both rights itself.
pub async fn create(weir: &Weir, caller: &Caller, new: NewCrawler) -> Result<Crawler> {
    let schedule = new
        .schedule
        .as_deref()
        .map(|cron| Schedule::parse(cron, &new.time_zone))
        .transpose()?;
    parse_zone(&new.time_zone)?;
    let place = weir
        .gate
        .read::<UseLocation>(caller, Target::Location(&new.location), "crawler.create")
        .await?;
    let space = weir
        .gate
        .read::<CreateTable>(caller, Target::Namespace(&new.target), "crawler.create")
        .await?;
    let root = location::get(&weir.db, &place).await?;
    let prefix = check_prefix(&root.url, &new.prefix)?;

    let mut write = weir
        .gate
        .write::<CreateCrawler>(caller, Target::Server, "crawler.create")
        .await?;
    let principal =
        directory::create_for_crawler(&mut write, &format!("crawler.{}", new.name)).await?;
    let made = crawler::NewCrawler {
        id: CrawlerId::new(),
        name: &new.name,
        principal: principal.id,
        location: LocationId::from_uuid(place.object().id),
        prefix: &prefix,
        namespace: NamespaceId::from_uuid(space.object().id),
        schedule: new.schedule.as_deref(),
        time_zone: &new.time_zone,
        next_run_at: schedule.and_then(|schedule| schedule.next_after(weir.now())),
    };
    crawler::create(&mut write, &made).await?;
    allow(
        &mut write,
        &space,
        principal.id,
        &[Privilege::CreateTable, Privilege::Alter],
        &new.name,
    )
    .await?;
    allow(
        &mut write,
        &place,
        principal.id,
        &[Privilege::DataLocationAccess],
        &new.name,
    )
    .await?;
    write.record(json!({ "location": new.location, "prefix": prefix, "target": new.target.to_string(), "schedule": new.schedule }));
    write.commit().await?;
    get(weir, caller, &new.name).await
}

async fn allow<P: Verb>(
    write: &mut Write<CreateCrawler>,
    on: &Permit<P>,
    principal: PrincipalId,
    privileges: &[Privilege],
    crawler: &Name,
) -> Result<()> {
    let grant = NewGrant {
        principal,
        privileges: privileges.iter().copied().collect(),
        columns: ColumnSet::All,
        grantable: false,
        valid_from: None,
        valid_until: None,
        reason: Some(format!("The crawler {crawler} works with it")),
    };
    grant::create_for_crawler(write, on.chain(), &grant)
        .await
        .map(|_| ())
}

/// The prefix without slashes at its ends. Errors: one that is no plain path below the location.
fn check_prefix(root: &str, prefix: &str) -> Result<String> {
    let prefix = prefix.trim_matches('/');
    if !prefix.is_empty() {
        let root = Location::parse("location", root)?;
        let whole = Location::parse(
            "prefix",
            &format!("{}/{prefix}", root.to_string().trim_end_matches('/')),
        )?;
        if !whole.is_under(&root) {
            return Err(Error::invalid(
                "prefix",
                "The prefix is a folder below the location.",
            ));
        }
    }
    Ok(prefix.to_owned())
}

/// Errors: a stale version.
pub async fn update(
    weir: &Weir,
    caller: &Caller,
    name: &Name,
    edit: CrawlerEdit,
) -> Result<Crawler> {
    let mut write = weir
        .gate
        .write::<Alter>(caller, Target::Crawler(name), "crawler.update")
        .await?;
    let mut timing = crawler::timing(&mut write).await?;
    crawler::check_version(&timing, edit.version)?;
    timing.schedule = edit.schedule.unwrap_or(timing.schedule);
    timing.time_zone = edit.time_zone.unwrap_or(timing.time_zone);
    timing.enabled = edit.enabled.unwrap_or(timing.enabled);
    parse_zone(&timing.time_zone)?;
    let schedule = timing
        .schedule
        .as_deref()
        .map(|cron| Schedule::parse(cron, &timing.time_zone))
        .transpose()?;
    let next = schedule
        .filter(|_| timing.enabled)
        .and_then(|schedule| schedule.next_after(weir.now()));
    crawler::set_timing(&mut write, &timing, next).await?;
    write.record(json!({ "schedule": timing.schedule, "time_zone": timing.time_zone, "enabled": timing.enabled }));
    write.commit().await?;
    get(weir, caller, name).await
}

/// Removes the crawler and its runs. The tables that it found stay.
pub async fn drop(weir: &Weir, caller: &Caller, name: &Name) -> Result<()> {
    let mut write = weir
        .gate
        .write::<Drop>(caller, Target::Crawler(name), "crawler.drop")
        .await?;
    crawler::remove(&mut write).await?;
    write.commit().await
}

/// Queues a run. Errors: one is queued or running already.
pub async fn start(weir: &Weir, caller: &Caller, name: &Name) -> Result<RunId> {
    let mut write = weir
        .gate
        .write::<RunCrawler>(caller, Target::Crawler(name), "crawler.start")
        .await?;
    let id = run::queue(&mut write).await?;
    write.record(json!({ "run_id": id }));
    write.commit().await?;
    weir.wake_worker();
    Ok(id)
}

/// May the caller start it?
pub async fn may_start(weir: &Weir, caller: &Caller, name: &Name) -> Result<bool> {
    weir.gate
        .may::<RunCrawler>(caller, Target::Crawler(name))
        .await
}

/// The newest runs first.
pub async fn runs(
    weir: &Weir,
    caller: &Caller,
    name: &Name,
    page: &PageRequest,
) -> Result<Page<RunSummary>> {
    let permit = describing(weir, caller, name, "run.list").await?;
    run::list(&weir.db, &permit, page).await
}

/// What a run saw, changed and failed at, as far as the caller may see the tables it concerns.
pub async fn report(weir: &Weir, caller: &Caller, name: &Name, id: RunId) -> Result<RunReport> {
    let permit = describing(weir, caller, name, "run.report").await?;
    run::report(&weir.db, &permit, id, weir.gate.describing(), weir.now()).await
}

async fn describing(
    weir: &Weir,
    caller: &Caller,
    name: &Name,
    operation: &str,
) -> Result<Permit<Describe>> {
    weir.gate
        .read::<Describe>(caller, Target::Crawler(name), operation)
        .await
}
