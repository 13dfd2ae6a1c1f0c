//! What a file is and what columns it has, from as few of its bytes as tell it.
//!
//! Files are untrusted: they may lie, be cut off, or be made to exhaust the reader. Every classifier works on a bounded
//! sample (Parquet: on its footer), answers with a sentence for a person, and shows no value of a file in it.

mod compression;
mod csv;
mod footer;
mod jsonl;
mod parquet;
mod text;

pub use compression::Compression;
pub use text::partition_type;

use std::fmt;
use weir_core::catalog::Format;
use weir_core::schema::{Field, Schema};
use weir_storage::{ObjectMeta, Store};

/// The most that is looked at of a text file, before and after decompressing.
const SAMPLE_BYTES: usize = 1 << 20;
/// Enough to tell what a file is.
const HEAD_BYTES: u64 = 4 << 10;
/// A table wider than this is a mistake of whoever wrote the file.
const MAX_COLUMNS: usize = 20_000;

/// How sure a classifier is that a file is of its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    No,
    /// The content allows it, or only the name says so.
    Possible,
    /// The name says so and the content does not contradict, or the content looks much like it.
    Likely,
    Certain,
}

/// One format's eye.
pub trait Classifier: Sync {
    fn format(&self) -> Format;
    /// `name` without the suffix of a compression; `head` decompressed; `tail` the last bytes as they are stored, where
    /// they were read.
    fn sniff(&self, name: &str, head: &[u8], tail: &[u8]) -> Confidence;
}

/// Every classifier; of two that are equally sure the first is asked.
pub const ALL: [&dyn Classifier; 3] = [&parquet::Parquet, &jsonl::JsonLines, &csv::Csv];

/// What one file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    pub format: Format,
    pub compression: Compression,
    /// Without ids.
    pub schema: Schema,
    /// Known only where the format counts them.
    pub rows: Option<i64>,
    pub details: FileDetails,
}

/// What a reader needs to know beside the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct FileDetails {
    /// Between the values of a CSV line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Is the first line of a CSV file its columns' names?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
}

/// Why a file has no schema. Displayed, it is a sentence for a person.
#[derive(Debug)]
pub enum Unreadable {
    Empty,
    /// Not a format that is read here.
    Unrecognised(String),
    /// Of a known format, and damaged.
    Broken(String),
    /// The storage did not hand it out.
    Store(weir_core::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::Unrecognised(cause) | Self::Broken(cause) => f.write_str(cause),
            Self::Store(error) => f.write_str(error.public_message()),
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<weir_core::Error> for Unreadable {
    fn from(error: weir_core::Error) -> Self {
        Self::Store(error)
    }
}

/// Deeper columns are refused.
const MAX_DEPTH: usize = 24;

/// Reads what tells the format and the columns of `object`, and no more: a Parquet footer, or the first MiB.
pub async fn infer(store: &Store, object: &ObjectMeta) -> Result<Inferred, Unreadable> {
    let inferred = recognise_and_infer(store, object).await?;
    if inferred.schema.fields.iter().map(depth).max() > Some(MAX_DEPTH) {
        let cause = format!("columns are nested deeper than {MAX_DEPTH} levels");
        return Err(Unreadable::Broken(cause));
    }
    Ok(inferred)
}

/// Levels of a column, 1 for one without parts. A schema must be readable again from its JSON form, whose depth readers bound.
fn depth(field: &weir_core::schema::Field) -> usize {
    1 + field
        .data_type
        .children()
        .into_iter()
        .map(depth)
        .max()
        .unwrap_or(0)
}

async fn recognise_and_infer(store: &Store, object: &ObjectMeta) -> Result<Inferred, Unreadable> {
    if object.size == 0 {
        return Err(Unreadable::Empty);
    }
    let file_name = object.location.name().unwrap_or_default().to_owned();
    if parquet::is_named(&file_name) {
        return parquet::infer(store, object).await;
    }
    let head = store
        .read(&object.location, 0..object.size.min(HEAD_BYTES))
        .await?;
    if parquet::begins(&head) {
        return parquet::infer(store, object).await;
    }
    let end = object.size.min(SAMPLE_BYTES as u64);
    let mut raw = head.to_vec();
    if end > HEAD_BYTES {
        raw.extend_from_slice(&store.read(&object.location, HEAD_BYTES..end).await?);
    }
    let whole = end == object.size;
    tokio::task::spawn_blocking(move || infer_text(&file_name, &raw, whole))
        .await
        .unwrap_or_else(|_| Err(Unreadable::Broken("the file makes its reader fail".into())))
}

/// `raw` is the file from its beginning as it is stored; `whole` says whether that is all of it.
fn infer_text(file_name: &str, raw: &[u8], whole: bool) -> Result<Inferred, Unreadable> {
    let compression = compression::detect(raw)?;
    let sample = compression::sample(compression, raw, whole)?;
    let name = compression.strip_suffix(file_name);
    let text = text::decode(&sample)?;
    if text.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    let head = text.as_bytes();
    let format = recognise(name, head).ok_or_else(|| {
        Unreadable::Unrecognised(
            "the file is none of the formats that are read: Parquet, CSV, JSON lines".into(),
        )
    })?;
    let (schema, details) = match format {
        Format::Csv => csv::infer(name, text, sample.whole)?,
        Format::JsonLines => (jsonl::infer(text, sample.whole)?, FileDetails::default()),
        Format::Parquet => {
            return Err(Unreadable::Unrecognised(
                "a Parquet file that is compressed as a whole is not read".into(),
            ));
        }
        Format::Avro | Format::Orc | Format::Sql => {
            return Err(Unreadable::Unrecognised("this format is not read".into()));
        }
    };
    Ok(Inferred {
        format,
        compression,
        schema,
        rows: None,
        details,
    })
}

fn recognise(name: &str, head: &[u8]) -> Option<Format> {
    let mut best = (Confidence::No, None);
    for classifier in ALL {
        let confidence = classifier.sniff(name, head, &[]);
        if confidence > best.0 {
            best = (confidence, Some(classifier.format()));
        }
    }
    best.1
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        extensions
            .iter()
            .any(|wanted| extension.eq_ignore_ascii_case(wanted))
    })
}

fn too_wide() -> Unreadable {
    Unreadable::Unrecognised(format!("the file has more than {MAX_COLUMNS} columns"))
}

/// Names as a schema may hold them: none empty, none twice, no control characters, at most 255 characters.
fn name_columns(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let mut counts = std::collections::HashMap::<String, usize>::new();
    names
        .into_iter()
        .enumerate()
        .map(|(index, raw)| {
            let clean: String = raw
                .chars()
                .map(|c| if c.is_control() { '_' } else { c })
                .take(240)
                .collect();
            let clean = match clean.trim() {
                "" => format!("column_{}", index + 1),
                trimmed => trimmed.to_owned(),
            };
            let count = counts.entry(clean.clone()).or_insert(1);
            let mut name = clean.clone();
            while !seen.insert(name.clone()) {
                *count += 1;
                name = format!("{clean}_{count}");
            }
            name
        })
        .collect()
}

/// Fields whose names are made fit by [`name_columns`].
fn rename(mut fields: Vec<Field>) -> Vec<Field> {
    let names = name_columns(fields.iter().map(|field| field.name.clone()));
    for (field, name) in fields.iter_mut().zip(names) {
        field.name = name;
    }
    fields
}

#[cfg(test)]
mod parquet_tests;
#[cfg(test)]
mod tests;
