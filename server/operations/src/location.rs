//! Storage locations.

use serde_json::json;
use weir_core::Result;
use weir_core::authz::verbs::RegisterLocation;
use weir_core::crawl::{StorageLocation, StorageSettings};
use weir_core::location::Location;
use weir_core::name::Name;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_db::location;
use weir_db::resolve::Target;

use crate::Weir;

/// The locations that the caller may use or see.
pub async fn list(
    weir: &Weir,
    caller: &Caller,
    page: &PageRequest,
) -> Result<Page<StorageLocation>> {
    location::list(&weir.db, caller, weir.gate.describing(), weir.now(), page).await
}

/// Registers a root of storage, after listing it once. Errors: it cannot be listed, or it overlaps another.
pub async fn register(
    weir: &Weir,
    caller: &Caller,
    name: &Name,
    url: &Location,
    settings: StorageSettings,
) -> Result<StorageLocation> {
    // Asked first, so that nobody without the right can make the server reach out to an address.
    weir.gate
        .read::<RegisterLocation>(caller, Target::Server, "location.register")
        .await?;
    weir.stores.open(url, &settings)?.check().await?;
    let mut write = weir
        .gate
        .write::<RegisterLocation>(caller, Target::Server, "location.register")
        .await?;
    let registered = location::register(&mut write, name, url, &settings).await?;
    write.record(json!({ "url": registered.url }));
    write.commit().await?;
    Ok(registered)
}
