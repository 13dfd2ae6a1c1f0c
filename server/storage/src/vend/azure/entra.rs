//! Who the server is to Azure: a token from Entra ID, and with it the store's key for signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::fmt;
use weir_core::{Error, Result};

use super::super::outside::{AccessToken, TokenAnswer, ask};
use super::sas::VERSION;
use crate::config::{ClientSecret, FederatedIdentity};

const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const RESOURCE: &str = "https://storage.azure.com/";

/// The identity that signatures are made by. It needs the right to generate a user delegation key, and access to the data.
#[derive(Debug, Clone)]
pub enum Identity {
    Application(ClientSecret),
    /// By a token of another issuer, which Entra ID was told to trust.
    Federated(FederatedIdentity),
    /// That of the machine this server runs on; by client id where the machine has several.
    Managed {
        client_id: Option<String>,
    },
}

/// Where the services are. The defaults are those of Azure's public cloud.
#[derive(Debug, Clone)]
pub struct Endpoints {
    pub login: String,
    pub managed: String,
    /// The blob service, with the account in its path: an emulator's address.
    pub store: Option<String>,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            login: "https://login.microsoftonline.com".to_owned(),
            managed: "http://169.254.169.254/metadata/identity/oauth2/token".to_owned(),
            store: None,
        }
    }
}

impl Endpoints {
    pub fn store_of(&self, account: &str) -> String {
        self.store.as_ref().map_or_else(
            || format!("https://{account}.blob.core.windows.net"),
            |store| store.trim_end_matches('/').to_owned(),
        )
    }

    /// Only what was set up so is reached without TLS.
    pub fn allows_http(&self) -> bool {
        let store = self.store.as_deref().unwrap_or_default();
        store.starts_with("http://")
    }
}

/// A token for the blob service. Client secret: OAuth 2.0 client credentials, federated with another issuer's token as the client's assertion
/// (RFC 7523, section 2.2); managed identity: the machine's metadata service.
///
/// Errors: a tenant that is no tenant; `Unavailable` where no token is given, or the other issuer's cannot be read.
pub async fn access_token(
    client: &Client,
    identity: &Identity,
    endpoints: &Endpoints,
    now: DateTime<Utc>,
) -> Result<AccessToken> {
    let (service, request) = match identity {
        Identity::Application(secret) => {
            let secret_text = secret.client_secret.expose_secret();
            let shown = [("client_secret", secret_text)];
            let of = (secret.tenant_id.as_str(), secret.client_id.as_str());
            ("Entra ID", by_client(client, endpoints, of, &shown)?)
        }
        Identity::Federated(identity) => {
            let token = token_of(identity).await?;
            let shown = [
                ("client_assertion_type", JWT_ASSERTION),
                ("client_assertion", token.expose_secret()),
            ];
            let of = (identity.tenant_id.as_str(), identity.client_id.as_str());
            ("Entra ID", by_client(client, endpoints, of, &shown)?)
        }
        Identity::Managed { client_id } => {
            let mut query = vec![("api-version", "2018-02-01"), ("resource", RESOURCE)];
            query.extend(client_id.as_deref().map(|id| ("client_id", id)));
            let request = client.get(&endpoints.managed).query(&query);
            (
                "The managed identity's service",
                request.header("Metadata", "true"),
            )
        }
    };
    let text = ask(service, request).await?;
    Ok(TokenAnswer::parse(service, &text)?.taken(now))
}

fn by_client(
    client: &Client,
    endpoints: &Endpoints,
    (tenant_id, client_id): (&str, &str),
    shown: &[(&str, &str)],
) -> Result<RequestBuilder> {
    let login = endpoints.login.trim_end_matches('/');
    let address = format!("{login}/{}/oauth2/v2.0/token", tenant(tenant_id)?);
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("scope", "https://storage.azure.com/.default"),
    ];
    form.extend_from_slice(shown);
    Ok(client.post(address).form(&form))
}

async fn token_of(identity: &FederatedIdentity) -> Result<SecretString> {
    let read = tokio::fs::read_to_string(&identity.federated_token_file).await;
    let text = read.map_err(|error| {
        Error::unavailable("The token file of a federated identity cannot be read. It is named in the configuration.")
            .source(error)
    })?;
    Ok(text.trim().to_owned().into())
}

/// An id or a domain: nothing that changes the address it is put into.
fn tenant(id: &str) -> Result<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if !id.is_empty() && id.chars().all(plain) && !id.contains("..") && id != "." {
        Ok(id)
    } else {
        Err(Error::invalid(
            "tenant_id",
            "A tenant of Entra ID is an id or a domain.",
        ))
    }
}

/// What signatures are made with. Its texts are signed as the store wrote them.
#[derive(Clone)]
pub struct DelegationKey {
    pub object_id: String,
    pub tenant_id: String,
    pub start: String,
    pub expiry: String,
    pub service: String,
    pub version: String,
    /// Base64.
    pub value: SecretString,
    pub begins_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl fmt::Debug for DelegationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DelegationKey(until {})", self.expires_at)
    }
}

