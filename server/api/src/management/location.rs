//! Storage locations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use weir_core::location::Location;
use weir_core::name::Name;
use weir_core::storage::{StorageLocation, StorageSettings, Zone};
use weir_core::{Error, Result};
use weir_operations::location::{
    self, AccountKey, ClientSecret, Credential, GoogleCredential, Registration, S3Credential,
};

use super::ApiState;
use super::auth::Authenticated;
use super::extract::{Body, Params, Segments};
use super::page::{PageBody, PageParams};
use super::problem::{ApiError, Problem};

#[derive(Debug, Serialize, ToSchema)]
pub struct LocationBody {
    id: Uuid,
    name: String,
    url: String,
    settings: SettingsBody,
    /// `raw`, `cleaned` or `curated`
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// Is a credential kept for it? It is never shown.
    has_credential: bool,
    created_at: DateTime<Utc>,
}

/// How to reach a store. Never holds a secret.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsBody {
    /// The store's address where it is not AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// The bucket in the path instead of the host name.
    path_style: bool,
    /// A name under `[storage.credentials]` of the server's configuration; the environment's credentials when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
    /// Does the Azure account have a hierarchical namespace? Only there can credentials be for one table.
    hierarchical: bool,
    /// The ARN of the role that engines' credentials are made from. Without it they go through the gateway, where it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// Does the server itself reach the store by that role, too?
    assume_role: bool,
    /// What whoever keeps the role wants to be told when it is assumed: AWS's external id.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// The address of STS where it is not the store's own or that of AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    sts_endpoint: Option<String>,
    /// The ARN of the KMS key that the store encrypts with.
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key: Option<String>,
    /// A folder of the server's disks that an `s3` location stands for. Engines reach it through the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    /// The bucket of Google or the container of Azure that the bucket of an `s3` location stands for: `gs://bucket` or
    /// `abfss://container@account.dfs.core.windows.net`. Engines reach it through the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    stands_for: Option<String>,
    /// Is it only read? Then no table is made here, nothing is tried but listing, and engines get no credential to write.
    read_only: bool,
}

impl From<SettingsBody> for StorageSettings {
    fn from(body: SettingsBody) -> Self {
        Self {
            endpoint: body.endpoint,
            region: body.region,
            path_style: body.path_style,
            credential: body.credential,
            hierarchical: body.hierarchical,
            role: body.role,
            assume_role: body.assume_role,
            external_id: body.external_id,
            sts_endpoint: body.sts_endpoint,
            kms_key: body.kms_key,
            folder: body.folder,
            stands_for: body.stands_for,
            read_only: body.read_only,
        }
    }
}

impl From<StorageSettings> for SettingsBody {
    fn from(settings: StorageSettings) -> Self {
        Self {
            endpoint: settings.endpoint,
            region: settings.region,
            path_style: settings.path_style,
            credential: settings.credential,
            hierarchical: settings.hierarchical,
            role: settings.role,
            assume_role: settings.assume_role,
            external_id: settings.external_id,
            sts_endpoint: settings.sts_endpoint,
            kms_key: settings.kms_key,
            folder: settings.folder,
            stands_for: settings.stands_for,
            read_only: settings.read_only,
        }
    }
}

impl From<StorageLocation> for LocationBody {
    fn from(location: StorageLocation) -> Self {
        Self {
            id: location.id.into(),
            name: location.name,
            url: location.url,
            settings: location.settings.into(),
            zone: location.zone.map(|zone| zone.to_string()),
            has_credential: location.has_credential,
            created_at: location.created_at,
        }
    }
}

/// What the server reaches a store with: the keys of S3, a service account of Google, an application of Entra ID, or the key of
/// an Azure account. It is kept sealed and never shown again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialBody {
    access_key_id: Option<String>,
    #[schema(value_type = Option<String>, format = Password)]
    secret_access_key: Option<SecretString>,
    #[schema(value_type = Option<String>, format = Password)]
    session_token: Option<SecretString>,
    /// The key file of a service account of Google, as a text.
    #[schema(value_type = Option<String>, format = Password)]
    service_account: Option<SecretString>,
    tenant_id: Option<String>,
    client_id: Option<String>,
    #[schema(value_type = Option<String>, format = Password)]
    client_secret: Option<SecretString>,
    /// The key of an Azure storage account. It makes no credentials for engines.
    #[schema(value_type = Option<String>, format = Password)]
    account_key: Option<SecretString>,
}

