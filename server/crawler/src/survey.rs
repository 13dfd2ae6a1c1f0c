//! From a table candidate to findings: look into its files, a bounded number at once, and describe what they hold.

use futures::{StreamExt, stream};
use std::collections::BTreeMap;
use weir_core::crawl::RunProblem;
use weir_core::schema::{Schema, merge};
use weir_operations::crawl::{FoundPartition, TableFinding};
use weir_storage::Store;

use crate::classifier::{Inferred, infer};
use crate::layout::{Split, TableCandidate, fingerprint, partition_name, split_by_schema};

/// Files of one table that are looked into. More are taken to be like their neighbours.
const MAX_FILES_READ: usize = 2000;
const READS_AT_ONCE: usize = 8;

/// What a candidate turned out to be: one table, or several, and what could not be read.
#[derive(Debug, Default)]
pub struct Survey {
    pub findings: Vec<TableFinding>,
    pub problems: Vec<RunProblem>,
}

/// Reads what is needed of the candidate's files. A file that cannot be read is reported and left out.
pub async fn survey(store: &Store, candidate: TableCandidate) -> Survey {
    let chosen = choose(candidate.files.len());
    let complete = chosen.len() == candidate.files.len();
    let reads = stream::iter(chosen).map(|index| {
        let object = candidate.files.get(index).map(|file| file.object.clone());
        async move {
            match object {
                Some(object) => Some((index, infer(store, &object).await)),
                None => None,
            }
        }
    });
    let mut inferred: BTreeMap<usize, Inferred> = BTreeMap::new();
    let mut unreadable: BTreeMap<usize, String> = BTreeMap::new();
    let results: Vec<_> = reads.buffer_unordered(READS_AT_ONCE).collect().await;
    for (index, result) in results.into_iter().flatten() {
        match result {
            Ok(shape) => {
                inferred.insert(index, shape);
            }
            Err(cause) => {
                unreadable.insert(index, cause.to_string());
            }
        }
    }
    // A file that could not be read says nothing of what it holds: its columns must not count as gone.
    let complete = complete && unreadable.is_empty();
    let mut survey = Survey::default();
    for (index, cause) in &unreadable {
        if let Some(file) = candidate.files.get(*index) {
            survey.problems.push(RunProblem {
                path: file.object.location.to_string(),
                cause: cause.clone(),
                table_id: None,
            });
        }
    }
    let shapes: Vec<_> = (0..candidate.files.len())
        .map(|index| {
            // A file that was not read is like the last one before it that was.
            let near = if unreadable.contains_key(&index) {
                None
            } else {
                inferred.range(..=index).next_back().map(|(_, shape)| shape)
            };
            near.map(|shape| (shape.format, &shape.schema))
        })
        .collect();
    for split in split_by_schema(candidate, &shapes) {
        survey
            .findings
            .push(describe(split, &inferred, complete, &mut survey.problems));
    }
    survey
}

/// Which of `count` files to read: all, or evenly spread ones with the first and the last.
fn choose(count: usize) -> Vec<usize> {
    if count <= MAX_FILES_READ {
        return (0..count).collect();
    }
    (0..MAX_FILES_READ)
        .map(|step| step * (count - 1) / (MAX_FILES_READ - 1))
        .collect()
}

fn describe(
    split: Split,
    inferred: &BTreeMap<usize, Inferred>,
    complete: bool,
    problems: &mut Vec<RunProblem>,
) -> TableFinding {
    let mut schema: Option<Schema> = None;
    for (file, index) in split.table.files.iter().zip(&split.members) {
        let Some(shape) = inferred.get(index) else {
            continue;
        };
        schema = Some(match schema {
            None => shape.schema.clone(),
            Some(so_far) => {
                let (merged, conflicts) = merge(&so_far, &shape.schema);
                problems.extend(conflicts.into_iter().map(|conflict| RunProblem {
                    path: file.object.location.to_string(),
                    cause: format!(
                        "`{}` is {} here and {} in the files before; the table keeps {}",
                        conflict.path, conflict.right, conflict.left, conflict.left
                    ),
                    table_id: None,
                }));
                merged
            }
        });
    }
    let table = &split.table;
    let sizes = || {
        table
            .files
            .iter()
            .map(|file| i64::try_from(file.object.size).unwrap_or(i64::MAX))
    };
    TableFinding {
        name: table.name.clone(),
        location: table.location.clone(),
        format: split.format,
        schema: schema.unwrap_or_default(),
        partition_keys: table
            .partition_keys
            .iter()
            .cloned()
            .zip(table.partition_types.iter().cloned())
            .collect(),
        files: i64::try_from(table.files.len()).unwrap_or(i64::MAX),
        bytes: sizes().sum(),
        rows: rows(&split.members, inferred),
        fingerprint: fingerprint(&table.files),
        partitions: partitions(&split, inferred),
        complete,
    }
}

/// The rows of these files, when every one of them is known.
fn rows(members: &[usize], inferred: &BTreeMap<usize, Inferred>) -> Option<i64> {
    members
        .iter()
        .map(|index| inferred.get(index).and_then(|shape| shape.rows))
        .sum()
}

fn partitions(split: &Split, inferred: &BTreeMap<usize, Inferred>) -> Vec<FoundPartition> {
    if split.table.partition_keys.is_empty() {
        return Vec::new();
    }
    let mut groups: BTreeMap<String, (&[Option<String>], Vec<usize>)> = BTreeMap::new();
    for (at, file) in split.table.files.iter().enumerate() {
        let key = partition_name(&split.table.partition_keys, &file.partition);
        groups
            .entry(key)
            .or_insert((&file.partition, Vec::new()))
            .1
            .push(at);
    }
    groups
        .into_iter()
        .map(|(key, (values, at))| {
            let files: Vec<_> = at
                .iter()
                .filter_map(|at| split.table.files.get(*at))
                .collect();
            let members: Vec<usize> = at
                .iter()
                .filter_map(|at| split.members.get(*at).copied())
                .collect();
            FoundPartition {
                key,
                values: values
                    .iter()
                    .map(|value| value.clone().unwrap_or_default())
                    .collect(),
                files: i64::try_from(files.len()).unwrap_or(i64::MAX),
                bytes: files
                    .iter()
                    .map(|file| i64::try_from(file.object.size).unwrap_or(i64::MAX))
                    .sum(),
                rows: rows(&members, inferred),
                fingerprint: fingerprint(files.iter().copied()),
            }
        })
        .collect()
}
