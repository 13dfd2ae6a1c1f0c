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
use weir_core::Error;
use weir_core::location::Scheme;
use weir_core::name::TableIdent;
use weir_operations::delivery::{self, Credential, Headers, Unsigned, Way};
use weir_operations::table::{self, Document};

use super::answer::Common;
use super::error::{About, Failure, IcebergErrorResponse, Tell};
use super::extract::{Body, Segments, Who};
use super::table::shown;
use super::{ApiState, TablePath};

/// How the client wants to reach files. Only those who say so get anything, and a way that is not known is no way.
#[derive(Debug, Clone, Copy)]
pub struct Delegation(pub Way);

impl<S: Send + Sync> FromRequestParts<S> for Delegation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let ways = parts.headers.get_all("x-iceberg-access-delegation");
        let ways = ways.iter().filter_map(|value| value.to_str().ok());
        let ways: Vec<&str> = ways
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        // `true` is what clients sent before there were two ways. Who knows both is better off with a credential: it costs
        // one request, and not one for each.
        Ok(Self(
            if ways
                .iter()
                .any(|way| ["vended-credentials", "true"].contains(way))
            {
                Way::Credential
            } else if ways.contains(&"remote-signing") {
                Way::Signing
            } else {
                Way::Unaided
            },
        ))
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

/// What an answer to a load says about reaching the table's files.
#[derive(Debug)]
pub struct Delivered {
    /// For clients that look nowhere else.
    pub config: BTreeMap<String, String>,
    pub by: By,
    /// Of document and delivery together.
    pub etag: Option<String>,
}

#[derive(Debug)]
pub enum By {
    Credential(StorageCredential),
    Signing,
}

impl Delivered {
    pub fn new(
        document: &Document,
        credential: &Credential,
        ident: &TableIdent,
        way: Way,
    ) -> Option<Self> {
        let etag = document.etag.as_deref();
        let etag = etag.map(|etag| table::tag_with(etag, Some(credential), way));
        let (config, by) = match way {
            Way::Unaided => return None,
            Way::Credential => {
                let storage = written(credential, ident);
                (storage.config.clone(), By::Credential(storage))
            }
            Way::Signing => (signing(credential, ident), By::Signing),
        };
        Some(Self { config, by, etag })
    }
}

fn told(credential: &Credential, way: Way) -> BTreeMap<String, String> {
    let settings = credential.told(way).into_iter();
    settings
        .map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned()))
        .collect()
}

fn written(credential: &Credential, ident: &TableIdent) -> StorageCredential {
    let mut config = told(credential, Way::Credential);
    let next = endpoint(ident, "credentials");
    config.extend(
        renewal(credential.prefix.scheme(), &next)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    StorageCredential {
        prefix: format!("{}/", credential.prefix),
        config,
    }
}

/// Where the next credential is had, in the words of each store's clients (Iceberg's Java FileIOs).
fn renewal(scheme: Scheme, next: &str) -> Vec<(&'static str, &str)> {
    match scheme {
        Scheme::Gs => vec![
            ("gcs.oauth2.refresh-credentials-endpoint", next),
            ("gcs.oauth2.refresh-credentials-enabled", "true"),
        ],
        Scheme::Abfss => vec![
            ("adls.refresh-credentials-endpoint", next),
            ("adls.refresh-credentials-enabled", "true"),
        ],
        Scheme::S3 | Scheme::File => vec![
            ("client.refresh-credentials-endpoint", next),
            ("client.refresh-credentials-enabled", "true"),
            // Where Java's S3FileIO 1.12 looks when it asks ahead of time.
            ("credentials.uri", next),
        ],
    }
}

/// In the words of Java's clients and in those of PyIceberg, of whose file systems one alone lets others sign.
fn signing(credential: &Credential, ident: &TableIdent) -> BTreeMap<String, String> {
    let endpoint = endpoint(ident, "sign");
    let mut config = told(credential, Way::Signing);
    config.extend(
        [
            ("s3.remote-signing-enabled", "true"),
            ("signer.endpoint", &endpoint),
            ("s3.signer.endpoint", &endpoint),
            ("s3.signer", "S3V4RestSigner"),
            ("py-io-impl", "pyiceberg.io.fsspec.FsspecFileIO"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    config
}

/// An endpoint of a table, below the catalog's address.
fn endpoint(ident: &TableIdent, last: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let levels = ident.namespace.path.to_strings().join("\u{1f}");
    format!(
        "v1/{}/namespaces/{}/tables/{}/{last}",
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
    let found = delivery::next_credential(&state.weir, &caller, &ident).await;
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

/// A request to object storage that is to be signed.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RemoteSignRequest {
    #[serde(rename = "region")]
    _region: String,
    uri: String,
    method: SignedMethod,
    headers: Headers,
    /// What the client was told to pass on; nothing is.
    #[serde(default, rename = "properties")]
    _properties: Option<BTreeMap<String, String>>,
    /// The content, where that says what the request is about, as it does when objects are deleted by a list
    #[serde(default)]
    body: Option<String>,
    /// `s3` where it is not given
    #[serde(default)]
    provider: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignedMethod {
    Put,
    Get,
    Head,
    Post,
    Delete,
    Patch,
    Options,
}

impl SignedMethod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RemoteSignResult {
    uri: String,
    headers: Headers,
}

/// Remotely sign a request to object storage.
#[utoipa::path(post, path = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/sign", operation_id = "signRequest", tag = "Catalog API", params(TablePath), request_body = RemoteSignRequest, responses(
    (status = 200, body = RemoteSignResult), (status = 404, body = IcebergErrorResponse), Common))]
pub async fn sign(
    State(state): State<ApiState>,
    Who(caller): Who,
    segments: Segments,
    Body { value, .. }: Body<RemoteSignRequest>,
) -> Result<Response, Failure> {
    let ident = segments.table().reading(About::Table, "")?;
    if value
        .provider
        .as_deref()
        .is_some_and(|provider| provider != "s3")
    {
        return Err(
            Error::invalid("provider", "Requests of `s3` are signed, and no others.").into(),
        );
    }
    let request = Unsigned {
        method: value.method.as_str(),
        uri: &value.uri,
        headers: &value.headers,
        body: value.body.as_deref(),
    };
    let signed = delivery::sign(&state.weir, &caller, &ident, &request).await;
    let signed = signed.reading(About::Table, shown(&ident))?;
    // A client that keeps a signature would go on after a revocation.
    let unkept = [(header::CACHE_CONTROL, "no-store")];
    let body = RemoteSignResult {
        uri: signed.uri,
        headers: signed.headers,
    };
    Ok((unkept, Json(body)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_told_in_its_own_words_where_the_next_credential_is() {
        for (scheme, name) in [
            (Scheme::S3, "client.refresh-credentials"),
            (Scheme::Gs, "gcs.oauth2.refresh-credentials"),
            (Scheme::Abfss, "adls.refresh-credentials"),
        ] {
            let told: BTreeMap<_, _> = renewal(scheme, "v1/next").into_iter().collect();
            assert_eq!(told[&*format!("{name}-endpoint")], "v1/next");
            assert_eq!(told[&*format!("{name}-enabled")], "true");
        }
    }
}
