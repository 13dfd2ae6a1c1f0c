//! Every path that metadata names, and the names of its own files. Which paths are allowed is the caller's to decide.

use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

use super::TableMetadata;
use crate::snapshot::Statistics;

/// Table properties that are paths, which engines write to.
const PATH_PROPERTIES: [&str; 4] = [
    "write.data.path",
    "write.metadata.path",
    "write.object-storage.path",
    "write.folder-storage.path",
];

type Paths = fn(&TableMetadata) -> Vec<&str>;

/// Lists of files other than those of snapshots.
const FILES: [(&str, Paths); 3] = [
    ("statistics-path", |table| paths(&table.statistics)),
    ("partition-statistics-path", |table| {
        paths(&table.partition_statistics)
    }),
    ("metadata-log", |table| {
        let files = table.metadata_log.iter();
        files.map(|entry| entry.file.as_str()).collect()
    }),
];

fn paths(statistics: &[Statistics]) -> Vec<&str> {
    statistics.iter().map(|file| file.path.as_str()).collect()
}

impl TableMetadata {
    /// What names a path, and the path: of manifest lists (and the manifests that snapshots of version 1 name themselves),
    /// statistics, earlier metadata files, and the properties that tell engines where to write.
    pub fn locations(&self) -> Vec<(&'static str, String)> {
        self.locations_beyond(None)
    }

    /// Those of them that `before` did not name already.
    pub fn locations_beyond(&self, before: Option<&Self>) -> Vec<(&'static str, String)> {
        let mut named = Vec::new();
        // Texts that are shared with the metadata before are the same, and need no comparison.
        let known: HashSet<usize> = before
            .into_iter()
            .flat_map(|before| &before.snapshots)
            .map(|snapshot| std::sync::Arc::as_ptr(snapshot) as usize)
            .collect();
        for snapshot in &self.snapshots {
            if known.contains(&(std::sync::Arc::as_ptr(snapshot) as usize)) {
                continue;
            }
            if let Some(path) = snapshot.manifest_list() {
                named.push(("manifest-list", path.to_owned()));
            } else {
                named.extend(
                    snapshot
                        .manifests()
                        .into_iter()
                        .map(|path| ("manifests", path)),
                );
            }
        }
        let mut files = |what, now: Vec<&str>, then: Vec<&str>| {
            let known: HashSet<&str> = then.into_iter().collect();
            let new = now.into_iter().filter(|path| !known.contains(path));
            named.extend(new.map(|path| (what, path.to_owned())));
        };
        for (what, of) in FILES {
            files(what, of(self), before.map(of).unwrap_or_default());
        }
        for key in PATH_PROPERTIES {
            let value = self.properties.get(key);
            if let Some(path) =
                value.filter(|_| before.and_then(|it| it.properties.get(key)) != value)
            {
                named.push((key, path.clone()));
            }
        }
        named
    }

    /// Where its next file belongs: `{folder}/{version}-{uuid}.metadata.json`, with `.gz` before where the table wants its
    /// metadata compressed. The version follows that of `previous`, and is 0 without one. Every call makes another name.
    pub fn next_metadata_location(&self, previous: Option<&str>) -> String {
        metadata_location(&self.location, &self.properties, previous)
    }

    /// The metadata files that fell out of the log since `before`; empty unless the table wants those deleted
    /// (`write.metadata.delete-after-commit.enabled`).
    pub fn expired_metadata_files(&self, before: &Self) -> Vec<String> {
        let key = "write.metadata.delete-after-commit.enabled";
        let wanted = self.properties.get(key);
        if !wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case("true")) {
            return Vec::new();
        }
        let kept: HashSet<&str> = self
            .metadata_log
            .iter()
            .map(|it| it.file.as_str())
            .collect();
        let gone = before
            .metadata_log
            .iter()
            .filter(|it| !kept.contains(it.file.as_str()));
        gone.map(|it| it.file.clone()).collect()
    }
}

pub(crate) fn metadata_location(
    location: &str,
    properties: &BTreeMap<String, String>,
    previous: Option<&str>,
) -> String {
    let folder = match properties.get("write.metadata.path") {
        Some(path) => path.trim_end_matches('/').to_owned(),
        None => format!("{}/metadata", location.trim_end_matches('/')),
    };
    let codec = properties.get("write.metadata.compression-codec");
    let gz = codec.is_some_and(|codec| codec.eq_ignore_ascii_case("gzip"));
    let version = previous.map_or(0, next_version);
    let id = Uuid::new_v4();
    let compressed = if gz { ".gz" } else { "" };
    format!("{folder}/{version:05}-{id}{compressed}.metadata.json")
}

/// The number before the first `-` of the file's name, and one more; 0 where there is none.
fn next_version(previous: &str) -> u64 {
    let name = previous.rsplit('/').next().unwrap_or(previous);
    let number = name
        .split_once('-')
        .and_then(|(number, _)| number.parse::<u64>().ok());
    number.and_then(|number| number.checked_add(1)).unwrap_or(0)
}
