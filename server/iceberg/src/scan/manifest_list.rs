//! Manifest lists: which manifests make up a snapshot, and what is in each (table spec, section "Manifest Lists").

use weir_core::Result;

use super::avro::{Container, FieldShape, Reader, Shape, malformed};

/// What the files of a manifest are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestContent {
    Data,
    Deletes,
}

/// A manifest as the list describes it. Lists of format version 1 leave sequence numbers out: they are 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestFile {
    /// Full location. Not checked: the caller decides whether it may be read.
    pub path: String,
    /// Bytes.
    pub length: i64,
    /// The partition spec that all files of the manifest were written with.
    pub spec_id: i32,
    pub content: ManifestContent,
    pub sequence_number: i64,
    pub min_sequence_number: i64,
    pub added_snapshot_id: Option<i64>,
    pub added_files: Option<i64>,
    pub existing_files: Option<i64>,
    pub deleted_files: Option<i64>,
    pub added_rows: Option<i64>,
    pub existing_rows: Option<i64>,
    pub deleted_rows: Option<i64>,
    /// One entry a field of the partition spec, in its order; none where the writer kept none.
    pub partitions: Vec<FieldSummary>,
    pub key_metadata: Option<Box<[u8]>>,
    /// Where the row ids of the files begin that have none of their own (version 3, row lineage).
    pub first_row_id: Option<i64>,
}

/// What the values of one partition field are, over all files of a manifest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldSummary {
    pub contains_null: bool,
    /// None where the writer did not look.
    pub contains_nan: Option<bool>,
    /// Binary single values (Appendix D) of the partition field's type.
    pub lower_bound: Option<Box<[u8]>>,
    pub upper_bound: Option<Box<[u8]>>,
}

impl ManifestFile {
    /// Could it hold a file that is not deleted? Where counts are missing, it could.
    pub fn has_live_files(&self) -> bool {
        self.added_files != Some(0) || self.existing_files != Some(0)
    }

    fn empty() -> Self {
        Self {
            path: String::new(),
            length: 0,
            spec_id: 0,
            content: ManifestContent::Data,
            sequence_number: 0,
            min_sequence_number: 0,
            added_snapshot_id: None,
            added_files: None,
            existing_files: None,
            deleted_files: None,
            added_rows: None,
            existing_rows: None,
            deleted_rows: None,
            partitions: Vec::new(),
            key_metadata: None,
            first_row_id: None,
        }
    }
}

/// The manifests of a snapshot, in the list's order. Errors: `invalid` where the bytes are not a manifest list.
pub fn manifest_list(bytes: &[u8]) -> Result<Vec<ManifestFile>> {
    let mut manifests = Vec::new();
    Container::open(bytes)?.each(|reader, shape| {
        manifests.push(manifest_file(reader, shape)?);
        Ok(())
    })?;
    Ok(manifests)
}

/// Field ids of the table spec, for files whose schema has none. Names of version 1 as well.
fn id_of(field: &FieldShape) -> Option<i32> {
    field.id.or(match field.name.as_str() {
        "manifest_path" => Some(500),
        "manifest_length" => Some(501),
        "partition_spec_id" => Some(502),
        "content" => Some(517),
        "sequence_number" => Some(515),
        "min_sequence_number" => Some(516),
        "added_snapshot_id" => Some(503),
        "added_files_count" | "added_data_files_count" => Some(504),
        "existing_files_count" | "existing_data_files_count" => Some(505),
        "deleted_files_count" | "deleted_data_files_count" => Some(506),
        "added_rows_count" => Some(512),
        "existing_rows_count" => Some(513),
        "deleted_rows_count" => Some(514),
        "partitions" => Some(507),
        "key_metadata" => Some(519),
        "first_row_id" => Some(520),
        "contains_null" => Some(509),
        "contains_nan" => Some(518),
        "lower_bound" => Some(510),
        "upper_bound" => Some(511),
        _ => None,
    })
}

fn manifest_file(reader: &mut Reader<'_, '_>, shape: &Shape) -> Result<ManifestFile> {
    let mut file = ManifestFile::empty();
    let mut seen = (false, false);
    reader.record(shape, |reader, field| {
        let shape = &field.shape;
        match id_of(field) {
            Some(500) => {
                file.path = reader.required(shape, Reader::text)?.to_owned();
                seen.0 = true;
            }
            Some(501) => file.length = reader.required(shape, Reader::long)?,
            Some(502) => {
                file.spec_id = reader.required(shape, Reader::int)?;
                seen.1 = true;
            }
            Some(517) => file.content = content(reader.int(shape)?)?,
            Some(515) => file.sequence_number = reader.long(shape)?.unwrap_or(0),
            Some(516) => file.min_sequence_number = reader.long(shape)?.unwrap_or(0),
            Some(503) => file.added_snapshot_id = reader.long(shape)?,
            Some(504) => file.added_files = reader.long(shape)?,
            Some(505) => file.existing_files = reader.long(shape)?,
            Some(506) => file.deleted_files = reader.long(shape)?,
            Some(512) => file.added_rows = reader.long(shape)?,
            Some(513) => file.existing_rows = reader.long(shape)?,
            Some(514) => file.deleted_rows = reader.long(shape)?,
            Some(507) => {
                reader.array(shape, |reader, item| {
                    file.partitions.push(summary(reader, item)?);
                    Ok(())
                })?;
            }
            Some(519) => file.key_metadata = reader.bytes(shape)?.map(Into::into),
            Some(520) => file.first_row_id = reader.long(shape)?,
            _ => reader.skip(shape)?,
        }
        Ok(())
    })?;
    if seen == (true, true) && !file.path.is_empty() {
        Ok(file)
    } else {
        Err(malformed("an entry of the list names no manifest"))
    }
}

fn content(value: Option<i32>) -> Result<ManifestContent> {
    match value {
        None | Some(0) => Ok(ManifestContent::Data),
        Some(1) => Ok(ManifestContent::Deletes),
        Some(_) => Err(malformed("a kind of content is unknown")),
    }
}

fn summary(reader: &mut Reader<'_, '_>, shape: &Shape) -> Result<FieldSummary> {
    let mut summary = FieldSummary {
        contains_null: true,
        ..FieldSummary::default()
    };
    reader.record(shape, |reader, field| {
        let shape = &field.shape;
        match id_of(field) {
            Some(509) => summary.contains_null = reader.boolean(shape)?.unwrap_or(true),
            Some(518) => summary.contains_nan = reader.boolean(shape)?,
            Some(510) => summary.lower_bound = reader.bytes(shape)?.map(Into::into),
            Some(511) => summary.upper_bound = reader.bytes(shape)?.map(Into::into),
            _ => reader.skip(shape)?,
        }
        Ok(())
    })?;
    Ok(summary)
}
