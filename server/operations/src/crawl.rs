//! What a crawl does to the catalog, as the crawler's own service principal and through the same gate as everybody: one
//! transaction a table, with its version, partitions, audit row and line in the run's report.

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;
use weir_core::authz::Verb;
use weir_core::authz::verbs::{Alter, CreateTable, UseLocation};
use weir_core::catalog::{Format, Origin};
use weir_core::crawl::{ChangeKind, RunChange, RunCounts};
use weir_core::id::{FieldId, RequestId, TableId};
use weir_core::location::Location;
use weir_core::name::{Name, NamespaceIdent, NamespacePath, TableIdent};
use weir_core::principal::{Caller, Face};
use weir_core::schedule::Schedule;
use weir_core::schema::{DataType, Field, Schema, SchemaChange, assign, diff, merge};
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::run::Lost;
use weir_db::table::Shape;
use weir_db::{Write, crawl, crawler, run, session, table};
use weir_storage::Store;

pub use weir_db::crawl::{FoundPartition, KnownTable, PartitionCounts};
pub use weir_db::run::{Claimed, End};

use crate::Weir;
use crate::upkeep::upkeep;

/// How long a worker may stay silent before its run counts as interrupted.
const LEASE: TimeDelta = TimeDelta::seconds(15);

/// A run, whom it acts as, and the storage it reads.
#[derive(Debug)]
pub struct Job {
    pub run: Claimed,
    pub caller: Caller,
    pub store: Store,
    /// The folder to crawl.
    pub root: Location,
    pub namespace: NamespaceIdent,
    worker: Uuid,
}

/// A table as the files show it.
#[derive(Debug, Clone)]
pub struct TableFinding {
    pub name: Name,
    pub location: Location,
    pub format: Format,
    /// What the files hold, without ids and without partition columns.
    pub schema: Schema,
    /// Name and type of each folder level that carries a value.
    pub partition_keys: Vec<(String, DataType)>,
    pub files: i64,
    pub bytes: i64,
    pub rows: Option<i64>,
    pub fingerprint: String,
    pub partitions: Vec<FoundPartition>,
    /// Was every file looked into? Only then may a column that none has count as gone.
    pub complete: bool,
}

/// What applying a finding did.
#[derive(Debug, Clone)]
pub struct Applied {
    pub table: TableId,
    pub created: bool,
    pub version_made: bool,
    pub partitions: PartitionCounts,
    /// Columns whose files disagree with the version that holds, in words.
    pub conflicts: Vec<String>,
}

impl Applied {
    /// For a table that is as it was.
    pub fn nothing(table: TableId) -> Self {
        Self {
            table,
            created: false,
            version_made: false,
            partitions: PartitionCounts::default(),
            conflicts: Vec::new(),
        }
    }
}

/// Queues what is due by schedule; marks runs whose worker fell silent.
pub async fn tick(weir: &Weir) -> Result<()> {
    let now = weir.now();
    run::interrupt(&weir.db, now, Lost::Silent).await?;
    crawler::queue_due(&weir.db, now, |due| {
        Schedule::parse(&due.schedule, &due.time_zone)
            .ok()
            .and_then(|schedule| schedule.next_after(now))
    })
    .await?;
    upkeep(weir).await
}

/// Marks every running run as interrupted. Only for a server that is the only one on its database and has just started.
pub async fn recover(weir: &Weir) -> Result<u64> {
    run::interrupt(&weir.db, weir.now(), Lost::All).await
}

/// Gives back the runs of a worker that is stopping, to be taken up again.
pub async fn release(weir: &Weir, worker: Uuid) -> Result<()> {
    run::interrupt(&weir.db, weir.now(), Lost::Of(worker))
        .await
        .map(drop)
}

/// Takes the oldest queued run, as the principal of its crawler. A run that cannot begin is ended with the reason.
pub async fn claim(weir: &Weir, worker: Uuid) -> Result<Option<Job>> {
    let Some(claimed) = run::claim(&weir.db, worker, weir.now(), LEASE).await? else {
        return Ok(None);
    };
    match prepare(weir, &claimed, worker).await {
        Ok(job) => Ok(Some(job)),
        Err(error) => {
            let end = End {
                state: weir_core::crawl::RunState::Failed,
                counts: RunCounts::default(),
                problems: Vec::new(),
                error: Some(error.public_message().to_owned()),
            };
            run::finish(&weir.db, claimed.id, worker, &end, weir.now()).await?;
            Err(error)
        }
    }
}

