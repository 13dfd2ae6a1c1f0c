//! Pages of a listing in the order of the keys, as S3 gives them.
//!
//! A page holds a bounded number of names of each folder on the way down, whatever the folder has. The price is that a
//! folder is read anew for each of its pages.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use weir_core::location::Location;
use weir_core::{Error, Result};

use crate::failure;
use crate::local::{LocalRoot, MAX_DEPTH, blocking, described};
use crate::stream::{Entry, Page, Paging, is_hidden};

/// Names of one folder that are held at a time.
const NAMES: usize = 1024;

impl LocalRoot {
    /// `folder` is the deepest one that the prefix lies in.
    pub async fn list_page(&self, folder: &Location, paging: &Paging<'_>) -> Result<Page> {
        let (this, folder) = (self.clone(), folder.clone());
        let (prefix, after) = (paging.prefix.to_owned(), paging.after.map(str::to_owned));
        let (by_folder, max) = (paging.by_folder, paging.max);
        // Gone once nobody waits for the page any more.
        let asked = Arc::new(());
        let asking = Arc::downgrade(&asked);
        let page = blocking(move || {
            let Some(top) = this.top(&folder)? else {
                return Ok(Page::default());
            };
            let names = prefix.get(top.key.len()..).unwrap_or_default();
            let mut walk = Walk {
                root: this.resolve_root()?,
                asking,
                by_folder,
                wanted: max.saturating_add(1),
                found: Vec::new(),
            };
            match after
                .as_deref()
                .map(|after| (after, after.strip_prefix(&top.key)))
            {
                None => walk.level(&top, names, None, 0)?,
                Some((_, Some(below))) => walk.level(&top, names, Some(below), 0)?,
                Some((after, None)) if after < top.key.as_str() => {
                    walk.level(&top, names, None, 0)?
                }
                Some(_) => {}
            }
            Ok(page(walk.found, max))
        })
        .await;
        drop(asked);
        page
    }

    fn top(&self, folder: &Location) -> Result<Option<Level>> {
        let root = self.resolve_root()?;
        let path = match std::fs::canonicalize(self.to_path(folder)) {
            Ok(path) => path,
            Err(error) => return absent(&error, folder).map(|()| None),
        };
        if !path.starts_with(root) {
            let message = format!(
                "`{folder}` is a symbolic link that leads out of `{}`.",
                self.root
            );
            return Err(Error::invalid("prefix", message));
        }
        Ok(Some(Level::new(path, folder.clone(), false)))
    }
}

fn page(mut found: Vec<Entry>, max: usize) -> Page {
    let more = found.len() > max;
    found.truncate(max);
    let next = found.last().filter(|_| more).map(Entry::key);
    Page {
        entries: found,
        next,
        token: None,
    }
}

fn absent(error: &std::io::Error, at: &Location) -> Result<()> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(()),
        kind => Err(failure::from_io(at, kind.into())),
    }
}

struct Level {
    /// Resolved.
    path: PathBuf,
    location: Location,
    /// What the keys below it begin with: ends with a slash, or is empty.
    key: String,
    /// As in the walk of [`LocalRoot::list`].
    linked: bool,
}

impl Level {
    fn new(path: PathBuf, location: Location, linked: bool) -> Self {
        let mut key = location.path();
        if !key.is_empty() {
            key.push('/');
        }
        Self {
            path,
            location,
            key,
            linked,
        }
    }
}

/// Something in a folder. Ordered as the keys are: a folder's name with its slash.
#[derive(Debug, PartialEq, Eq)]
struct Child {
    order: String,
    path: PathBuf,
    linked: bool,
}

impl Child {
    fn is_folder(&self) -> bool {
        self.order.ends_with('/')
    }

    fn name(&self) -> &str {
        self.order.strip_suffix('/').unwrap_or(&self.order)
    }
}

impl Ord for Child {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }
}

impl PartialOrd for Child {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Walk {
    root: PathBuf,
    /// Dangling when nobody waits for what is found.
    asking: Weak<()>,
    by_folder: bool,
    wanted: usize,
    found: Vec<Entry>,
}

impl Walk {
    fn full(&self) -> bool {
        self.found.len() >= self.wanted
    }

    /// Finds what is below a folder, beginning with `names` and coming after `after`, both without the folder's key.
    fn level(
        &mut self,
        level: &Level,
        names: &str,
        after: Option<&str>,
        depth: usize,
    ) -> Result<()> {
        if depth >= MAX_DEPTH {
            let message = format!("`{}` is nested too deep to be listed.", level.location);
            return Err(Error::unsupported(message));
        }
        let mut floor: Option<String> = None;
        loop {
            let children = self.next_of(level, names, after, floor.as_deref())?;
            let last = children.len() < NAMES;
            for child in &children {
                self.enter(level, child, after, depth)?;
                if self.full() {
                    return Ok(());
                }
            }
            if last {
                return Ok(());
            }
            floor = children.into_iter().next_back().map(|child| child.order);
        }
    }

