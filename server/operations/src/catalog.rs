//! Catalogs.

use weir_core::authz::verbs::{Browse, CreateCatalog, Drop, UseLocation};
use weir_core::catalog::Catalog;
use weir_core::location::Location;
use weir_core::name::Name;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::{Write, catalog, place};

use crate::Weir;

/// The catalogs that the caller can find something in.
pub async fn list(weir: &Weir, caller: &Caller, page: &PageRequest) -> Result<Page<Catalog>> {
    catalog::list(&weir.db, caller, weir.now(), page).await
}

pub async fn get(weir: &Weir, caller: &Caller, name: &Name) -> Result<Catalog> {
    let permit = weir
        .gate
        .read::<Browse>(caller, Target::Catalog(name), "catalog.browse")
        .await?;
    catalog::get(&weir.db, &permit).await
}

/// `location` is where its tables will be placed: a folder of its own in a registered storage location that the caller may
/// place tables on.
pub async fn create(
    weir: &Weir,
    caller: &Caller,
    name: &Name,
    location: Option<&Location>,
) -> Result<Catalog> {
    let mut write = weir
        .gate
        .write::<CreateCatalog>(caller, Target::Server, "catalog.create")
        .await?;
    if let Some(location) = location {
        check_place(weir, caller, &mut write, location).await?;
    }
    let created = catalog::create(&mut write, name, location).await?;
    write.commit().await?;
    Ok(created)
}

/// Errors: there are namespaces in it.
pub async fn drop(weir: &Weir, caller: &Caller, name: &Name) -> Result<()> {
    let mut write = weir
        .gate
        .write::<Drop>(caller, Target::Catalog(name), "catalog.drop")
        .await?;
    catalog::drop_empty(&mut write).await?;
    write.commit().await
}

async fn check_place(
    weir: &Weir,
    caller: &Caller,
    write: &mut Write<CreateCatalog>,
    location: &Location,
) -> Result<()> {
    let found = place::place(write, location).await?;
    let may = match &found {
        None => false,
        Some((name, _)) => {
            let facts = write.facts_about(Target::Location(name), caller).await?;
            weir.gate.would::<UseLocation>(caller, &facts)?
        }
    };
    if may {
        Ok(())
    } else {
        Err(Error::invalid(
            "location",
            "This lies in no storage location that is registered and that you may place tables on.",
        ))
    }
}
