//! The local file system: what lies below a root, links included, and nothing beside it.
//!
//! A link is followed only when what it leads to lies in the root. Whoever may write below the root while it is read could
//! still exchange a folder for a link between the check and the read; the allowed folders are the operator's to guard.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStoreExt, path::Path as ObjectPath};
use std::fs::{Metadata, OpenOptions};
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use weir_core::location::Location;
use weir_core::{Error, Result};

use crate::failure;
use crate::local_walk;
use crate::store::{Listed, ObjectMeta, changed, too_large};

pub(crate) const MAX_DEPTH: usize = 128;

#[derive(Debug, Clone)]
pub struct LocalRoot {
    pub(crate) root: Location,
    /// Where it lies, links not resolved yet.
    pub(crate) folder: PathBuf,
    allowed: Arc<[PathBuf]>,
    /// The folder that was found to lie where it may, by device and number.
    pub(crate) proven: Arc<OnceLock<(u64, u64)>>,
    #[cfg(target_os = "linux")]
    pub(crate) held: crate::local_warm::Held,
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
            #[cfg(target_os = "linux")]
            held: Arc::default(),
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
        local_walk::list(self, prefix)
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
