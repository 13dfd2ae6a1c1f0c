//! Writing to an object store, whole and in parts.
//!
//! A store wants to know the length of what it gets, so a piece is held before it goes out. All pieces together have a
//! bounded room.

use object_store::multipart::{MultipartStore, PartId};
use object_store::{
    CopyOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
    path::Path,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;
use weir_core::location::{Location, Scheme};
use weir_core::{Error, ErrorKind, Result};

use crate::conditions::{Conditions, Mode, Span, Tags, Verdict, unquoted};
use crate::failure;
use crate::local_stream::{Gathered, gather};
use crate::s3::{Bucket, key};
use crate::store::{DEADLINE, ObjectMeta, changed};
use crate::stream::{Answer, Body, Incoming, Part};

/// One piece of a large write.
const PIECE: u64 = 16 << 20;
/// The largest part of an upload that is taken.
const MAX_PART: u64 = 128 << 20;
/// What all pieces that are on their way to buckets may hold.
const ROOM_MIB: u32 = 512;

/// What is on its way has to come at this many bytes a second, once [`GRACE`] is over: it holds room that others wait for.
const LEAST_RATE: u64 = 256 << 10;
const GRACE: Duration = Duration::from_secs(30);

/// Room for what is on its way to buckets. Clones share it.
#[derive(Debug, Clone)]
pub struct Buffers(Arc<Semaphore>);

impl Default for Buffers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_MIB as usize)))
    }
}

impl Buffers {
    async fn room(&self, bytes: u64) -> Result<OwnedSemaphorePermit> {
        let wanted = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(ROOM_MIB);
        let room = Arc::clone(&self.0).acquire_many_owned(wanted.clamp(1, ROOM_MIB));
        let busy = || Error::unavailable("Too much is being written at a time.");
        let room = tokio::time::timeout(DEADLINE, room).await;
        room.map_err(|_| busy())?.map_err(|_| busy())
    }
}

impl Bucket {
    pub async fn put(
        &self,
        location: &Location,
        content: Incoming,
        mode: &Mode,
    ) -> Result<ObjectMeta> {
        let expected = content.length.unwrap_or(PIECE).min(PIECE);
        let _room = self.buffers.room(expected).await?;
        let mut body = content.body;
        let first = piece(&mut body, expected).await?;
        if !first.over {
            return self.put_pieces(location, first, body, mode).await;
        }
        let size = first.bytes as u64;
        let path = key(location)?;
        let wanted = match mode {
            Mode::Create => PutMode::Create,
            Mode::Overwrite => PutMode::Overwrite,
            Mode::Replace(etag) => PutMode::Update(UpdateVersion {
                e_tag: Some(quoted(etag)),
                version: self.version_of(location, etag).await?,
            }),
        };
        let options = PutOptions {
            mode: wanted,
            ..Default::default()
        };
        let put = self.client.put_opts(&path, payload(first), options);
        let put = put.await.map_err(|error| unwritten(location, error))?;
        Ok(written(location, size, put.e_tag))
    }

    /// Writes what is larger than one piece. What must be there is looked at once more before the object appears: no store
    /// compares and completes in one step.
    async fn put_pieces(
        &self,
        location: &Location,
        first: Gathered,
        mut body: Body,
        mode: &Mode,
    ) -> Result<ObjectMeta> {
        self.expect(location, mode).await?;
        let path = key(location)?;
        let upload = self.client.create_multipart(&path).await;
        let upload = upload.map_err(|error| unwritten(location, error))?;
        let mut unfinished = Unfinished {
            client: Arc::clone(&self.client) as Arc<dyn MultipartStore>,
            path: path.clone(),
            upload: Some(upload.clone()),
        };
        let (mut parts, mut size, mut next) = (Vec::new(), 0, first);
        loop {
            let over = next.over;
            size += next.bytes as u64;
            if next.bytes > 0 {
                let part = self
                    .client
                    .put_part(&path, &upload, parts.len(), payload(next));
                parts.push(part.await.map_err(|error| unwritten(location, error))?);
            }
            if over {
                break;
            }
            next = piece(&mut body, PIECE).await?;
        }
        self.expect(location, mode).await?;
        let put = self.client.complete_multipart(&path, &upload, parts).await;
        let put = put.map_err(|error| unwritten(location, error))?;
        unfinished.upload = None;
        Ok(written(location, size, put.e_tag))
    }

