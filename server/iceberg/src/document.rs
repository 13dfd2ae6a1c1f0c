//! The shapes of what metadata keeps as JSON, for the OpenAPI document only: they are described here and never built, so
//! that nothing in the JSON is lost in them. Named as the upstream document names them.

use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use crate::snapshot::RefKind;

macro_rules! shapes {
    ($( $(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty),* $(,)? } )*) => { $(
        $(#[$doc])*
        #[derive(Debug, ToSchema)]
        #[schema(rename_all = "kebab-case")]
        pub struct $name { $($(#[$meta])* pub $field: $type),* }
    )* };
}

macro_rules! words {
    ($($name:ident = $($variant:ident $word:literal)|+;)*) => { $(
        #[derive(Debug, ToSchema)]
        pub enum $name { $(#[schema(rename = $word)] $variant),+ }
    )* };
}

words! {
    StructTag = Tag "struct";
    ListTag = Tag "list";
    MapTag = Tag "map";
    Operation = Append "append" | Replace "replace" | Overwrite "overwrite" | Delete "delete";
    SortDirection = Asc "asc" | Desc "desc";
    NullOrder = NullsFirst "nulls-first" | NullsLast "nulls-last";
}

/// A type: its name, or its parts.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum Type {
    /// `long`, `decimal(10,2)`, `variant`, …
    PrimitiveType(String),
    StructType(StructType),
    ListType(ListType),
    MapType(MapType),
}

shapes! {
    StructField {
        id: i32,
        name: String,
        r#type: Type,
        required: bool,
        doc: Option<String>,
        initial_default: Option<Value>,
        write_default: Option<Value>,
    }
    StructType {
        #[schema(inline)]
        r#type: StructTag,
        #[schema(no_recursion)]
        fields: Vec<StructField>,
    }
    ListType {
        #[schema(inline)]
        r#type: ListTag,
        element_id: i32,
        #[schema(no_recursion)]
        element: Box<Type>,
        element_required: bool,
    }
    MapType {
        #[schema(inline)]
        r#type: MapTag,
        key_id: i32,
        #[schema(no_recursion)]
        key: Box<Type>,
        value_id: i32,
        #[schema(no_recursion)]
        value: Box<Type>,
        value_required: bool,
    }
    Schema {
        #[schema(inline)]
        r#type: StructTag,
        fields: Vec<StructField>,
        #[schema(read_only)]
        schema_id: Option<i32>,
        identifier_field_ids: Option<Vec<i32>>,
    }
    PartitionField {
        field_id: Option<i32>,
        source_id: i32,
        name: String,
        /// `identity`, `bucket[16]`, `day`, …
        transform: String,
    }
    PartitionSpec {
        #[schema(read_only)]
        spec_id: Option<i32>,
        fields: Vec<PartitionField>,
    }
    SortField {
        source_id: i32,
        transform: String,
        direction: SortDirection,
        null_order: NullOrder,
    }
    SortOrder {
        #[schema(read_only)]
        order_id: i32,
        fields: Vec<SortField>,
    }
    EncryptedKey {
        key_id: String,
        encrypted_key_metadata: String,
        encrypted_by_id: Option<String>,
        properties: Option<BTreeMap<String, String>>,
    }
    /// `operation`, and further strings.
    Summary {
        #[schema(inline)]
        operation: Operation,
    }
    Snapshot {
        snapshot_id: i64,
        parent_snapshot_id: Option<i64>,
        sequence_number: Option<i64>,
        timestamp_ms: i64,
        /// Where its list of manifests lies.
        manifest_list: String,
        first_row_id: Option<i64>,
        added_rows: Option<i64>,
        #[schema(inline)]
        summary: Summary,
        schema_id: Option<i32>,
    }
    SnapshotReference {
        #[schema(inline)]
        r#type: RefKind,
        snapshot_id: i64,
        max_ref_age_ms: Option<i64>,
        max_snapshot_age_ms: Option<i64>,
        min_snapshots_to_keep: Option<i32>,
    }
    SnapshotLogEntry {
        snapshot_id: i64,
        timestamp_ms: i64,
    }
    MetadataLogEntry {
        metadata_file: String,
        timestamp_ms: i64,
    }
    BlobMetadata {
        r#type: String,
        snapshot_id: i64,
        sequence_number: i64,
        fields: Vec<i32>,
        properties: Option<BTreeMap<String, String>>,
    }
    StatisticsFile {
        snapshot_id: i64,
        statistics_path: String,
        file_size_in_bytes: i64,
        file_footer_size_in_bytes: i64,
        blob_metadata: Vec<BlobMetadata>,
    }
    PartitionStatisticsFile {
        snapshot_id: i64,
        statistics_path: String,
        file_size_in_bytes: i64,
    }
    TableMetadata {
        #[schema(minimum = 1, maximum = 3)]
        format_version: i32,
        table_uuid: String,
        location: Option<String>,
        last_updated_ms: Option<i64>,
        next_row_id: Option<i64>,
        properties: Option<BTreeMap<String, String>>,
        schemas: Option<Vec<Schema>>,
        current_schema_id: Option<i32>,
        last_column_id: Option<i32>,
        partition_specs: Option<Vec<PartitionSpec>>,
        default_spec_id: Option<i32>,
        last_partition_id: Option<i32>,
        sort_orders: Option<Vec<SortOrder>>,
        default_sort_order_id: Option<i32>,
        encryption_keys: Option<Vec<EncryptedKey>>,
        snapshots: Option<Vec<Snapshot>>,
        refs: Option<BTreeMap<String, SnapshotReference>>,
        current_snapshot_id: Option<i64>,
        last_sequence_number: Option<i64>,
        snapshot_log: Option<Vec<SnapshotLogEntry>>,
        metadata_log: Option<Vec<MetadataLogEntry>>,
        statistics: Option<Vec<StatisticsFile>>,
        partition_statistics: Option<Vec<PartitionStatisticsFile>>,
    }
    /// A query in one dialect.
    ViewRepresentation {
        r#type: String,
        sql: String,
        dialect: String,
    }
    ViewVersion {
        version_id: i32,
        timestamp_ms: i64,
        /// -1 for the schema that was added last in this request.
        schema_id: i32,
        summary: BTreeMap<String, String>,
        representations: Vec<ViewRepresentation>,
        default_catalog: Option<String>,
        default_namespace: Vec<String>,
    }
    ViewHistoryEntry {
        version_id: i32,
        timestamp_ms: i64,
    }
    ViewMetadata {
        view_uuid: String,
        #[schema(minimum = 1, maximum = 1)]
        format_version: i32,
        location: String,
        current_version_id: i32,
        versions: Vec<ViewVersion>,
        version_log: Vec<ViewHistoryEntry>,
        schemas: Vec<Schema>,
        properties: Option<BTreeMap<String, String>>,
    }
}
