//! Opening a root, and what may be done below it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use weir_core::crawl::StorageSettings;
use weir_core::location::{Location, Scheme};
use weir_core::{Error, Result};

use crate::config::StorageConfig;
use crate::failure;
use crate::local::LocalRoot;
use crate::s3::Bucket;

/// One read or one page of a listing, retries included.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
/// One whole object written, read or deleted. Shorter than what the database lets a transaction idle for: a commit writes
/// its metadata file while it holds the table.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// The most that one call reads; what is larger is a defect of the caller.
const MAX_READ: u64 = 128 << 20;

/// Opens stores. Clones share the configuration.
#[derive(Debug, Clone)]
pub struct Stores {
    config: Arc<StorageConfig>,
}

impl Stores {
    pub fn new(config: StorageConfig) -> Self {
        Self {
            config: Arc::new(config),
        }
    }

    /// Binds a store to `root`. Reaches out to nothing yet: [`Store::check`] does.
    ///
    /// Errors: a `file` root outside the allowed folders, a credential that is not configured, an endpoint that is no URL.
    pub fn open(&self, root: &Location, settings: &StorageSettings) -> Result<Store> {
        let backend = match root.scheme() {
            Scheme::File => {
                Backend::Local(LocalRoot::open(root, self.config.allow_file_roots.clone())?)
            }
            Scheme::S3 => Backend::S3(Bucket::open(root, settings, &self.config)?),
        };
        Ok(Store {
            root: root.clone(),
            backend: Arc::new(backend),
        })
    }
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    pub location: Location,
    /// Bytes.
    pub size: u64,
    pub modified: DateTime<Utc>,
    pub etag: Option<String>,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    Object(ObjectMeta),
    /// Something is there that is not served: a key that is no location, a link that leaves the root, a closed folder.
    Refused {
        path: String,
        cause: String,
    },
}

#[derive(Debug)]
enum Backend {
    Local(LocalRoot),
    S3(Bucket),
}

/// Storage below one root. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Store {
    root: Location,
    backend: Arc<Backend>,
}

impl Store {
    pub fn root(&self) -> &Location {
        &self.root
    }

    /// Everything below `prefix`, in no particular order, a page at a time. Ends after the first error.
    pub fn list(&self, prefix: &Location) -> BoxStream<'static, Result<Listed>> {
        if let Err(refused) = self.hold(prefix) {
            return stream::once(async { Err(refused) }).boxed();
        }
        match self.backend.as_ref() {
            Backend::Local(local) => local.list(prefix),
            Backend::S3(bucket) => bucket.list(prefix),
        }
    }

    /// Exactly the bytes of `range`.
    ///
    /// Errors: not below the root; gone; closed; shorter than the range, as a file is that changed since it was listed.
    pub async fn read(&self, location: &Location, range: Range<u64>) -> Result<Bytes> {
        self.hold(location)?;
        let wanted = range.end.saturating_sub(range.start);
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        if wanted > MAX_READ {
            return Err(Error::internal(format!("a read of {wanted} bytes")));
        }
        let reading = async {
            match self.backend.as_ref() {
                Backend::Local(local) => local.read(location, range).await,
                Backend::S3(bucket) => bucket.read(location, range).await,
            }
        };
        let bytes = tokio::time::timeout(DEADLINE, reading)
            .await
            .map_err(|_| failure::too_slow(location))??;
        if bytes.len() as u64 == wanted {
            Ok(bytes)
        } else {
            Err(changed(location))
        }
    }

    /// All of a small object, such as a metadata file.
    ///
    /// Errors: as [`Store::read`]; more than `limit` bytes.
    pub async fn read_whole(&self, location: &Location, limit: u64) -> Result<Bytes> {
        self.hold(location)?;
        within(location, async {
            match self.backend.as_ref() {
                Backend::Local(local) => local.read_whole(location, limit).await,
                Backend::S3(bucket) => bucket.read_whole(location, limit).await,
            }
        })
        .await
    }

    /// Writes a new object and returns once it is durable. The caller gives it a name that was never used: nothing is ever
    /// overwritten on a local file system, and no store is asked twice for the same name.
    pub async fn create(&self, location: &Location, content: Bytes) -> Result<()> {
        self.hold(location)?;
        within(location, async {
            match self.backend.as_ref() {
                Backend::Local(local) => local.create(location, content).await,
                Backend::S3(bucket) => bucket.create(location, content).await,
            }
        })
        .await
    }

    /// Makes a folder where the store has folders, for clients that write files into one and do not make it themselves.
    pub async fn make_folder(&self, location: &Location) -> Result<()> {
        self.hold(location)?;
        within(location, async {
            match self.backend.as_ref() {
                Backend::Local(local) => local.make_folder(location).await,
                Backend::S3(_) => Ok(()),
            }
        })
        .await
    }

    /// Deletes one object. What is gone already is no error.
    pub async fn delete(&self, location: &Location) -> Result<()> {
        self.hold(location)?;
        within(location, async {
            match self.backend.as_ref() {
                Backend::Local(local) => local.delete(location).await,
                Backend::S3(bucket) => bucket.delete(location).await,
            }
        })
        .await
    }

    /// Can the root be listed? Says why when it cannot.
    pub async fn check(&self) -> Result<()> {
        match self.list(&self.root).next().await {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    fn hold(&self, location: &Location) -> Result<()> {
        if location.is_under(&self.root) {
            Ok(())
        } else {
            Err(Error::invalid(
                "location",
                format!("`{location}` does not lie in `{}`.", self.root),
            ))
        }
    }
}

async fn within<T>(location: &Location, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(WRITE_DEADLINE, call)
        .await
        .map_err(|_| failure::too_slow(location))?
}

pub(crate) fn too_large(location: &Location, limit: u64) -> Error {
    Error::invalid(
        "location",
        format!("`{location}` is larger than the {limit} bytes that are read here."),
    )
}

pub(crate) fn changed(location: &Location) -> Error {
    Error::unavailable(format!("`{location}` changed while it was being read."))
}
