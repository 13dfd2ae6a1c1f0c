//! Objects as streams: read, written, uploaded in parts and listed page by page, in memory that does not grow with them.
//!
//! What is being written is never seen half-written. On a local file system it lies in a folder of the root that no call
//! of a [`Store`] reaches until it is complete; see [`HIDDEN`].

use bytes::Bytes;
use futures::stream::BoxStream;
use std::ops::Range;
use weir_core::location::Location;
use weir_core::{Error, Result};

use crate::conditions::{Conditions, Mode, Span};
use crate::failure;
use crate::store::{Backend, DEADLINE, ObjectMeta, Store, within};

/// The folder of a local root that uploads lie in. Neither listed, nor read, nor written to by its name.
pub const HIDDEN: &str = ".weir-uploads";
/// The numbers that a part of an upload may have.
pub const PARTS: std::ops::RangeInclusive<u16> = 1..=10_000;

pub type Body = BoxStream<'static, Result<Bytes>>;

/// Content on its way in.
pub struct Incoming {
    pub body: Body,
    /// How long it will be, where the client said so.
    pub length: Option<u64>,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({:?} bytes)", self.length)
    }
}

/// What became of a read.
#[derive(Debug)]
pub enum Answer {
    Found(Found),
    NotModified(ObjectMeta),
    /// It is not in the state that was expected.
    Failed,
    /// The object has none of the bytes asked for.
    Beyond(ObjectMeta),
}

pub struct Found {
    pub meta: ObjectMeta,
    /// The bytes that `body` has.
    pub range: Range<u64>,
    pub body: Body,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Found({:?} of {:?})", self.range, self.meta)
    }
}

/// A part of an upload, by its number and the tag that it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub number: u16,
    pub etag: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedPart {
    pub number: u16,
    /// `location` is that of the object to be.
    pub meta: ObjectMeta,
}

/// What of a bucket's keys is asked for. Keys and prefixes are text, relative to the bucket.
#[derive(Debug, Clone, Default)]
pub struct Paging<'a> {
    pub prefix: &'a str,
    /// Fold everything below the next slash into one common prefix?
    pub by_folder: bool,
    /// Only what comes after it: a key, or a common prefix with all that it stands for.
    pub after: Option<&'a str>,
    /// As in [`Page`], of the page before; `after` is as it was for that one.
    pub token: Option<&'a str>,
    pub max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Object(ObjectMeta),
    /// Ends with a slash.
    Common(String),
}

impl Entry {
    /// The text that it is ordered by, and that a next page begins after.
    pub fn key(&self) -> String {
        match self {
            Self::Object(meta) => meta.location.path(),
            Self::Common(prefix) => prefix.clone(),
        }
    }
}

/// One page in the order of the keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Where there is more: what the next page begins after. A store that may list in another order gives some keys twice so.
    pub next: Option<String>,
    /// The same in the words of such a store, which knows better.
    pub token: Option<String>,
}

impl Store {
    pub async fn head(&self, location: &Location) -> Result<ObjectMeta> {
        self.hold(location)?;
        soon(location, async {
            match self.backend() {
                Backend::Local(local) => local.head(location).await,
                Backend::S3(bucket) => bucket.head(location).await,
            }
        })
        .await
    }

    /// Opens an object where `conditions` hold. The body's deadline is its reader's affair.
    ///
    /// Errors: not below the root; gone; closed. The body errs when the object changes while it is read.
    pub async fn open(
        &self,
        location: &Location,
        span: Span,
        conditions: &Conditions,
    ) -> Result<Answer> {
        self.hold(location)?;
        #[cfg(target_os = "linux")]
        if let Backend::Local(local) = self.backend()
            && let Some(answer) = local.warm(location, span, conditions)
        {
            return Ok(answer);
        }
        soon(location, async {
            match self.backend() {
                Backend::Local(local) => local.stream(location, span, conditions).await,
                Backend::S3(bucket) => bucket.stream(location, span, conditions).await,
            }
        })
        .await
    }

    /// Writes an object and returns once it is durable. Without an end of `body` there is no trace of it.
    ///
    /// Errors: already exists, under [`Mode::Create`]; conflict, where [`Mode::Replace`] finds another object or none.
    pub async fn put(
        &self,
        location: &Location,
        content: Incoming,
        mode: &Mode,
    ) -> Result<ObjectMeta> {
        self.hold_below(location)?;
        match self.backend() {
            Backend::Local(local) => local.put(location, content.body, mode).await,
            Backend::S3(bucket) => bucket.put(location, content, mode).await,
        }
    }

