//! The answer of planning: files to read, each with the deletes that apply to it (upstream schemas `ScanTasks`, `FileScanTask`,
//! `DataFile`, `PositionDeleteFile`, `EqualityDeleteFile`).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use weir_core::id::FieldId;
use weir_core::schema::Schema;
use weir_core::{Error, Result};

use super::avro::malformed;
use super::deletes::{DeleteIndex, spec};
use super::file::{ByField, DataFile, FileContent};
use super::json::{Single, hex, single};
use super::manifest::Entry;
use super::spec::{Spec, SpecField};

/// What [`tasks_json`] writes.
#[derive(Debug, Clone, Copy)]
pub struct Tasks<'a> {
    /// Data files that the filter lets through.
    pub data: &'a [Entry],
    /// Delete files of the snapshot. Those that apply to none of `data` are left out.
    pub deletes: &'a [Entry],
    /// All specs that the files were written with.
    pub specs: &'a [Spec],
    /// The columns that the caller may see.
    pub schema: &'a Schema,
    /// Does `schema` lack columns that the caller may not see? Partition fields that are not made of columns of `schema`
    /// alone are then left out, as they are in the metadata that such a caller loads. Else they are null: their columns
    /// were dropped, and their types are not known any more.
    pub restricted: bool,
    /// Columns whose counts and bounds are wanted; those outside `schema` are not given.
    pub stats: &'a BTreeSet<FieldId>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ScanTasksWire<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    delete_files: Vec<FileWire<'a>>,
    file_scan_tasks: Vec<TaskWire<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct TaskWire<'a> {
    data_file: FileWire<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    delete_file_references: Vec<usize>,
}

/// `DataFile`, `PositionDeleteFile` or `EqualityDeleteFile`, as `content` says. Clients also take two members from it that
/// the upstream document does not name, as the reference implementation writes them: `referenced-data-file`, without which
/// a deletion vector cannot be told from another, and `data-sequence-number`, which row lineage needs.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct FileWire<'a> {
    spec_id: i32,
    content: &'static str,
    file_path: &'a str,
    file_format: &'static str,
    partition: Vec<Single>,
    file_size_in_bytes: i64,
    record_count: i64,
    #[serde(flatten)]
    stats: StatsWire,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_metadata: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    split_offsets: &'a [i64],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    equality_ids: &'a [i32],
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_order_id: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_row_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_sequence_number: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referenced_data_file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_size_in_bytes: Option<i64>,
}

/// Bounds are hexadecimal texts of the binary single values, as the reference implementation writes and reads them: of the
/// `PrimitiveTypeValue` that the upstream document asks for, the `BinaryTypeValue`.
#[derive(Serialize, Default)]
#[serde(rename_all = "kebab-case")]
struct StatsWire {
    #[serde(skip_serializing_if = "MapWire::is_empty")]
    column_sizes: MapWire<i64>,
    #[serde(skip_serializing_if = "MapWire::is_empty")]
    value_counts: MapWire<i64>,
    #[serde(skip_serializing_if = "MapWire::is_empty")]
    null_value_counts: MapWire<i64>,
    #[serde(skip_serializing_if = "MapWire::is_empty")]
    nan_value_counts: MapWire<i64>,
    #[serde(skip_serializing_if = "MapWire::is_empty")]
    lower_bounds: MapWire<String>,
    #[serde(skip_serializing_if = "MapWire::is_empty")]
    upper_bounds: MapWire<String>,
}

/// `CountMap` and `ValueMap`.
#[derive(Serialize)]
struct MapWire<T> {
    keys: Vec<i32>,
    values: Vec<T>,
}

impl<T> Default for MapWire<T> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl<T> MapWire<T> {
    fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn new<S>(stats: &ByField<S>, wanted: &BTreeSet<i32>, write: impl Fn(&S) -> T) -> Self {
        let (keys, values) = stats
            .iter()
            .filter(|(id, _)| wanted.contains(id))
            .map(|(id, value)| (id, write(value)))
            .unzip();
        Self { keys, values }
    }
}

