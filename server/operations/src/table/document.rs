//! Metadata as it is kept and as it is handed out.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use weir_core::grant::ColumnScope;
use weir_core::{Error, Result};
use weir_db::iceberg::{Snapshots, StoredMetadata, Swap};
use weir_iceberg::TableMetadata;
use weir_iceberg::view::ViewMetadata;

/// zstd's own default: five kilobytes take some thirty microseconds, and four megabytes some thirty milliseconds.
const LEVEL: i32 = 3;
/// What a metadata file may have, unpacked. Larger than any that engines still work with.
pub(crate) const MAX_METADATA_BYTES: u64 = 256 << 20;

/// The metadata of a table or view, cut to what its reader may see.
#[derive(Debug, Clone)]
pub struct Document {
    /// Absent while a table is staged.
    pub metadata_location: Option<String>,
    /// The JSON text as the metadata file has it.
    pub metadata: Bytes,
    /// An entity tag with its quotes: another for every content, selection of snapshots, and cut. Absent while staged.
    pub etag: Option<String>,
    /// What the client should be set to.
    pub config: BTreeMap<String, String>,
    /// The answer that a face made of it, kept with it.
    pub answer: OnceLock<Bytes>,
}

impl Document {
    /// All of it, for somebody who may read every column.
    pub(crate) fn whole(location: &str, identity: &str, text: Bytes, snapshots: Snapshots) -> Self {
        Self {
            etag: Some(etag(identity, snapshots, None)),
            metadata_location: Some(location.to_owned()),
            metadata: text,
            config: BTreeMap::new(),
            answer: OnceLock::new(),
        }
    }

    /// The metadata of a table that is not there yet.
    pub(crate) fn staged(text: Vec<u8>) -> Self {
        Self {
            metadata_location: None,
            metadata: text.into(),
            etag: None,
            config: BTreeMap::new(),
            answer: OnceLock::new(),
        }
    }

    /// What everybody else gets: nothing of the columns outside `scope`, and no place where any file lies.
    pub(crate) fn restricted(
        identity: &str,
        text: &[u8],
        snapshots: Snapshots,
        scope: &ColumnScope,
    ) -> Result<Self> {
        let metadata = TableMetadata::parse(text)?;
        Ok(Self {
            metadata_location: None,
            metadata: metadata.restricted_json(scope)?.into(),
            etag: Some(etag(identity, snapshots, Some(scope))),
            config: BTreeMap::new(),
            answer: OnceLock::new(),
        })
    }
}

/// A tag that changes with everything that the answer depends on.
fn etag(identity: &str, snapshots: Snapshots, cut: Option<&ColumnScope>) -> String {
    let mut hash = Sha256::new();
    hash.update(identity);
    hash.update(match snapshots {
        Snapshots::All => "\nall\n",
        Snapshots::Refs => "\nrefs\n",
    });
    hash.update(format!("{cut:?}"));
    let digest = hash.finalize();
    let short: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{short}\"")
}

/// The text of stored metadata.
pub(crate) fn unpack(stored: &StoredMetadata) -> Result<Bytes> {
    zstd::decode_all(stored.text.as_slice())
        .map(Bytes::from)
        .map_err(|error| Error::internal("Stored metadata cannot be unpacked").source(error))
}

fn pack(text: &[u8]) -> Result<Vec<u8>> {
    zstd::encode_all(text, LEVEL)
        .map_err(|error| Error::internal("Metadata cannot be packed").source(error))
}

/// New metadata of a table as it is kept, with what lists show of it.
pub(crate) fn pack_table(location: String, text: &[u8], metadata: &TableMetadata) -> Result<Swap> {
    let refs = metadata.refs_json()?;
    let total = |key: &str| -> Option<i64> {
        let snapshot = metadata.current_snapshot()?;
        snapshot.summary(key)?.parse().ok()
    };
    let empty = metadata.current_snapshot().is_none();
    let or_none = |count: Option<i64>| count.or(empty.then_some(0));
    Ok(Swap {
        metadata_location: location,
        metadata: pack(text)?,
        refs: refs.as_deref().map(pack).transpose()?,
        rows: or_none(total("total-records")),
        bytes: total("total-files-size").unwrap_or(0),
        files: total("total-data-files").unwrap_or(0),
    })
}

/// New metadata of a view as it is kept.
pub(crate) fn pack_view(location: String, text: &[u8], _: &ViewMetadata) -> Result<Swap> {
    Ok(Swap {
        metadata_location: location,
        metadata: pack(text)?,
        refs: None,
        rows: None,
        bytes: 0,
        files: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::grant::ColumnSet;
    use weir_core::id::FieldId;

    #[test]
    fn a_tag_differs_for_every_file_selection_and_cut() {
        let only = |id| ColumnScope::of(ColumnSet::Only([FieldId(id)].into_iter().collect()));
        let tags: std::collections::BTreeSet<String> = [
            etag("a", Snapshots::All, None),
            etag("b", Snapshots::All, None),
            etag("a", Snapshots::Refs, None),
            etag("a", Snapshots::All, Some(&ColumnScope::All)),
            etag("a", Snapshots::All, Some(&only(1))),
            etag("a", Snapshots::All, Some(&only(2))),
        ]
        .into();
        assert_eq!(tags.len(), 6);
    }
}
