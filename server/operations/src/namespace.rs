//! Namespaces.

use serde_json::json;
use std::collections::BTreeMap;
use weir_core::annotation::AnnotationEdit;
use weir_core::authz::verbs::{Alter, Annotate, Browse, CreateNamespace, Drop};
use weir_core::catalog::{Annotations, Namespace};
use weir_core::id::FieldId;
use weir_core::idempotency::Idempotency;
use weir_core::name::{Name, NamespaceIdent, NamespacePath};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::{annotation, namespace};

use crate::Weir;
use crate::idempotency::once;

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

/// The namespaces right below the catalog, or below `parent`, that the caller can find something in.
pub async fn children(
    weir: &Weir,
    caller: &Caller,
    catalog: &Name,
    parent: Option<&NamespacePath>,
    page: &PageRequest,
) -> Result<Page<Namespace>> {
    let parent = parent.map(|path| NamespaceIdent {
        catalog: catalog.clone(),
        path: path.clone(),
    });
    let target = parent
        .as_ref()
        .map_or(Target::Catalog(catalog), Target::Namespace);
    let permit = weir
        .gate
        .read::<Browse>(caller, target, "namespace.list")
        .await?;
    namespace::children(&weir.db, &permit, weir.now(), page).await
}

/// Creates one level; the level above it must be there.
pub async fn create(
    weir: &Weir,
    caller: &Caller,
    ident: &NamespaceIdent,
    properties: BTreeMap<String, String>,
    key: Option<&Idempotency>,
) -> Result<Namespace> {
    check_properties(&properties)?;
    let act = carry_out(weir, caller, ident, properties, key);
    once(weir, caller, key, act, get(weir, caller, ident)).await
}

async fn carry_out(
    weir: &Weir,
    caller: &Caller,
    ident: &NamespaceIdent,
    properties: BTreeMap<String, String>,
    key: Option<&Idempotency>,
) -> Result<Namespace> {
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
    let created = namespace::create(&mut write, ident, properties).await?;
    write.keep_outcome(key);
    write.commit().await?;
    Ok(created)
}

/// Errors: there is something in it.
pub async fn drop(
    weir: &Weir,
    caller: &Caller,
    ident: &NamespaceIdent,
    key: Option<&Idempotency>,
) -> Result<()> {
    let act = async {
        let mut write = weir
            .gate
            .write::<Drop>(caller, Target::Namespace(ident), "namespace.drop")
            .await?;
        namespace::drop_empty(&mut write).await?;
        write.keep_outcome(key);
        write.commit().await
    };
    once(weir, caller, key, act, std::future::ready(Ok(()))).await
}

/// Properties to be removed and to be set.
#[derive(Debug, Clone, Default)]
pub struct PropertyEdit {
    pub removals: Vec<String>,
    pub updates: BTreeMap<String, String>,
}

/// What became of each, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PropertyOutcome {
    pub updated: Vec<String>,
    pub removed: Vec<String>,
    /// To be removed, and not there.
    pub missing: Vec<String>,
}

/// Sets and removes properties. Errors: `Invalid` for a key that is in both.
pub async fn set_properties(
    weir: &Weir,
    caller: &Caller,
    ident: &NamespaceIdent,
    edit: &PropertyEdit,
    key: Option<&Idempotency>,
) -> Result<PropertyOutcome> {
    if let Some(both) = edit
        .removals
        .iter()
        .find(|removal| edit.updates.contains_key(*removal))
    {
        return Err(Error::invalid(
            "removals",
            format!(
                "The property `{}` is to be set and to be removed.",
                both.escape_debug()
            ),
        ));
    }
    check_properties(&edit.updates)?;
    let act = async {
        let mut write = weir
            .gate
            .write::<Alter>(caller, Target::Namespace(ident), "namespace.set_properties")
            .await?;
        let before = namespace::properties(&mut write).await?;
        let (after, outcome) = apply(before, edit);
        check_properties(&after)?;
        namespace::set_properties(&mut write, &after).await?;
        write.record(json!({ "updated": outcome.updated, "removed": outcome.removed }));
        write.keep_outcome(key);
        write.commit().await?;
        Ok(outcome)
    };
    // Whether a key was missing before cannot be told any more; what was asked for holds.
    let again = async {
        let (_, outcome) = apply(get(weir, caller, ident).await?.properties, edit);
        Ok(outcome)
    };
    once(weir, caller, key, act, again).await
}

fn apply(
    mut properties: BTreeMap<String, String>,
    edit: &PropertyEdit,
) -> (BTreeMap<String, String>, PropertyOutcome) {
    let mut outcome = PropertyOutcome::default();
    for removal in &edit.removals {
        let list = match properties.remove(removal) {
            Some(_) => &mut outcome.removed,
            None => &mut outcome.missing,
        };
        list.push(removal.clone());
    }
    outcome.updated = edit.updates.keys().cloned().collect();
    properties.extend(edit.updates.clone());
    (properties, outcome)
}

/// Errors: more than 256 properties, a key of more than 256 or a value of more than 4,096 characters.
fn check_properties(properties: &BTreeMap<String, String>) -> Result<()> {
    let fits = |key: &String, value: &String| {
        (1..=256).contains(&key.chars().count()) && value.chars().count() <= 4096
    };
    if properties.len() <= 256 && properties.iter().all(|(key, value)| fits(key, value)) {
        Ok(())
    } else {
        Err(Error::invalid(
            "properties",
            "A namespace has at most 256 properties, with keys of 1 to 256 and values of at most 4,096 characters.",
        ))
    }
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