async fn prepare(weir: &Weir, claimed: &Claimed, worker: Uuid) -> Result<Job> {
    let caller =
        session::caller_of(&weir.db, claimed.principal, Face::Worker, RequestId::new()).await?;
    let caller = caller.ok_or_else(|| Error::denied("The crawler's principal is disabled."))?;
    let location = Name::parse("location", &claimed.location_name)?;
    weir.gate
        .read::<UseLocation>(&caller, Target::Location(&location), "crawler.run")
        .await?;
    let store = weir.stores.open(&claimed.place)?;
    let root = claimed
        .prefix
        .split('/')
        .filter(|segment| !segment.is_empty())
        .try_fold(store.root().clone(), |root, segment| root.join(segment))?;
    let path = NamespacePath::from_levels(
        "namespace",
        claimed.namespace_path.iter().map(String::as_str),
    )?;
    let namespace = NamespaceIdent {
        catalog: Name::parse("catalog", &claimed.catalog_name)?,
        path,
    };
    Ok(Job {
        run: claimed.clone(),
        caller,
        store,
        root,
        namespace,
        worker,
    })
}

/// Renews the lease. Errors: the run was taken over, and its worker must stop.
pub async fn heartbeat(weir: &Weir, job: &Job, counts: &RunCounts) -> Result<()> {
    let until = weir.now() + LEASE;
    if run::heartbeat(&weir.db, job.run.id, job.worker, counts, until).await? {
        Ok(())
    } else {
        Err(Error::conflict("The run was taken over by another worker."))
    }
}

/// Ends the run with its report.
pub async fn finish(weir: &Weir, job: &Job, end: &End) -> Result<()> {
    run::finish(&weir.db, job.run.id, job.worker, end, weir.now()).await
}

/// The tables that this crawler keeps.
pub async fn known_tables(weir: &Weir, job: &Job) -> Result<Vec<KnownTable>> {
    let permit = weir
        .gate
        .read::<CreateTable>(
            &job.caller,
            Target::Namespace(&job.namespace),
            "crawler.run",
        )
        .await?;
    crawl::known_tables(&weir.db, &permit, job.run.crawler).await
}

/// Makes a table of files that none was made of yet. Errors: the name is taken.
pub async fn create_table(weir: &Weir, job: &Job, finding: &TableFinding) -> Result<Applied> {
    let mut write = weir
        .gate
        .write::<CreateTable>(
            &job.caller,
            Target::Namespace(&job.namespace),
            "table.create",
        )
        .await?;
    crawl::hold(&mut write, job.run.id, job.worker).await?;
    let inferred = with_partition_keys(finding.schema.clone(), &finding.partition_keys);
    let (schema, last) = assign(inferred, &Schema::default(), FieldId::UNASSIGNED);
    let changes = diff(&Schema::default(), &schema);
    let id = table::create(
        &mut write,
        &finding.name,
        last,
        &shape(job, finding, &schema),
    )
    .await?;
    table::add_version(
        &mut write,
        id,
        1,
        &schema,
        &changes,
        Origin::Crawl,
        &job.run.crawler_name,
    )
    .await?;
    let partitions = crawl::set_partitions(&mut write, id, &finding.partitions).await?;
    let columns = i64::try_from(schema.fields.len()).unwrap_or(i64::MAX);
    let lines = vec![format!(
        "{}, {}",
        counted(columns, "column"),
        counted(finding.files, "file")
    )];
    report(
        &mut write,
        job,
        id,
        finding.name.as_str(),
        ChangeKind::Created,
        Some(1),
        lines,
    )
    .await?;
    write.about("table", id.as_uuid(), full_name(job, finding.name.as_str()));
    write.record(json!({ "version": 1, "location": finding.location, "run_id": job.run.id }));
    write.commit().await?;
    Ok(Applied {
        table: id,
        created: true,
        version_made: true,
        partitions,
        conflicts: Vec::new(),
    })
}

/// Describes a known table anew. What people wrote is not touched; a column that stays keeps its id.
pub async fn update_table(
    weir: &Weir,
    job: &Job,
    known: &KnownTable,
    finding: &TableFinding,
) -> Result<Applied> {
    let mut write = alter(weir, job, known).await?;
    let (target, conflicts) = evolve(&known.schema, finding);
    let (schema, last) = assign(target, &known.schema, known.last_field);
    let changes = diff(&known.schema, &schema);
    let version = if changes.is_empty() {
        known.version
    } else {
        known.version + 1
    };
    table::update(&mut write, version, last, &shape(job, finding, &schema)).await?;
    if !changes.is_empty() {
        table::add_version(
            &mut write,
            known.id,
            version,
            &schema,
            &changes,
            Origin::Crawl,
            &job.run.crawler_name,
        )
        .await?;
    }
    let partitions = crawl::set_partitions(&mut write, known.id, &finding.partitions).await?;
    let kind = match (known.missing, changes.is_empty()) {
        (true, _) => ChangeKind::Returned,
        (false, true) => ChangeKind::FilesChanged,
        (false, false) => ChangeKind::SchemaChanged,
    };
    let lines = lines(&changes, partitions);
    report(
        &mut write,
        job,
        known.id,
        &known.name,
        kind,
        (!changes.is_empty()).then_some(version),
        lines.clone(),
    )
    .await?;
    write.record(json!({ "version": version, "changes": lines, "run_id": job.run.id }));
    write.commit().await?;
    Ok(Applied {
        table: known.id,
        created: false,
        version_made: !changes.is_empty(),
        partitions,
        conflicts,
    })
}

