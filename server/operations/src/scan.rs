//! Scans planned here: which files a query reads. The answer names files that hold whole rows, so it is only for who may
//! read all columns.
//!
//! A plan keeps no state but what was asked and of which snapshot; asking again makes it again. A small one is answered at
//! once, a large one in tasks of a few manifests each.

use bytes::Bytes;
use chrono::TimeDelta;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;
use weir_core::authz::Permit;
use weir_core::authz::verbs::Select;
use weir_core::id::FieldId;
use weir_core::location::Location;
use weir_core::name::TableIdent;
use weir_core::principal::Caller;
use weir_core::schema::Schema;
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::scan;
use weir_iceberg::TableMetadata;
use weir_iceberg::scan::{
    Entry, Filter, ManifestContent, ManifestFile, PlanRequest, Snapshots, Spec, Status, Tasks,
    each_entry, manifest_list, resolve, tasks_json,
};
use weir_storage::Store;

use crate::Weir;
use crate::table::load::{Selected, select};
use crate::table::place::place_known;

/// How long a plan can be fetched again.
const LIFETIME: TimeDelta = TimeDelta::hours(1);
/// Data manifests that one answer is made of.
const MANIFESTS_A_TASK: usize = 8;
/// Manifests read at once.
const READS_AT_ONCE: usize = 8;
const MAX_REQUEST_BYTES: usize = 256 * 1024;
const MAX_MANIFEST_BYTES: u64 = 64 << 20;
/// Files in one answer; what has more is a table that needs compaction before anything else.
const MAX_FILES: usize = 200_000;

/// A finished plan.
#[derive(Debug)]
pub struct Planned {
    pub plan_id: String,
    /// A JSON object with `plan-tasks`, or with `file-scan-tasks` and `delete-files`.
    pub body: Bytes,
}

/// Plans a scan. Errors: `Denied` for who may not read all columns; `Invalid` for a snapshot, column or filter that is none.
pub async fn plan(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    request: Box<RawValue>,
) -> Result<Planned> {
    if request.get().len() > MAX_REQUEST_BYTES {
        return Err(Error::too_large("A scan is asked for in at most 256 KiB."));
    }
    let scan = Scan::begin(weir, caller, ident, &request, None).await?;
    let plan_id = Uuid::now_v7();
    let until = weir.now() + LIFETIME;
    scan::keep_plan(
        &weir.db,
        &scan.permit,
        plan_id,
        scan.until.unwrap_or(-1),
        &request,
        until,
    )
    .await?;
    scan.answer(plan_id).await
}

/// A plan that was made before. Errors: `NotFound` for one that is not the caller's, or whose time is over.
pub async fn fetch(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    plan_id: &str,
) -> Result<Planned> {
    let id = parse_id(plan_id)?;
    let scan = again(weir, caller, ident, id).await?;
    scan.answer(id).await
}

/// Forgets a plan. Errors: as [`fetch`].
pub async fn cancel(weir: &Weir, caller: &Caller, ident: &TableIdent, plan_id: &str) -> Result<()> {
    let id = parse_id(plan_id)?;
    let permit = select(weir, caller, ident, "scan.cancel").await?.permit;
    if scan::cancel_plan(&weir.db, &permit, id).await? {
        Ok(())
    } else {
        Err(no_plan())
    }
}

/// The files of one task of a plan, as `file-scan-tasks` and `delete-files`. Errors: as [`fetch`].
pub async fn tasks(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    plan_task: &str,
) -> Result<Bytes> {
    let no_task = || Error::not_found("There is no such plan task, or its time is over.");
    let (plan_id, number) = plan_task.split_once('.').ok_or_else(no_task)?;
    let id = parse_id(plan_id).map_err(|_| no_task())?;
    let number: usize = number.parse().map_err(|_| no_task())?;
    let scan = again(weir, caller, ident, id)
        .await
        .map_err(|error| match error.kind() {
            weir_core::ErrorKind::NotFound => no_task(),
            _ => error,
        })?;
    let manifests = scan.manifests().await?;
    let group = manifests
        .data
        .chunks(MANIFESTS_A_TASK)
        .nth(number)
        .ok_or_else(no_task)?;
    scan.files(group, &manifests.deletes).await
}

fn parse_id(plan_id: &str) -> Result<Uuid> {
    plan_id.parse().map_err(|_| no_plan())
}

fn no_plan() -> Error {
    Error::not_found("There is no such plan of yours for this table, or its time is over.")
}

async fn again(weir: &Weir, caller: &Caller, ident: &TableIdent, plan: Uuid) -> Result<Scan> {
    let permit = select(weir, caller, ident, "scan.fetch").await?.permit;
    let kept = scan::plan(&weir.db, &permit, plan, weir.now())
        .await?
        .ok_or_else(no_plan)?;
    let snapshot = Some(kept.snapshot_id).filter(|id| *id >= 0);
    Scan::begin(weir, caller, ident, &kept.request.0, Some(snapshot)).await
}

