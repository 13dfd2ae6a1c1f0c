//! The local file system: what lies below a root, links included, and nothing beside it.
//!
//! A link is followed only when what it leads to lies in the root. Whoever may write below the root while it is read could
//! still exchange a folder for a link between the check and the read; the allowed folders are the operator's to guard.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use weir_core::location::Location;
use weir_core::{Error, Result};

use crate::failure;
use crate::local_stream;
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
        blocking(move || {
            let (file, meta) = this.open_file(&at)?;
            if range.end > meta.size {
                return Err(changed(&at));
            }
            local_stream::read_at(&file, range, &at)
        })
        .await
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
            let kept = written.and_then(|()| path.parent().map_or(Ok(()), sync_folder));
            kept.inspect_err(|_| drop(std::fs::remove_file(&path)))
                .map_err(io)
        })
        .await
    }

    pub async fn make_folder(&self, location: &Location) -> Result<()> {
        let (this, at) = (self.clone(), location.clone());
        blocking(move || {
            let path = this.resolve_new(&at)?;
            make_folders(&path).map_err(|error| failure::from_io(&at, error))
        })
        .await
    }

    /// Removes a file, or a link and not what it leads to. What is gone already is no error.
    ///
    /// Errors: `Invalid` for what lies behind a link to a folder: it is there by another name too, and may be somebody else's.
    pub async fn delete(&self, location: &Location) -> Result<()> {
        let (this, at) = (self.clone(), location.clone());
        blocking(move || this.unlink(&at)).await
    }

    fn unlink(&self, at: &Location) -> Result<()> {
        let gone = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(()),
            _ => Err(failure::from_io(at, error)),
        };
        let mut path = self.resolve_root()?;
        path.extend(at.below(&self.root).unwrap_or_default());
        let Some(folder) = path.parent() else {
            return Err(outside_allowed(at));
        };
        match std::fs::canonicalize(folder) {
            Err(error) => return gone(error),
            Ok(resolved) if resolved == folder => {}
            Ok(_) => {
                let message = format!("`{at}` lies behind a link, and is deleted where it is.");
                return Err(Error::invalid("location", message));
            }
        }
        match std::fs::symlink_metadata(&path) {
            Err(error) => gone(error),
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => std::fs::remove_file(&path).or_else(gone),
        }
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
        make_folders(folder).map_err(io)?;
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

    pub async fn exists(&self) -> Result<()> {
        let this = self.clone();
        blocking(move || match std::fs::metadata(&this.folder) {
            Err(error) => Err(failure::from_io(&this.root, error)),
            Ok(_) => Ok(()),
        })
        .await
    }

    pub(crate) fn resolve_root(&self) -> Result<PathBuf> {
        let root = std::fs::canonicalize(&self.folder).map_err(|error| match error.kind() {
            // Not that nothing lies there: a disk that is not mounted has all its files still.
            ErrorKind::NotFound => Error::unavailable(format!(
                "The folder of `{}` is not there. Is its disk mounted?",
                self.root
            ))
            .source(error),
            _ => failure::from_io(&self.root, error),
        })?;
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

/// Makes a folder with those above it, all of which are there after a power cut.
fn make_folders(folder: &Path) -> std::io::Result<()> {
    let missing = folder.ancestors().take_while(|folder| !folder.exists());
    let missing: Vec<_> = missing.collect();
    std::fs::create_dir_all(folder)?;
    let mut above = missing.into_iter().filter_map(Path::parent);
    above.try_for_each(sync_folder)
}

/// Makes sure that what lies in a folder is found there after a power cut.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all())
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