/// A JSON object with the member `file-scan-tasks`, in the order of the data files, and `delete-files` where any apply.
/// Residual filters are left out, so that clients of any age evaluate their own (expressions spec, "Compatibility with REST
/// catalog expressions").
///
/// Errors: `invalid` for a file of a spec that is not given, or with a partition that is not one of its spec.
pub fn tasks_json(tasks: &Tasks<'_>) -> Result<Vec<u8>> {
    let index = DeleteIndex::new(tasks.deletes, tasks.specs, tasks.schema)?;
    let wanted: BTreeSet<i32> = tasks
        .stats
        .iter()
        .filter(|id| tasks.schema.find(**id).is_some())
        .map(|id| id.0)
        .collect();
    let mut places = BTreeMap::new();
    let mut wire = ScanTasksWire {
        delete_files: Vec::new(),
        file_scan_tasks: Vec::with_capacity(tasks.data.len()),
    };
    for data in tasks.data {
        let mut references = Vec::new();
        for number in index.of(data, tasks.deletes, tasks.specs, tasks.schema)? {
            let Some(delete) = tasks.deletes.get(number) else {
                continue;
            };
            let next = wire.delete_files.len();
            let place = *places.entry(number).or_insert(next);
            if place == next {
                wire.delete_files
                    .push(file(delete, tasks, StatsWire::default())?);
            }
            references.push(place);
        }
        wire.file_scan_tasks.push(TaskWire {
            data_file: file(data, tasks, stats(&data.file, &wanted))?,
            delete_file_references: references,
        });
    }
    serde_json::to_vec(&wire)
        .map_err(|source| Error::internal("scan tasks cannot be written").source(source))
}

fn file<'a>(entry: &'a Entry, tasks: &Tasks<'_>, stats: StatsWire) -> Result<FileWire<'a>> {
    let file = &entry.file;
    let is_data = file.content == FileContent::Data;
    let is_positions = file.content == FileContent::PositionDeletes;
    let first_row_id = file.first_row_id.filter(|_| is_data);
    Ok(FileWire {
        spec_id: entry.spec_id,
        content: match file.content {
            FileContent::Data => "data",
            FileContent::PositionDeletes => "position-deletes",
            FileContent::EqualityDeletes => "equality-deletes",
        },
        file_path: &file.path,
        file_format: file.format.as_str(),
        partition: partition(entry, tasks)?,
        file_size_in_bytes: file.file_size,
        record_count: file.record_count,
        stats,
        // A key opens the whole file, hidden columns too.
        key_metadata: file
            .key_metadata
            .as_deref()
            .filter(|_| !tasks.restricted)
            .map(hex),
        split_offsets: &file.split_offsets,
        equality_ids: &file.equality_ids,
        sort_order_id: file.sort_order_id,
        first_row_id,
        data_sequence_number: first_row_id.map(|_| entry.sequence_number),
        referenced_data_file: file
            .referenced_data_file
            .as_deref()
            .filter(|_| is_positions),
        content_offset: file.content_offset.filter(|_| is_positions),
        content_size_in_bytes: file.content_size.filter(|_| is_positions),
    })
}

fn stats(file: &DataFile, wanted: &BTreeSet<i32>) -> StatsWire {
    StatsWire {
        column_sizes: MapWire::new(&file.column_sizes, wanted, |count| *count),
        value_counts: MapWire::new(&file.value_counts, wanted, |count| *count),
        null_value_counts: MapWire::new(&file.null_value_counts, wanted, |count| *count),
        nan_value_counts: MapWire::new(&file.nan_value_counts, wanted, |count| *count),
        lower_bounds: MapWire::new(&file.lower_bounds, wanted, |bytes| hex(bytes)),
        upper_bounds: MapWire::new(&file.upper_bounds, wanted, |bytes| hex(bytes)),
    }
}

/// The partition values in the order of the spec.
fn partition(entry: &Entry, tasks: &Tasks<'_>) -> Result<Vec<Single>> {
    spec(entry, tasks.specs)?
        .fields
        .iter()
        .filter(|field| !tasks.restricted || is_visible(field, tasks.schema))
        .map(|field| partition_value(&entry.file, field, tasks.schema))
        .collect()
}

fn is_visible(field: &SpecField, schema: &Schema) -> bool {
    !field.source_ids.is_empty()
        && field
            .source_ids
            .iter()
            .all(|id| schema.find(FieldId(*id)).is_some())
}

fn partition_value(file: &DataFile, field: &SpecField, schema: &Schema) -> Result<Single> {
    match (file.partition.get(field.field_id), field.data_type(schema)) {
        (Some(stored), Some(data_type)) => single(stored, &data_type)
            .ok_or_else(|| malformed("a partition value is not of the type of its field")),
        _ => Ok(Single::Null),
    }
}