    pub async fn copy(&self, from: &Location, to: &Location, mode: &Mode) -> Result<ObjectMeta> {
        self.hold(from)?;
        self.hold_below(to)?;
        match self.backend() {
            Backend::Local(local) => local.copy(from, to, mode).await,
            Backend::S3(bucket) => bucket.copy(from, to, mode).await,
        }
    }

    /// Begins an upload in parts. The id cannot be guessed, and is good for this location only.
    pub async fn begin_upload(&self, location: &Location) -> Result<String> {
        self.hold_below(location)?;
        within(location, async {
            match self.backend() {
                Backend::Local(local) => local.begin_upload(location).await,
                Backend::S3(bucket) => bucket.begin_upload(location).await,
            }
        })
        .await
    }

    /// Takes one part, or takes it anew, and gives back its tag.
    ///
    /// Errors: not found, where there is no such upload to this location.
    pub async fn put_part(
        &self,
        location: &Location,
        upload: &str,
        number: u16,
        content: Incoming,
    ) -> Result<String> {
        self.hold_below(location)?;
        if !PARTS.contains(&number) {
            return Err(Error::invalid(
                "part",
                "A part has a number from 1 to 10,000.",
            ));
        }
        match self.backend() {
            Backend::Local(local) => local.put_part(location, upload, number, content.body).await,
            Backend::S3(bucket) => bucket.put_part(location, upload, number, content).await,
        }
    }

    /// Makes the object of the parts, which are in the order of their numbers.
    ///
    /// Errors: as [`Store::put`] and [`Store::put_part`]; invalid `part`, where one is missing or has another tag.
    pub async fn complete_upload(
        &self,
        location: &Location,
        upload: &str,
        parts: Vec<Part>,
        mode: &Mode,
    ) -> Result<ObjectMeta> {
        self.hold_below(location)?;
        let ordered = parts.is_sorted_by(|one, next| one.number < next.number);
        if parts.is_empty() || !ordered {
            return Err(Error::invalid(
                "parts",
                "The parts are not in the order of their numbers.",
            ));
        }
        match self.backend() {
            Backend::Local(local) => local.complete_upload(location, upload, parts, mode).await,
            Backend::S3(bucket) => bucket.complete_upload(location, upload, parts, mode).await,
        }
    }

    pub async fn abort_upload(&self, location: &Location, upload: &str) -> Result<()> {
        self.hold_below(location)?;
        within(location, async {
            match self.backend() {
                Backend::Local(local) => local.abort_upload(location, upload).await,
                Backend::S3(bucket) => bucket.abort_upload(location, upload).await,
            }
        })
        .await
    }

    /// The parts that are there, in the order of their numbers.
    pub async fn uploaded_parts(
        &self,
        location: &Location,
        upload: &str,
    ) -> Result<Vec<UploadedPart>> {
        self.hold(location)?;
        within(location, async {
            match self.backend() {
                Backend::Local(local) => local.uploaded_parts(location, upload).await,
                Backend::S3(_) => Err(Error::unsupported(
                    "This storage does not list the parts of an upload.",
                )),
            }
        })
        .await
    }

    /// One page of the keys that begin with a prefix. Keys that are no location are left out.
    ///
    /// Errors: a prefix outside the root, or one with a folder that is no location.
    pub async fn list_page(&self, paging: Paging<'_>) -> Result<Page> {
        let folder = self.folder_of_prefix(paging.prefix)?;
        if paging.max == 0 {
            return Ok(Page::default());
        }
        soon(&folder, async {
            match self.backend() {
                Backend::Local(local) => local.list_page(&folder, &paging).await,
                Backend::S3(bucket) => bucket.list_page(&folder, &paging).await,
            }
        })
        .await
    }

    /// The deepest folder that all keys with this prefix lie in.
    fn folder_of_prefix(&self, prefix: &str) -> Result<Location> {
        let mut folder = self.root().top();
        if let Some((above, _)) = prefix.rsplit_once('/') {
            for segment in above.split('/') {
                folder = folder.join(segment)?;
            }
        }
        self.hold(&folder)?;
        Ok(folder)
    }

    /// An object is never the root itself.
    fn hold_below(&self, location: &Location) -> Result<()> {
        self.hold_to_write(location)?;
        if location == self.root() {
            return Err(Error::invalid(
                "location",
                format!("`{location}` is no object's location."),
            ));
        }
        Ok(())
    }
}

/// Is this the name of the folder that uploads lie in, on whatever file system?
pub(crate) fn is_hidden(name: &str) -> bool {
    name.eq_ignore_ascii_case(HIDDEN)
}

/// The call lies in a box: what calls several stores is as large as the largest of them, and would be moved with each request.
async fn soon<T>(location: &Location, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(DEADLINE, Box::pin(call))
        .await
        .map_err(|_| failure::too_slow(location))?
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
