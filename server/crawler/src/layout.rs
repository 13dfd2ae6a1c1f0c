//! From a listing to tables: which files belong together, and which folders are partitions.
//!
//! Pure. A folder named `key=value` is a partition level (Hive's layout), and the table lies above the first of them; any
//! other folder with files is a table; a file directly in the crawled root is one too. What does not fit is reported, and
//! the rest goes on. The result depends on the set of objects and not on the order in which they were listed.

use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use weir_core::catalog::Format;
use weir_core::location::Location;
use weir_core::name::{Name, sanitise};
use weir_core::schema::{DataType, Schema};
use weir_storage::ObjectMeta;

use crate::classifier::partition_type;

/// How Hive and its heirs spell a missing partition value.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Tables in the order of their locations, and what fits none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    pub tables: Vec<TableCandidate>,
    pub problems: Vec<LayoutProblem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutProblem {
    pub path: String,
    pub cause: String,
}

/// Files that look like one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCandidate {
    /// The folder, or the file where the table is just one.
    pub location: Location,
    pub name: Name,
    pub partition_keys: Vec<String>,
    /// `long`, `date` or `string`, one a key.
    pub partition_types: Vec<DataType>,
    /// In the order of their locations.
    pub files: Vec<FileEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    pub object: ObjectMeta,
    /// One value a key; none for Hive's null.
    pub partition: Vec<Option<String>>,
}

/// Groups the objects below `root` into tables.
pub fn lay_out(root: &Location, objects: impl IntoIterator<Item = ObjectMeta>) -> Layout {
    let mut layout = Layout::default();
    let mut places: BTreeMap<Location, Vec<Found>> = BTreeMap::new();
    let mut loose = Vec::new();
    let mut objects: Vec<_> = objects.into_iter().collect();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    for object in objects {
        match place(root, object) {
            Some(Placed::Folder(location, found)) => {
                places.entry(location).or_default().push(found)
            }
            Some(Placed::Loose(found)) => loose.push(found),
            None => {}
        }
    }
    match places.get_mut(root) {
        // The root itself is partitioned; files beside its partitions are no tables of their own.
        Some(found) => found.extend(loose),
        None => {
            for found in loose {
                places.insert(found.file.object.location.clone(), vec![found]);
            }
        }
    }
    for (location, found) in places {
        if let Some(table) = settle(root, location, found, &mut layout.problems) {
            layout.tables.push(table);
        }
    }
    distinct_names(&mut layout.tables);
    layout
}

struct Found {
    keys: Vec<String>,
    file: FileEntry,
}

enum Placed {
    /// Below the folder of a table.
    Folder(Location, Found),
    /// Directly in the crawled root.
    Loose(Found),
}

/// None for what tables leave behind: markers, logs, checksums, temporary files.
fn place(root: &Location, object: ObjectMeta) -> Option<Placed> {
    let (file_name, folders) = object.location.below(root)?.split_last()?;
    let key_value = |folder: &String| split_key_value(folder);
    let hidden = |folder: &&String| is_hidden(folder) && key_value(folder).is_none();
    if is_hidden(file_name)
        || is_marker(file_name, object.size)
        || folders.iter().any(|folder| hidden(&folder))
    {
        return None;
    }
    let above = folders
        .iter()
        .position(|folder| key_value(folder).is_some())
        .unwrap_or(folders.len());
    let levels: Vec<_> = folders.iter().skip(above).map_while(key_value).collect();
    let (keys, partition): (Vec<_>, Vec<_>) = levels.into_iter().unzip();
    let mut location = root.clone();
    for folder in folders.iter().take(above) {
        location = location.join(folder).ok()?;
    }
    let is_loose = folders.is_empty();
    let found = Found {
        keys,
        file: FileEntry { object, partition },
    };
    Some(match is_loose {
        true => Placed::Loose(found),
        false => Placed::Folder(location, found),
    })
}

fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.'])
}

fn is_marker(file_name: &str, size: u64) -> bool {
    file_name.ends_with(".crc") || (size == 0 && file_name.ends_with("$folder$"))
}

/// `key=value`, both percent-decoded. A hidden folder such as `.tmp=1` is none.
fn split_key_value(folder: &str) -> Option<(String, Option<String>)> {
    let (key, value) = folder.split_once('=')?;
    if key.is_empty() || key.starts_with('.') {
        return None;
    }
    let value = (value != NULL_PARTITION).then(|| decode(value));
    Some((decode(key), value))
}

/// What is no UTF-8 once decoded stays as it is.
fn decode(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8()
        .map_or_else(|_| text.to_owned(), Into::into)
}

