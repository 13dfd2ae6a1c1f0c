//! Opening a root, and what may be done below it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use moka::sync::Cache;
use secrecy::ExposeSecret;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use weir_core::location::{Location, Scheme};
use weir_core::storage::Place;
use weir_core::{Error, Result};

use crate::azure;
use crate::config::{Credential, StorageConfig};
use crate::failure;
use crate::google;
use crate::local::{LocalRoot, folder_of};
use crate::s3::{self, Bucket};
use crate::s3_upload::Buffers;
use crate::seal::Keyring;
use crate::stream::is_hidden;
use crate::vend;

/// One read or one page of a listing, retries included.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
/// One whole object written, read or deleted. Shorter than what the database lets a transaction idle for: a commit writes
/// its metadata file while it holds the table.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// The most that one call reads; what is larger is a defect of the caller.
const MAX_READ: u64 = 128 << 20;

/// Opens stores, and keeps them open: a client's connections outlive a request. Clones share both.
#[derive(Debug, Clone)]
pub struct Stores {
    config: Arc<StorageConfig>,
    keyring: Keyring,
    opened: Cache<Place, Store>,
    buffers: Buffers,
}

impl Stores {
    pub fn new(config: StorageConfig, keyring: Keyring) -> Self {
        Self {
            config: Arc::new(config),
            keyring,
            opened: Cache::builder()
                .max_capacity(10_000)
                .time_to_idle(Duration::from_secs(600))
                .build(),
            buffers: Buffers::default(),
        }
    }

    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Binds a store to a place. Reaches out to nothing yet: [`Store::check`] does.
    ///
    /// Errors: a folder outside the allowed ones, a credential that is not configured or cannot be opened, an endpoint that
    /// is no URL.
    pub fn open(&self, place: &Place) -> Result<Store> {
        if let Some(open) = self.opened.get(place) {
            return Ok(open);
        }
        let root = Location::parse("location", &place.url)?;
        let behind = place.settings.behind(&root)?;
        let bucket = |bucket: Bucket| {
            let bucket = bucket.sharing(&self.buffers);
            Backend::S3(match root == behind {
                true => bucket,
                false => bucket.standing_in(&root),
            })
        };
        let backend = match behind.scheme() {
            Scheme::File => Backend::Local(self.local(&root, folder_of(&behind))?),
            Scheme::S3 => bucket(self.s3(&root, place)?),
            Scheme::Gs => bucket(self.google(&behind, place)?),
            Scheme::Abfss => bucket(self.azure(&behind, place)?),
        };
        let store = Store {
            root,
            read_only: place.settings.read_only,
            backend: Arc::new(backend),
        };
        self.opened.insert(place.clone(), store.clone());
        Ok(store)
    }

    fn local(&self, root: &Location, folder: PathBuf) -> Result<LocalRoot> {
        LocalRoot::open(root, folder, self.config.allow_file_roots.clone())
    }

    fn s3(&self, root: &Location, place: &Place) -> Result<Bucket> {
        let credential = self.credential(place)?;
        let access = match &credential {
            None => s3::Access::Environment,
            Some(Credential::S3(keys)) => s3::Access::Keys(keys),
            Some(Credential::S3Federated(identity)) => s3::Access::Federated(identity),
            Some(_) => {
                return Err(other_kind(
                    "access_key_id and secret_access_key, or role_arn and web_identity_token_file",
                ));
            }
        };
        Bucket::open(root, &place.settings, &access)
    }

    fn google(&self, root: &Location, place: &Place) -> Result<Bucket> {
        let credential = match self.credential(place)? {
            None => None,
            Some(Credential::Google(account)) => Some(account),
            Some(_) => return Err(other_kind("service_account")),
        };
        google::open(root, &place.settings, credential.as_ref())
    }

