//! What must hold for the updates to be made.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Discriminator, OneOfBuilder};
use utoipa::openapi::{RefOr, Schema};
use weir_core::{Error, Result};

use super::{reference, tag};
use crate::metadata::TableMetadata;
use crate::raw::Members;

macro_rules! requirements {
    ($($(#[$doc:meta])* $name:ident, $tag:ident = $type:literal { $($(#[$meta:meta])* $field:ident: $field_type:ty),* $(,)? })*) => {
        $(
            #[derive(Debug, Clone, Copy, serde::Deserialize, ToSchema)]
            pub enum $tag {
                #[serde(rename = $type)]
                #[schema(rename = $type)]
                Tag,
            }

            $(#[$doc])*
            #[derive(Debug, Clone, serde::Deserialize, ToSchema)]
            #[serde(rename_all = "kebab-case")]
            pub struct $name {
                #[schema(inline)]
                #[serde(rename = "type")]
                _type: $tag,
                $($(#[$meta])* pub(crate) $field: $field_type),*
            }
        )*

        const NAMES: &[(&str, &str)] = &[$(($type, stringify!($name))),*];

        fn components(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            $(
                schemas.push((stringify!($name).to_owned(), <$name as utoipa::PartialSchema>::schema()));
                <$name as ToSchema>::schemas(schemas);
            )*
        }
    };
}

requirements! {
    /// The table must not exist.
    AssertCreate, AssertCreateType = "assert-create" {}
    AssertTableUUID, AssertTableUuidType = "assert-table-uuid" { uuid: String }
    /// The branch or tag points to this snapshot, or does not exist where it is null.
    AssertRefSnapshotId, AssertRefSnapshotIdType = "assert-ref-snapshot-id" {
        r#ref: String,
        #[schema(required = true)]
        snapshot_id: Option<i64>,
    }
    AssertLastAssignedFieldId, AssertLastAssignedFieldIdType = "assert-last-assigned-field-id" {
        last_assigned_field_id: i32,
    }
    AssertCurrentSchemaId, AssertCurrentSchemaIdType = "assert-current-schema-id" { current_schema_id: i32 }
    AssertLastAssignedPartitionId, AssertLastAssignedPartitionIdType = "assert-last-assigned-partition-id" {
        last_assigned_partition_id: i32,
    }
    AssertDefaultSpecId, AssertDefaultSpecIdType = "assert-default-spec-id" { default_spec_id: i32 }
    AssertDefaultSortOrderId, AssertDefaultSortOrderIdType = "assert-default-sort-order-id" {
        default_sort_order_id: i32,
    }
}

/// One condition.
#[derive(Debug, Clone)]
pub enum TableRequirement {
    AssertCreate,
    AssertTableUuid(AssertTableUUID),
    AssertRefSnapshotId(AssertRefSnapshotId),
    AssertLastAssignedFieldId(AssertLastAssignedFieldId),
    AssertCurrentSchemaId(AssertCurrentSchemaId),
    AssertLastAssignedPartitionId(AssertLastAssignedPartitionId),
    AssertDefaultSpecId(AssertDefaultSpecId),
    AssertDefaultSortOrderId(AssertDefaultSortOrderId),
}

impl<'de> Deserialize<'de> for TableRequirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        parse(&json).map_err(D::Error::custom)
    }
}

fn parse(json: &RawValue) -> Result<TableRequirement, String> {
    use TableRequirement as R;
    fn body<T: for<'a> Deserialize<'a>>(json: &RawValue, name: &str) -> Result<T, String> {
        serde_json::from_str(json.get()).map_err(|error| format!("malformed `{name}`: {error}"))
    }
    let kind = tag(json, "type")?;
    let kind = kind.as_ref();
    Ok(match kind {
        "assert-create" => R::AssertCreate,
        "assert-table-uuid" => R::AssertTableUuid(body(json, kind)?),
        "assert-ref-snapshot-id" => {
            // It may be null, but must be there: a condition that was forgotten is none that holds.
            let members = Members::parse(kind, json.get()).map_err(|error| error.to_string())?;
            if !members.has("snapshot-id") {
                return Err(format!("malformed `{kind}`: missing field `snapshot-id`"));
            }
            R::AssertRefSnapshotId(body(json, kind)?)
        }
        "assert-last-assigned-field-id" => R::AssertLastAssignedFieldId(body(json, kind)?),
        "assert-current-schema-id" => R::AssertCurrentSchemaId(body(json, kind)?),
        "assert-last-assigned-partition-id" => R::AssertLastAssignedPartitionId(body(json, kind)?),
        "assert-default-spec-id" => R::AssertDefaultSpecId(body(json, kind)?),
        "assert-default-sort-order-id" => R::AssertDefaultSortOrderId(body(json, kind)?),
        other => return Err(format!("unknown type `{}`", other.escape_debug())),
    })
}

impl utoipa::PartialSchema for TableRequirement {
    fn schema() -> RefOr<Schema> {
        let mapping = NAMES
            .iter()
            .map(|(kind, name)| (*kind, reference((*name).into()).ref_location));
        let mut union = OneOfBuilder::new();
        for (_, name) in NAMES {
            union = union.item(reference((*name).into()));
        }
        union
            .discriminator(Some(Discriminator::with_mapping("type", mapping)))
            .into()
    }
}

impl ToSchema for TableRequirement {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        components(schemas);
    }
}

pub(crate) fn failed(message: impl std::fmt::Display) -> Error {
    Error::conflict(format!("Requirement failed: {message}"))
}

impl TableRequirement {
    /// Does it hold for the table as it is; `None` where there is none?
    ///
    /// Errors: `conflict` when it does not.
    pub(crate) fn check(&self, base: Option<&TableMetadata>) -> Result<()> {
        let Some(base) = base else {
            return match self {
                Self::AssertCreate => Ok(()),
                _ => Err(failed("the table does not exist.")),
            };
        };
        let equal = |what: &str, expected: i64, found: i64| {
            if expected == found {
                return Ok(());
            }
            Err(failed(format!(
                "{what} changed: expected {expected}, it is {found}."
            )))
        };
        match self {
            Self::AssertCreate => Err(failed("the table exists already.")),
            Self::AssertTableUuid(it) => {
                let found = base.uuid().to_string();
                if it.uuid.eq_ignore_ascii_case(&found) {
                    return Ok(());
                }
                Err(failed("the table's UUID is another one."))
            }
            Self::AssertRefSnapshotId(it) => check_ref(it, base),
            Self::AssertLastAssignedFieldId(it) => equal(
                "the last assigned field id",
                it.last_assigned_field_id.into(),
                base.last_column_id.into(),
            ),
            Self::AssertCurrentSchemaId(it) => equal(
                "the current schema",
                it.current_schema_id.into(),
                base.current_schema_id.into(),
            ),
            Self::AssertLastAssignedPartitionId(it) => equal(
                "the last assigned partition id",
                it.last_assigned_partition_id.into(),
                base.last_partition_id.into(),
            ),
            Self::AssertDefaultSpecId(it) => equal(
                "the default partition spec",
                it.default_spec_id.into(),
                base.default_spec_id.into(),
            ),
            Self::AssertDefaultSortOrderId(it) => equal(
                "the default sort order",
                it.default_sort_order_id.into(),
                base.default_sort_order_id.into(),
            ),
        }
    }
}

fn check_ref(requirement: &AssertRefSnapshotId, base: &TableMetadata) -> Result<()> {
    let name = requirement.r#ref.escape_debug();
    let found = base
        .reference(&requirement.r#ref)
        .map(|to| to.snapshot_id());
    match (requirement.snapshot_id, found) {
        (expected, found) if expected == found => Ok(()),
        (None, Some(_)) => Err(failed(format!(
            "the branch or tag `{name}` was created meanwhile."
        ))),
        (Some(expected), None) => Err(failed(format!(
            "the branch or tag `{name}` is missing, expected {expected}."
        ))),
        (expected, found) => Err(failed(format!(
            "the branch or tag `{name}` has changed: expected {}, it is {}.",
            expected.unwrap_or(-1),
            found.unwrap_or(-1)
        ))),
    }
}
