//! Iceberg table and view metadata: reading it, the commits that change it, and what of it may be shown to whom.
//!
//! Pure functions on bytes: no IO, no async, no clock. Nothing in metadata that this crate does not know is lost by it.
//! Deliberately not here: which paths a table may name, and who may do what; the caller decides both.

mod class;
mod commit;
mod create;
pub mod document;
mod metadata;
mod properties;
mod raw;
pub mod scan;
mod schema;
mod snapshot;
mod spec;
pub mod transform;
mod update;
pub mod view;

pub use class::{Class, classes};
pub use commit::{Base, Committed, check, commit};
pub use create::{NewTable, create};
pub use metadata::TableMetadata;
pub use properties::check_properties;
pub use snapshot::{MAIN, RefKind, Snapshot, SnapshotRef};
pub use spec::{PartitionField, PartitionSpec};
pub use update::{
    AddEncryptionKeyUpdate, AddPartitionSpecUpdate, AddSchemaUpdate, AddSnapshotUpdate,
    AddSortOrderUpdate, AddViewVersionUpdate, AssertCreate, AssertCurrentSchemaId,
    AssertDefaultSortOrderId, AssertDefaultSpecId, AssertLastAssignedFieldId,
    AssertLastAssignedPartitionId, AssertRefSnapshotId, AssertTableUUID, AssignUUIDUpdate,
    RemoveEncryptionKeyUpdate, RemovePartitionSpecsUpdate, RemovePartitionStatisticsUpdate,
    RemovePropertiesUpdate, RemoveSchemasUpdate, RemoveSnapshotRefUpdate, RemoveSnapshotsUpdate,
    RemoveStatisticsUpdate, SetCurrentSchemaUpdate, SetCurrentViewVersionUpdate,
    SetDefaultSortOrderUpdate, SetDefaultSpecUpdate, SetLocationUpdate,
    SetPartitionStatisticsUpdate, SetPropertiesUpdate, SetSnapshotRefUpdate, SetStatisticsUpdate,
    TableRequirement, TableUpdate, UpgradeFormatVersionUpdate,
};

#[cfg(test)]
mod tests;