/// The store's key for signatures in this time ("Get User Delegation Key").
///
/// Errors: `Unavailable` where the store refuses, does not answer, or answers no key.
pub async fn delegation_key(
    client: &Client,
    store: &str,
    token: &AccessToken,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
) -> Result<DelegationKey> {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>{}</Start><Expiry>{}</Expiry></KeyInfo>",
        text(start),
        text(end)
    );
    let request = client
        .post(format!("{store}/?restype=service&comp=userdelegationkey"))
        .bearer_auth(token.token.expose_secret())
        .header("x-ms-version", VERSION)
        .header(reqwest::header::CONTENT_TYPE, "application/xml")
        .body(body);
    parse_key(&ask("The Azure store", request).await?)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyAnswer {
    signed_oid: String,
    signed_tid: String,
    signed_start: String,
    signed_expiry: String,
    signed_service: String,
    signed_version: String,
    value: SecretString,
}

fn parse_key(text: &str) -> Result<DelegationKey> {
    let unread = || Error::unavailable("The Azure store answers in another form.");
    let moment = |text: &str| {
        let at = DateTime::parse_from_rfc3339(text).map_err(|_| unread())?;
        Ok::<_, Error>(at.to_utc())
    };
    // The parser's own error may quote the answer.
    let key: KeyAnswer =
        quick_xml::de::from_str(text.trim_start_matches('\u{feff}')).map_err(|_| unread())?;
    if STANDARD.decode(key.value.expose_secret()).is_err() {
        return Err(unread());
    }
    Ok(DelegationKey {
        begins_at: moment(&key.signed_start)?,
        expires_at: moment(&key.signed_expiry)?,
        object_id: key.signed_oid,
        tenant_id: key.signed_tid,
        start: key.signed_start,
        expiry: key.signed_expiry,
        service: key.signed_service,
        version: key.signed_version,
        value: key.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid>\
        <SignedStart>2026-11-25T09:58:00Z</SignedStart><SignedExpiry>2026-11-25T12:00:00Z</SignedExpiry><SignedService>b</SignedService>\
        <SignedVersion>2022-11-02</SignedVersion><Value>aHVzaA==</Value></UserDelegationKey>";

    #[test]
    fn a_key_is_read_and_never_shown() {
        let key = parse_key(ANSWER).unwrap();
        assert_eq!((key.object_id.as_str(), key.tenant_id.as_str()), ("o", "t"));
        assert_eq!(key.expires_at.to_rfc3339(), "2026-11-25T12:00:00+00:00");
        assert!(!format!("{key:?}").contains("aHVzaA"));
        for broken in [
            ANSWER.replace("aHVzaA==", "no base64"),
            ANSWER.replace("2026-11-25T12:00:00Z", "later"),
            ANSWER.replace("SignedOid", "Other"),
            String::new(),
        ] {
            let error = parse_key(&broken).unwrap_err();
            assert!(!format!("{error:?}").contains("aHVzaA"));
        }
    }

    #[tokio::test]
    async fn a_federated_identity_shows_the_token_that_lies_there_now() {
        use axum::Form;
        use axum::extract::Path;
        use std::collections::HashMap;
        let answer = async |Path(tenant): Path<String>,
                            Form(form): Form<HashMap<String, String>>| {
            let right = tenant == "t"
                && form["client_id"] == "c"
                && form["client_assertion_type"] == JWT_ASSERTION
                && form["scope"] == "https://storage.azure.com/.default";
            let (of, right) = (
                &form["client_assertion"],
                if right { "right" } else { "wrong" },
            );
            format!("{{\"access_token\": \"{right} for {of}\", \"expires_in\": 60}}")
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoints = Endpoints {
            login: format!("http://{}/", listener.local_addr().unwrap()),
            ..Endpoints::default()
        };
        let route = axum::routing::post(answer);
        let router = axum::Router::new().route("/{tenant}/oauth2/v2.0/token", route);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        let identity = FederatedIdentity {
            tenant_id: "t".into(),
            client_id: "c".into(),
            federated_token_file: folder.path().join("token"),
        };
        let client = crate::vend::client().unwrap();
        let token = async || {
            let identity = Identity::Federated(identity.clone());
            access_token(&client, &identity, &endpoints, Utc::now()).await
        };
        let error = token().await.unwrap_err();
        assert!(error.public_message().contains("token file"), "{error:?}");
        assert!(!error.public_message().contains("tmp"), "{error:?}");
        for issued in ["first", "second"] {
            std::fs::write(&identity.federated_token_file, format!("{issued}\n")).unwrap();
            let token = token().await.unwrap();
            assert_eq!(token.token.expose_secret(), format!("right for {issued}"));
        }
    }

    #[test]
    fn a_tenant_is_no_path() {
        assert!(tenant("99999999-8888-7777-6666-555555555555").is_ok());
        assert!(tenant("corp.example").is_ok());
        for bad in ["", ".", "..", "a/b", "a?b", "a#b", "a%2f", "a@b"] {
            assert!(tenant(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_what_was_set_up_so_is_reached_without_tls() {
        let at = |store: Option<&str>| Endpoints {
            store: store.map(str::to_owned),
            ..Endpoints::default()
        };
        assert_eq!(at(None).store_of("a1"), "https://a1.blob.core.windows.net");
        assert!(!at(None).allows_http());
        let emulator = at(Some("http://127.0.0.1:10000/a1/"));
        assert_eq!(emulator.store_of("a1"), "http://127.0.0.1:10000/a1");
        assert!(emulator.allows_http());
    }
}
