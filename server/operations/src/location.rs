//! Storage locations.

use serde_json::json;
use uuid::Uuid;
use weir_core::authz::verbs::RegisterLocation;
use weir_core::delivery::{Access, SHORTEST_OF_STS};
use weir_core::location::{Location, Scheme};
use weir_core::name::Name;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::storage::{Place, Sealed, StorageLocation, StorageSettings, Zone};
use weir_core::{Error, ErrorKind, Result};
use weir_db::location;
use weir_db::resolve::Target;
use weir_storage::vend::Request;
pub use weir_storage::{AccountKey, ClientSecret, Credential, GoogleCredential, S3Credential};
use weir_storage::{Store, is_region};

use crate::Weir;

pub use weir_db::location::NewLocation;

/// A location as it is to be registered.
#[derive(Debug)]
pub struct Registration {
    pub name: Name,
    pub url: Location,
    pub settings: StorageSettings,
    pub zone: Option<Zone>,
    /// Kept sealed. Without one, the settings name one of the configuration, or the environment's is used.
    pub credential: Option<Credential>,
}

/// The locations that the caller may use or see.
pub async fn list(
    weir: &Weir,
    caller: &Caller,
    page: &PageRequest,
) -> Result<Page<StorageLocation>> {
    location::list(&weir.db, caller, weir.gate.describing(), weir.now(), page).await
}

/// May the caller register locations, try them and replace their credentials?
pub async fn may_register(weir: &Weir, caller: &Caller) -> Result<bool> {
    weir.gate
        .may::<RegisterLocation>(caller, Target::Server)
        .await
}

/// Registers a root of storage, after trying what it is good for.
///
/// Errors: `Unavailable` naming what failed, to list, to write, to read or to delete; `Conflict` where it overlaps another;
/// `Invalid` for settings that do not go together.
pub async fn register(weir: &Weir, caller: &Caller, new: Registration) -> Result<StorageLocation> {
    // Asked first, so that nobody without the right can make the server reach out to an address.
    weir.gate
        .read::<RegisterLocation>(caller, Target::Server, "location.register")
        .await?;
    check(&new)?;
    let secret = new.credential.as_ref();
    let secret = secret
        .map(|credential| seal(weir, credential))
        .transpose()?;
    let place = Place {
        secret: secret.clone(),
        ..Place::new(&new.url, new.settings.clone())
    };
    probe(weir, &place).await?;
    let mut write = weir
        .gate
        .write::<RegisterLocation>(caller, Target::Server, "location.register")
        .await?;
    let row = NewLocation {
        url: &new.url,
        settings: &new.settings,
        zone: new.zone,
        secret: secret.as_ref(),
    };
    let registered = location::register(&mut write, &new.name, &row).await?;
    write.record(json!({ "url": registered.url, "zone": registered.zone, "credential": registered.has_credential }));
    write.commit().await?;
    Ok(registered)
}

/// Settings that would be without effect are refused: whoever gave them would believe in them.
fn check(new: &Registration) -> Result<()> {
    let settings = &new.settings;
    if settings.credential.is_some() && new.credential.is_some() {
        let message = "Name a credential of the configuration or give one, not both.";
        return Err(Error::invalid("credential", message));
    }
    let has_role = new.url.scheme() == Scheme::S3 && !settings.stands_for_other();
    for (field, given) in [
        ("role", settings.role.is_some() || settings.assume_role),
        ("external_id", settings.external_id.is_some()),
    ] {
        if given && !has_role {
            let message = "Only a bucket of S3 is reached by a role.";
            return Err(Error::invalid(field, message));
        }
    }
    if settings
        .region
        .as_deref()
        .is_some_and(|region| !is_region(region))
    {
        let message = "A region is a name of letters, digits, - and _, as eu-central-1.";
        return Err(Error::invalid("region", message));
    }
    if settings.role.is_none() && (settings.assume_role || settings.external_id.is_some()) {
        return Err(Error::invalid(
            "role",
            "Name the role that is to be assumed.",
        ));
    }
    Ok(())
}

/// Tries a registered location again, as its registration did.
pub async fn validate(weir: &Weir, caller: &Caller, name: &Name) -> Result<()> {
    let place = known(weir, caller, name, "location.validate").await?;
    probe(weir, &place).await
}

