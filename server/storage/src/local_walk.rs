//! A listing of what lies below a folder: several folders at once, each in depth.
//!
//! It is our own walk and not `object_store`'s, which follows links out of its root, ends at the first closed folder, and reads
//! one folder after the other. Here folders are handed to others as long as few wait, and gone into at once when enough do; so
//! it holds some open folders a walk and never a folder's whole content. What is read ahead of whoever takes the entries is one
//! go of each walk.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::collections::VecDeque;
use std::fs::{DirEntry, Metadata, ReadDir};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use weir_core::location::Location;
use weir_core::{Error, Result};

use crate::failure;
use crate::local::{LocalRoot, MAX_DEPTH, described};
use crate::store::{DEADLINE, Listed};
use crate::stream::is_hidden;

/// Walks at once, also where there are fewer processors: they wait for disks, and for other machines' disks even longer.
const WALKS: usize = 4;
/// Folders that a walk hands to others, where so many do not wait yet.
const HANDED: usize = 64;
/// Entries looked at in one go on the blocking threads, and how long one takes at most: on a slow disk too there is soon an
/// end to it, and a listing that nobody takes any more is over.
const BATCH: usize = 1024;
const GO: Duration = Duration::from_secs(1);

/// Everything below `prefix`, in no particular order. What is closed or odd below it is told as an entry; a prefix that
/// cannot be read, or a disk on which no walk gets on in time, ends the listing with an error.
pub fn list(root: &LocalRoot, prefix: &Location) -> BoxStream<'static, Result<Listed>> {
    let begin = Next::Begin(root.clone(), prefix.clone());
    let walking = Walking {
        prefix: prefix.clone(),
        running: JoinSet::new(),
        waiting: VecDeque::from([begin]),
        ready: VecDeque::new(),
    };
    stream::unfold(Some(walking), |walking| async move {
        let mut walking = walking?;
        walking.start();
        while walking.ready.is_empty() {
            match walking.next().await? {
                Ok(batch) => walking.take(batch),
                Err(error) => return Some((Err(error), None)),
            }
            // Whoever takes one entry only has no more begun for it.
            if walking.ready.is_empty() {
                walking.start();
            }
        }
        let next = walking.ready.pop_front()?;
        Some((Ok(next), Some(walking)))
    })
    .boxed()
}

struct Walking {
    prefix: Location,
    /// What waits for a thread is given up with the listing.
    running: JoinSet<Result<Batch>>,
    waiting: VecDeque<Next>,
    ready: VecDeque<Listed>,
}

/// What a walk goes on with.
enum Next {
    Begin(LocalRoot, Location),
    Folder(Arc<Path>, Folder),
    On(Walk),
}

/// What one go brought.
struct Batch {
    /// Absent where the walk is over.
    walk: Option<Walk>,
    ready: VecDeque<Listed>,
    handed: Vec<Next>,
}

impl Walking {
    fn start(&mut self) {
        while self.running.len() < WALKS
            && let Some(next) = self.waiting.pop_front()
        {
            let hands = HANDED.saturating_sub(self.waiting.len());
            self.running.spawn_blocking(move || next.batch(hands));
        }
    }

    /// What the next go to end brought; none when the walk is over.
    async fn next(&mut self) -> Option<Result<Batch>> {
        match tokio::time::timeout(DEADLINE, self.running.join_next()).await {
            Ok(joined) => Some(
                joined?
                    .unwrap_or_else(|join| Err(Error::internal("walking a folder").source(join))),
            ),
            Err(_) => Some(Err(failure::too_slow(&self.prefix))),
        }
    }

    fn take(&mut self, batch: Batch) {
        self.ready.extend(batch.ready);
        // What was begun is ended first, so that few folders stay open.
        if let Some(walk) = batch.walk {
            self.waiting.push_front(Next::On(walk));
        }
        self.waiting.extend(batch.handed);
    }
}

impl Next {
    fn batch(self, hands: usize) -> Result<Batch> {
        let mut batch = Batch {
            walk: None,
            ready: VecDeque::new(),
            handed: Vec::new(),
        };
        let mut walk = match self {
            Self::Begin(root, prefix) => Walk::begin(&root, &prefix)?,
            Self::Folder(root, folder) => {
                // It waited, and could have been exchanged for a link meanwhile.
                if std::fs::canonicalize(&folder.resolved).ok().as_ref() != Some(&folder.resolved) {
                    return Ok(batch);
                }
                let mut walk = Walk {
                    root,
                    above: folder.depth,
                    levels: Vec::new(),
                };
                walk.open(folder, &mut batch.ready);
                walk
            }
            Self::On(walk) => walk,
        };
        let begun = Instant::now();
        for _ in 0..BATCH {
            if begun.elapsed() > GO {
                break;
            }
            if !walk.step(hands, &mut batch) {
                return Ok(batch);
            }
        }
        batch.walk = Some(walk);
        Ok(batch)
    }
}

