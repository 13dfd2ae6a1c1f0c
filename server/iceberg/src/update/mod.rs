//! What a client asks to change about a table, and under which conditions: the updates and requirements of the REST catalog
//! document. Parts that the metadata keeps stay the JSON that the client sent.

mod requirement;
mod wire;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;
use std::borrow::Cow;
use utoipa::openapi::schema::{AnyOfBuilder, Discriminator};
use utoipa::openapi::{Ref, RefOr, Schema};

pub(crate) use requirement::failed;
pub use requirement::{
    AssertCreate, AssertCurrentSchemaId, AssertDefaultSortOrderId, AssertDefaultSpecId,
    AssertLastAssignedFieldId, AssertLastAssignedPartitionId, AssertRefSnapshotId, AssertTableUUID,
    TableRequirement,
};
pub use wire::{
    AddEncryptionKeyUpdate, AddPartitionSpecUpdate, AddSchemaUpdate, AddSnapshotUpdate,
    AddSortOrderUpdate, AddViewVersionUpdate, AssignUUIDUpdate, RemoveEncryptionKeyUpdate,
    RemovePartitionSpecsUpdate, RemovePartitionStatisticsUpdate, RemovePropertiesUpdate,
    RemoveSchemasUpdate, RemoveSnapshotRefUpdate, RemoveSnapshotsUpdate, RemoveStatisticsUpdate,
    SetCurrentSchemaUpdate, SetCurrentViewVersionUpdate, SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate, SetLocationUpdate, SetPartitionStatisticsUpdate, SetPropertiesUpdate,
    SetSnapshotRefUpdate, SetStatisticsUpdate, UpgradeFormatVersionUpdate,
};

/// The variants of a union that a member of each tells apart: reading, naming, and the component of the document.
macro_rules! union {
    ($(#[$doc:meta])* $union:ident by $tag:literal { $($variant:ident($body:ident) => $name:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub enum $union { $($variant($body)),* }

        impl $union {
            /// Its name in the document.
            pub fn action(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),* }
            }
        }

        impl<'de> Deserialize<'de> for $union {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let json = Box::<RawValue>::deserialize(deserializer)?;
                match $crate::update::tag(&json, $tag).map_err(D::Error::custom)?.as_ref() {
                    $($name => $crate::update::body::<$body>(&json, $name).map(Self::$variant).map_err(D::Error::custom),)*
                    other => Err(D::Error::custom(format!("unknown {} `{}`", $tag, other.escape_debug()))),
                }
            }
        }

        impl utoipa::PartialSchema for $union {
            fn schema() -> RefOr<Schema> {
                let mapping = [$(($name, $crate::update::reference(<$body as utoipa::ToSchema>::name()).ref_location)),*];
                AnyOfBuilder::new()
                    $(.item($crate::update::reference(<$body as utoipa::ToSchema>::name())))*
                    .discriminator(Some(Discriminator::with_mapping($tag, mapping)))
                    .into()
            }
        }

        impl utoipa::ToSchema for $union {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(
                    schemas.push((<$body as utoipa::ToSchema>::name().into_owned(), <$body as utoipa::PartialSchema>::schema()));
                    <$body as utoipa::ToSchema>::schemas(schemas);
                )*
            }
        }
    };
}
pub(crate) use union;

union! {
    /// One change to a table.
    TableUpdate by "action" {
        AssignUuid(AssignUUIDUpdate) => "assign-uuid",
        UpgradeFormatVersion(UpgradeFormatVersionUpdate) => "upgrade-format-version",
        AddSchema(AddSchemaUpdate) => "add-schema",
        SetCurrentSchema(SetCurrentSchemaUpdate) => "set-current-schema",
        AddSpec(AddPartitionSpecUpdate) => "add-spec",
        SetDefaultSpec(SetDefaultSpecUpdate) => "set-default-spec",
        AddSortOrder(AddSortOrderUpdate) => "add-sort-order",
        SetDefaultSortOrder(SetDefaultSortOrderUpdate) => "set-default-sort-order",
        AddSnapshot(AddSnapshotUpdate) => "add-snapshot",
        SetSnapshotRef(SetSnapshotRefUpdate) => "set-snapshot-ref",
        RemoveSnapshots(RemoveSnapshotsUpdate) => "remove-snapshots",
        RemoveSnapshotRef(RemoveSnapshotRefUpdate) => "remove-snapshot-ref",
        SetLocation(SetLocationUpdate) => "set-location",
        SetProperties(SetPropertiesUpdate) => "set-properties",
        RemoveProperties(RemovePropertiesUpdate) => "remove-properties",
        SetStatistics(SetStatisticsUpdate) => "set-statistics",
        RemoveStatistics(RemoveStatisticsUpdate) => "remove-statistics",
        SetPartitionStatistics(SetPartitionStatisticsUpdate) => "set-partition-statistics",
        RemovePartitionStatistics(RemovePartitionStatisticsUpdate) => "remove-partition-statistics",
        RemovePartitionSpecs(RemovePartitionSpecsUpdate) => "remove-partition-specs",
        RemoveSchemas(RemoveSchemasUpdate) => "remove-schemas",
        AddEncryptionKey(AddEncryptionKeyUpdate) => "add-encryption-key",
        RemoveEncryptionKey(RemoveEncryptionKeyUpdate) => "remove-encryption-key",
    }
}

/// The member that tells what a value is.
pub(crate) fn tag<'a>(json: &'a RawValue, name: &str) -> Result<Cow<'a, str>, String> {
    let members =
        crate::raw::Members::parse(name, json.get()).map_err(|error| error.to_string())?;
    members
        .required::<Tag<'a>>(name)
        .map(|tag| tag.0)
        .map_err(|error| error.to_string())
}

#[derive(serde::Deserialize)]
struct Tag<'a>(#[serde(borrow)] Cow<'a, str>);

/// What has to be read of JSON that says what it is.
pub(crate) trait Body: Sized {
    fn read(json: &RawValue) -> serde_json::Result<Self>;
}

pub(crate) fn body<T: Body>(json: &RawValue, name: &str) -> Result<T, String> {
    T::read(json).map_err(|error| format!("malformed `{name}`: {error}"))
}

pub(crate) fn reference(name: Cow<'static, str>) -> Ref {
    Ref::from_schema_name(name)
}