    /// What Google, which compares versions and no tags, knows the object of this tag by.
    async fn version_of(&self, location: &Location, etag: &str) -> Result<Option<String>> {
        if self.protocol != Scheme::Gs {
            return Ok(None);
        }
        let found = self.client.head(&key(location)?).await;
        let found = found.map_err(|error| failure::from_store(location, error))?;
        match found.e_tag.as_deref().map(unquoted) == Some(etag) {
            true => Ok(found.version),
            false => Err(other(location)),
        }
    }

    /// Is there what a write expects?
    async fn expect(&self, location: &Location, mode: &Mode) -> Result<()> {
        let there = match (mode, self.head(location)) {
            (Mode::Overwrite, _) => return Ok(()),
            (_, head) => head.await,
        };
        match (mode, there) {
            (Mode::Create, Ok(_)) => Err(taken(location)),
            (Mode::Create, Err(error)) if error.kind() == ErrorKind::NotFound => Ok(()),
            (Mode::Replace(tag), Ok(meta)) => {
                let expected = Conditions {
                    if_match: Some(Tags::OneOf(vec![tag.clone()])),
                    ..Default::default()
                };
                match expected.judge(&meta) {
                    Verdict::Proceed => Ok(()),
                    _ => Err(other(location)),
                }
            }
            (_, there) => there.map(drop),
        }
    }

    pub async fn copy(&self, from: &Location, to: &Location, mode: &Mode) -> Result<ObjectMeta> {
        if *mode == Mode::Overwrite {
            let (source, target) = (key(from)?, key(to)?);
            let copied = self
                .client
                .copy_opts(&source, &target, CopyOptions::default());
            copied
                .await
                .map_err(|error| failure::from_store(from, error))?;
            return self.head(to).await;
        }
        // A store's own copy does not say what must be there.
        match self.stream(from, Span::All, &Conditions::default()).await? {
            Answer::Found(found) => {
                let length = Some(found.meta.size);
                let content = Incoming {
                    body: found.body,
                    length,
                };
                self.put(to, content, mode).await
            }
            _ => Err(changed(from)),
        }
    }

    pub async fn begin_upload(&self, location: &Location) -> Result<String> {
        let upload = self.client.create_multipart(&key(location)?).await;
        let upload = upload.map_err(|error| unwritten(location, error))?;
        match self.protocol {
            // Azure knows parts, each by a name of its own, and no uploads.
            Scheme::Abfss => Ok(Uuid::new_v4().simple().to_string()),
            _ => Ok(upload),
        }
    }

    pub async fn put_part(
        &self,
        location: &Location,
        upload: &str,
        number: u16,
        content: Incoming,
    ) -> Result<String> {
        let too_large = || Error::too_large(format!("A part has at most {MAX_PART} bytes here."));
        if content.length.is_some_and(|length| length > MAX_PART) {
            return Err(too_large());
        }
        let _room = self
            .buffers
            .room(content.length.unwrap_or(MAX_PART))
            .await?;
        let mut body = content.body;
        let limit = usize::try_from(MAX_PART + 1).unwrap_or(usize::MAX);
        let expected = content.length.unwrap_or(MAX_PART);
        let part = in_time(patience(expected), gather(&mut body, limit)).await?;
        if !part.over {
            return Err(too_large());
        }
        let (path, upload) = (key(location)?, upload.to_owned());
        let index = usize::from(number.saturating_sub(1));
        let put = self.client.put_part(&path, &upload, index, payload(part));
        let part = put.await.map_err(|error| of_upload(location, error))?;
        Ok(unquoted(&part.content_id).to_owned())
    }

    pub async fn complete_upload(
        &self,
        location: &Location,
        upload: &str,
        parts: Vec<Part>,
        mode: &Mode,
    ) -> Result<ObjectMeta> {
        let gapless = parts
            .iter()
            .zip(1_u16..)
            .all(|(part, number)| part.number == number);
        if !gapless {
            let message = "This storage wants the parts numbered from 1 without gaps.";
            return Err(Error::invalid("part", message));
        }
        self.expect(location, mode).await?;
        let parts = parts.into_iter().map(|part| PartId {
            content_id: match self.protocol {
                Scheme::Abfss => part.etag,
                _ => quoted(&part.etag),
            },
        });
        let (path, upload) = (key(location)?, upload.to_owned());
        let put = self
            .client
            .complete_multipart(&path, &upload, parts.collect());
        put.await.map_err(|error| of_upload(location, error))?;
        self.head(location).await
    }

