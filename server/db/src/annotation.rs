//! What people wrote. Edits name the version they saw; one that is not current writes nothing.

use sqlx::types::Json;
use uuid::Uuid;
use weir_core::annotation::{AnnotationEdit, Attribute, Edit};
use weir_core::authz::verbs;
use weir_core::catalog::Annotations;
use weir_core::id::FieldId;
use weir_core::{Error, Result};

use crate::Write;
use crate::directory;
use crate::error::map;
use crate::json::{AnnotationJson, AnnotationsByField};

/// Writes `edit` on the object of the permit, or on one column of it ([`FieldId::UNASSIGNED`] for the object itself), and
/// returns what is there before and after.
///
/// Errors: the version is not the current one; an owner or steward whom nobody knows.
pub async fn edit(
    write: &mut Write<verbs::Annotate>,
    field: FieldId,
    edit: &AnnotationEdit,
) -> Result<(Annotations, Annotations)> {
    let object = write.permit().object().id;
    let before = read(write, object, field).await?;
    if before.version != edit.version {
        return Err(Error::conflict(
            "Somebody edited this since you opened it. Nothing was saved.",
        ));
    }
    let version = before.version + 1;
    for (attribute, change) in edit.changes() {
        let (value, principal) = resolve(write, attribute, change).await?;
        let (caller, now) = (write.permit().caller(), write.now());
        sqlx::query(UPSERT)
            .bind(object)
            .bind(field.0)
            .bind(attribute.as_str())
            .bind(value)
            .bind(principal)
            .bind(caller.as_uuid())
            .bind(now)
            .bind(version)
            .execute(write.connection())
            .await
            .map_err(map)?;
    }
    let after = read(write, object, field).await?;
    Ok((before, after))
}

async fn resolve(
    write: &mut Write<verbs::Annotate>,
    attribute: Attribute,
    edit: &Edit,
) -> Result<(Option<String>, Option<Uuid>)> {
    match (attribute, edit.value()) {
        (_, None) => Ok((None, None)),
        (Attribute::Owner | Attribute::Steward, Some(name)) => {
            let principal = directory::find(write, name)
                .await?
                .filter(|principal| !principal.disabled);
            let principal = principal.ok_or_else(|| {
                Error::invalid(attribute.as_str(), "Nobody of this name is known here. Name a person, a group or a service as the directory spells it.")
            })?;
            Ok((None, Some(principal.id.as_uuid())))
        }
        (Attribute::Definition | Attribute::Sensitivity, Some(text)) => {
            Ok((Some(text.to_owned()), None))
        }
    }
}

async fn read(
    write: &mut Write<verbs::Annotate>,
    object: Uuid,
    field: FieldId,
) -> Result<Annotations> {
    let Json(rows): Json<Vec<AnnotationJson>> = sqlx::query_scalar(READ)
        .bind(object)
        .fetch_one(write.connection())
        .await
        .map_err(map)?;
    Ok(rows.into_iter().collect::<AnnotationsByField>().take(field))
}

/// Forgets what was written on an object that is being dropped.
pub(crate) async fn remove_all(write: &mut Write<verbs::Drop>, object: Uuid) -> Result<()> {
    sqlx::query(REMOVE)
        .bind(object)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

statements! {
    READ = concat!("SELECT ", annotations_of!("$1"));
    UPSERT = "INSERT INTO annotation (object_id, field_id, attribute, value, principal_id, edited_by, edited_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT ON CONSTRAINT annotation_pkey DO UPDATE SET value = excluded.value, principal_id = excluded.principal_id,
             edited_by = excluded.edited_by, edited_at = excluded.edited_at, version = excluded.version";
    REMOVE = "DELETE FROM annotation WHERE object_id = $1";
}
