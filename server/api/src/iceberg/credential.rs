//! What the files of a table are reached with. The only place where a credential becomes text.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use utoipa::{IntoParams, ToSchema};
use weir_core::name::TableIdent;
use weir_operations::delivery::Credential;
use weir_operations::table::{self, Document};

use super::answer::Common;
use super::error::{About, Failure, IcebergErrorResponse, Tell};
use super::extract::{Segments, Who};
use super::table::shown;
use super::{ApiState, TablePath};

/// Does the client take credentials? Only those who say so get any, and a way that is not known is no way.
#[derive(Debug, Clone, Copy)]
pub struct Delegation {
    pub is_asked: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Delegation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let ways = parts.headers.get_all("x-iceberg-access-delegation");
        let mut ways = ways.iter().filter_map(|value| value.to_str().ok());
        // `true` is what clients sent before there were two ways.
        let vended = |way: &str| ["vended-credentials", "true"].contains(&way.trim());
        Ok(Self {
            is_asked: ways.any(|value| value.split(',').any(vended)),
        })
    }
}

#[derive(Serialize, ToSchema)]
pub struct StorageCredential {
    /// The storage location that it is for. The longest that fits is the one to use.
    prefix: String,
    pub config: BTreeMap<String, String>,
}

impl std::fmt::Debug for StorageCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StorageCredential for {}", self.prefix)
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LoadCredentialsResponse {
    storage_credentials: Vec<StorageCredential>,
}

/// A credential as an answer to a load has it.
#[derive(Debug)]
pub struct Delivered {
    pub storage: StorageCredential,
    /// Of document and credential together.
    pub etag: Option<String>,
}

impl Delivered {
    pub fn new(document: &Document, credential: &Credential, ident: &TableIdent) -> Self {
        let etag = document.etag.as_deref();
        Self {
            storage: written(credential, ident),
            etag: etag.map(|etag| table::tag_with(etag, Some(credential))),
        }
    }
}

fn written(credential: &Credential, ident: &TableIdent) -> StorageCredential {
    let settings = credential.config.iter();
    let mut config: BTreeMap<String, String> = settings
        .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
        .collect();
    config.insert(
        "client.refresh-credentials-endpoint".to_owned(),
        endpoint(ident),
    );
    config.insert(
        "client.refresh-credentials-enabled".to_owned(),
        "true".to_owned(),
    );
    StorageCredential {
        prefix: format!("{}/", credential.prefix),
        config,
    }
}

/// Where a client gets the next credential, below the catalog's address.
fn endpoint(ident: &TableIdent) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let levels = ident.namespace.path.to_strings().join("\u{1f}");
    format!(
        "v1/{}/namespaces/{}/tables/{}/credentials",
        encoded(ident.namespace.catalog.as_str()),
        encoded(&levels),
        encoded(ident.name.as_str())
    )
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "only documents the parameters; a credential is for all of a table, whoever plans or looks through what"
)]
struct CredentialParams {
    /// The plan whose files are to be read.
    #[param(rename = "planId", required = false)]
    plan_id: Option<String>,
    /// The views through which the table is read.
    #[param(rename = "referenced-by", required = false)]
    referenced_by: Option<String>,
}

/// Load vended credentials for a table from the catalog.
#[utoipa::path(get, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials", operation_id = "loadCredentials", tag = "Catalog API", params(TablePath, CredentialParams), responses(
    (status = 200, body = LoadCredentialsResponse), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn get(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
) -> Result<Response, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    let found = table::credential(&state.weir, &caller, &ident).await;
    let found = found.reading(About::Table, shown(&ident))?;
    let body = LoadCredentialsResponse {
        storage_credentials: found
            .iter()
            .map(|credential| written(credential, &ident))
            .collect(),
    };
    let private = [(header::CACHE_CONTROL, "private, no-store")];
    Ok((private, Json(body)).into_response())
}
