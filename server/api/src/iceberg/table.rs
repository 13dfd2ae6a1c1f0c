//! Tables.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_core::catalog::TableKind;
use weir_core::name::{Name, NamespaceIdent, NamespacePath, TableIdent};
use weir_operations::delivery::{Credential, Headers, Way};
use weir_operations::iceberg::{TableRequirement, TableUpdate, document};
use weir_operations::table::{self, Document, Loaded, Snapshots};

use super::ApiState;
use super::answer::{self, Common, Shape};
use super::credential::{Delegation, Delivered, StorageCredential};
use super::error::{About, Failure, IcebergErrorResponse, Tell};
use super::extract::{Body, Keyed, PageParams, Params, Perhaps, Segments, Who, all_or_page};
use super::namespace::NamespaceLevels;
use super::shapes;
use super::{DelegationHeader, KeyHeader, TablePath};

/// A table or view by name.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TableIdentifier {
    #[schema(value_type = NamespaceLevels)]
    pub namespace: Vec<String>,
    pub name: String,
}

impl TableIdentifier {
    pub fn ident(&self, catalog: &Name) -> weir_core::Result<TableIdent> {
        let levels = self.namespace.iter().map(String::as_str);
        Ok(TableIdent {
            namespace: NamespaceIdent {
                catalog: catalog.clone(),
                path: NamespacePath::from_levels("namespace", levels)?,
            },
            name: Name::parse("name", &self.name)?,
        })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ListTablesResponse {
    /// An opaque token that names the next page; null at the end.
    next_page_token: Option<String>,
    identifiers: Vec<TableIdentifier>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CreateTableRequest {
    name: String,
    #[serde(default)]
    location: Option<String>,
    #[schema(value_type = document::Schema)]
    schema: Box<RawValue>,
    #[serde(default)]
    #[schema(value_type = document::PartitionSpec)]
    partition_spec: Option<Box<RawValue>>,
    #[serde(default)]
    #[schema(value_type = document::SortOrder)]
    write_order: Option<Box<RawValue>>,
    #[serde(default)]
    stage_create: Option<bool>,
    #[serde(default)]
    properties: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RegisterTableRequest {
    pub name: String,
    pub metadata_location: String,
    /// Whether to overwrite table metadata if the table already exists
    #[serde(default)]
    pub overwrite: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct CommitTableRequest {
    /// Table identifier to update; must be present for CommitTransactionRequest
    #[serde(default)]
    pub identifier: Option<TableIdentifier>,
    pub requirements: Vec<TableRequirement>,
    pub updates: Vec<TableUpdate>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct RenameTableRequest {
    pub source: TableIdentifier,
    pub destination: TableIdentifier,
}

/// Result used when a table is successfully loaded. The metadata is what the table's file has.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "documents what is spliced together from texts")]
pub struct LoadTableResult {
    /// May be null if the table is staged as part of a transaction, or if the caller sees some columns only
    metadata_location: Option<String>,
    metadata: document::TableMetadata,
    config: Option<BTreeMap<String, String>>,
    /// What the table's files are reached with; the same is in `config`, for clients that look there only.
    storage_credentials: Option<Vec<StorageCredential>>,
    /// There for a client that has its requests signed; `config` says where.
    remote_signing_config: Option<RemoteSigningConfig>,
}

/// Configuration for the remote signer client.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what is spliced together from texts")]
pub struct RemoteSigningConfig {
    properties: Option<BTreeMap<String, String>>,
    headers: Option<Headers>,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "documents what is spliced together from texts")]
pub struct CommitTableResponse {
    metadata_location: String,
    metadata: document::TableMetadata,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "documents what is spliced together from texts")]
pub struct UnregisterTableResponse {
    metadata_location: String,
    metadata: document::TableMetadata,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotMode {
    #[default]
    All,
    Refs,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "kebab-case")]
pub struct LoadParams {
    /// The snapshots to return in the body of the metadata: all, or only those a branch or tag points to.
    #[param(required = false, inline)]
    snapshots: Option<SnapshotMode>,
    /// The views through which the table is read. Taken note of by nobody yet.
    #[param(required = false)]
    #[serde(rename = "referenced-by")]
    _referenced_by: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct DropParams {
    /// Whether the user requested to purge the underlying table's data and metadata
    #[param(required = false, default = false)]
    #[serde(default, deserialize_with = "truth")]
    purge_requested: bool,
}

/// `true` and `false` as clients of any language write them.
fn truth<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(serde::de::Error::custom("this is `true` or `false`")),
    }
}

/// A table or view as messages name it.
pub fn shown(ident: &TableIdent) -> String {
    format!("{}.{}", ident.namespace.path, ident.name)
}

/// List all table identifiers underneath a given namespace.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces/{namespace}/tables", operation_id = "listTables", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), PageParams), responses(
    (status = 200, body = ListTablesResponse), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn list(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Params(page): Params<PageParams>,
) -> Result<Json<ListTablesResponse>, Failure> {
    names(&state, &caller, &segments, &page, TableKind::Iceberg).await
}

pub async fn names(
    state: &ApiState,
    caller: &weir_core::principal::Caller,
    segments: &Segments,
    page: &PageParams,
    kind: TableKind,
) -> Result<Json<ListTablesResponse>, Failure> {
    let name = segments.text("namespace");
    let namespace = segments.namespace().reading(About::Namespace, &name)?;
    let (weir, namespace) = (&state.weir, &namespace);
    let found = all_or_page(page, |request| async move {
        table::names(weir, caller, namespace, kind, &request).await
    });
    let found = found
        .await
        .reading(About::Namespace, super::namespace::shown(namespace))?;
    let identifiers = found.items.into_iter().map(|name| TableIdentifier {
        namespace: namespace.path.to_strings(),
        name,
    });
    Ok(Json(ListTablesResponse {
        next_page_token: found.next,
        identifiers: identifiers.collect(),
    }))
}

/// Create a table in the given namespace, or say what it would be.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/tables", operation_id = "createTable", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), DelegationHeader, KeyHeader), request_body = CreateTableRequest, responses(
    (status = 200, body = LoadTableResult, headers(("etag" = String))), (status = 404, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse), Common))]
