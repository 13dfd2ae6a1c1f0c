//! Azure's storage, reached by its blob API.

use chrono::Utc;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use secrecy::ExposeSecret;
use std::sync::Arc;
use weir_core::location::Location;
use weir_core::storage::StorageSettings;
use weir_core::{Error, Result};

use crate::config::{AccountKey, ClientSecret, FederatedIdentity, ManagedIdentity};
use crate::keys::CheckedListing;
use crate::s3::{Bucket, Vending, client_options, retries};
use crate::vend::azure::{Endpoints, Identity, Reach, delegate};
use crate::vend::{self, Request, Vended};

/// How the server shows who it is.
#[derive(Debug)]
pub enum Access<'a> {
    /// What the environment says, or the machine's managed identity.
    Environment,
    Application(&'a ClientSecret),
    Federated(&'a FederatedIdentity),
    Managed(&'a ManagedIdentity),
    Account(&'a AccountKey),
}

/// Errors: an endpoint that is not Azure's without an account key. A key only signs what is sent; a token would be told to
/// whoever answers there.
pub fn open(root: &Location, settings: &StorageSettings, access: &Access<'_>) -> Result<Bucket> {
    let named = root.container();
    let (container, account) = named.ok_or_else(|| Error::internal("No location of Azure"))?;
    let mut builder = builder(access);
    if let Some(endpoint) = &settings.endpoint {
        if !is_azure(endpoint) && !matches!(access, Access::Account(_)) {
            return Err(Error::invalid(
                "endpoint",
                "An endpoint that is not Azure's own is reached with an account key only.",
            ));
        }
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    let vending = match identity(access, &builder) {
        Some(identity) => Vending::Azure(Maker {
            client: vend::client()?,
            identity,
            endpoints: Endpoints {
                store: settings.endpoint.clone(),
                ..Endpoints::default()
            },
        }),
        None => Vending::None(
            "A key or a signature makes no credentials for engines; an identity of Entra ID does.",
        ),
    };
    let client = builder
        .with_account(account)
        .with_container_name(container)
        .with_retry(retries())
        .with_client_options(client_options(settings))
        .with_http_connector(CheckedListing::Azure)
        .build()
        .map_err(|error| {
            Error::invalid(
                "endpoint",
                "These storage settings do not make a client for Azure's storage.",
            )
            .source(error)
        })?;
    Ok(Bucket::over(root, Arc::new(client), vending))
}

fn builder(access: &Access<'_>) -> MicrosoftAzureBuilder {
    let new = MicrosoftAzureBuilder::new();
    match access {
        Access::Environment => MicrosoftAzureBuilder::from_env(),
        Access::Application(secret) => new.with_client_secret_authorization(
            &secret.client_id,
            secret.client_secret.expose_secret(),
            &secret.tenant_id,
        ),
        Access::Federated(identity) => new
            .with_client_id(&identity.client_id)
            .with_tenant_id(&identity.tenant_id)
            .with_federated_token_file(identity.federated_token_file.to_string_lossy()),
        Access::Managed(identity) => match identity.client_id() {
            Some(id) => new.with_client_id(id),
            None => new,
        },
        Access::Account(key) => new.with_access_key(key.account_key.expose_secret()),
    }
}

/// Who makes credentials: the identity that the client for the store will be, in the order in which that chooses among what
/// the environment says. None for what is no identity of Entra ID.
fn identity(access: &Access<'_>, builder: &MicrosoftAzureBuilder) -> Option<Identity> {
    use AzureConfigKey as Key;
    match access {
        Access::Application(secret) => Some(Identity::Application((*secret).clone())),
        Access::Federated(identity) => Some(Identity::Federated((*identity).clone())),
        Access::Managed(identity) => Some(Identity::Managed {
            client_id: identity.client_id().map(str::to_owned),
        }),
        Access::Account(_) => None,
        Access::Environment => {
            let told = |key: Key| builder.get_config_value(&key);
            if told(Key::Token).or(told(Key::AccessKey)).is_some() {
                return None;
            }
            let application = told(Key::AuthorityId).zip(told(Key::ClientId));
            match (
                application,
                told(Key::FederatedTokenFile),
                told(Key::ClientSecret),
            ) {
                (Some((tenant_id, client_id)), Some(file), _) => {
                    Some(Identity::Federated(FederatedIdentity {
                        tenant_id,
                        client_id,
                        federated_token_file: file.into(),
                    }))
                }
                (Some((tenant_id, client_id)), None, Some(secret)) => {
                    Some(Identity::Application(ClientSecret {
                        tenant_id,
                        client_id,
                        client_secret: secret.into(),
                    }))
                }
                _ if told(Key::SasKey).is_some() => None,
                _ => Some(Identity::Managed {
                    client_id: told(Key::ClientId),
                }),
            }
        }
    }
}

fn is_azure(endpoint: &str) -> bool {
    let url = url::Url::parse(endpoint).ok();
    url.is_some_and(|url| {
        let host = url.host_str().unwrap_or_default();
        url.scheme() == "https" && host.ends_with(".core.windows.net")
    })
}

/// Makes credentials for directories, and for the container of a table that has one to itself: no other can be placed there.
#[derive(Debug)]
pub struct Maker {
    client: reqwest::Client,
    identity: Identity,
    endpoints: Endpoints,
}

impl Maker {
    pub async fn vend(&self, request: &Request<'_>) -> Result<Vended> {
        let with = (&self.identity, &self.endpoints);
        let reach = match request.prefix.segments().is_empty() {
            true => Reach::OwnContainer,
            false => Reach::Directory,
        };
        delegate(&self.client, with, reach, request, Utc::now()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environments_identity_makes_credentials_as_it_reads_the_store() {
        use AzureConfigKey as Key;
        let found = |told: &[(Key, &str)]| {
            let mut builder = MicrosoftAzureBuilder::new();
            for (key, value) in told {
                builder = builder.with_config(*key, *value);
            }
            identity(&Access::Environment, &builder)
        };
        let (tenant, client) = ((Key::AuthorityId, "t"), (Key::ClientId, "c"));
        let (file, secret) = (
            (Key::FederatedTokenFile, "/run/token"),
            (Key::ClientSecret, "hush"),
        );
        let pod = found(&[tenant, client, file, secret]);
        assert!(matches!(pod, Some(Identity::Federated(_))), "{pod:?}");
        let application = found(&[tenant, client, secret]);
        assert!(matches!(application, Some(Identity::Application(_))));
        let one_of_several = found(&[client]);
        assert!(
            matches!(one_of_several, Some(Identity::Managed { client_id: Some(id) }) if id == "c")
        );
        let machine = found(&[]);
        assert!(matches!(
            machine,
            Some(Identity::Managed { client_id: None })
        ));
        assert!(found(&[(Key::AccessKey, "hush"), tenant, client, file]).is_none());
        assert!(found(&[(Key::SasKey, "hush")]).is_none());
    }

    #[test]
    fn a_token_is_for_azure_only() {
        let root = Location::parse("l", "abfss://lake@weirlake.dfs.core.windows.net/raw").unwrap();
        let secret = ClientSecret {
            tenant_id: "t".into(),
            client_id: "c".into(),
            client_secret: "hush".to_owned().into(),
        };
        let key = AccountKey {
            account_key: "aHVzaA==".to_owned().into(),
        };
        let opened = |endpoint: Option<&str>, access: &Access<'_>| {
            let settings = StorageSettings {
                endpoint: endpoint.map(str::to_owned),
                ..Default::default()
            };
            open(&root, &settings, access)
        };
        let application = Access::Application(&secret);
        let bucket = opened(None, &application).unwrap();
        assert!(!format!("{bucket:?}").contains("hush"));
        assert!(opened(Some("https://weirlake.blob.core.windows.net"), &application).is_ok());
        for other in [
            "http://weirlake.blob.core.windows.net",
            "https://weirlake.blob.core.windows.net.example",
            "https://evil.example/.core.windows.net",
        ] {
            let error = opened(Some(other), &application).unwrap_err();
            assert_eq!(error.field(), Some("endpoint"), "{other}");
            assert!(
                opened(Some(other), &Access::Account(&key)).is_ok(),
                "{other}"
            );
        }
    }
}