/// A scan that was decided on and understood; no manifest is read yet.
struct Scan {
    permit: Permit<Select>,
    metadata: Arc<TableMetadata>,
    store: Store,
    location: Location,
    schema: Schema,
    specs: Vec<Spec>,
    filter: Option<Filter>,
    stats: BTreeSet<FieldId>,
    /// For an incremental scan: the snapshots whose rows are wanted.
    only: Option<BTreeSet<i64>>,
    /// The snapshot that is read; none in a table without any.
    until: Option<i64>,
}

struct Manifests {
    data: Vec<ManifestFile>,
    deletes: Vec<ManifestFile>,
}

impl Scan {
    /// `snapshot` is that of a plan made before, whatever is current by now.
    async fn begin(
        weir: &Weir,
        caller: &Caller,
        ident: &TableIdent,
        request: &RawValue,
        snapshot: Option<Option<i64>>,
    ) -> Result<Self> {
        let request: PlanRequest = serde_json::from_str(request.get())
            .map_err(|error| Error::invalid("body", error.to_string()))?;
        let Selected {
            permit,
            metadata,
            lies,
        } = select(weir, caller, ident, "scan.plan").await?;
        if !permit.columns().is_all() {
            let message = "A plan names files that hold all columns of this table, and you see some of them. Ask for SELECT on all.";
            let target = Target::Table(ident);
            return weir.gate.refuse(caller, target, "scan.plan", message).await;
        }
        let (until, only) = range(&metadata, &request, snapshot)?;
        let schema = schema_of(&metadata, &request, until)?;
        let specs = metadata
            .specs()
            .iter()
            .map(|spec| Spec::parse(spec.json()))
            .collect::<Result<Vec<_>>>()?;
        let filter = request.filter.as_ref();
        let filter = filter
            .map(|filter| Filter::bind(filter, &schema, request.case_sensitive))
            .transpose()?;
        let named = |field, names: &Option<Vec<String>>| match names {
            None => Ok(BTreeSet::new()),
            Some(names) => resolve(field, names, &schema, request.case_sensitive),
        };
        named("select", &request.select)?;
        let stats = named("stats-fields", &request.stats_fields)?;
        let placed = place_known(weir, metadata.location(), lies.place.as_ref())?;
        Ok(Self {
            permit,
            metadata,
            store: placed.store,
            location: placed.location,
            schema,
            specs,
            filter,
            stats,
            only,
            until,
        })
    }

    async fn answer(&self, plan_id: Uuid) -> Result<Planned> {
        let manifests = self.manifests().await?;
        let groups = manifests.data.chunks(MANIFESTS_A_TASK).count();
        let body = if groups <= 1 {
            self.files(&manifests.data, &manifests.deletes).await?
        } else {
            let tasks: Vec<String> = (0..groups)
                .map(|number| format!("{plan_id}.{number}"))
                .collect();
            serde_json::to_vec(&serde_json::json!({ "plan-tasks": tasks }))
                .map_err(|error| Error::internal("A plan could not be written").source(error))?
                .into()
        };
        Ok(Planned {
            plan_id: plan_id.to_string(),
            body,
        })
    }

    /// The manifests that may hold a file of the scan, in their order.
    async fn manifests(&self) -> Result<Manifests> {
        let mut found = Manifests {
            data: Vec::new(),
            deletes: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        for snapshot in self.snapshots() {
            let list = self.read(&snapshot).await?;
            for manifest in manifest_list(&list)? {
                if !self.wants(&manifest)? || !seen.insert(manifest.path.clone()) {
                    continue;
                }
                match manifest.content {
                    ManifestContent::Data => found.data.push(manifest),
                    ManifestContent::Deletes => found.deletes.push(manifest),
                }
            }
        }
        Ok(found)
    }

    /// The manifest lists to look into.
    fn snapshots(&self) -> Vec<String> {
        let list = |id: &i64| {
            let snapshot = self.metadata.snapshot(*id)?;
            snapshot.manifest_list().map(str::to_owned)
        };
        match &self.only {
            Some(only) => only.iter().filter_map(list).collect(),
            None => self.until.iter().filter_map(list).collect(),
        }
    }

    fn wants(&self, manifest: &ManifestFile) -> Result<bool> {
        if !manifest.has_live_files() {
            return Ok(false);
        }
        if let Some(only) = &self.only {
            let added = manifest.added_snapshot_id;
            let appended = manifest.content == ManifestContent::Data;
            if !appended || !added.is_some_and(|id| only.contains(&id)) {
                return Ok(false);
            }
        }
        let spec = self.spec(manifest.spec_id)?;
        Ok(manifest.content == ManifestContent::Deletes
            || self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.may_match_manifest(manifest, spec)))
    }

    fn spec(&self, id: i32) -> Result<&Spec> {
        self.specs.iter().find(|spec| spec.id == id).ok_or_else(|| {
            Error::unavailable(
                "A manifest of this table names a partition spec that it does not have.",
            )
        })
    }

