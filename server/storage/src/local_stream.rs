//! Streams of the local file system.
//!
//! A read is one call on the blocking threads from opening to the first bytes, and a small one needs no other; one that has to
//! wait for nothing makes none (`local_warm.rs`). A write goes to a draft in the hidden folder and gets its name once it is
//! complete and durable.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future, stream};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;
use weir_core::location::Location;
use weir_core::{Error, Result};

use crate::conditions::{Conditions, Mode, Span, Verdict, unquoted};
use crate::failure;
use crate::local::{LocalRoot, blocking, described, sync_folder};
use crate::store::{ObjectMeta, changed};
use crate::stream::{Answer, Body, Found, HIDDEN};

/// Read at once.
const CHUNK: u64 = 512 << 10;
/// Chunks that are read while the ones before them are sent.
const AHEAD: usize = 2;
/// Taken in before it is written.
const GATHERED: usize = 1 << 20;

impl LocalRoot {
    pub async fn head(&self, location: &Location) -> Result<ObjectMeta> {
        let (this, at) = (self.clone(), location.clone());
        blocking(move || {
            let path = this.resolve_file(&at)?;
            let meta = std::fs::metadata(path).map_err(|error| failure::from_io(&at, error))?;
            Ok(described(at, &meta))
        })
        .await
    }

    pub async fn stream(
        &self,
        location: &Location,
        span: Span,
        conditions: &Conditions,
    ) -> Result<Answer> {
        let (this, at, conditions) = (self.clone(), location.clone(), conditions.clone());
        blocking(move || {
            let (file, meta) = this.open_file(&at)?;
            match conditions.judge(&meta) {
                Verdict::Proceed => {}
                Verdict::NotModified => return Ok(Answer::NotModified(meta)),
                Verdict::Failed => return Ok(Answer::Failed),
            }
            let Some(range) = span.of(meta.size) else {
                return Ok(Answer::Beyond(meta));
            };
            let begun = range.end.min(range.start.saturating_add(CHUNK));
            let first = read_at(&file, range.start..begun, &at)?;
            let first = stream::once(future::ready(Ok(first)));
            let body = first.chain(read_ahead(file, at, begun..range.end)).boxed();
            Ok(Answer::Found(Found { meta, range, body }))
        })
        .await
    }

    pub async fn put(&self, location: &Location, body: Body, mode: &Mode) -> Result<ObjectMeta> {
        let (this, at, wanted) = (self.clone(), location.clone(), mode.clone());
        let begin = move || {
            // Said before the content is taken in, where it is known already.
            let path = this.place_of(&at)?;
            if wanted == Mode::Create && path.exists() {
                return Err(taken(&at));
            }
            this.draft(&at)
        };
        let draft = receive(location, body, begin).await?;
        let (this, at, mode) = (self.clone(), location.clone(), mode.clone());
        blocking(move || this.publish(draft, at, &mode)).await
    }

    pub async fn copy(&self, from: &Location, to: &Location, mode: &Mode) -> Result<ObjectMeta> {
        let (this, from, to, mode) = (self.clone(), from.clone(), to.clone(), mode.clone());
        blocking(move || {
            let (mut source, _) = this.open_file(&from)?;
            let mut draft = this.draft(&to)?;
            let copied = std::io::copy(&mut source, &mut draft.file);
            copied.map_err(|error| failure::from_io(&to, error))?;
            draft.finish(&to)?;
            this.publish(draft, to, &mode)
        })
        .await
    }

    pub(crate) fn open_file(&self, at: &Location) -> Result<(File, ObjectMeta)> {
        let io = |error| failure::from_io(at, error);
        let file = File::open(self.resolve_file(at)?).map_err(io)?;
        let meta = described(at.clone(), &file.metadata().map_err(io)?);
        Ok((file, meta))
    }