    pub async fn abort_upload(&self, location: &Location, upload: &str) -> Result<()> {
        let (path, upload) = (key(location)?, upload.to_owned());
        let aborted = self.client.abort_multipart(&path, &upload).await;
        aborted.map_err(|error| of_upload(location, error))
    }
}

fn written(location: &Location, size: u64, etag: Option<String>) -> ObjectMeta {
    ObjectMeta {
        location: location.clone(),
        size,
        modified: chrono::Utc::now(),
        etag,
    }
}

async fn piece(body: &mut Body, expected: u64) -> Result<Gathered> {
    let enough = usize::try_from(PIECE).unwrap_or(usize::MAX);
    in_time(patience(expected), gather(body, enough)).await
}

/// How long a sender may take for as many bytes.
fn patience(bytes: u64) -> Duration {
    GRACE + Duration::from_secs(bytes / LEAST_RATE)
}

async fn in_time(
    patience: Duration,
    coming: impl Future<Output = Result<Gathered>>,
) -> Result<Gathered> {
    let late = || Error::invalid("idle", "The body comes too slowly.");
    tokio::time::timeout(patience, coming)
        .await
        .map_err(|_| late())?
}

fn payload(gathered: Gathered) -> PutPayload {
    gathered.pieces.into_iter().collect::<PutPayload>()
}

fn quoted(etag: &str) -> String {
    format!("\"{}\"", unquoted(etag))
}

fn taken(at: &Location) -> Error {
    Error::already_exists(format!("`{at}` exists already."))
}

fn other(at: &Location) -> Error {
    Error::conflict(format!("`{at}` is not the object that was expected."))
}

fn unwritten(at: &Location, error: object_store::Error) -> Error {
    match error {
        object_store::Error::AlreadyExists { .. } => taken(at).source(error),
        object_store::Error::Precondition { .. } => other(at).source(error),
        error => failure::from_store(at, error),
    }
}

fn of_upload(at: &Location, error: object_store::Error) -> Error {
    let text = error.to_string();
    if matches!(error, object_store::Error::NotFound { .. }) || text.contains("NoSuchUpload") {
        Error::not_found("There is no such upload.").source(error)
    } else if ["InvalidPart", "EntityTooSmall", "InvalidBlock"]
        .iter()
        .any(|reason| text.contains(reason))
    {
        let message = "The storage does not take these parts: one is missing, has another tag, or is too small.";
        Error::invalid("part", message).source(error)
    } else {
        unwritten(at, error)
    }
}

/// Aborts an upload that its writer went away from.
struct Unfinished {
    client: Arc<dyn MultipartStore>,
    path: Path,
    upload: Option<String>,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let (Some(upload), Ok(runtime)) =
            (self.upload.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (client, path) = (Arc::clone(&self.client), self.path.clone());
        runtime.spawn(async move {
            let aborting = client.abort_multipart(&path, &upload);
            drop(tokio::time::timeout(DEADLINE, aborting).await);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    #[tokio::test]
    async fn who_sends_a_byte_now_and_then_holds_room_for_minutes_and_not_for_ever() {
        assert_eq!(patience(MAX_PART), Duration::from_secs(30 + 512));
        let drop_by_drop = futures::stream::repeat_with(|| Ok(bytes::Bytes::from_static(b"x")))
            .then(|byte| async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                byte
            });
        let mut body: Body = drop_by_drop.boxed();
        let slow = in_time(Duration::from_millis(30), gather(&mut body, 1 << 20)).await;
        assert_eq!(
            slow.err().and_then(|it| it.field().map(str::to_owned)),
            Some("idle".into())
        );
        let enough = in_time(Duration::from_secs(30), gather(&mut body, 3)).await;
        assert!(enough.is_ok_and(|it| it.bytes == 3 && !it.over));
    }
}
