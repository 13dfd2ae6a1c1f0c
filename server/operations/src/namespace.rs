//! Namespaces.

use serde_json::json;
use weir_core::Result;
use weir_core::annotation::AnnotationEdit;
use weir_core::authz::verbs::{Annotate, Browse, CreateNamespace, Drop};
use weir_core::catalog::{Annotations, Namespace};
use weir_core::id::FieldId;
use weir_core::name::{Name, NamespaceIdent};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_db::resolve::Target;
use weir_db::{annotation, namespace};

use crate::Weir;

/// The namespaces of a catalog, at every level, that the caller can find something in.
pub async fn list(
    weir: &Weir,
    caller: &Caller,
    catalog: &Name,
    page: &PageRequest,
) -> Result<Page<Namespace>> {
    let permit = weir
        .gate
        .read::<Browse>(caller, Target::Catalog(catalog), "namespace.list")
        .await?;
    namespace::list(&weir.db, &permit, weir.now(), page).await
}

pub async fn get(weir: &Weir, caller: &Caller, ident: &NamespaceIdent) -> Result<Namespace> {
    let permit = weir
        .gate
        .read::<Browse>(caller, Target::Namespace(ident), "namespace.browse")
        .await?;
    namespace::get(&weir.db, &permit).await
}

/// Creates one level; the level above it must be there.
pub async fn create(weir: &Weir, caller: &Caller, ident: &NamespaceIdent) -> Result<Namespace> {
    let parent = ident.path.parent().map(|path| NamespaceIdent {
        catalog: ident.catalog.clone(),
        path,
    });
    let target = parent
        .as_ref()
        .map_or(Target::Catalog(&ident.catalog), Target::Namespace);
    let mut write = weir
        .gate
        .write::<CreateNamespace>(caller, target, "namespace.create")
        .await?;
    let created = namespace::create(&mut write, ident).await?;
    write.commit().await?;
    Ok(created)
}

/// Errors: there is something in it.
pub async fn drop(weir: &Weir, caller: &Caller, ident: &NamespaceIdent) -> Result<()> {
    let mut write = weir
        .gate
        .write::<Drop>(caller, Target::Namespace(ident), "namespace.drop")
        .await?;
    namespace::drop_empty(&mut write).await?;
    write.commit().await
}

/// Writes what people say about the namespace.
pub async fn annotate(
    weir: &Weir,
    caller: &Caller,
    ident: &NamespaceIdent,
    edit: &AnnotationEdit,
) -> Result<Annotations> {
    edit.check()?;
    let mut write = weir
        .gate
        .write::<Annotate>(caller, Target::Namespace(ident), "namespace.annotate")
        .await?;
    let (before, after) = annotation::edit(&mut write, FieldId::UNASSIGNED, edit).await?;
    write.record(json!({ "before": before.values, "after": after.values }));
    write.commit().await?;
    Ok(after)
}