    fn enter(
        &mut self,
        level: &Level,
        child: &Child,
        after: Option<&str>,
        depth: usize,
    ) -> Result<()> {
        let location = level.location.join(child.name());
        // Once more as a whole: it may have become too long.
        let location = location.and_then(|it| Location::parse("key", &it.to_string()));
        let Ok(location) = location else {
            return Ok(());
        };
        if !child.is_folder() {
            match std::fs::metadata(&child.path) {
                Ok(meta) => self.found.push(Entry::Object(described(location, &meta))),
                Err(error) => absent(&error, &location)?,
            }
            return Ok(());
        }
        let below = after.and_then(|after| after.strip_prefix(&child.order));
        let below = below.filter(|below| !below.is_empty());
        let deeper = Level::new(child.path.clone(), location, child.linked);
        if !self.by_folder {
            return self.level(&deeper, "", below, depth + 1);
        }
        let mut probe = Self {
            root: self.root.clone(),
            asking: Weak::clone(&self.asking),
            by_folder: false,
            wanted: 1,
            found: Vec::new(),
        };
        probe.level(&deeper, "", below, depth + 1)?;
        if probe.full() {
            self.found.push(Entry::Common(deeper.key));
        }
        Ok(())
    }

    /// Errors: nobody waits any more.
    fn go_on(&self, level: &Level) -> Result<()> {
        match self.asking.strong_count() {
            0 => Err(failure::too_slow(&level.location)),
            _ => Ok(()),
        }
    }

    /// The first names of a folder in their order, at most [`NAMES`]. `floor` was the last of those before.
    fn next_of(
        &self,
        level: &Level,
        names: &str,
        after: Option<&str>,
        floor: Option<&str>,
    ) -> Result<Vec<Child>> {
        self.go_on(level)?;
        let entries = match std::fs::read_dir(&level.path) {
            Ok(entries) => entries,
            Err(error) => return absent(&error, &level.location).map(|()| Vec::new()),
        };
        let mut first = BinaryHeap::with_capacity(NAMES + 1);
        for entry in entries {
            self.go_on(level)?;
            let entry = entry.map_err(|error| failure::from_io(&level.location, error))?;
            let Some(child) = self.child(level, &entry, names) else {
                continue;
            };
            let passed = after.is_some_and(|after| self.is_passed(&child, after))
                || floor.is_some_and(|floor| child.order.as_str() <= floor);
            if !passed {
                first.push(child);
                if first.len() > NAMES {
                    first.pop();
                }
            }
        }
        Ok(first.into_sorted_vec())
    }

    fn is_passed(&self, child: &Child, after: &str) -> bool {
        if !child.is_folder() {
            return child.order.as_str() <= after;
        }
        // Inside a folder there may be more; a common prefix stands for all of it.
        let inside = after.starts_with(&child.order) && !(self.by_folder && after == child.order);
        child.order.as_str() <= after && !inside
    }

    /// What an entry is; none when it is not shown.
    fn child(&self, level: &Level, entry: &DirEntry, names: &str) -> Option<Child> {
        let name = entry.file_name().into_string().ok()?;
        if !name.starts_with(names) || is_hidden(&name) {
            return None;
        }
        let kind = entry.file_type().ok()?;
        if kind.is_file() {
            let (order, path) = (name, entry.path());
            return Some(Child {
                order,
                path,
                linked: false,
            });
        }
        if kind.is_dir() {
            let (order, path) = (format!("{name}/"), entry.path());
            return Some(Child {
                order,
                path,
                linked: level.linked,
            });
        }
        if kind.is_symlink() {
            return self.follow(level, &entry.path(), name);
        }
        None
    }

    fn follow(&self, level: &Level, link: &Path, name: String) -> Option<Child> {
        let path = std::fs::canonicalize(link).ok()?;
        if !path.starts_with(&self.root) {
            return None;
        }
        if path.is_file() {
            return Some(Child {
                order: name,
                path,
                linked: false,
            });
        }
        let circular = level.linked || level.path.starts_with(&path);
        (path.is_dir() && !circular).then(|| Child {
            order: format!("{name}/"),
            path,
            linked: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_that_nobody_waits_for_ends_at_the_next_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/c"), "x").unwrap();
        let url = format!("file://{}", dir.path().display());
        let top = Level::new(
            dir.path().to_path_buf(),
            Location::parse("url", &url).unwrap(),
            false,
        );
        let asked = Arc::new(());
        let walk = |asking| {
            let mut walk = Walk {
                root: dir.path().to_path_buf(),
                asking,
                by_folder: false,
                wanted: 10,
                found: Vec::new(),
            };
            walk.level(&top, "", None, 0).map(|()| walk.found.len())
        };
        assert_eq!(walk(Arc::downgrade(&asked)).unwrap(), 1);
        let given_up = walk(Weak::new()).unwrap_err();
        assert_eq!(given_up.kind(), weir_core::ErrorKind::Unavailable);
    }
}
