//! Data and delete files as a manifest describes them (table spec, section "Data File Fields").

use super::value::Stored;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileContent {
    Data,
    /// Rows of data files deleted by their position: a file of positions, or a deletion vector.
    PositionDeletes,
    /// Rows deleted by their values.
    EqualityDeletes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    Avro,
    Orc,
    Parquet,
    /// Deletion vectors are blobs in such a file (version 3).
    Puffin,
}

impl FileFormat {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avro => "avro",
            Self::Orc => "orc",
            Self::Parquet => "parquet",
            Self::Puffin => "puffin",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Avro, Self::Orc, Self::Parquet, Self::Puffin]
            .into_iter()
            .find(|format| format.as_str().eq_ignore_ascii_case(name))
    }
}

/// Values by field id, in order of the ids.
#[derive(Debug, Clone, PartialEq)]
pub struct ByField<T>(Vec<(i32, T)>);

impl<T> Default for ByField<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByField<T> {
    pub fn get(&self, field: i32) -> Option<&T> {
        let index = self.0.binary_search_by_key(&field, |(id, _)| *id).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (i32, &T)> {
        self.0.iter().map(|(id, value)| (*id, value))
    }
}

impl<T> ByField<T> {
    fn retain(&mut self, keep: &impl Fn(i32) -> bool) {
        self.0.retain(|(id, _)| keep(*id));
        self.0.shrink_to_fit();
    }
}

impl<T> FromIterator<(i32, T)> for ByField<T> {
    /// Of several values for one id the first is kept.
    fn from_iter<I: IntoIterator<Item = (i32, T)>>(values: I) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by_key(|(id, _)| *id);
        values.dedup_by_key(|(id, _)| *id);
        Self(values)
    }
}

/// A data or delete file. Counts and bounds are of the columns with the given field ids, as far as the writer kept them.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    pub content: FileContent,
    /// Full location. Not checked: the caller decides whether it may be handed out.
    pub path: String,
    pub format: FileFormat,
    /// By partition field id. The types are those of the spec's transforms.
    pub partition: ByField<Stored>,
    pub record_count: i64,
    /// Bytes.
    pub file_size: i64,
    /// Bytes.
    pub column_sizes: ByField<i64>,
    pub value_counts: ByField<i64>,
    pub null_value_counts: ByField<i64>,
    pub nan_value_counts: ByField<i64>,
    /// Binary single values (Appendix D). Bounds of texts and binary values may be cut short, the upper ones rounded up.
    pub lower_bounds: ByField<Box<[u8]>>,
    pub upper_bounds: ByField<Box<[u8]>>,
    pub key_metadata: Option<Box<[u8]>>,
    pub split_offsets: Vec<i64>,
    /// Field ids that an equality delete compares.
    pub equality_ids: Vec<i32>,
    pub sort_order_id: Option<i32>,
    /// Inherited from the manifest where the file has none (row lineage).
    pub first_row_id: Option<i64>,
    /// The only data file that a position delete is about.
    pub referenced_data_file: Option<String>,
    /// Where the deletion vector lies in its file.
    pub content_offset: Option<i64>,
    pub content_size: Option<i64>,
}

impl DataFile {
    /// Forgets the counts and bounds of other columns, which are most of what a file of a wide table takes. Not for delete
    /// files, whose bounds say which data files they are about.
    pub fn retain_stats(&mut self, keep: impl Fn(i32) -> bool) {
        for counts in [
            &mut self.column_sizes,
            &mut self.value_counts,
            &mut self.null_value_counts,
            &mut self.nan_value_counts,
        ] {
            counts.retain(&keep);
        }
        self.lower_bounds.retain(&keep);
        self.upper_bounds.retain(&keep);
    }

    /// A deletion vector, rather than a file of positions (version 3).
    pub fn is_deletion_vector(&self) -> bool {
        self.content == FileContent::PositionDeletes && self.format == FileFormat::Puffin
    }
}
