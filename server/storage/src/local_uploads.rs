//! Uploads in parts to the local file system: a folder each, with the location that it is for and one file a part.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;
use weir_core::location::Location;
use weir_core::{Error, Result};

use crate::conditions::{Mode, unquoted};
use crate::failure;
use crate::local::{LocalRoot, blocking, described};
use crate::local_stream::{Draft, receive};
use crate::store::ObjectMeta;
use crate::stream::{Body, PARTS, Part, UploadedPart};

/// Names the location that an upload is for.
const TARGET: &str = "location";
/// An upload that nothing was added to for so long was given up.
const ABANDONED: Duration = Duration::from_secs(7 * 24 * 3600);

impl LocalRoot {
    pub async fn begin_upload(&self, location: &Location) -> Result<String> {
        let (this, at) = (self.clone(), location.clone());
        blocking(move || {
            let io = |error| failure::from_io(&at, error);
            let uploads = this.uploads()?;
            sweep(&uploads);
            let upload = Uuid::new_v4().simple().to_string();
            let folder = uploads.join(&upload);
            std::fs::create_dir(&folder).map_err(io)?;
            std::fs::write(folder.join(TARGET), at.to_string()).map_err(io)?;
            Ok(upload)
        })
        .await
    }

    pub async fn put_part(
        &self,
        location: &Location,
        upload: &str,
        number: u16,
        body: Body,
    ) -> Result<String> {
        let (this, at, id) = (self.clone(), location.clone(), upload.to_owned());
        let begin = move || Draft::begin(&this.upload(&at, &id)?, &at);
        let mut draft = receive(location, body, begin).await?;
        let at = location.clone();
        blocking(move || {
            let path = draft.path.with_file_name(name(number));
            std::fs::rename(&draft.path, path).map_err(|error| gone(&error, &at))?;
            draft.named = true;
            let meta = draft.file.metadata();
            let meta = meta.map_err(|error| failure::from_io(&at, error))?;
            Ok(described(at, &meta).etag.unwrap_or_default())
        })
        .await
    }

    pub async fn complete_upload(
        &self,
        location: &Location,
        upload: &str,
        parts: Vec<Part>,
        mode: &Mode,
    ) -> Result<ObjectMeta> {
        let (this, at, id) = (self.clone(), location.clone(), upload.to_owned());
        let mode = mode.clone();
        blocking(move || {
            let folder = this.upload(&at, &id)?;
            let mut draft = this.draft(&at)?;
            for part in &parts {
                let mut file = open_part(&folder, part, &at)?;
                let copied = std::io::copy(&mut file, &mut draft.file);
                copied.map_err(|error| failure::from_io(&at, error))?;
            }
            draft.finish(&at)?;
            let meta = this.publish(draft, at, &mode)?;
            discard(&folder);
            Ok(meta)
        })
        .await
    }

    pub async fn abort_upload(&self, location: &Location, upload: &str) -> Result<()> {
        let (this, at, id) = (self.clone(), location.clone(), upload.to_owned());
        blocking(move || {
            discard(&this.upload(&at, &id)?);
            Ok(())
        })
        .await
    }

    pub async fn uploaded_parts(
        &self,
        location: &Location,
        upload: &str,
    ) -> Result<Vec<UploadedPart>> {
        let (this, at, id) = (self.clone(), location.clone(), upload.to_owned());
        blocking(move || {
            let mut parts = Vec::new();
            let entries = std::fs::read_dir(this.upload(&at, &id)?);
            for entry in entries.map_err(|error| gone(&error, &at))? {
                let entry = entry.map_err(|error| gone(&error, &at))?;
                let number = entry.file_name().to_str().and_then(number_of);
                if let (Some(number), Ok(meta)) = (number, entry.metadata()) {
                    let meta = described(at.clone(), &meta);
                    parts.push(UploadedPart { number, meta });
                }
            }
            parts.sort_by_key(|part| part.number);
            Ok(parts)
        })
        .await
    }

    /// The folder of an upload to this location, and to no other.
    fn upload(&self, at: &Location, id: &str) -> Result<PathBuf> {
        // Before it becomes part of a path.
        let plain = id.len() == 32
            && id
                .bytes()
                .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
        if !plain {
            return Err(no_upload());
        }
        let folder = self.uploads()?.join(id);
        match std::fs::read_to_string(folder.join(TARGET)) {
            Ok(target) if target == at.to_string() => Ok(folder),
            Ok(_) => Err(no_upload()),
            Err(error) => Err(gone(&error, at)),
        }
    }
}

fn no_upload() -> Error {
    Error::not_found("There is no such upload.")
}

fn gone(error: &std::io::Error, at: &Location) -> Error {
    match error.kind() {
        ErrorKind::NotFound => no_upload(),
        kind => failure::from_io(at, kind.into()),
    }
}

fn name(number: u16) -> String {
    format!("part-{number:05}")
}

fn number_of(name: &str) -> Option<u16> {
    let number = name.strip_prefix("part-")?.parse().ok()?;
    PARTS.contains(&number).then_some(number)
}

fn open_part(folder: &Path, part: &Part, at: &Location) -> Result<File> {
    let wrong = || {
        let message = format!("Part {} is not there, or has another tag.", part.number);
        Error::invalid("part", message)
    };
    let file = match File::open(folder.join(name(part.number))) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(wrong()),
        Err(error) => return Err(failure::from_io(at, error)),
    };
    let meta = file.metadata();
    let meta = meta.map_err(|error| failure::from_io(at, error))?;
    let etag = described(at.clone(), &meta).etag.unwrap_or_default();
    if etag == unquoted(&part.etag) {
        Ok(file)
    } else {
        Err(wrong())
    }
}

/// Takes an upload away in one step, and then its parts. What cannot be removed now is swept later.
fn discard(folder: &Path) {
    let dying = folder.with_extension("gone");
    if std::fs::rename(folder, &dying).is_ok() {
        drop(std::fs::remove_dir_all(dying));
    }
}

/// Removes what uploads left behind that were given up.
fn sweep(uploads: &Path) {
    let Ok(entries) = std::fs::read_dir(uploads) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        let idle = meta.modified().ok().and_then(|at| at.elapsed().ok());
        if idle.is_none_or(|idle| idle < ABANDONED) {
            continue;
        }
        if meta.is_dir() {
            drop(std::fs::remove_dir_all(entry.path()));
        } else if entry.path().extension().is_some_and(|kind| kind == "draft") {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}
