//! The local file system: what lies below a root, links included, and nothing beside it.
//!
//! Listing is our own walk and not `object_store`'s, which follows links out of its root and ends at the first closed folder.
//! A link is followed only when what it leads to lies in the root. Whoever may write below the root while it is read could
//! still exchange a folder for a link between the check and the read; the allowed folders are the operator's to guard.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::{ObjectStoreExt, path::Path as ObjectPath};
use std::collections::VecDeque;
use std::fs::{DirEntry, Metadata, OpenOptions, ReadDir};
use std::io::{ErrorKind, Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use weir_core::location::Location;
use weir_core::{Error, Result};

use crate::failure;
use crate::store::{DEADLINE, Listed, ObjectMeta, changed, too_large};
use crate::stream::is_hidden;

/// Entries read in one go on the blocking threads.
const BATCH: usize = 1024;
pub(crate) const MAX_DEPTH: usize = 128;

#[derive(Debug, Clone)]
pub struct LocalRoot {
    pub(crate) root: Location,
    /// Where it lies, links not resolved yet.
    pub(crate) folder: PathBuf,
    allowed: Arc<[PathBuf]>,
    /// The folder that was found to lie where it may, by device and number.
    pub(crate) proven: Arc<OnceLock<(u64, u64)>>,
}

impl LocalRoot {
    /// `folder` is what `root` stands for: its own path for a `file` location.
    pub fn open(root: &Location, folder: PathBuf, allowed: Vec<PathBuf>) -> Result<Self> {
        if !allowed.is_empty() && !allowed.iter().any(|known| folder.starts_with(known)) {
            return Err(outside_allowed(root));
        }
        Ok(Self {
            root: root.clone(),
            folder,
            allowed: allowed.into(),
            proven: Arc::default(),
        })
    }

    /// Where a location below the root lies, links not resolved.
    pub(crate) fn to_path(&self, location: &Location) -> PathBuf {
        let mut path = self.folder.clone();
        path.extend(location.below(&self.root).unwrap_or_default());
        path
    }

    pub async fn read(&self, location: &Location, range: Range<u64>) -> Result<Bytes> {
        let (this, at) = (self.clone(), location.clone());
        let path = tokio::task::spawn_blocking(move || this.resolve_file(&at))
            .await
            .map_err(|error| Error::internal("resolving a local path").source(error))??;
        let path = ObjectPath::from_absolute_path(&path)
            .map_err(|error| failure::from_store(location, error.into()))?;
        let read = LocalFileSystem::new().get_range(&path, range).await;
        read.map_err(|error| match &error {
            object_store::Error::Generic { source, .. } if source.to_string().contains("ange") => {
                changed(location).source(error)
            }
            _ => failure::from_store(location, error),
        })
    }

    pub async fn read_whole(&self, location: &Location, limit: u64) -> Result<Bytes> {
        let (this, at) = (self.clone(), location.clone());
        blocking(move || {
            let path = this.resolve_file(&at)?;
            let io = |error| failure::from_io(&at, error);
            let mut content = Vec::new();
            let file = std::fs::File::open(path).map_err(io)?;
            file.take(limit + 1).read_to_end(&mut content).map_err(io)?;
            if content.len() as u64 > limit {
                return Err(too_large(&at, limit));
            }
            Ok(content.into())
        })
        .await
    }

    pub async fn create(&self, location: &Location, content: Bytes) -> Result<()> {
        let (this, at) = (self.clone(), location.clone());
        blocking(move || {
            let path = this.resolve_new(&at)?;
            let io = |error| failure::from_io(&at, error);
            let file = OpenOptions::new().write(true).create_new(true).open(&path);
            let mut file = file.map_err(io)?;
            let written = file.write_all(&content).and_then(|()| file.sync_all());
            written
                .inspect_err(|_| drop(std::fs::remove_file(&path)))
                .map_err(io)
        })
        .await
    }

    pub async fn make_folder(&self, location: &Location) -> Result<()> {
        let (this, at) = (self.clone(), location.clone());
        blocking(move || {
            let path = this.resolve_new(&at)?;
            std::fs::create_dir_all(path).map_err(|error| failure::from_io(&at, error))
        })
        .await
    }

    pub async fn delete(&self, location: &Location) -> Result<()> {
        let (this, at) = (self.clone(), location.clone());
        blocking(move || match this.resolve_file(&at) {
            Ok(path) => std::fs::remove_file(path).map_err(|error| failure::from_io(&at, error)),
            Err(error) if error.kind() == weir_core::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    /// Where a new file goes: its folder is made, and lies in the root with all links resolved.
    pub(crate) fn resolve_new(&self, location: &Location) -> Result<PathBuf> {
        let io = |error| failure::from_io(location, error);
        let root = self.resolve_root()?;
        let path = self.to_path(location);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(outside_allowed(location));
        };
        // The deepest folder that is there is checked before anything is made below it.
        let standing = folder.ancestors().find(|folder| folder.exists());
        let standing = standing
            .map(std::fs::canonicalize)
            .transpose()
            .map_err(io)?;
        if !standing.is_some_and(|folder| folder.starts_with(&root)) {
            return Err(outside_allowed(location));
        }
        std::fs::create_dir_all(folder).map_err(io)?;
        let folder = std::fs::canonicalize(folder).map_err(io)?;
        if folder.starts_with(&root) {
            Ok(folder.join(name))
        } else {
            Err(outside_allowed(location))
        }
    }

    /// The file behind a location, all links resolved, where it lies in the root.
    pub(crate) fn resolve_file(&self, location: &Location) -> Result<PathBuf> {
        let io = |error| failure::from_io(location, error);
        let root = self.resolve_root()?;
        let path = std::fs::canonicalize(self.to_path(location)).map_err(io)?;
        if !path.starts_with(&root) {
            return Err(Error::invalid(
                "location",
                format!(
                    "`{location}` is a symbolic link that leads out of `{}`.",
                    self.root
                ),
            ));
        }
        if std::fs::metadata(&path).map_err(io)?.is_file() {
            Ok(path)
        } else {
            Err(Error::not_found(format!("`{location}` is not a file.")))
        }
    }

    pub(crate) fn resolve_root(&self) -> Result<PathBuf> {
        let root = std::fs::canonicalize(&self.folder)
            .map_err(|error| failure::from_io(&self.root, error))?;
        let allowed = |folder: &PathBuf| {
            std::fs::canonicalize(folder).is_ok_and(|folder| root.starts_with(folder))
        };
        if self.allowed.is_empty() || self.allowed.iter().any(allowed) {
            #[cfg(target_os = "linux")]
            self.prove(&root);
            Ok(root)
        } else {
            Err(outside_allowed(&self.root))
        }
    }

    pub fn list(&self, prefix: &Location) -> BoxStream<'static, Result<Listed>> {
        let state = Walking::Begin(self.clone(), prefix.clone());
        let at = prefix.clone();
        stream::unfold(Some((state, VecDeque::new())), move |state| {
            let at = at.clone();
            async move {
                let (mut state, mut ready) = state?;
                if ready.is_empty() {
                    let batch = tokio::task::spawn_blocking(move || state.batch());
                    (state, ready) = match tokio::time::timeout(DEADLINE, batch).await {
                        Ok(Ok(Ok(batch))) => batch,
                        Ok(Ok(Err(error))) => return Some((Err(error), None)),
                        Ok(Err(join)) => {
                            let error = Error::internal("walking a folder").source(join);
                            return Some((Err(error), None));
                        }
                        Err(_) => return Some((Err(failure::too_slow(&at)), None)),
                    };
                }
                let next = ready.pop_front()?;
                Some((Ok(next), Some((state, ready))))
            }
        })
        .boxed()
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(call)
        .await
        .map_err(|error| Error::internal("a call of the file system").source(error))?
}

fn outside_allowed(root: &Location) -> Error {
    Error::invalid(
        "location",
        format!("`{root}` does not lie in a folder that this server may read."),
    )
}

/// The folder of a `file` location.
pub fn folder_of(location: &Location) -> PathBuf {
    let mut path = PathBuf::from("/");
    path.extend(location.segments());
    path
}

enum Walking {
    Begin(LocalRoot, Location),
    Under(Walk),
}

impl Walking {
    /// The next entries; none when the walk is over.
    fn batch(self) -> Result<(Self, VecDeque<Listed>)> {
        let mut walk = match self {
            Self::Begin(root, prefix) => Walk::begin(&root, &prefix)?,
            Self::Under(walk) => walk,
        };
        let mut ready = VecDeque::new();
        while ready.len() < BATCH && walk.step(&mut ready) {}
        Ok((Self::Under(walk), ready))
    }
}

/// A walk in depth. Holds one open folder a level, never a folder's whole content.
struct Walk {
    /// Resolved; nothing outside it is shown.
    root: PathBuf,
    levels: Vec<Level>,
}

struct Level {
    entries: ReadDir,
    /// As it is listed, links kept.
    location: Location,
    resolved: PathBuf,
    /// Is it, or something above it, a link? Then links to folders are not followed any further: two folders that link
    /// to each other would multiply.
    linked: bool,
}

impl Walk {
    fn begin(root: &LocalRoot, prefix: &Location) -> Result<Self> {
        let io = |error| failure::from_io(prefix, error);
        let resolved_root = root.resolve_root()?;
        let resolved = std::fs::canonicalize(root.to_path(prefix)).map_err(io)?;
        if !resolved.starts_with(&resolved_root) {
            return Err(Error::invalid(
                "location",
                format!(
                    "`{prefix}` is a symbolic link that leads out of `{}`.",
                    root.root
                ),
            ));
        }
        let level = Level {
            entries: std::fs::read_dir(&resolved).map_err(io)?,
            location: prefix.clone(),
            resolved,
            linked: false,
        };
        Ok(Self {
            root: resolved_root,
            levels: vec![level],
        })
    }

    /// Looks at one entry; false when there is none left.
    fn step(&mut self, ready: &mut VecDeque<Listed>) -> bool {
        let Some(level) = self.levels.last_mut() else {
            return false;
        };
        match level.entries.next() {
            None => {
                self.levels.pop();
            }
            Some(Err(error)) => {
                let path = level.location.to_string();
                // A folder that fails in the middle would fail for ever.
                self.levels.pop();
                ready.push_back(refuse(path, &reason(&error)));
            }
            Some(Ok(entry)) => self.enter(&entry, ready),
        }
        true
    }

    fn enter(&mut self, entry: &DirEntry, ready: &mut VecDeque<Listed>) {
        let Some(level) = self.levels.last() else {
            return;
        };
        let name = entry.file_name();
        if name.to_str().is_some_and(is_hidden) {
            return;
        }
        let path = format!("{}/{}", level.location, name.to_string_lossy());
        let location = match name.to_str() {
            Some(name) => level
                .location
                .join(name)
                .and_then(|deeper| Location::parse("path", &deeper.to_string())),
            None => Err(Error::invalid("path", "The name is not UTF-8.")),
        };
        let location = match location {
            Ok(location) => location,
            Err(error) => return ready.push_back(refuse(path, error.public_message())),
        };
        match self.look(entry, level) {
            Ok(Found::File(meta)) => ready.push_back(object(location, &meta)),
            Ok(Found::Folder(folder, linked)) => match std::fs::read_dir(&folder) {
                Ok(entries) => self.levels.push(Level {
                    entries,
                    location,
                    resolved: folder,
                    linked,
                }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => ready.push_back(refuse(path, &reason(&error))),
            },
            Ok(Found::Gone) => {}
            Err(cause) => ready.push_back(refuse(path, &cause)),
        }
    }

    fn look(&self, entry: &DirEntry, level: &Level) -> Result<Found, String> {
        let meta = match entry.metadata() {
            Ok(meta) => meta,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Gone),
            Err(error) => return Err(reason(&error)),
        };
        if meta.is_file() {
            return Ok(Found::File(meta));
        }
        if meta.is_dir() {
            if self.levels.len() >= MAX_DEPTH {
                return Err(format!("Folders are read {MAX_DEPTH} levels deep."));
            }
            return Ok(Found::Folder(
                level.resolved.join(entry.file_name()),
                level.linked,
            ));
        }
        if meta.is_symlink() {
            return self.follow(&entry.path(), level);
        }
        Err("It is neither a file nor a folder.".to_owned())
    }

    fn follow(&self, link: &Path, level: &Level) -> Result<Found, String> {
        let target = std::fs::canonicalize(link)
            .map_err(|_| "It is a symbolic link that leads nowhere.".to_owned())?;
        if !target.starts_with(&self.root) {
            return Err("It is a symbolic link that leads out of the storage location.".to_owned());
        }
        let meta = std::fs::metadata(&target).map_err(|error| reason(&error))?;
        if meta.is_file() {
            Ok(Found::File(meta))
        } else if !meta.is_dir() {
            Err("It is neither a file nor a folder.".to_owned())
        } else if level.linked {
            Err("It is a symbolic link to a folder inside a linked folder.".to_owned())
        } else if level.resolved.starts_with(&target) {
            Err("It is a symbolic link to a folder that it lies in.".to_owned())
        } else if self.levels.len() >= MAX_DEPTH {
            Err(format!("Folders are read {MAX_DEPTH} levels deep."))
        } else {
            Ok(Found::Folder(target, true))
        }
    }
}

enum Found {
    File(Metadata),
    /// Resolved; and was it reached through a link?
    Folder(PathBuf, bool),
    Gone,
}

fn refuse(path: String, cause: &str) -> Listed {
    Listed::Refused {
        path: failure::shown(&path),
        cause: cause.to_owned(),
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "The server's user has no permission to read it.".to_owned(),
        _ => "It cannot be read.".to_owned(),
    }
}

fn object(location: Location, meta: &Metadata) -> Listed {
    Listed::Object(described(location, meta))
}

pub(crate) fn described(location: Location, meta: &Metadata) -> ObjectMeta {
    let modified = meta
        .modified()
        .map(DateTime::<Utc>::from)
        .unwrap_or(DateTime::UNIX_EPOCH);
    ObjectMeta {
        location,
        size: meta.len(),
        modified,
        etag: etag(meta, modified),
    }
}

#[cfg(unix)]
fn etag(meta: &Metadata, modified: DateTime<Utc>) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let (inode, size) = (meta.ino(), meta.len());
    Some(format!(
        "{inode:x}-{:x}-{size:x}",
        modified.timestamp_micros()
    ))
}

#[cfg(not(unix))]
fn etag(_: &Metadata, _: DateTime<Utc>) -> Option<String> {
    None
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