pub async fn create(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Delegation(way): Delegation,
    Body { value, key }: Body<CreateTableRequest>,
) -> Result<Response, Failure> {
    let namespace = segments.namespace().reading(About::Namespace, "")?;
    let request = table::CreateRequest {
        ident: TableIdent {
            name: Name::parse("name", &value.name)?,
            namespace,
        },
        schema: value.schema,
        location: value.location,
        partition_spec: value.partition_spec,
        write_order: value.write_order,
        properties: value.properties.unwrap_or_default(),
        stage: value.stage_create.unwrap_or(false),
        way,
    };
    let ident = request.ident.clone();
    let made = table::create(&state.weir, &caller, request, key.as_ref()).await;
    let (document, credential) = made.changing(About::Namespace, "")?;
    made_answer(&document, credential.as_deref(), &ident, way)
}

/// Register a table in the given namespace using given metadata file location.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/register", operation_id = "registerTable", tag = "Catalog API", params(("prefix" = String, Path), ("namespace" = String, Path), DelegationHeader, KeyHeader), request_body = RegisterTableRequest, responses(
    (status = 200, body = LoadTableResult, headers(("etag" = String))), (status = 404, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse), Common))]
pub async fn register(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Delegation(way): Delegation,
    Body { value, key }: Body<RegisterTableRequest>,
) -> Result<Response, Failure> {
    let namespace = segments.namespace().reading(About::Namespace, "")?;
    let request = table::RegisterRequest {
        ident: TableIdent {
            name: Name::parse("name", &value.name)?,
            namespace,
        },
        metadata_location: value.metadata_location,
        overwrite: value.overwrite,
    };
    let ident = request.ident.clone();
    let made = table::register(&state.weir, &caller, request, key.as_ref()).await;
    let document = made.changing(About::Namespace, "")?;
    let credential = table::credential_of_new(&state.weir, &caller, &ident, way).await;
    let credential = credential.reading(About::Table, shown(&ident))?;
    made_answer(&document, credential.as_deref(), &ident, way)
}

/// A new table, and what its files are reached with.
fn made_answer(
    document: &Document,
    credential: Option<&Credential>,
    ident: &TableIdent,
    way: Way,
) -> Result<Response, Failure> {
    let delivered =
        credential.and_then(|credential| Delivered::new(document, credential, ident, way));
    match delivered {
        None => answer::plain(document, Shape::Load),
        Some(delivered) => answer::delivered(document, &delivered),
    }
}

/// Load a table from the catalog.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}", operation_id = "loadTable", tag = "Catalog API", params(TablePath, super::IfNoneMatchHeader, DelegationHeader, LoadParams), responses(
    (status = 200, body = LoadTableResult, headers(("etag" = String))), (status = 304), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn load(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Params(query): Params<LoadParams>,
    Delegation(way): Delegation,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let snapshots = match query.snapshots.unwrap_or_default() {
        SnapshotMode::All => Snapshots::All,
        SnapshotMode::Refs => Snapshots::Refs,
    };
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known.and_then(|value| value.to_str().ok());
    let request = table::LoadRequest {
        ident: &ident,
        snapshots,
        if_none_match: known,
        way,
    };
    let loaded = table::load(&state.weir, &caller, request).await;
    match loaded.reading(About::Table, shown(&ident))? {
        Loaded::NotModified { etag } => answer::not_modified(&etag),
        Loaded::Found(document, credential) => {
            let credential = credential.as_deref();
            let delivered = credential
                .and_then(|credential| Delivered::new(&document, credential, &ident, way));
            match delivered {
                None => answer::load(&document, &headers).await,
                Some(delivered) => answer::delivered(&document, &delivered),
            }
        }
    }
}

