//! Tables: finding, describing, annotating and dropping them; and what engines do to those that Weir is the catalog of.

pub(crate) mod commit;
pub(crate) mod create;
pub(crate) mod document;
pub(crate) mod load;
pub(crate) mod place;
pub(crate) mod register;
pub(crate) mod remove;
mod rename;
pub(crate) mod report;

use serde_json::json;
use weir_core::Result;
use weir_core::annotation::AnnotationEdit;
use weir_core::authz::verbs::{Annotate, Browse, Describe, Drop, ManageGrants};
use weir_core::authz::{Permit, verbs};
use weir_core::catalog::{Annotations, Partition, SchemaVersion, Table, TableKind, TableSummary};
use weir_core::id::FieldId;
use weir_core::name::{NamespaceIdent, TableIdent};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_db::resolve::{self, Target};
use weir_db::{annotation, partition, table, version};

use crate::Weir;

pub use commit::{CommitRequest, commit, commit_presumed};
pub use create::{CreateRequest, create, credential_of_new};
pub use document::Document;
pub use load::{LoadRequest, Loaded, credential, exists, load, tag_with};
pub use register::{RegisterRequest, register};
pub use remove::{DroppedTable, drop_iceberg, dropped, protect, undrop, unregister};
pub use rename::rename;
pub use report::{Figures, Report, metrics, report_metrics};
pub use weir_db::iceberg::Snapshots;

/// The names of a namespace's Iceberg tables, or of its views, that the caller may describe.
pub async fn names(
    weir: &Weir,
    caller: &Caller,
    namespace: &NamespaceIdent,
    kind: TableKind,
    page: &PageRequest,
) -> Result<Page<String>> {
    let operation = format!("{}.list", rename::noun(kind));
    let permit = weir
        .gate
        .read::<Browse>(caller, Target::Namespace(namespace), &operation)
        .await?;
    let (describing, now) = (weir.gate.describing(), weir.now());
    weir_db::iceberg::names(&weir.db, &permit, kind, describing, now, page).await
}

/// The tables of a namespace that the caller may describe.
pub async fn list(
    weir: &Weir,
    caller: &Caller,
    namespace: &NamespaceIdent,
    page: &PageRequest,
) -> Result<Page<TableSummary>> {
    let permit = weir
        .gate
        .read::<Browse>(caller, Target::Namespace(namespace), "table.list")
        .await?;
    table::list(&weir.db, &permit, weir.gate.describing(), weir.now(), page).await
}

/// The table with the columns that the caller may see. Facts and content come together, from one statement or from what it
/// gave before and still holds; the content opens only to the permit.
pub async fn describe(weir: &Weir, caller: &Caller, ident: &TableIdent) -> Result<Table> {
    let read = weir
        .tables
        .read(&weir.db, ident, caller, weir.now())
        .await?;
    let permit = weir
        .gate
        .judge::<Describe>(caller, Target::Table(ident), &read.facts, "table.describe")
        .await?;
    let table = read.sealed.open(&permit);
    // Kept only for who may see it: otherwise the second refusal of what exists would be faster than that of what does not.
    weir.tables.keep(ident, caller, read);
    table
}

/// What the caller may do to a table, for controls that are shown only to who can use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    pub annotate: bool,
    pub manage_grants: bool,
    pub drop: bool,
}

pub async fn capabilities(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
) -> Result<Capabilities> {
    let facts = resolve::facts(&weir.db, Target::Table(ident), caller, weir.now()).await?;
    Ok(Capabilities {
        annotate: weir.gate.would::<Annotate>(caller, &facts)?,
        manage_grants: weir.gate.would::<ManageGrants>(caller, &facts)?,
        drop: weir.gate.would::<Drop>(caller, &facts)?,
    })
}

/// Writes what people say about the table as a whole.
pub async fn annotate(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    edit: &AnnotationEdit,
) -> Result<Annotations> {
    edit.check()?;
    let mut write = weir
        .gate
        .write::<Annotate>(caller, Target::Table(ident), "table.annotate")
        .await?;
    if !write.permit().columns().is_all() {
        return weir
            .gate
            .refuse_after(
                write,
                "You may edit some columns of this table, but not the table itself.",
            )
            .await;
    }
    let (before, after) = annotation::edit(&mut write, FieldId::UNASSIGNED, edit).await?;
    write.record(json!({ "before": before.values, "after": after.values }));
    write.commit().await?;
    Ok(after)
}

/// Drops the table from the catalog. Its files stay where they are. An Iceberg table can be put back for a time.
pub async fn drop(weir: &Weir, caller: &Caller, ident: &TableIdent) -> Result<()> {
    let mut write = weir
        .gate
        .write::<Drop>(caller, Target::Table(ident), "table.drop")
        .await?;
    if weir_db::iceberg::kind(&mut write).await? == TableKind::Iceberg {
        return remove::withdraw(weir, write, false, None).await;
    }
    table::remove(&mut write).await?;
    write.commit().await
}

/// The newest versions first, each cut to the columns that the caller may see.
pub async fn versions(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    page: &PageRequest,
) -> Result<Page<SchemaVersion>> {
    let permit = describing(weir, caller, ident, "version.list").await?;
    version::list(&weir.db, &permit, page).await
}

pub async fn version(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    number: i32,
) -> Result<SchemaVersion> {
    let permit = describing(weir, caller, ident, "version.get").await?;
    version::get(&weir.db, &permit, number).await
}

/// The partitions by key. Their keys show values of the partition columns, so who may not see all of those sees none.
pub async fn partitions(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    page: &PageRequest,
) -> Result<Page<Partition>> {
    let permit = describing(weir, caller, ident, "partition.list").await?;
    if !permit.columns().is_all() {
        let read = weir
            .tables
            .read(&weir.db, ident, caller, weir.now())
            .await?;
        if !read.sealed.shows_partition_keys(&permit)? {
            let message = "Partitions show values of columns that you may not see.";
            return weir
                .gate
                .refuse(caller, Target::Table(ident), "partition.list", message)
                .await;
        }
    }
    partition::list(&weir.db, &permit, page).await
}

async fn describing(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    operation: &str,
) -> Result<Permit<verbs::Describe>> {
    weir.gate
        .read::<Describe>(caller, Target::Table(ident), operation)
        .await
}
