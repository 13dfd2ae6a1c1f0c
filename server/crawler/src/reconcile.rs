//! One run from the listing to the report: what is new is made, what changed is described anew, what is as before is not
//! touched. Each table is its own transaction, and no table's trouble stops the next.

use futures::StreamExt;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use weir_core::catalog::Format;
use weir_core::crawl::{RunCounts, RunProblem, RunState};
use weir_core::id::TableId;
use weir_core::{ErrorKind, Result};
use weir_operations::Weir;
use weir_operations::crawl::{self, Applied, End, Job, KnownTable, TableFinding};
use weir_storage::{Listed, ObjectMeta};

use crate::layout::{TableCandidate, fingerprint, lay_out};
use crate::survey::survey;

/// The counts of a run under way, for its heartbeat to show.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<RunCounts>>);

impl Progress {
    pub fn read(&self) -> RunCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut RunCounts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What the catalog knows, by where it lies and in which format.
type Known = HashMap<(String, Format), KnownTable>;

/// Carries the run out. Errors: the storage cannot be listed, or the run was taken over; nothing is half-written then.
pub async fn run(weir: &Weir, job: &Job, progress: &Progress) -> Result<End> {
    let known: Known = crawl::known_tables(weir, job)
        .await?
        .into_iter()
        .map(|table| ((table.location.clone(), table.format), table))
        .collect();
    let (objects, mut problems) = list(job, progress).await?;
    let refused: Vec<String> = problems
        .iter()
        .map(|problem| problem.path.clone())
        .collect();
    let layout = lay_out(&job.root, objects);
    problems.extend(layout.problems.into_iter().map(|problem| RunProblem {
        path: problem.path,
        cause: problem.cause,
        table_id: None,
    }));

    let mut seen: HashSet<String> = HashSet::new();
    let mut pending: Vec<TableFinding> = Vec::new();
    let mut unchanged = 0;
    for candidate in layout.tables {
        seen.insert(candidate.location.to_string());
        if is_unchanged(&candidate, &known) {
            unchanged += 1;
            continue;
        }
        let surveyed = survey(&job.store, candidate).await;
        seen.extend(
            surveyed
                .findings
                .iter()
                .map(|finding| finding.location.to_string()),
        );
        pending.extend(surveyed.findings);
        problems.extend(surveyed.problems);
        progress.update(|counts| counts.problems = count(problems.len()));
    }
    progress.update(|counts| counts.tables = count(pending.len() + unchanged));
    name_apart(&mut pending, &known);
    let mut places: HashMap<String, TableId> = known
        .values()
        .map(|table| (table.location.clone(), table.id))
        .collect();
    for finding in &pending {
        match apply(weir, job, &known, finding, progress).await? {
            Ok(applied) => {
                let place = finding.location.to_string();
                problems.extend(
                    applied
                        .conflicts
                        .iter()
                        .map(|cause| problem(&place, cause.clone())),
                );
                places.insert(place, applied.table);
            }
            Err(cause) => problems.push(problem(&finding.location.to_string(), cause)),
        }
    }
    attribute(&mut problems, &places);
    for table in known
        .values()
        .filter(|table| !table.missing && !table.orphan && is_gone(table, &seen, &refused))
    {
        crawl::mark_missing(weir, job, table).await?;
    }
    progress.update(|counts| counts.problems = count(problems.len()));
    let state = if problems.is_empty() {
        RunState::Succeeded
    } else {
        RunState::Warnings
    };
    Ok(End {
        state,
        counts: progress.read(),
        problems,
        error: None,
    })
}

async fn list(job: &Job, progress: &Progress) -> Result<(Vec<ObjectMeta>, Vec<RunProblem>)> {
    let (mut objects, mut refused) = (Vec::new(), Vec::new());
    let mut listing = job.store.list(&job.root);
    while let Some(listed) = listing.next().await {
        match listed? {
            Listed::Object(object) => {
                progress.update(|counts| {
                    counts.objects += 1;
                    counts.bytes = counts
                        .bytes
                        .saturating_add(i64::try_from(object.size).unwrap_or(i64::MAX));
                });
                objects.push(object);
            }
            Listed::Refused { path, cause } => refused.push(RunProblem {
                path,
                cause,
                table_id: None,
            }),
        }
    }
    Ok((objects, refused))
}

/// Is the listing of the candidate the one that the catalog describes? Then not a single file is opened.
fn is_unchanged(candidate: &TableCandidate, known: &Known) -> bool {
    let place = candidate.location.to_string();
    let print = fingerprint(&candidate.files);
    Format::ALL
        .iter()
        .filter_map(|format| known.get(&(place.clone(), *format)))
        .any(|table| !table.missing && !table.orphan && table.fingerprint == print)
}

/// Tables that are new in this run keep clear of each other's names and of those that the crawler already keeps.
fn name_apart(pending: &mut [TableFinding], known: &Known) {
    let is_known =
        |finding: &TableFinding| known.get(&(finding.location.to_string(), finding.format));
    let mut taken: HashSet<String> = known.values().map(|table| table.name.clone()).collect();
    for finding in pending {
        if is_known(finding).is_some() {
            continue;
        }
        let base: String = finding.name.as_str().chars().take(180).collect();
        for number in 2..10_000 {
            if taken.insert(finding.name.to_string()) {
                break;
            }
            if let Some(name) = weir_core::name::sanitise(&format!("{base}_{number}")) {
                finding.name = name;
            }
        }
    }
}

/// Makes or changes the table of one finding. The inner error is one table's trouble, with which the rest of the lake has
/// nothing to do; the outer one would meet every table and ends the run.
async fn apply(
    weir: &Weir,
    job: &Job,
    known: &Known,
    finding: &TableFinding,
    progress: &Progress,
) -> Result<Result<Applied, String>> {
    let outcome = match known.get(&(finding.location.to_string(), finding.format)) {
        Some(table)
            if !table.missing && !table.orphan && table.fingerprint == finding.fingerprint =>
        {
            return Ok(Ok(Applied::nothing(table.id)));
        }
        Some(table) => crawl::update_table(weir, job, table, finding).await,
        None => crawl::create_table(weir, job, finding).await,
    };
    match outcome {
        Ok(applied) => {
            progress.update(|counts| add(counts, &applied));
            Ok(Ok(applied))
        }
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::AlreadyExists
                    | ErrorKind::Denied
                    | ErrorKind::NotFound
                    | ErrorKind::Invalid
            ) =>
        {
            Ok(Err(format!(
                "No table was made or changed: {}",
                error.public_message()
            )))
        }
        Err(error) if error.kind() == ErrorKind::Internal => {
            tracing::error!(?error, "one table of a crawl failed");
            Ok(Err(format!(
                "No table was made or changed: {}",
                error.public_message()
            )))
        }
        Err(error) => Err(error),
    }
}