/// Check if a table exists.
#[utoipa::path(head, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}", operation_id = "tableExists", tag = "Catalog API", params(TablePath), responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn exists(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
) -> Result<StatusCode, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let found = table::exists(&state.weir, &caller, &ident).await;
    found.reading(About::Table, shown(&ident))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Commit updates to a table.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}", operation_id = "updateTable", tag = "Catalog API", params(TablePath, KeyHeader), request_body = CommitTableRequest, responses(
    (status = 200, body = CommitTableResponse, headers(("etag" = String))), (status = 404, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse),
    (status = 500, body = IcebergErrorResponse), (status = 502, body = IcebergErrorResponse), (status = 504, body = IcebergErrorResponse), Common))]
pub async fn commit(
    State(state): State<ApiState>,
    who: Perhaps,
    segments: Segments,
    Body { value, key }: Body<CommitTableRequest>,
) -> Result<Response, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let named = value
        .identifier
        .map(|named| named.ident(&ident.namespace.catalog))
        .transpose()?;
    if named.is_some_and(|named| named != ident) {
        return Err(weir_core::Error::invalid(
            "identifier",
            "This is another table than the address names.",
        )
        .into());
    }
    let name = shown(&ident);
    let request = table::CommitRequest {
        ident,
        requirements: value.requirements,
        updates: value.updates,
    };
    let done = match who {
        Perhaps::Known(caller) => table::commit(&state.weir, &caller, request, key.as_ref()).await,
        Perhaps::Presumed(presumed, sender) => {
            let done = match key {
                None => table::commit_presumed(&state.weir, &presumed, &request).await,
                // Whether it was done before is for a known caller to hear.
                Some(_) => Ok(None),
            };
            match done.changing(About::Table, &name)? {
                Some(done) => Ok(done),
                None => {
                    let caller = sender.known().await?;
                    table::commit(&state.weir, &caller, request, key.as_ref()).await
                }
            }
        }
    };
    answer::plain(&*done.changing(About::Table, name)?, Shape::Commit)
}

/// Drop a table from the catalog.
#[utoipa::path(delete, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}", operation_id = "dropTable", tag = "Catalog API", params(TablePath, DropParams, KeyHeader), responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn drop_table(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Params(query): Params<DropParams>,
    Keyed(key): Keyed,
) -> Result<StatusCode, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let purge = query.purge_requested;
    let dropped = table::drop_iceberg(&state.weir, &caller, &ident, purge, key.as_ref()).await;
    dropped.changing(About::Table, shown(&ident))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Unregister a table and hand over its metadata. Its files stay.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/unregister", operation_id = "unregisterTable", tag = "Catalog API", params(TablePath, KeyHeader), responses(
    (status = 200, body = UnregisterTableResponse), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn unregister(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Keyed(key): Keyed,
) -> Result<Response, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let done = table::unregister(&state.weir, &caller, &ident, key.as_ref()).await;
    answer::plain(&*done.changing(About::Table, shown(&ident))?, Shape::Commit)
}

/// Rename a table from its current name to a new name.
#[utoipa::path(post, path = "/v1/{prefix}/tables/rename", operation_id = "renameTable", tag = "Catalog API", params(("prefix" = String, Path), KeyHeader), request_body = RenameTableRequest, responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), (status = 406, body = IcebergErrorResponse), (status = 409, body = IcebergErrorResponse), Common))]
pub async fn rename(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, key }: Body<RenameTableRequest>,
) -> Result<StatusCode, Failure> {
    let catalog = segments.catalog()?;
    let (from, to) = (
        value.source.ident(&catalog)?,
        value.destination.ident(&catalog)?,
    );
    let (weir, key) = (&state.weir, key.as_ref());
    let done = table::rename(weir, &caller, &from, &to, TableKind::Iceberg, key).await;
    done.changing(About::Table, shown(&from))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a metrics report to this endpoint to be processed by the backend.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics", operation_id = "reportMetrics", tag = "Catalog API", params(TablePath), request_body = shapes::ReportMetricsRequest, responses(
    (status = 204), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn report(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, .. }: Body<Box<RawValue>>,
) -> Result<StatusCode, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let kept = table::report_metrics(&state.weir, &caller, &ident, value).await;
    kept.changing(About::Table, shown(&ident))?;
    Ok(StatusCode::NO_CONTENT)
}
