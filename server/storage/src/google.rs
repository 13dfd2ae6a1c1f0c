//! Google's storage, reached by its XML API.

use chrono::Utc;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::sync::Arc;
use weir_core::location::Location;
use weir_core::storage::StorageSettings;
use weir_core::{Error, Result};

use crate::config::GoogleCredential;
use crate::keys::CheckedListing;
use crate::s3::{Bucket, Vending, client_options, retries};
use crate::vend::gcs::{Endpoints, ServiceAccount, access_token, attached_token, downscope};
use crate::vend::{self, Request, Vended};

/// Who the server is to Google.
#[derive(Debug)]
enum Identity {
    Account(ServiceAccount),
    /// The service account that is attached to this machine.
    Attached,
}

/// Without a credential, the environment's.
///
/// A token is sent to Google alone: at any other endpoint, such as an emulator's, requests are anonymous.
pub fn open(
    root: &Location,
    settings: &StorageSettings,
    credential: Option<&GoogleCredential>,
) -> Result<Bucket> {
    let identity = match credential {
        Some(credential) => {
            let account = ServiceAccount::parse(&credential.service_account)?;
            Some(Identity::Account(account))
        }
        None => environments(&GoogleCloudStorageBuilder::from_env(), std::env::home_dir()),
    };
    let mut builder = match &identity {
        // Not the file as it is: that may name other addresses.
        Some(Identity::Account(account)) => GoogleCloudStorageBuilder::new()
            .with_service_account_key(account.key_file().expose_secret()),
        Some(Identity::Attached) | None => GoogleCloudStorageBuilder::from_env(),
    };
    let elsewhere = settings.endpoint.as_deref().filter(|at| !is_google(at));
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    let client = builder
        .with_skip_signature(elsewhere.is_some())
        .with_bucket_name(root.bucket())
        .with_retry(retries())
        .with_client_options(client_options(settings))
        .with_http_connector(CheckedListing::S3)
        .build()
        .map_err(|error| {
            Error::invalid(
                "endpoint",
                "These storage settings do not make a client for Google's storage.",
            )
            .source(error)
        })?;
    let vending = match (elsewhere, identity) {
        (Some(_), _) => Vending::None("Only Google's own storage makes credentials."),
        (None, None) => Vending::None(
            "A person's sign-in makes no credentials for engines; a service account does.",
        ),
        (None, Some(identity)) => Vending::Google(Maker {
            client: vend::client()?,
            identity,
            endpoints: Endpoints {
                metadata: metadata(
                    ["GCE_METADATA_HOST", "GCE_METADATA_ROOT"]
                        .iter()
                        .find_map(|name| std::env::var(name).ok()),
                ),
                ..Endpoints::default()
            },
        }),
    };
    Ok(Bucket::over(root, Arc::new(client), vending))
}

/// Google's "application default credentials", in the order in which the client for the store looks for them. None where
/// they are a person's, whom `gcloud` signed in.
fn environments(builder: &GoogleCloudStorageBuilder, home: Option<PathBuf>) -> Option<Identity> {
    use GoogleConfigKey as Key;
    let told = |key: Key| builder.get_config_value(&key);
    let file = told(Key::ServiceAccount)
        .or_else(|| told(Key::ApplicationCredentials))
        .map(PathBuf::from)
        .or_else(|| {
            let known = home?.join(".config/gcloud/application_default_credentials.json");
            known.exists().then_some(known)
        });
    let text = told(Key::ServiceAccountKey);
    let text = text.or_else(|| std::fs::read_to_string(file.as_ref()?).ok());
    if text.is_none() && file.is_none() {
        return Some(Identity::Attached);
    }
    let account = ServiceAccount::parse(&text?.into()).ok()?;
    Some(Identity::Account(account))
}

/// The metadata server, at another host where the environment names one.
fn metadata(host: Option<String>) -> String {
    host.map_or_else(
        || Endpoints::default().metadata,
        |host| format!("http://{host}"),
    )
}

fn is_google(endpoint: &str) -> bool {
    let url = url::Url::parse(endpoint).ok();
    url.is_some_and(|url| {
        let host = url.host_str().unwrap_or_default();
        url.scheme() == "https" && host.ends_with(".googleapis.com")
    })
}

/// Makes credentials from the account's own token, asked for each time, so that they last.
#[derive(Debug)]
pub struct Maker {
    client: reqwest::Client,
    identity: Identity,
    endpoints: Endpoints,
}

