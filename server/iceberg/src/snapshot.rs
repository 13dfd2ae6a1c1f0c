//! Snapshots, the names that point to them, and the log of which was current when (table spec, sections "Snapshots",
//! "Snapshot References"; Appendix C). Each keeps its text; only what the rules read is parsed.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use weir_core::{Error, Result};

use crate::raw::{Object, Text, malformed, read, text};

/// The branch that readers see when they name none.
pub const MAIN: &str = "main";

/// One state of a table's rows.
#[derive(Clone)]
pub struct Snapshot {
    id: i64,
    parent: Option<i64>,
    sequence_number: Option<i64>,
    timestamp_ms: i64,
    first_row_id: Option<i64>,
    added_rows: Option<i64>,
    schema_id: Option<i32>,
    manifest_list: Option<Box<str>>,
    operation: Option<Box<str>>,
    text: Text,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SnapshotHead<'a> {
    snapshot_id: i64,
    parent_snapshot_id: Option<i64>,
    sequence_number: Option<i64>,
    timestamp_ms: i64,
    first_row_id: Option<i64>,
    added_rows: Option<i64>,
    schema_id: Option<i32>,
    #[serde(borrow)]
    manifest_list: Option<Cow<'a, str>>,
    summary: Option<Summary>,
}

/// A summary whose values are all strings, with the one that the rules read.
struct Summary(Option<Box<str>>);

#[derive(serde::Deserialize)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Summary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Summary;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Summary, A::Error> {
                let mut operation = None;
                while let Some((name, value)) = map.next_entry::<Str<'de>, Str<'de>>()? {
                    if name.0 == "operation" {
                        operation = Some(value.0.as_ref().into());
                    }
                }
                Ok(Summary(operation))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

impl Snapshot {
    pub(crate) fn parse(text: Text) -> Result<Self> {
        let head: SnapshotHead<'_> = read("snapshot", &text)?;
        Ok(Self {
            id: head.snapshot_id,
            parent: head.parent_snapshot_id,
            sequence_number: head.sequence_number,
            timestamp_ms: head.timestamp_ms,
            first_row_id: head.first_row_id,
            added_rows: head.added_rows,
            schema_id: head.schema_id,
            manifest_list: head.manifest_list.map(|path| path.as_ref().into()),
            operation: head.summary.and_then(|summary| summary.0),
            text,
        })
    }

    pub fn id(&self) -> i64 {
        self.id
    }

    pub fn parent(&self) -> Option<i64> {
        self.parent
    }

    /// 0 for one of version 1.
    pub fn sequence_number(&self) -> i64 {
        self.sequence_number.unwrap_or(0)
    }

    pub(crate) fn has_sequence_number(&self) -> bool {
        self.sequence_number.is_some()
    }

    /// Milliseconds since 1970.
    pub fn timestamp_ms(&self) -> i64 {
        self.timestamp_ms
    }

    /// The first row id that it gives out (version 3).
    pub fn first_row_id(&self) -> Option<i64> {
        self.first_row_id
    }

    /// How many row ids it gives out (version 3).
    pub fn added_rows(&self) -> Option<i64> {
        self.added_rows
    }

    pub fn schema_id(&self) -> Option<i32> {
        self.schema_id
    }

    /// Where its list of manifests lies; absent in some of version 1, which name the manifests themselves.
    pub fn manifest_list(&self) -> Option<&str> {
        self.manifest_list.as_deref()
    }

    /// What it did: `append`, `replace`, `overwrite` or `delete`.
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    /// An entry of its summary, such as `total-records`.
    pub fn summary(&self, key: &str) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct WithSummary {
            summary: Option<BTreeMap<String, String>>,
        }
        let parsed: WithSummary = serde_json::from_str(self.text.get()).ok()?;
        parsed.summary?.remove(key)
    }

    /// The manifests that one of version 1 names itself.
    pub(crate) fn manifests(&self) -> Vec<String> {
        #[derive(serde::Deserialize)]
        struct WithManifests {
            manifests: Option<Vec<String>>,
        }
        serde_json::from_str::<WithManifests>(self.text.get())
            .ok()
            .and_then(|parsed| parsed.manifests)
            .unwrap_or_default()
    }

    /// Its JSON, as it was written.
    pub fn json(&self) -> &RawValue {
        &self.text
    }

    pub(crate) fn text(&self) -> &Text {
        &self.text
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({}, {:?})", self.id, self.operation)
    }
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum RefKind {
    Branch,
    Tag,
}

/// What a name points to.
#[derive(Clone)]
pub struct SnapshotRef {
    pub(crate) head: RefHead,
    text: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct RefHead {
    pub(crate) snapshot_id: i64,
    #[serde(rename = "type")]
    pub(crate) kind: RefKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_snapshots_to_keep: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_snapshot_age_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_ref_age_ms: Option<i64>,
}

impl SnapshotRef {
    pub(crate) fn parse(text: Text) -> Result<Self> {
        let head = read("refs", &text)?;
        Ok(Self { head, text })
    }