    /// The folder that uploads lie in; it is made where it is missing.
    pub(crate) fn uploads(&self) -> Result<PathBuf> {
        let io = |error| failure::from_io(&self.root, error);
        let folder = self.resolve_root()?.join(HIDDEN);
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(io(error)),
            _ => {}
        }
        if std::fs::symlink_metadata(&folder).map_err(io)?.is_dir() {
            Ok(folder)
        } else {
            let message = format!("`{HIDDEN}` in `{}` is not a folder.", self.root);
            Err(Error::unavailable(message))
        }
    }

    pub(crate) fn draft(&self, at: &Location) -> Result<Draft> {
        Draft::begin(&self.uploads()?, at)
    }

    /// Gives a finished draft its name, in one step.
    pub(crate) fn publish(
        &self,
        mut draft: Draft,
        at: Location,
        mode: &Mode,
    ) -> Result<ObjectMeta> {
        let io = |error| failure::from_io(&at, error);
        let path = self.place_of(&at)?;
        if *mode == Mode::Create {
            std::fs::hard_link(&draft.path, &path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => taken(&at),
                _ => io(error),
            })?;
        } else {
            let _turn = self.turn()?;
            if let Mode::Replace(expected) = mode {
                let there = self.resolve_file(&at)?;
                let there = described(at.clone(), &std::fs::metadata(there).map_err(io)?);
                if there.etag.as_deref() != Some(unquoted(expected)) {
                    let message = format!("`{at}` is not the object that was expected.");
                    return Err(Error::conflict(message));
                }
            }
            std::fs::rename(&draft.path, &path).map_err(io)?;
            draft.named = true;
        }
        if let Some(folder) = path.parent() {
            sync_folder(folder).map_err(io)?;
        }
        let meta = draft.file.metadata().map_err(io)?;
        Ok(described(at, &meta))
    }

    /// Who replaces an object waits for its turn, among all processes: nothing may come between comparing and renaming.
    fn turn(&self) -> Result<File> {
        let path = self.uploads()?.join("turn");
        let turn = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path);
        turn.and_then(|file| file.lock().map(|()| file))
            .map_err(|error| failure::from_io(&self.root, error))
    }

    /// Where an object goes. A file system has no object below another one, as S3 has.
    fn place_of(&self, at: &Location) -> Result<PathBuf> {
        let path = self.to_path(at);
        let depth = at.below(&self.root).unwrap_or_default().len();
        let above = path.ancestors().skip(1).take(depth.saturating_sub(1));
        if above.into_iter().any(Path::is_file) {
            let message = format!("`{at}` lies below something that is an object.");
            return Err(Error::invalid("location", message));
        }
        let path = self.resolve_new(at)?;
        if path.is_dir() {
            let message = format!("`{at}` is a folder.");
            return Err(Error::invalid("location", message));
        }
        Ok(path)
    }
}

fn taken(at: &Location) -> Error {
    Error::already_exists(format!("`{at}` exists already."))
}

/// A range of a file in chunks, some of which are read while the ones before them are sent.
pub(crate) fn read_ahead(file: File, at: Location, range: Range<u64>) -> Body {
    let file = Arc::new(file);
    let end = range.end;
    let step = usize::try_from(CHUNK).unwrap_or(usize::MAX);
    let chunks = stream::iter(range.step_by(step)).map(move |from| {
        let (file, at) = (Arc::clone(&file), at.clone());
        let range = from..end.min(from.saturating_add(CHUNK));
        blocking(move || read_at(&file, range, &at))
    });
    chunks.buffered(AHEAD).boxed()
}

/// Exactly these bytes.
pub(crate) fn read_at(file: &File, range: Range<u64>, at: &Location) -> Result<Bytes> {
    let wanted = usize::try_from(range.end.saturating_sub(range.start));
    let wanted = wanted.map_err(|error| Error::internal("a read of a file").source(error))?;
    let mut content = Vec::with_capacity(wanted);
    while content.len() < wanted {
        let from = range.start + content.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut content), from) {
            Ok(0) => return Err(changed(at)),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failure::from_io(at, error.into())),
        }
    }
    // An allocation may be larger than what was asked for, and a file longer.
    content.truncate(wanted);
    Ok(content.into())
}

/// A file that has no name yet. It is gone with its value, unless it got one.
#[derive(Debug)]
pub(crate) struct Draft {
    pub file: File,
    pub path: PathBuf,
    pub named: bool,
}

impl Draft {
    pub fn begin(folder: &Path, at: &Location) -> Result<Self> {
        let path = folder.join(format!("{}.draft", Uuid::new_v4().simple()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| failure::from_io(at, error))?;
        Ok(Self {
            file,
            path,
            named: false,
        })
    }

    pub fn finish(&self, at: &Location) -> Result<()> {
        let synced = self.file.sync_all();
        synced.map_err(|error| failure::from_io(at, error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.named {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Takes a whole body into a draft. `begin` is called with the first of it there.
pub(crate) async fn receive(
    at: &Location,
    mut body: Body,
    begin: impl FnOnce() -> Result<Draft> + Send + 'static,
) -> Result<Draft> {
    let mut pieces = gather(&mut body, GATHERED).await?;
    let mut over = pieces.over;
    let mut draft = blocking({
        let at = at.clone();
        move || write(begin()?, &pieces, &at)
    })
    .await?;
    while !over {
        pieces = gather(&mut body, GATHERED).await?;
        over = pieces.over;
        let at = at.clone();
        draft = blocking(move || write(draft, &pieces, &at)).await?;
    }
    Ok(draft)
}

fn write(mut draft: Draft, pieces: &Gathered, at: &Location) -> Result<Draft> {
    for piece in &pieces.pieces {
        let written = draft.file.write_all(piece);
        written.map_err(|error| failure::from_io(at, error))?;
    }
    if pieces.over {
        draft.finish(at)?;
    }
    Ok(draft)
}

#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub pieces: Vec<Bytes>,
    pub bytes: usize,
    /// Did the body end?
    pub over: bool,
}

/// The next pieces of a body, until they have at least `enough` bytes together.
pub(crate) async fn gather(body: &mut Body, enough: usize) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    while gathered.bytes < enough {
        match body.try_next().await? {
            Some(piece) => {
                gathered.bytes += piece.len();
                gathered.pieces.push(piece);
            }
            None => {
                gathered.over = true;
                break;
            }
        }
    }
    Ok(gathered)
}
