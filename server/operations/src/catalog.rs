//! Catalogs.

use weir_core::Result;
use weir_core::authz::verbs::{Browse, CreateCatalog, Drop};
use weir_core::catalog::Catalog;
use weir_core::name::Name;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_db::catalog;
use weir_db::resolve::Target;

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

pub async fn create(weir: &Weir, caller: &Caller, name: &Name) -> Result<Catalog> {
    let mut write = weir
        .gate
        .write::<CreateCatalog>(caller, Target::Server, "catalog.create")
        .await?;
    let created = catalog::create(&mut write, name).await?;
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