/// One table of what was found in one place. Files whose partition keys are not the common ones are reported.
fn settle(
    root: &Location,
    location: Location,
    found: Vec<Found>,
    problems: &mut Vec<LayoutProblem>,
) -> Option<TableCandidate> {
    let Some(name) = name_of(root, &location, &found) else {
        problems.push(LayoutProblem {
            path: location.to_string(),
            cause: "No table can be named after this path.".into(),
        });
        return None;
    };
    let keys = common_keys(&found);
    let mut odd = BTreeMap::new();
    let mut files = Vec::with_capacity(found.len());
    for found in found {
        if found.keys == keys {
            files.push(found.file);
        } else {
            let folder = folder_of(&found.file.object.location);
            odd.entry(folder).or_insert(found.keys);
        }
    }
    problems.extend(odd.into_iter().map(|(path, odd)| LayoutProblem {
        path,
        cause: format!(
            "Its files have {}; most files of the table `{name}` have {}. They are left out.",
            spell(&odd),
            spell(&keys)
        ),
    }));
    if keys.iter().collect::<HashSet<_>>().len() < keys.len() {
        problems.push(LayoutProblem {
            path: location.to_string(),
            cause: format!("A partition key appears twice: there are {}.", spell(&keys)),
        });
        return None;
    }
    files.sort_by(|a, b| a.object.location.cmp(&b.object.location));
    let partition_types = (0..keys.len())
        .map(|level| {
            let values = files.iter().map(|file| file.partition.get(level));
            partition_type(values.map(|value| value.and_then(Option::as_deref)))
        })
        .collect();
    Some(TableCandidate {
        location,
        name,
        partition_keys: keys,
        partition_types,
        files,
    })
}

fn name_of(root: &Location, location: &Location, found: &[Found]) -> Option<Name> {
    let is_file = found
        .iter()
        .any(|found| found.file.object.location == *location);
    match location.below(root)? {
        [file_name] if is_file => sanitise(stem(file_name)),
        [] => sanitise(root.name().unwrap_or_else(|| root.bucket())),
        folders => sanitise(&folders.join("_")),
    }
}

/// A file's name without the endings of its format and compression.
fn stem(file_name: &str) -> &str {
    let plain = [".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz"]
        .iter()
        .find_map(|ending| file_name.strip_suffix(ending))
        .unwrap_or(file_name);
    match plain.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => plain,
    }
}

fn folder_of(location: &Location) -> String {
    let text = location.to_string();
    match text.rsplit_once('/') {
        Some((folder, _)) => folder.to_owned(),
        None => text,
    }
}

/// The keys of most files; of as many, the longer and then the alphabetically first.
fn common_keys(found: &[Found]) -> Vec<String> {
    let mut counts: BTreeMap<&[String], usize> = BTreeMap::new();
    for found in found {
        *counts.entry(&found.keys).or_default() += 1;
    }
    counts
        .into_iter()
        .rev()
        .max_by_key(|(keys, count)| (*count, keys.len()))
        .map(|(keys, _)| keys.to_vec())
        .unwrap_or_default()
}

fn spell(keys: &[String]) -> String {
    if keys.is_empty() {
        "no partition keys".to_owned()
    } else {
        format!("the partition keys `{}`", keys.join("/"))
    }
}

/// `year=2024/month=01`, as folders spell it, null included.
pub fn partition_name(keys: &[String], values: &[Option<String>]) -> String {
    let mut name = String::new();
    for (key, value) in keys.iter().zip(values) {
        if !name.is_empty() {
            name.push('/');
        }
        let _ = write!(name, "{key}={}", value.as_deref().unwrap_or(NULL_PARTITION));
    }
    name
}

/// Makes the names of all tables of one crawl differ: the later of two by location gets `_2`.
pub fn distinct_names(tables: &mut [TableCandidate]) {
    let mut order: Vec<_> = tables.iter_mut().collect();
    order.sort_by(|a, b| (&a.location, &a.name).cmp(&(&b.location, &b.name)));
    let wanted: BTreeSet<_> = order.iter().map(|table| table.name.clone()).collect();
    let mut taken = BTreeSet::new();
    for table in order {
        if taken.insert(table.name.clone()) {
            continue;
        }
        let numbered = (2..).map(|number| format!("{}_{number}", table.name));
        let free = numbered
            .filter_map(|name| Name::parse("name", &name).ok())
            .find(|name| !taken.contains(name) && !wanted.contains(name));
        if let Some(free) = free {
            taken.insert(free.clone());
            table.name = free;
        }
    }
}

/// One table of a split, with its format and which of the candidate's files it has, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub table: TableCandidate,
    pub format: Format,
    pub members: Vec<usize>,
}

