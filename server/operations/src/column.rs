//! Columns.

use serde_json::json;
use weir_core::annotation::AnnotationEdit;
use weir_core::authz::verbs::Annotate;
use weir_core::catalog::Annotations;
use weir_core::id::FieldId;
use weir_core::name::TableIdent;
use weir_core::principal::Caller;
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::{annotation, table};

use crate::Weir;

/// Writes what people say about one column. Errors: no such column within the caller's reach; a stale version.
pub async fn annotate(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    field: FieldId,
    edit: &AnnotationEdit,
) -> Result<Annotations> {
    edit.check()?;
    let mut write = weir
        .gate
        .write::<Annotate>(caller, Target::Table(ident), "column.annotate")
        .await?;
    if !field.is_assigned() || !table::has_column(&mut write, field).await? {
        weir.gate.note_refusal(write).await?;
        return Err(Error::not_found(format!(
            "The table {ident} has no column {field}, or it is not shared with you."
        )));
    }
    let (before, after) = annotation::edit(&mut write, field, edit).await?;
    write.record(json!({ "field_id": field, "before": before.values, "after": after.values }));
    write.commit().await?;
    Ok(after)
}