impl Maker {
    pub async fn vend(&self, request: &Request<'_>) -> Result<Vended> {
        let now = Utc::now();
        let own = match &self.identity {
            Identity::Account(account) => {
                access_token(&self.client, &self.endpoints, account, now).await?
            }
            Identity::Attached => attached_token(&self.client, &self.endpoints, now).await?,
        };
        downscope(&self.client, &self.endpoints, &own, request, now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Listed;
    use axum::http::{HeaderMap, Uri};
    use futures::StreamExt;
    use std::sync::Mutex;

    const KEY: &str = include_str!("../tests/gcs/throwaway_key.pem");
    const PAGE: &str = "<ListBucketResult><Contents><Key>raw/a%20b.csv</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>\
        <ETag>\"e\"</ETag><Size>3</Size></Contents><Contents><Key>raw//odd</Key><Size>3</Size></Contents></ListBucketResult>";

    fn credential() -> GoogleCredential {
        let file = serde_json::json!({
            "type": "service_account", "client_email": "weir@lake.example", "private_key_id": "k1", "private_key": KEY,
            "gcs_base_url": "http://127.0.0.1:1",
        });
        GoogleCredential {
            service_account: file.to_string().into(),
        }
    }

    #[tokio::test]
    async fn a_bucket_is_listed_and_no_token_leaves_for_elsewhere() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let page = async move |uri: Uri, headers: HeaderMap| {
            let bearer = headers.get("authorization").is_some();
            seen.lock().unwrap().push((uri.to_string(), bearer));
            PAGE
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = StorageSettings {
            endpoint: Some(format!("http://{}/", listener.local_addr().unwrap())),
            ..Default::default()
        };
        let router = axum::Router::new().fallback(page);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let root = Location::parse("l", "gs://lake/raw").unwrap();
        let bucket = open(&root, &settings, Some(&credential())).unwrap();
        assert!(!format!("{bucket:?}").contains("PRIVATE"));
        let listed: Vec<_> = bucket.list(&root).collect().await;
        let shown: Vec<_> = listed
            .into_iter()
            .map(|listed| match listed.unwrap() {
                Listed::Object(meta) => meta.location.to_string(),
                Listed::Refused { path, .. } => format!("refused {path}"),
            })
            .collect();
        assert_eq!(
            shown,
            ["gs://lake/raw/a%20b.csv", "refused gs://lake/raw//odd"]
        );
        let asked = asked.lock().unwrap().clone();
        assert_eq!(
            asked,
            [("/lake?list-type=2&prefix=raw%2F".to_owned(), false)]
        );
    }

    #[test]
    fn another_stores_credential_and_a_folder_are_refused() {
        let config = crate::StorageConfig {
            credentials: [("lake".to_owned(), crate::Credential::Google(credential()))].into(),
            ..Default::default()
        };
        let stores = crate::Stores::new(config, crate::seal::Keyring::fresh().unwrap());
        let field = |url: &str, settings: &StorageSettings| {
            let root = Location::parse("l", url).unwrap();
            let opened = stores.open(&weir_core::storage::Place::new(&root, settings.clone()));
            opened
                .err()
                .and_then(|error| error.field().map(str::to_owned))
        };
        let named = StorageSettings {
            credential: Some("lake".into()),
            ..Default::default()
        };
        assert_eq!(field("gs://lake/raw", &named), None);
        let refused = Some("credential".to_owned());
        assert_eq!(field("s3://lake/raw", &named), refused);
        let azure = "abfss://lake@weirlake.dfs.core.windows.net/raw";
        assert_eq!(field(azure, &named), refused);
        let folder = StorageSettings {
            folder: Some("/srv/lake".into()),
            ..named
        };
        assert_eq!(field("gs://lake/raw", &folder).as_deref(), Some("folder"));
    }

    #[test]
    fn a_key_file_has_no_say_in_where_it_is_sent() {
        let account = ServiceAccount::parse(&credential().service_account).unwrap();
        assert!(!account.key_file().expose_secret().contains("127.0.0.1"));
        assert!(!format!("{account:?}").contains("PRIVATE"));
    }

    #[test]
    fn the_environments_identity_is_found_where_google_puts_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = || Some(folder.path().to_owned());
        let none = GoogleCloudStorageBuilder::new();
        assert!(matches!(
            environments(&none, home()),
            Some(Identity::Attached)
        ));
        let key = credential();
        let file = folder.path().join("key.json");
        std::fs::write(&file, key.service_account.expose_secret()).unwrap();
        let named = none
            .clone()
            .with_application_credentials(file.to_str().unwrap());
        assert!(matches!(
            environments(&named, None),
            Some(Identity::Account(_))
        ));
        let told = none
            .clone()
            .with_service_account_key(key.service_account.expose_secret());
        assert!(matches!(
            environments(&told, None),
            Some(Identity::Account(_))
        ));
        let known = folder.path().join(".config/gcloud");
        std::fs::create_dir_all(&known).unwrap();
        let person = r#"{"type":"authorized_user","client_id":"c","client_secret":"hush","refresh_token":"hush"}"#;
        std::fs::write(known.join("application_default_credentials.json"), person).unwrap();
        assert!(environments(&none, home()).is_none());
        assert_eq!(metadata(Some("h:80".into())), "http://h:80");
        assert_eq!(metadata(None), "http://metadata.google.internal");
    }

    #[test]
    fn a_token_is_for_google_only() {
        assert!(is_google("https://storage.googleapis.com"));
        assert!(is_google("https://storage-lake.p.googleapis.com/"));
        for other in [
            "http://storage.googleapis.com",
            "https://storage.googleapis.com.example",
            "https://googleapis.com@evil.example",
            "https://evil.example/.googleapis.com",
            "nonsense",
        ] {
            assert!(!is_google(other), "{other}");
        }
    }
}