/// A folder that was found and not opened yet.
struct Folder {
    /// As it is listed, links kept.
    location: Location,
    resolved: PathBuf,
    /// Is it, or something above it, a link? Then links to folders are not followed any further: two folders that link
    /// to each other would multiply.
    linked: bool,
    /// Folders above it, up to where the listing began.
    depth: usize,
}

/// A walk in depth: one open folder a level.
struct Walk {
    /// Resolved; nothing outside it is shown.
    root: Arc<Path>,
    /// Folders above the first level.
    above: usize,
    levels: Vec<Level>,
}

struct Level {
    entries: ReadDir,
    folder: Folder,
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
        let entries = std::fs::read_dir(&resolved).map_err(io)?;
        let folder = Folder {
            location: prefix.clone(),
            resolved,
            linked: false,
            depth: 0,
        };
        Ok(Self {
            root: resolved_root.into(),
            above: 0,
            levels: vec![Level { entries, folder }],
        })
    }

    fn open(&mut self, folder: Folder, ready: &mut VecDeque<Listed>) {
        match std::fs::read_dir(&folder.resolved) {
            Ok(entries) => self.levels.push(Level { entries, folder }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => ready.push_back(refuse(folder.location.to_string(), &reason(&error))),
        }
    }

    /// Looks at one entry; false when there is none left.
    fn step(&mut self, hands: usize, batch: &mut Batch) -> bool {
        let Some(level) = self.levels.last_mut() else {
            return false;
        };
        match level.entries.next() {
            None => {
                self.levels.pop();
            }
            Some(Err(error)) => {
                let path = level.folder.location.to_string();
                // A folder that fails in the middle would fail for ever.
                self.levels.pop();
                batch.ready.push_back(refuse(path, &reason(&error)));
            }
            Some(Ok(entry)) => self.enter(&entry, hands, batch),
        }
        true
    }

    fn enter(&mut self, entry: &DirEntry, hands: usize, batch: &mut Batch) {
        let Some(level) = self.levels.last() else {
            return;
        };
        let ready = &mut batch.ready;
        let name = entry.file_name();
        if name.to_str().is_some_and(is_hidden) {
            return;
        }
        let path = format!("{}/{}", level.folder.location, name.to_string_lossy());
        let location = match name.to_str() {
            Some(name) => level
                .folder
                .location
                .join(name)
                .and_then(|deeper| Location::parse("path", &deeper.to_string())),
            None => Err(Error::invalid("path", "The name is not UTF-8.")),
        };
        let location = match location {
            Ok(location) => location,
            Err(error) => return ready.push_back(refuse(path, error.public_message())),
        };
        match self.look(entry, &level.folder) {
            Ok(Found::File(meta)) => ready.push_back(Listed::Object(described(location, &meta))),
            Ok(Found::Folder(resolved, linked)) => {
                let folder = Folder {
                    location,
                    resolved,
                    linked,
                    depth: self.depth(),
                };
                if batch.handed.len() < hands {
                    batch
                        .handed
                        .push(Next::Folder(Arc::clone(&self.root), folder));
                } else {
                    self.open(folder, ready);
                }
            }
            Ok(Found::Gone) => {}
            Err(cause) => ready.push_back(refuse(path, &cause)),
        }
    }

    /// Folders above what lies in the folder that is being read.
    fn depth(&self) -> usize {
        self.above + self.levels.len()
    }

    fn look(&self, entry: &DirEntry, within: &Folder) -> Result<Found, String> {
        let meta = match entry.metadata() {
            Ok(meta) => meta,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Gone),
            Err(error) => return Err(reason(&error)),
        };
        if meta.is_file() {
            return Ok(Found::File(meta));
        }
        if meta.is_dir() {
            if self.depth() >= MAX_DEPTH {
                return Err(format!("Folders are read {MAX_DEPTH} levels deep."));
            }
            return Ok(Found::Folder(
                within.resolved.join(entry.file_name()),
                within.linked,
            ));
        }
        if meta.is_symlink() {
            return self.follow(&entry.path(), within);
        }
        Err("It is neither a file nor a folder.".to_owned())
    }

    fn follow(&self, link: &Path, within: &Folder) -> Result<Found, String> {
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
        } else if within.linked {
            Err("It is a symbolic link to a folder inside a linked folder.".to_owned())
        } else if within.resolved.starts_with(&target) {
            Err("It is a symbolic link to a folder that it lies in.".to_owned())
        } else if self.depth() >= MAX_DEPTH {
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
