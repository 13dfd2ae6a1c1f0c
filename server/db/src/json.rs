//! Documents that statements hand over in one column, read back into values.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;
use weir_core::annotation::{Annotation, Attribute};
use weir_core::catalog::Annotations;
use weir_core::grant::{ColumnSet, GrantFact};
use weir_core::id::{FieldId, GrantId, PrincipalId};
use weir_core::privilege::PrivilegeSet;
use weir_core::resource::{Resource, ResourceKind};
use weir_core::{Error, Result};

/// A value from the database that is not what the schema promises.
pub(crate) fn corrupt(what: &str) -> Error {
    Error::internal(format!(
        "The database holds {what} that this version cannot read"
    ))
}

/// Reads a word of one of the closed sets.
pub(crate) fn word<T>(parse: fn(&str) -> Result<T>, text: &str) -> Result<T> {
    parse(text).map_err(|error| corrupt("a word").source(error))
}

#[derive(Deserialize)]
pub(crate) struct GrantJson {
    id: Uuid,
    principal: Uuid,
    kind: ResourceKind,
    resource: Uuid,
    privileges: PrivilegeSet,
    mode: String,
    field_ids: Vec<i32>,
    grantable: bool,
    valid_from: Option<DateTime<Utc>>,
    valid_until: Option<DateTime<Utc>>,
}

impl GrantJson {
    pub(crate) fn into_fact(self) -> Result<GrantFact> {
        Ok(GrantFact {
            id: GrantId::from_uuid(self.id),
            principal: PrincipalId::from_uuid(self.principal),
            resource: Resource::new(self.kind, self.resource),
            privileges: self.privileges,
            columns: ColumnSet::parse(&self.mode, self.field_ids)
                .map_err(|error| corrupt("a column set").source(error))?,
            grantable: self.grantable,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct AnnotationJson {
    field_id: i32,
    attribute: Attribute,
    value: Option<String>,
    edited_by: String,
    edited_at: DateTime<Utc>,
    version: i64,
}

/// The annotations of one object by column; [`FieldId::UNASSIGNED`] stands for the object itself.
#[derive(Debug, Default)]
pub(crate) struct AnnotationsByField(std::collections::BTreeMap<FieldId, Annotations>);

impl AnnotationsByField {
    pub(crate) fn get(&self, field: FieldId) -> Annotations {
        self.0.get(&field).cloned().unwrap_or_default()
    }

    pub(crate) fn take(&mut self, field: FieldId) -> Annotations {
        self.0.remove(&field).unwrap_or_default()
    }
}

impl FromIterator<AnnotationJson> for AnnotationsByField {
    fn from_iter<I: IntoIterator<Item = AnnotationJson>>(rows: I) -> Self {
        let mut by_field = Self::default();
        for row in rows {
            let annotations = by_field.0.entry(FieldId(row.field_id)).or_default();
            annotations.version = annotations.version.max(row.version);
            annotations.values.push(Annotation {
                attribute: row.attribute,
                value: row.value,
                edited_by: row.edited_by,
                edited_at: row.edited_at,
            });
        }
        by_field
    }
}