impl TryFrom<CredentialBody> for Credential {
    type Error = Error;

    /// Errors: members of no kind, or of two.
    fn try_from(body: CredentialBody) -> Result<Self> {
        let s3 = body.access_key_id.zip(body.secret_access_key);
        let s3 = s3.map(|(access_key_id, secret_access_key)| {
            Self::S3(S3Credential {
                access_key_id,
                secret_access_key,
                session_token: body.session_token,
            })
        });
        let google = body
            .service_account
            .map(|service_account| Self::Google(GoogleCredential { service_account }));
        let application = body.tenant_id.zip(body.client_id).zip(body.client_secret);
        let application = application.map(|((tenant_id, client_id), client_secret)| {
            Self::AzureApplication(ClientSecret {
                tenant_id,
                client_id,
                client_secret,
            })
        });
        let account = body
            .account_key
            .map(|account_key| Self::AzureAccount(AccountKey { account_key }));
        let mut kinds = [s3, google, application, account].into_iter().flatten();
        match (kinds.next(), kinds.next()) {
            (Some(credential), None) => Ok(credential),
            _ => Err(Error::invalid(
                "credential",
                "Give the members of one kind: access_key_id and secret_access_key; service_account; tenant_id, client_id and client_secret; or account_key.",
            )),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationRegister {
    name: String,
    /// `s3://bucket/folder` or `file:///folder`
    url: String,
    #[serde(default)]
    settings: SettingsBody,
    /// `raw`, `cleaned` or `curated`
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    credential: Option<CredentialBody>,
}

/// The storage locations that you may use or see.
#[utoipa::path(get, path = "/locations", tag = "location", params(PageParams), responses((status = 200, body = PageBody<LocationBody>)))]
pub async fn list(
    State(state): State<ApiState>,
    who: Authenticated,
    Params(page): Params<PageParams>,
) -> Result<Json<PageBody<LocationBody>>, ApiError> {
    Ok(PageBody::of(
        location::list(&state.weir, &who.caller, &page.request()?).await?,
    ))
}

/// Register a storage location. It is tried first: listed, written to, read and deleted from; one that is only read is listed.
#[utoipa::path(post, path = "/locations", tag = "location", request_body = LocationRegister, responses((status = 201, body = LocationBody), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn register(
    State(state): State<ApiState>,
    who: Authenticated,
    Body(body): Body<LocationRegister>,
) -> Result<(StatusCode, Json<LocationBody>), ApiError> {
    let zone = body.zone.map(|zone| Zone::parse(&zone)).transpose()?;
    let new = Registration {
        name: Name::parse("name", &body.name)?,
        url: Location::parse("url", &body.url)?,
        settings: body.settings.into(),
        zone,
        credential: body.credential.map(Credential::try_from).transpose()?,
    };
    let registered = location::register(&state.weir, &who.caller, new).await?;
    Ok((StatusCode::CREATED, Json(registered.into())))
}

/// Try a storage location again, as its registration did.
#[utoipa::path(post, path = "/locations/{name}/validate", tag = "location", params(("name" = String, Path)), responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub async fn validate(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    let name = Name::parse("name", &name)?;
    location::validate(&state.weir, &who.caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a storage location, its credential and the grants on it. What lies there stays. Refused while a crawler, a catalog or a
/// table, dropped ones included, needs it.
#[utoipa::path(delete, path = "/locations/{name}", tag = "location", params(("name" = String, Path)), responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn unregister(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    let name = Name::parse("name", &name)?;
    location::unregister(&state.weir, &who.caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keep another credential for a storage location, once it was tried.
#[utoipa::path(put, path = "/locations/{name}/credential", tag = "location", params(("name" = String, Path)), request_body = CredentialBody, responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn rotate(
    State(state): State<ApiState>,
    who: Authenticated,
    Segments(name): Segments<String>,
    Body(body): Body<CredentialBody>,
) -> Result<StatusCode, ApiError> {
    let name = Name::parse("name", &name)?;
    location::rotate(
        &state.weir,
        &who.caller,
        &name,
        &Credential::try_from(body)?,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