    /// The branch `main` of a table that keeps no refs.
    pub(crate) fn branch(snapshot_id: i64) -> Result<Self> {
        let head = RefHead {
            snapshot_id,
            kind: RefKind::Branch,
            min_snapshots_to_keep: None,
            max_snapshot_age_ms: None,
            max_ref_age_ms: None,
        };
        let text = text(&head)?;
        Ok(Self { head, text })
    }

    /// What `reference` says that the rules read; none where it is no ref.
    pub(crate) fn parse_head(reference: &Object) -> Option<RefHead> {
        serde_json::from_str(reference.text().ok()?.get()).ok()
    }

    pub fn snapshot_id(&self) -> i64 {
        self.head.snapshot_id
    }

    pub fn kind(&self) -> RefKind {
        self.head.kind
    }

    pub(crate) fn text(&self) -> &Text {
        &self.text
    }

    /// What the specification asks of a ref that is to be set under `name`.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        let head = &self.head;
        let invalid = |message: &str| Err(Error::invalid("ref-name", message.to_owned()));
        if name.is_empty() {
            return invalid("A branch or tag has a name.");
        }
        if name == MAIN && head.kind != RefKind::Branch {
            return invalid("`main` is a branch.");
        }
        if head.kind == RefKind::Tag
            && (head.min_snapshots_to_keep.is_some() || head.max_snapshot_age_ms.is_some())
        {
            return invalid(
                "A tag keeps one snapshot: it has no number or age of snapshots to keep.",
            );
        }
        let is_positive = head.min_snapshots_to_keep.is_none_or(|count| count > 0)
            && head.max_snapshot_age_ms.is_none_or(|age| age > 0)
            && head.max_ref_age_ms.is_none_or(|age| age > 0);
        if !is_positive {
            return invalid("What a branch or tag is kept for is more than 0.");
        }
        Ok(())
    }
}

impl fmt::Debug for SnapshotRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.fmt(f)
    }
}

/// When a snapshot became the current one.
#[derive(Clone)]
pub(crate) struct LogEntry {
    pub(crate) snapshot_id: i64,
    pub(crate) timestamp_ms: i64,
    pub(crate) text: Text,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LogHead {
    timestamp_ms: i64,
    snapshot_id: i64,
}

impl LogEntry {
    pub(crate) fn parse(text: Text) -> Result<Self> {
        let head: LogHead = read("snapshot-log", &text)?;
        Ok(Self {
            snapshot_id: head.snapshot_id,
            timestamp_ms: head.timestamp_ms,
            text,
        })
    }

    pub(crate) fn new(timestamp_ms: i64, snapshot_id: i64) -> Result<Self> {
        let text = text(&LogHead {
            timestamp_ms,
            snapshot_id,
        })?;
        Ok(Self {
            snapshot_id,
            timestamp_ms,
            text,
        })
    }
}

/// A metadata file that was current once.
#[derive(Clone)]
pub(crate) struct FileEntry {
    pub(crate) file: String,
    pub(crate) text: Text,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct FileHead {
    timestamp_ms: i64,
    metadata_file: String,
}

impl FileEntry {
    pub(crate) fn parse(text: Text) -> Result<Self> {
        let head: FileHead = read("metadata-log", &text)?;
        Ok(Self {
            file: head.metadata_file,
            text,
        })
    }

    pub(crate) fn new(timestamp_ms: i64, file: &str) -> Result<Self> {
        let file = file.to_owned();
        let text = text(&FileHead {
            timestamp_ms,
            metadata_file: file.clone(),
        })?;
        Ok(Self { file, text })
    }
}

/// A file of statistics about one snapshot.
#[derive(Clone)]
pub(crate) struct Statistics {
    pub(crate) snapshot_id: i64,
    pub(crate) path: String,
    pub(crate) text: Text,
}

impl Statistics {
    pub(crate) fn parse(what: &str, text: Text) -> Result<Self> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Head {
            snapshot_id: i64,
            statistics_path: String,
        }
        let head: Head = read(what, &text)?;
        Ok(Self {
            snapshot_id: head.snapshot_id,
            path: head.statistics_path,
            text,
        })
    }
}

/// A key that other keys or files are encrypted with (version 3).
#[derive(Clone)]
pub(crate) struct EncryptionKey {
    pub(crate) id: String,
    pub(crate) text: Text,
}

impl EncryptionKey {
    pub(crate) fn parse(text: Text) -> Result<Self> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Head {
            key_id: String,
            #[serde(rename = "encrypted-key-metadata")]
            _encrypted: String,
        }
        let head: Head = read("encryption-key", &text)?;
        Ok(Self {
            id: head.key_id,
            text,
        })
    }
}

/// The members of `refs`, by name, in their order.
pub(crate) fn parse_refs(json: &RawValue) -> Result<Vec<(String, SnapshotRef)>> {
    Object::parse("refs", json)?
        .iter()
        .map(|(name, text)| Ok((name.to_owned(), SnapshotRef::parse(text.clone())?)))
        .collect()
}

/// The members of `properties`, each a string.
pub(crate) fn strings(what: &str, object: &Object) -> Result<BTreeMap<String, String>> {
    object
        .iter()
        .map(|(name, value)| {
            let value =
                serde_json::from_str(value.get()).map_err(|error| malformed(what, &error))?;
            Ok((name.to_owned(), value))
        })
        .collect()
}