    fn azure(&self, root: &Location, place: &Place) -> Result<Bucket> {
        let credential = self.credential(place)?;
        let access = match &credential {
            None => azure::Access::Environment,
            Some(Credential::AzureApplication(secret)) => azure::Access::Application(secret),
            Some(Credential::AzureFederated(identity)) => azure::Access::Federated(identity),
            Some(Credential::AzureManaged(identity)) => azure::Access::Managed(identity),
            Some(Credential::AzureAccount(key)) => azure::Access::Account(key),
            Some(_) => {
                return Err(other_kind(
                    "account_key, managed_identity, or tenant_id and client_id with client_secret or federated_token_file",
                ));
            }
        };
        azure::open(root, &place.settings, &access)
    }

    /// What the server itself reaches the place with; the environment's where there is none.
    pub(crate) fn credential(&self, place: &Place) -> Result<Option<Credential>> {
        if let Some(sealed) = &place.secret {
            let opened = self.keyring.open(sealed)?;
            return serde_json::from_slice(opened.expose_secret())
                .map(Some)
                .map_err(|error| {
                    Error::internal("A kept credential cannot be read").source(error)
                });
        }
        let Some(name) = &place.settings.credential else {
            return Ok(None);
        };
        let found = self.config.credentials.get(name).cloned();
        found.map(Some).ok_or_else(|| {
            let name = failure::shown(name);
            Error::invalid(
                "credential",
                format!("No credential is configured under the name `{name}`."),
            )
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
pub(crate) enum Backend {
    Local(LocalRoot),
    S3(Bucket),
}

/// Storage below one root. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Store {
    root: Location,
    read_only: bool,
    backend: Arc<Backend>,
}

impl Store {
    pub fn root(&self) -> &Location {
        &self.root
    }

    /// Everything below `prefix`, in no particular order, some pages at a time. Ends after the first error: what a store is out
    /// of for minutes it is asked for again.
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
        self.hold_to_write(location)?;
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
        self.hold_to_write(location)?;
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
        self.hold_to_write(location)?;
        within(location, async {
            match self.backend.as_ref() {
                Backend::Local(local) => local.delete(location).await,
                Backend::S3(bucket) => bucket.delete(location).await,
            }
        })
        .await
    }

    /// A credential of the store's own for what lies below the request's prefix.
    ///
    /// Errors: `Unsupported` for a store that makes none; as [`crate::vend::Role::vend`].
    pub async fn vend(&self, request: &vend::Request<'_>) -> Result<vend::Vended> {
        self.hold(request.prefix)?;
        match self.backend.as_ref() {
            Backend::S3(bucket) => bucket.vend(request).await,
            Backend::Local(_) => Err(Error::unsupported(
                "A local disk makes no credentials; the gateway does.",
            )),
        }
    }

    /// Can the root be listed? Says why when it cannot.
    ///
    /// Errors: `NotFound` for a folder of this machine that is not there; what is asked of a file in it is `Unavailable` then.
    pub async fn check(&self) -> Result<()> {
        if let Backend::Local(root) = &*self.backend {
            root.exists().await?;
        }
        match self.list(&self.root).next().await {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// As [`Store::hold`], for what is about to be written or deleted.
    ///
    /// Errors: `Denied` where all is only to be read.
    pub(crate) fn hold_to_write(&self, location: &Location) -> Result<()> {
        self.hold(location)?;
        if self.read_only {
            return Err(Error::denied(format!(
                "`{location}` lies in a storage location that is registered to be only read."
            )));
        }
        Ok(())
    }

    pub(crate) fn hold(&self, location: &Location) -> Result<()> {
        let hidden = location
            .below(&self.root)
            .map(|below| below.iter().any(|name| is_hidden(name)));
        if hidden == Some(true) {
            Err(Error::not_found(format!("`{location}` does not exist.")))
        } else if hidden.is_some() {
            Ok(())
        } else {
            Err(Error::invalid(
                "location",
                format!("`{location}` does not lie in `{}`.", self.root),
            ))
        }
    }
}

pub(crate) async fn within<T>(
    location: &Location,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::time::timeout(WRITE_DEADLINE, call)
        .await
        .map_err(|_| failure::too_slow(location))?
}

fn other_kind(wanted: &str) -> Error {
    Error::invalid(
        "credential",
        format!("This kind of storage needs a credential with {wanted}."),
    )
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
