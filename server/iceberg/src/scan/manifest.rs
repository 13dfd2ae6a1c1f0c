//! Manifests: the files of a snapshot, with what each inherits from the list (table spec, sections "Manifests", "Manifest Entry
//! Fields", "Sequence Number Inheritance" and "First Row ID Inheritance").

use weir_core::Result;

use super::avro::{Container, FieldShape, Reader, Shape, malformed};
use super::file::{ByField, DataFile, FileContent, FileFormat};
use super::manifest_list::{ManifestContent, ManifestFile};
use super::value::Stored;

/// Partition fields of a file without field ids are numbered from here (table spec, "Partitioning").
const FIRST_PARTITION_FIELD: i32 = 1000;

/// Whether a file came with the manifest's snapshot or was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Existing,
    Added,
}

/// A live file of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub status: Status,
    /// The snapshot that added it.
    pub snapshot_id: Option<i64>,
    /// The data sequence number, which says what deletes apply.
    pub sequence_number: i64,
    pub file_sequence_number: Option<i64>,
    /// The partition spec of the manifest it is in.
    pub spec_id: i32,
    pub file: DataFile,
}

/// The live files of a manifest, in its order. `file` is the manifest's entry in the list: what a file does not say for
/// itself is inherited from it. Errors: `invalid` where the bytes are not a manifest, or not one of that content.
pub fn manifest(bytes: &[u8], file: &ManifestFile) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    each_entry(bytes, file, |entry| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

/// As [`manifest`], one file at a time: for callers that keep few of many, or little of each ([`DataFile::retain_stats`]).
/// Errors: those of `visit` as well.
pub fn each_entry(
    bytes: &[u8],
    file: &ManifestFile,
    mut visit: impl FnMut(Entry) -> Result<()>,
) -> Result<()> {
    let mut next_row_id = file.first_row_id;
    Container::open(bytes)?.each(|reader, shape| {
        let Some(mut entry) = entry(reader, shape, file)? else {
            return Ok(());
        };
        let is_data = entry.file.content == FileContent::Data;
        if is_data != (file.content == ManifestContent::Data) {
            return Err(malformed("a file is of another kind than its manifest"));
        }
        if is_data {
            inherit_row_id(&mut entry.file, &mut next_row_id)?;
        }
        visit(entry)
    })
}

/// Files without a first row id get one after the other, beginning with the manifest's; without that they have none.
fn inherit_row_id(file: &mut DataFile, next: &mut Option<i64>) -> Result<()> {
    let Some(id) = *next else {
        file.first_row_id = None;
        return Ok(());
    };
    if file.first_row_id.is_none() {
        file.first_row_id = Some(id);
        *next = Some(
            id.checked_add(file.record_count)
                .ok_or_else(|| malformed("a row id is out of range"))?,
        );
    }
    Ok(())
}

/// Field ids of the table spec, for files whose schema has none.
fn entry_id_of(field: &FieldShape) -> Option<i32> {
    field.id.or(match field.name.as_str() {
        "status" => Some(0),
        "snapshot_id" => Some(1),
        "data_file" => Some(2),
        "sequence_number" => Some(3),
        "file_sequence_number" => Some(4),
        _ => None,
    })
}

/// One entry; none where the file is deleted.
fn entry(reader: &mut Reader<'_, '_>, shape: &Shape, list: &ManifestFile) -> Result<Option<Entry>> {
    let (mut status, mut snapshot_id, mut sequence, mut file_sequence) = (None, None, None, None);
    let mut file = None;
    reader.record(shape, |reader, field| {
        let shape = &field.shape;
        match entry_id_of(field) {
            Some(0) => status = reader.int(shape)?,
            Some(1) => snapshot_id = reader.long(shape)?,
            Some(2) => file = Some(data_file(reader, shape)?),
            Some(3) => sequence = reader.long(shape)?,
            Some(4) => file_sequence = reader.long(shape)?,
            _ => reader.skip(shape)?,
        }
        Ok(())
    })?;
    let status = match status {
        Some(0) => Status::Existing,
        Some(1) => Status::Added,
        Some(2) => return Ok(None),
        _ => return Err(malformed("an entry has no known status")),
    };
    // Only a file that was added gets the number of its manifest; where that is 0, no file of it has another.
    let inherited =
        (status == Status::Added || list.sequence_number == 0).then_some(list.sequence_number);
    Ok(Some(Entry {
        status,
        snapshot_id: snapshot_id.or(list.added_snapshot_id),
        sequence_number: sequence
            .or(inherited)
            .ok_or_else(|| malformed("an entry has no sequence number"))?,
        file_sequence_number: file_sequence.or(inherited),
        spec_id: list.spec_id,
        file: file.ok_or_else(|| malformed("an entry names no file"))?,
    }))
}

fn file_id_of(field: &FieldShape) -> Option<i32> {
    const NAMES: [(&str, i32); 21] = [
        ("content", 134),
        ("file_path", 100),
        ("file_format", 101),
        ("partition", 102),
        ("record_count", 103),
        ("file_size_in_bytes", 104),
        ("column_sizes", 108),
        ("value_counts", 109),
        ("null_value_counts", 110),
        ("nan_value_counts", 137),
        ("lower_bounds", 125),
        ("upper_bounds", 128),
        ("key_metadata", 131),
        ("split_offsets", 132),
        ("equality_ids", 135),
        ("sort_order_id", 140),
        ("first_row_id", 142),
        ("referenced_data_file", 143),
        ("content_offset", 144),
        ("content_size_in_bytes", 145),
        ("distinct_counts", 111),
    ];
    field.id.or_else(|| {
        NAMES
            .iter()
            .find_map(|(name, id)| (field.name == *name).then_some(*id))
    })
}

fn data_file(reader: &mut Reader<'_, '_>, shape: &Shape) -> Result<DataFile> {
    let mut file = blank();
    let (mut path, mut format, mut records) = (None, None, None);
    let present = reader.record(shape, |reader, field| {
        let shape = &field.shape;
        match file_id_of(field) {
            Some(134) => file.content = content(reader.int(shape)?)?,
            Some(100) => path = reader.text(shape)?.map(str::to_owned),
            Some(101) => format = reader.text(shape)?.and_then(FileFormat::parse),
            Some(102) => file.partition = partition(reader, shape)?,
            Some(103) => records = reader.long(shape)?,
            Some(104) => file.file_size = reader.long(shape)?.unwrap_or(0),
            Some(108) => file.column_sizes = by_field(reader, shape, long)?,
            Some(109) => file.value_counts = by_field(reader, shape, long)?,
            Some(110) => file.null_value_counts = by_field(reader, shape, long)?,
            Some(137) => file.nan_value_counts = by_field(reader, shape, long)?,
            Some(125) => file.lower_bounds = by_field(reader, shape, bound)?,
            Some(128) => file.upper_bounds = by_field(reader, shape, bound)?,
            Some(131) => file.key_metadata = reader.bytes(shape)?.map(Into::into),
            Some(132) => file.split_offsets = list(reader, shape, long)?,
            Some(135) => file.equality_ids = list(reader, shape, int)?,
            Some(140) => file.sort_order_id = reader.int(shape)?,
            Some(142) => file.first_row_id = reader.long(shape)?,
            Some(143) => file.referenced_data_file = reader.text(shape)?.map(str::to_owned),
            Some(144) => file.content_offset = reader.long(shape)?,
            Some(145) => file.content_size = reader.long(shape)?,
            _ => reader.skip(shape)?,
        }
        Ok(())
    })?;
    match (present, path, format, records) {
        (true, Some(path), Some(format), Some(record_count)) if !path.is_empty() => Ok(DataFile {
            path,
            format,
            record_count,
            ..file
        }),
        _ => Err(malformed("a file lacks its path, format or number of rows")),
    }
}

fn blank() -> DataFile {
    DataFile {
        content: FileContent::Data,
        path: String::new(),
        format: FileFormat::Parquet,
        partition: ByField::default(),
        record_count: 0,
        file_size: 0,
        column_sizes: ByField::default(),
        value_counts: ByField::default(),
        null_value_counts: ByField::default(),
        nan_value_counts: ByField::default(),
        lower_bounds: ByField::default(),
        upper_bounds: ByField::default(),
        key_metadata: None,
        split_offsets: Vec::new(),
        equality_ids: Vec::new(),
        sort_order_id: None,
        first_row_id: None,
        referenced_data_file: None,
        content_offset: None,
        content_size: None,
    }
}

fn content(value: Option<i32>) -> Result<FileContent> {
    match value {
        None | Some(0) => Ok(FileContent::Data),
        Some(1) => Ok(FileContent::PositionDeletes),
        Some(2) => Ok(FileContent::EqualityDeletes),
        Some(_) => Err(malformed("a kind of content is unknown")),
    }
}

fn partition(reader: &mut Reader<'_, '_>, shape: &Shape) -> Result<ByField<Stored>> {
    let mut values = Vec::new();
    let mut number = FIRST_PARTITION_FIELD;
    reader.record(shape, |reader, field| {
        values.push((field.id.unwrap_or(number), reader.stored(&field.shape)?));
        number += 1;
        Ok(())
    })?;
    Ok(values.into_iter().collect())
}

/// A map from field ids: an array of records of a key and a value (Appendix A).
fn by_field<'a, T>(
    reader: &mut Reader<'_, 'a>,
    shape: &Shape,
    value: impl Fn(&mut Reader<'_, 'a>, &Shape) -> Result<Option<T>>,
) -> Result<ByField<T>> {
    let mut values = Vec::new();
    reader.array(shape, |reader, item| {
        let mut pair = (None, None);
        reader.record(item, |reader, field| {
            match field.name.as_str() {
                "key" => pair.0 = reader.int(&field.shape)?,
                "value" => pair.1 = value(reader, &field.shape)?,
                _ => reader.skip(&field.shape)?,
            }
            Ok(())
        })?;
        if let (Some(key), Some(value)) = pair {
            values.push((key, value));
        }
        Ok(())
    })?;
    Ok(values.into_iter().collect())
}

fn long(reader: &mut Reader<'_, '_>, shape: &Shape) -> Result<Option<i64>> {
    reader.long(shape)
}

fn int(reader: &mut Reader<'_, '_>, shape: &Shape) -> Result<Option<i32>> {
    reader.int(shape)
}

fn bound(reader: &mut Reader<'_, '_>, shape: &Shape) -> Result<Option<Box<[u8]>>> {
    Ok(reader.bytes(shape)?.map(Into::into))
}

fn list<'a, T>(
    reader: &mut Reader<'_, 'a>,
    shape: &Shape,
    item: impl Fn(&mut Reader<'_, 'a>, &Shape) -> Result<Option<T>>,
) -> Result<Vec<T>> {
    let mut items = Vec::new();
    reader.array(shape, |reader, shape| {
        items.extend(item(reader, shape)?);
        Ok(())
    })?;
    Ok(items)
}
