//! The shapes of what this face passes through as JSON text, for the document only: plans, reports and functions. They are
//! described here and never built. Named as the upstream document names them.

use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use weir_operations::iceberg::scan::Expression;

macro_rules! shapes {
    ($( $(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty),* $(,)? } )*) => { $(
        $(#[$doc])*
        #[derive(Debug, ToSchema)]
        #[schema(rename_all = "kebab-case")]
        #[allow(dead_code, reason = "it is only described")]
        pub struct $name { $($(#[$meta])* $field: $type),* }
    )* };
}

macro_rules! words {
    ($($name:ident = $($variant:ident $word:literal)|+;)*) => { $(
        #[derive(Debug, ToSchema)]
        #[allow(dead_code, reason = "it is only described")]
        pub enum $name { $(#[schema(rename = $word)] $variant),+ }
    )* };
}

words! {
    DataTag = Tag "data";
    PositionDeletesTag = Tag "position-deletes";
    EqualityDeletesTag = Tag "equality-deletes";
    FileFormat = Avro "avro" | Orc "orc" | Parquet "parquet" | Puffin "puffin";
    FunctionType = Udf "udf" | Udtf "udtf";
    SqlTag = Tag "sql";
    ClientCredentialsTag = Tag "client_credentials";
    TokenExchangeTag = Tag "urn:ietf:params:oauth:grant-type:token-exchange";
    AccessTokenTag = Tag "urn:ietf:params:oauth:token-type:access_token";
    BearerTag = Tag "bearer";
    OAuthErrorCode = InvalidRequest "invalid_request" | InvalidClient "invalid_client" | InvalidGrant "invalid_grant"
        | UnauthorizedClient "unauthorized_client" | UnsupportedGrantType "unsupported_grant_type" | InvalidScope "invalid_scope";
    AccessDelegation = VendedCredentials "vended-credentials" | RemoteSigning "remote-signing";
    OnNullInput = ReturnNull "return-null" | Call "call";
}

shapes! {
    /// Counts by field id: the first key goes with the first value.
    CountMap { keys: Vec<i32>, values: Vec<i64> }
    /// Bounds by field id, each the hexadecimal text of its binary form.
    ValueMap { keys: Vec<i32>, values: Vec<Value> }
    DataFile {
        #[schema(inline)]
        content: DataTag,
        file_path: String,
        file_format: FileFormat,
        spec_id: i32,
        /// The values in the order of the spec's fields.
        partition: Vec<Value>,
        file_size_in_bytes: i64,
        record_count: i64,
        key_metadata: Option<String>,
        split_offsets: Option<Vec<i64>>,
        sort_order_id: Option<i32>,
        first_row_id: Option<i64>,
        /// Row lineage needs it.
        data_sequence_number: Option<i64>,
        column_sizes: Option<CountMap>,
        value_counts: Option<CountMap>,
        null_value_counts: Option<CountMap>,
        nan_value_counts: Option<CountMap>,
        lower_bounds: Option<ValueMap>,
        upper_bounds: Option<ValueMap>,
    }
    PositionDeleteFile {
        #[schema(inline)]
        content: PositionDeletesTag,
        file_path: String,
        file_format: FileFormat,
        spec_id: i32,
        partition: Vec<Value>,
        file_size_in_bytes: i64,
        record_count: i64,
        key_metadata: Option<String>,
        split_offsets: Option<Vec<i64>>,
        sort_order_id: Option<i32>,
        /// The data file that a deletion vector is of.
        referenced_data_file: Option<String>,
        content_offset: Option<i64>,
        content_size_in_bytes: Option<i64>,
    }
    EqualityDeleteFile {
        #[schema(inline)]
        content: EqualityDeletesTag,
        file_path: String,
        file_format: FileFormat,
        spec_id: i32,
        partition: Vec<Value>,
        file_size_in_bytes: i64,
        record_count: i64,
        key_metadata: Option<String>,
        split_offsets: Option<Vec<i64>>,
        sort_order_id: Option<i32>,
        equality_ids: Option<Vec<i32>>,
    }
    /// A file to read.
    FileScanTask {
        data_file: DataFile,
        /// Places in `delete-files` of the same answer.
        delete_file_references: Option<Vec<i32>>,
    }
    CounterResult { unit: String, value: i64 }
    TimerResult { time_unit: String, count: i64, total_duration: i64 }
    /// `report-type` is `scan-report`.
    ScanReport {
        report_type: String,
        table_name: String,
        snapshot_id: i64,
        filter: Expression,
        schema_id: i32,
        projected_field_ids: Vec<i32>,
        projected_field_names: Vec<String>,
        metrics: BTreeMap<String, MetricResult>,
        metadata: Option<BTreeMap<String, String>>,
    }
    /// `report-type` is `commit-report`.
    CommitReport {
        report_type: String,
        table_name: String,
        snapshot_id: i64,
        sequence_number: i64,
        operation: String,
        metrics: BTreeMap<String, MetricResult>,
        metadata: Option<BTreeMap<String, String>>,
    }
    LoadFunctionResult {
        metadata_location: Option<String>,
        metadata: FunctionMetadata,
    }
    FunctionMetadata {
        function_uuid: String,
        #[schema(minimum = 1, maximum = 1)]
        format_version: i32,
        definitions: Vec<FunctionDefinition>,
        definition_log: Vec<FunctionDefinitionLogEntry>,
        location: Option<String>,
        properties: Option<BTreeMap<String, String>>,
        secure: Option<bool>,
        doc: Option<String>,
    }
    FunctionDefinition {
        definition_id: String,
        specific_name: Option<String>,
        parameters: Vec<FunctionParameter>,
        /// A type's name, or its parts.
        return_type: Value,
        return_nullable: Option<bool>,
        versions: Vec<FunctionDefinitionVersion>,
        current_version_id: i32,
        #[schema(inline)]
        function_type: FunctionType,
        doc: Option<String>,
    }
    FunctionParameter { r#type: Value, name: String, doc: Option<String> }
    FunctionDefinitionVersion {
        version_id: i32,
        representations: Vec<FunctionRepresentation>,
        deterministic: Option<bool>,
        #[schema(inline)]
        on_null_input: Option<OnNullInput>,
        timestamp_ms: i64,
    }
    FunctionRepresentation {
        #[schema(inline)]
        r#type: SqlTag,
        dialect: String,
        sql: String,
    }
    FunctionDefinitionLogEntry {
        timestamp_ms: i64,
        definition_versions: Vec<FunctionDefinitionVersionRef>,
    }
    FunctionDefinitionVersionRef { definition_id: String, version_id: i32 }
}

/// The client may identify itself by HTTP Basic instead.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "it is only described")]
pub struct OAuthClientCredentialsRequest {
    #[schema(inline)]
    grant_type: ClientCredentialsTag,
    scope: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// The subject token is an access token of this server; the bearer token of the request where it is absent.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "it is only described")]
pub struct OAuthTokenExchangeRequest {
    #[schema(inline)]
    grant_type: TokenExchangeTag,
    scope: Option<String>,
    subject_token: Option<String>,
    #[schema(inline)]
    subject_token_type: Option<AccessTokenTag>,
}

#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is only described")]
pub enum OAuthTokenRequest {
    OAuthClientCredentialsRequest(OAuthClientCredentialsRequest),
    OAuthTokenExchangeRequest(OAuthTokenExchangeRequest),
}

#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is only described")]
pub enum DeleteFile {
    PositionDeleteFile(PositionDeleteFile),
    EqualityDeleteFile(EqualityDeleteFile),
}

#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is only described")]
pub enum MetricResult {
    CounterResult(CounterResult),
    TimerResult(TimerResult),
}

/// What an engine measured.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is only described")]
pub enum ReportMetricsRequest {
    ScanReport(ScanReport),
    CommitReport(CommitReport),
}

/// The levels of a namespace, then the name of what is in it.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "it is only described")]
pub struct CatalogObjectIdentifier(Vec<String>);