/// Marks a table whose files are all gone. It is not dropped: its definitions and grants are people's work.
pub async fn mark_missing(weir: &Weir, job: &Job, known: &KnownTable) -> Result<()> {
    let mut write = alter(weir, job, known).await?;
    table::set_missing(&mut write, true).await?;
    let lines = vec!["no files at its location any more".to_owned()];
    report(
        &mut write,
        job,
        known.id,
        &known.name,
        ChangeKind::Missing,
        None,
        lines,
    )
    .await?;
    write.record(json!({ "missing": true, "run_id": job.run.id }));
    write.commit().await
}

async fn alter(weir: &Weir, job: &Job, known: &KnownTable) -> Result<Write<Alter>> {
    let ident = TableIdent {
        namespace: job.namespace.clone(),
        name: Name::parse("table", &known.name)?,
    };
    let mut write = weir
        .gate
        .write::<Alter>(&job.caller, Target::Table(&ident), "table.alter")
        .await?;
    crawl::hold(&mut write, job.run.id, job.worker).await?;
    if write.permit().object().id != known.id.as_uuid() {
        return Err(Error::conflict(
            "The table was replaced by another of its name while the crawl ran.",
        ));
    }
    Ok(write)
}

async fn report<P: Verb>(
    write: &mut Write<P>,
    job: &Job,
    table_id: TableId,
    name: &str,
    kind: ChangeKind,
    version: Option<i32>,
    lines: Vec<String>,
) -> Result<()> {
    crawl::add_change(
        write,
        job.run.id,
        &RunChange {
            table_id,
            table: full_name(job, name),
            kind,
            version,
            lines,
        },
    )
    .await
}

fn full_name(job: &Job, table: &str) -> String {
    format!("{}.{table}", job.namespace)
}

fn counted(count: i64, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

fn lines(changes: &[SchemaChange], partitions: PartitionCounts) -> Vec<String> {
    let mut lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    for (count, what) in [
        (partitions.added, "added"),
        (partitions.changed, "changed"),
        (partitions.removed, "removed"),
    ] {
        if count > 0 {
            lines.push(format!("{} {what}", counted(count, "partition")));
        }
    }
    lines
}

/// The schema that holds from now on: the known columns in their order as far as the files still have them, then the new
/// ones, then the partition columns.
fn evolve(known: &Schema, finding: &TableFinding) -> (Schema, Vec<String>) {
    let is_key = |field: &Field| {
        finding
            .partition_keys
            .iter()
            .any(|(key, _)| *key == field.name)
    };
    let data = Schema::new(
        known
            .fields
            .iter()
            .filter(|field| !is_key(field))
            .cloned()
            .collect(),
    );
    let (merged, conflicts) = merge(&data, &finding.schema);
    let found = |field: &Field| {
        finding
            .schema
            .fields
            .iter()
            .find(|other| other.name == field.name)
    };
    let fields =
        merged
            .fields
            .into_iter()
            .filter_map(|field| match (found(&field), finding.complete) {
                (None, true) => None,
                // Every file was read, so what they say now replaces what was wider before.
                (Some(now), true) => Some(now.clone()),
                (_, false) => Some(field),
            });
    let words = |conflict: &weir_core::schema::Conflict| {
        format!(
            "`{}` is {} in the catalog and {} in a file",
            conflict.path, conflict.left, conflict.right
        )
    };
    let conflicts = if finding.complete {
        Vec::new()
    } else {
        conflicts.iter().map(words).collect()
    };
    (
        with_partition_keys(Schema::new(fields.collect()), &finding.partition_keys),
        conflicts,
    )
}

fn with_partition_keys(mut schema: Schema, keys: &[(String, DataType)]) -> Schema {
    schema
        .fields
        .retain(|field| !keys.iter().any(|(key, _)| *key == field.name));
    schema.fields.extend(
        keys.iter()
            .map(|(name, data_type)| Field::inferred(name, data_type.clone())),
    );
    schema
}

fn shape<'a>(job: &Job, finding: &'a TableFinding, schema: &Schema) -> Shape<'a> {
    let id_of = |key: &str| {
        schema
            .fields
            .iter()
            .find(|field| field.name == key)
            .map(|field| field.id.0)
    };
    Shape {
        format: finding.format,
        location: finding.location.to_string(),
        partition_keys: finding
            .partition_keys
            .iter()
            .filter_map(|(key, _)| id_of(key))
            .collect(),
        rows: finding.rows,
        bytes: finding.bytes,
        files: finding.files,
        crawler: job.run.crawler,
        fingerprint: &finding.fingerprint,
    }
}
