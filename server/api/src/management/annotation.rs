//! Business metadata on the wire: each value with its author.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use weir_core::annotation::{AnnotationEdit, Attribute, Edit};
use weir_core::catalog::Annotations;

/// What people wrote. Every value carries who wrote it and when.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnnotationsBody {
    /// Name it in an edit; an edit that names another than the current one is refused.
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<ValueBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steward: Option<ValueBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<ValueBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitivity: Option<ValueBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ValueBody {
    value: String,
    edited_by: String,
    edited_at: DateTime<Utc>,
}

impl From<Annotations> for AnnotationsBody {
    fn from(annotations: Annotations) -> Self {
        let value = |attribute| {
            annotations.get(attribute).and_then(|annotation| {
                let value = annotation.value.clone()?;
                Some(ValueBody {
                    value,
                    edited_by: annotation.edited_by.clone(),
                    edited_at: annotation.edited_at,
                })
            })
        };
        Self {
            version: annotations.version,
            owner: value(Attribute::Owner),
            steward: value(Attribute::Steward),
            definition: value(Attribute::Definition),
            sensitivity: value(Attribute::Sensitivity),
        }
    }
}

/// An edit. A key that is absent leaves its value, `null` clears it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnotationEditBody {
    /// The version that was read; 0 where nothing was written yet.
    version: i64,
    /// A principal's name.
    #[serde(default, deserialize_with = "present")]
    owner: Option<Option<String>>,
    /// A principal's name.
    #[serde(default, deserialize_with = "present")]
    steward: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    definition: Option<Option<String>>,
    /// public, internal, confidential or restricted
    #[serde(default, deserialize_with = "present")]
    sensitivity: Option<Option<String>>,
}

impl From<AnnotationEditBody> for AnnotationEdit {
    fn from(body: AnnotationEditBody) -> Self {
        let edit = |value: Option<Option<String>>| match value {
            None => Edit::Keep,
            Some(None) => Edit::Clear,
            Some(Some(text)) => Edit::Set(text),
        };
        Self {
            owner: edit(body.owner),
            steward: edit(body.steward),
            definition: edit(body.definition),
            sensitivity: edit(body.sensitivity),
            version: body.version,
        }
    }
}

/// Tells a key that is `null` from one that is absent.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