/// Keeps another credential for a location, once it was tried. The one before is forgotten.
///
/// Errors: `Invalid` where the location names one of the configuration; else as [`register`].
pub async fn rotate(
    weir: &Weir,
    caller: &Caller,
    name: &Name,
    credential: &Credential,
) -> Result<()> {
    let before = known(weir, caller, name, "location.rotate").await?;
    if let Some(name) = &before.settings.credential {
        let message = format!(
            "This location is reached with `{name}` of the configuration: replace it there."
        );
        return Err(Error::invalid("credential", message));
    }
    let sealed = seal(weir, credential)?;
    let place = Place {
        secret: Some(sealed.clone()),
        ..before
    };
    probe(weir, &place).await?;
    let mut write = weir
        .gate
        .write::<RegisterLocation>(caller, Target::Server, "location.rotate")
        .await?;
    location::set_secret(&mut write, name, &sealed).await?;
    write.commit().await
}

/// Forgets a location: its credential and the grants on it go, and what lies there stays.
///
/// Errors: `Conflict` while a crawler, a catalog or a table needs it.
pub async fn unregister(weir: &Weir, caller: &Caller, name: &Name) -> Result<()> {
    let mut write = weir
        .gate
        .write::<RegisterLocation>(caller, Target::Server, "location.unregister")
        .await?;
    let gone = location::unregister(&mut write, name).await?;
    write.record(json!({ "url": gone.url }));
    write.commit().await
}

async fn known(weir: &Weir, caller: &Caller, name: &Name, operation: &str) -> Result<Place> {
    let permit = weir
        .gate
        .read::<RegisterLocation>(caller, Target::Server, operation)
        .await?;
    let place = location::place(&weir.db, &permit, name).await?;
    place.ok_or_else(|| Error::not_found(format!("There is no storage location `{name}`.")))
}

fn seal(weir: &Weir, credential: &Credential) -> Result<Sealed> {
    let text = credential.to_json().to_string();
    weir.stores.keyring().seal(text.as_bytes())
}

fn failed(what: &str, error: Error) -> Error {
    let told = format!("The location cannot be {what}: {}", error.public_message());
    Error::unavailable(told).source(error)
}

/// Tries what the location is good for, and says which part of it failed.
async fn probe(weir: &Weir, place: &Place) -> Result<()> {
    let store = weir.stores.open(place)?;
    let on_disk = place.url.starts_with("file:");
    match store.check().await {
        Err(error) if on_disk => return Err(error),
        Err(error) if place.settings.folder.is_some() && error.kind() == ErrorKind::NotFound => {
            let message = "There is no such folder on the server.";
            return Err(Error::invalid("folder", message).source(error));
        }
        listed => listed.map_err(|error| failed("listed", error))?,
    }
    let at = format!("_weir_probe_{}", Uuid::new_v4().simple());
    let at = store.root().join(&at)?;
    if !place.settings.read_only {
        try_writing(&store, &at).await?;
    }
    let asked = Request {
        prefix: &at,
        access: Access::Read,
        who: "weir",
        lifetime: SHORTEST_OF_STS,
    };
    match store.vend(&asked).await {
        // It is to make none.
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
        made => made
            .map(drop)
            .map_err(|error| failed("asked for a credential", error)),
    }
}

/// Writes, reads and deletes a small object of no other use.
async fn try_writing(store: &Store, at: &Location) -> Result<()> {
    let content: &[u8] = b"Weir wrote this to see whether it may. It can be deleted.\n";
    store.create(at, content.into()).await.map_err(|error| {
        let error = failed("written to", error);
        let message = format!(
            "{} If it is only to be crawled and read, register it to be only read.",
            error.public_message()
        );
        Error::unavailable(message).source(error)
    })?;
    let read = store.read_whole(at, 1024).await;
    let deleted = store.delete(at).await;
    let read = read.map_err(|error| failed("read", error))?;
    if read != content {
        return Err(Error::unavailable(
            "The location gave back something else than was written to it.",
        ));
    }
    deleted.map_err(|error| failed("deleted from", error))
}