fn problem(path: &str, cause: String) -> RunProblem {
    RunProblem {
        path: path.to_owned(),
        cause,
        table_id: None,
    }
}

/// Says of each problem which table it belongs to, so that it is shown only to who may see that table whole.
fn attribute(problems: &mut [RunProblem], places: &HashMap<String, TableId>) {
    for problem in problems {
        let mut place = Some(problem.path.as_str());
        while let Some(path) = place {
            if let Some(table) = places.get(path) {
                problem.table_id = Some(*table);
                break;
            }
            place = path.rsplit_once('/').map(|(above, _)| above);
        }
    }
}

fn add(counts: &mut RunCounts, applied: &Applied) {
    counts.tables_created += i64::from(applied.created);
    counts.versions += i64::from(applied.version_made);
    counts.partitions_added += applied.partitions.added;
    counts.partitions_changed += applied.partitions.changed;
    counts.partitions_removed += applied.partitions.removed;
}

/// Gone for good, as far as the listing tells: none of its files is there, and nothing under it was refused.
fn is_gone(table: &KnownTable, seen: &HashSet<String>, refused: &[String]) -> bool {
    !seen.contains(&table.location)
        && !refused.iter().any(|path| {
            path.starts_with(&table.location) || table.location.starts_with(path.as_str())
        })
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