    /// The tasks of some data manifests, with the deletes that apply to their files.
    async fn files(&self, data: &[ManifestFile], deletes: &[ManifestFile]) -> Result<Bytes> {
        let data = self.entries(data, true).await?;
        let deletes = self.entries(deletes, false).await?;
        let tasks = Tasks {
            data: &data,
            deletes: &deletes,
            specs: &self.specs,
            schema: &self.schema,
            restricted: false,
            stats: &self.stats,
        };
        tasks_json(&tasks).map(Bytes::from)
    }

    async fn entries(&self, manifests: &[ManifestFile], filtered: bool) -> Result<Vec<Entry>> {
        let fetches: Vec<_> = manifests.iter().cloned().map(|it| self.fetch(it)).collect();
        let reads = stream::iter(fetches).buffered(READS_AT_ONCE);
        let mut reads = std::pin::pin!(reads);
        let mut entries = Vec::new();
        while let Some((manifest, bytes)) = reads.try_next().await? {
            let pruner = match self.filter.as_ref().filter(|_| filtered) {
                None => None,
                Some(filter) => Some(filter.for_spec(self.spec(manifest.spec_id)?)),
            };
            each_entry(&bytes, &manifest, |entry| {
                let wanted = !filtered || self.is_appended(&entry);
                if wanted && pruner.as_ref().is_none_or(|it| it.may_match_file(&entry)) {
                    entries.push(entry);
                }
                if entries.len() > MAX_FILES {
                    return Err(Error::unsupported(
                        "The scan reads too many files to be planned in one piece. Let the client plan it.",
                    ));
                }
                Ok(())
            })?;
        }
        Ok(entries)
    }

    fn is_appended(&self, entry: &Entry) -> bool {
        self.only.as_ref().is_none_or(|only| {
            entry.status == Status::Added && entry.snapshot_id.is_some_and(|id| only.contains(&id))
        })
    }

    async fn fetch(&self, manifest: ManifestFile) -> Result<(ManifestFile, Bytes)> {
        let bytes = self.read(&manifest.path).await?;
        Ok((manifest, bytes))
    }

    /// A file of the table's own: what a manifest names is somebody's claim.
    async fn read(&self, path: &str) -> Result<Bytes> {
        let own = Location::parse("manifest", path)
            .ok()
            .filter(|at| at.is_under(&self.location));
        let at = own.ok_or_else(|| {
            Error::unavailable(
                "A manifest of this table lies outside its location and is not read.",
            )
        })?;
        self.store.read_whole(&at, MAX_MANIFEST_BYTES).await
    }
}

/// Which snapshot is read, and for an incremental scan also whose rows.
fn range(
    metadata: &TableMetadata,
    request: &PlanRequest,
    planned: Option<Option<i64>>,
) -> Result<(Option<i64>, Option<BTreeSet<i64>>)> {
    let known = |field: &str, id: i64| match metadata.snapshot(id) {
        Some(_) => Ok(id),
        None => Err(Error::invalid(
            field,
            format!("The table has no snapshot {id}."),
        )),
    };
    Ok(match request.snapshots()? {
        Snapshots::Current => {
            let current = metadata.current_snapshot().map(weir_iceberg::Snapshot::id);
            let at = planned.unwrap_or(current);
            (at.map(|id| known("snapshot-id", id)).transpose()?, None)
        }
        Snapshots::At(id) => (Some(known("snapshot-id", id)?), None),
        Snapshots::Between { after, until } => {
            known("end-snapshot-id", until)?;
            if let Some(after) = after {
                known("start-snapshot-id", after)?;
            }
            (Some(until), Some(between(metadata, after, until)?))
        }
    })
}

/// The appends after `after` up to `until`, along its ancestors.
fn between(metadata: &TableMetadata, after: Option<i64>, until: i64) -> Result<BTreeSet<i64>> {
    let mut only = BTreeSet::new();
    let mut at = Some(until);
    while let Some(id) = at.filter(|id| Some(*id) != after) {
        let Some(snapshot) = metadata.snapshot(id) else {
            break;
        };
        if snapshot.operation() == Some("append") && !only.insert(id) {
            break;
        }
        at = snapshot.parent();
    }
    if after.is_some() && at != after {
        return Err(Error::invalid(
            "start-snapshot-id",
            "This snapshot is no ancestor of the end-snapshot-id.",
        ));
    }
    Ok(only)
}

fn schema_of(
    metadata: &TableMetadata,
    request: &PlanRequest,
    until: Option<i64>,
) -> Result<Schema> {
    let of_snapshot = until
        .filter(|_| request.use_snapshot_schema)
        .and_then(|id| metadata.snapshot(id))
        .and_then(weir_iceberg::Snapshot::schema_id);
    match of_snapshot {
        Some(id) => metadata
            .schema(id)?
            .ok_or_else(|| Error::invalid("snapshot-id", "The schema of this snapshot is gone.")),
        None => metadata.current_schema(),
    }
}
