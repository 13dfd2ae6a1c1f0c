//! The bodies of the updates, named as the document names them.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Body;
use crate::document;
use crate::raw::{Object, is_null};
use crate::snapshot::RefKind;

/// Each body with a member that can only be its action.
macro_rules! bodies {
    ($( $(#[$doc:meta])* $name:ident, $tag:ident = $action:literal { $($(#[$meta:meta])* $field:ident: $type:ty),* $(,)? } )*) => { $(
        #[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
        pub enum $tag {
            #[serde(rename = $action)]
            #[schema(rename = $action)]
            Tag,
        }

        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub struct $name {
            #[schema(inline)]
            #[serde(rename = "action")]
            _action: $tag,
            $($(#[$meta])* pub(crate) $field: $type),*
        }

        impl Body for $name {
            fn read(json: &RawValue) -> serde_json::Result<Self> {
                serde_json::from_str(json.get())
            }
        }
    )* };
}

bodies! {
    /// Only while the table or view is created.
    AssignUUIDUpdate, AssignUuidAction = "assign-uuid" {
        #[schema(value_type = String)]
        uuid: Uuid,
    }
    UpgradeFormatVersionUpdate, UpgradeFormatVersionAction = "upgrade-format-version" { format_version: i32 }
    AddSchemaUpdate, AddSchemaAction = "add-schema" {
        #[schema(value_type = document::Schema)]
        schema: Box<RawValue>,
        /// The server computes it when it is absent.
        #[schema(deprecated)]
        last_column_id: Option<i32>,
    }
    SetCurrentSchemaUpdate, SetCurrentSchemaAction = "set-current-schema" {
        /// -1 for the schema that was added last in this request.
        schema_id: i32,
    }
    AddPartitionSpecUpdate, AddPartitionSpecAction = "add-spec" {
        #[schema(value_type = document::PartitionSpec)]
        spec: Box<RawValue>,
    }
    SetDefaultSpecUpdate, SetDefaultSpecAction = "set-default-spec" {
        /// -1 for the spec that was added last in this request.
        spec_id: i32,
    }
    AddSortOrderUpdate, AddSortOrderAction = "add-sort-order" {
        #[schema(value_type = document::SortOrder)]
        sort_order: Box<RawValue>,
    }
    SetDefaultSortOrderUpdate, SetDefaultSortOrderAction = "set-default-sort-order" {
        /// -1 for the order that was added last in this request.
        sort_order_id: i32,
    }
    AddSnapshotUpdate, AddSnapshotAction = "add-snapshot" {
        #[schema(value_type = document::Snapshot)]
        snapshot: Box<RawValue>,
    }
    RemoveSnapshotsUpdate, RemoveSnapshotsAction = "remove-snapshots" { snapshot_ids: Vec<i64> }
    RemoveSnapshotRefUpdate, RemoveSnapshotRefAction = "remove-snapshot-ref" { ref_name: String }
    SetLocationUpdate, SetLocationAction = "set-location" { location: String }
    SetPropertiesUpdate, SetPropertiesAction = "set-properties" { updates: BTreeMap<String, String> }
    RemovePropertiesUpdate, RemovePropertiesAction = "remove-properties" { removals: Vec<String> }
    SetStatisticsUpdate, SetStatisticsAction = "set-statistics" {
        /// That of the statistics counts.
        #[schema(deprecated)]
        snapshot_id: Option<i64>,
        #[schema(value_type = document::StatisticsFile)]
        statistics: Box<RawValue>,
    }
    RemoveStatisticsUpdate, RemoveStatisticsAction = "remove-statistics" { snapshot_id: i64 }
    SetPartitionStatisticsUpdate, SetPartitionStatisticsAction = "set-partition-statistics" {
        #[schema(value_type = document::PartitionStatisticsFile)]
        partition_statistics: Box<RawValue>,
    }
    RemovePartitionStatisticsUpdate, RemovePartitionStatisticsAction = "remove-partition-statistics" { snapshot_id: i64 }
    RemovePartitionSpecsUpdate, RemovePartitionSpecsAction = "remove-partition-specs" { spec_ids: Vec<i32> }
    RemoveSchemasUpdate, RemoveSchemasAction = "remove-schemas" { schema_ids: Vec<i32> }
    AddEncryptionKeyUpdate, AddEncryptionKeyAction = "add-encryption-key" {
        #[schema(value_type = document::EncryptedKey)]
        encryption_key: Box<RawValue>,
    }
    RemoveEncryptionKeyUpdate, RemoveEncryptionKeyAction = "remove-encryption-key" { key_id: String }
    AddViewVersionUpdate, AddViewVersionAction = "add-view-version" {
        #[schema(value_type = document::ViewVersion)]
        view_version: Box<RawValue>,
    }
    SetCurrentViewVersionUpdate, SetCurrentViewVersionAction = "set-current-view-version" {
        /// -1 for the version that was added last in this request.
        view_version_id: i32,
    }
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub enum SetSnapshotRefAction {
    #[serde(rename = "set-snapshot-ref")]
    Tag,
}

/// Sets a branch or tag. What else it says of it is kept with the ref.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SetSnapshotRefUpdate {
    #[schema(inline)]
    #[serde(rename = "action")]
    _action: SetSnapshotRefAction,
    pub(crate) ref_name: String,
    #[schema(inline)]
    #[serde(rename = "type")]
    _kind: RefKind,
    pub(crate) snapshot_id: i64,
    #[serde(rename = "max-ref-age-ms")]
    _max_ref_age_ms: Option<i64>,
    #[serde(rename = "max-snapshot-age-ms")]
    _max_snapshot_age_ms: Option<i64>,
    #[serde(rename = "min-snapshots-to-keep")]
    _min_snapshots_to_keep: Option<i32>,
    /// The members that metadata keeps under the name of the ref.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) reference: Object,
}

impl Body for SetSnapshotRefUpdate {
    fn read(json: &RawValue) -> serde_json::Result<Self> {
        let mut update: Self = serde_json::from_str(json.get())?;
        update.reference = serde_json::from_str(json.get())?;
        update.reference.retain(|name, value| {
            let is_absent = is_null(value) && name.starts_with("m");
            name != "action" && name != "ref-name" && !is_absent
        });
        Ok(update)
    }
}