/// Parts a candidate whose files are not of one table after all. `shapes` stands beside `table.files`; none is a file that
/// could not be read, which is in no split.
///
/// Files of different formats are different tables; all but the most common format get it as a suffix. Without partitions,
/// columns count too: a file alike shares at least half of all columns, by name, with the most common set. Where most files
/// are alike the folder stays their table and each other file becomes one of its own; else each file does, named by its stem.
pub fn split_by_schema(table: TableCandidate, shapes: &[Option<(Format, &Schema)>]) -> Vec<Split> {
    let mut formats: BTreeMap<Format, Vec<usize>> = BTreeMap::new();
    for (index, shape) in shapes.iter().enumerate().take(table.files.len()) {
        if let Some((format, _)) = shape {
            formats.entry(*format).or_default().push(index);
        }
    }
    let main = formats
        .iter()
        .rev()
        .max_by_key(|(_, members)| members.len())
        .map(|(format, _)| *format);
    let mut splits = Vec::new();
    for (format, members) in formats {
        let suffix = (Some(format) != main).then(|| format.as_str());
        let name = match suffix.map(|suffix| format!("{}_{suffix}", table.name)) {
            Some(name) => sanitise(&name).unwrap_or_else(|| table.name.clone()),
            None => table.name.clone(),
        };
        let (alike, alone) = match table.partition_keys.is_empty() {
            true => part_by_columns(&members, shapes),
            false => (members, Vec::new()),
        };
        if !alike.is_empty() {
            let part = TableCandidate {
                name,
                files: pick(&table, &alike),
                ..table.clone_without_files()
            };
            splits.push(Split {
                table: part,
                format,
                members: alike,
            });
        }
        splits.extend(
            alone
                .into_iter()
                .filter_map(|index| own_table(&table, format, index)),
        );
    }
    splits.sort_by(|a, b| a.members.cmp(&b.members));
    splits
}

impl TableCandidate {
    fn clone_without_files(&self) -> Self {
        Self {
            location: self.location.clone(),
            name: self.name.clone(),
            partition_keys: self.partition_keys.clone(),
            partition_types: self.partition_types.clone(),
            files: Vec::new(),
        }
    }
}

fn pick(table: &TableCandidate, members: &[usize]) -> Vec<FileEntry> {
    members
        .iter()
        .filter_map(|index| table.files.get(*index).cloned())
        .collect()
}

fn own_table(table: &TableCandidate, format: Format, index: usize) -> Option<Split> {
    let files = pick(table, &[index]);
    let location = files.first()?.object.location.clone();
    let name = sanitise(stem(location.name()?)).unwrap_or_else(|| table.name.clone());
    let table = TableCandidate {
        location,
        name,
        partition_keys: Vec::new(),
        partition_types: Vec::new(),
        files,
    };
    Some(Split {
        table,
        format,
        members: vec![index],
    })
}

/// The files that stay together, and those that stand alone.
fn part_by_columns(
    members: &[usize],
    shapes: &[Option<(Format, &Schema)>],
) -> (Vec<usize>, Vec<usize>) {
    let columns = |index: usize| -> BTreeSet<&str> {
        let shape = shapes.get(index).copied().flatten();
        shape
            .map(|(_, schema)| {
                schema
                    .fields
                    .iter()
                    .map(|field| field.name.as_str())
                    .collect()
            })
            .unwrap_or_default()
    };
    let mut sets: BTreeMap<BTreeSet<&str>, Vec<usize>> = BTreeMap::new();
    for index in members {
        sets.entry(columns(*index)).or_default().push(*index);
    }
    // The most common set; of as many, that of the first file.
    let most = sets
        .iter()
        .max_by_key(|(_, files)| (files.len(), std::cmp::Reverse(files.first().copied())))
        .map(|(set, _)| set.clone())
        .unwrap_or_default();
    let (mut alike, mut alone) = (Vec::new(), Vec::new());
    for (set, files) in sets {
        let side = if is_alike(&set, &most) {
            &mut alike
        } else {
            &mut alone
        };
        side.extend(files);
    }
    if alike.len() * 2 <= members.len() {
        alone.append(&mut alike);
    }
    alike.sort_unstable();
    alone.sort_unstable();
    (alike, alone)
}

fn is_alike(a: &BTreeSet<&str>, b: &BTreeSet<&str>) -> bool {
    let shared = a.intersection(b).count();
    let all = a.union(b).count();
    all == 0 || shared * 2 >= all
}

/// A hash of which files there are and in which state; equal for an unchanged listing in any order.
///
/// Over path, size, and the etag or, without one, the time of the last change.
pub fn fingerprint<'a>(files: impl IntoIterator<Item = &'a FileEntry>) -> String {
    let mut objects: Vec<_> = files.into_iter().map(|file| &file.object).collect();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        // The length first, so that no two lists of parts read the same.
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    for object in objects {
        part(&object.location.to_string());
        part(&object.size.to_string());
        match &object.etag {
            Some(etag) => part(&format!("etag {etag}")),
            None => part(&format!("modified {}", object.modified.timestamp_micros())),
        }
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
