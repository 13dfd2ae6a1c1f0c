//! What an operator configures under `[storage]`.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// Credentials by the name that a storage location's settings use.
    pub credentials: Credentials,
    /// Folders that `file` locations must lie in. Any when empty.
    pub allow_file_roots: Vec<PathBuf>,
}

/// Credentials by name.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Credentials(BTreeMap<String, Credential>);

impl Credentials {
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub fn get(&self, name: &str) -> Option<&Credential> {
        self.0.get(name)
    }
}

impl<C: Into<Credential>, const N: usize> From<[(String, C); N]> for Credentials {
    fn from(named: [(String, C); N]) -> Self {
        let named = named.into_iter();
        Self(named.map(|(name, one)| (name, one.into())).collect())
    }
}

/// What the server itself reaches a store with. Its fields tell which kind it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "A credential has access_key_id and secret_access_key; or role_arn and web_identity_token_file; or service_account; or tenant_id, client_id and client_secret or federated_token_file; or managed_identity; or account_key."
)]
pub enum Credential {
    S3(S3Credential),
    S3Federated(WebIdentity),
    Google(GoogleCredential),
    AzureApplication(ClientSecret),
    AzureFederated(FederatedIdentity),
    AzureManaged(ManagedIdentity),
    AzureAccount(AccountKey),
}

impl Credential {
    /// As JSON, to be sealed. The one place where it becomes text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::S3Federated(identity) => json!({
                "role_arn": identity.role_arn,
                "web_identity_token_file": identity.web_identity_token_file,
            }),
            Self::AzureFederated(identity) => json!({
                "tenant_id": identity.tenant_id,
                "client_id": identity.client_id,
                "federated_token_file": identity.federated_token_file,
            }),
            Self::AzureManaged(identity) => {
                json!({ "managed_identity": identity.managed_identity })
            }
            Self::S3(keys) => json!({
                "access_key_id": keys.access_key_id,
                "secret_access_key": keys.secret_access_key.expose_secret(),
                "session_token": keys.session_token.as_ref().map(ExposeSecret::expose_secret),
            }),
            Self::Google(account) => {
                json!({ "service_account": account.service_account.expose_secret() })
            }
            Self::AzureApplication(application) => json!({
                "tenant_id": application.tenant_id,
                "client_id": application.client_id,
                "client_secret": application.client_secret.expose_secret(),
            }),
            Self::AzureAccount(key) => json!({ "account_key": key.account_key.expose_secret() }),
        }
    }
}

impl From<S3Credential> for Credential {
    fn from(keys: S3Credential) -> Self {
        Self::S3(keys)
    }
}

/// Static keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Credential {
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    #[serde(default)]
    pub session_token: Option<SecretString>,
}

/// A role of AWS that a token lets assume (AWS STS API reference, AssumeRoleWithWebIdentity): how the pods of EKS, and of other
/// clusters, show who they are. The file is whoever runs the server's to name, so it comes from the configuration only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebIdentity {
    pub role_arn: String,
    /// Read anew whenever the role is assumed: whoever issues the token replaces it.
    pub web_identity_token_file: PathBuf,
}

/// A service account of Google.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleCredential {
    /// Its key file: JSON, as a text.
    pub service_account: SecretString,
}

/// The key of an Azure storage account. It opens all of the account, and makes no credentials for engines.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountKey {
    pub account_key: SecretString,
}

/// An application of Entra ID.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSecret {
    pub tenant_id: String,
    pub client_id: String,
    pub client_secret: SecretString,
}

/// An identity of Entra ID that trusts tokens of another issuer, such as a cluster's (AKS workload identity). The file is
/// whoever runs the server's to name, so it comes from the configuration only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedIdentity {
    pub tenant_id: String,
    pub client_id: String,
    /// Read anew for each token of Entra ID.
    pub federated_token_file: PathBuf,
}

/// The identity of the Azure machine that the server runs on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedIdentity {
    /// `system`, or the client id of one of the machine's own.
    pub managed_identity: String,
}

impl ManagedIdentity {
    pub fn client_id(&self) -> Option<&str> {
        Some(self.managed_identity.as_str()).filter(|name| *name != "system")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_never_shown() {
        let text =
            r#"{"credentials": {"lake": {"access_key_id": "AKIA", "secret_access_key": "hush"}}}"#;
        let config: StorageConfig = serde_json::from_str(text).unwrap();
        let Some(Credential::S3(keys)) = config.credentials.get("lake") else {
            panic!("{config:?}")
        };
        assert_eq!(keys.access_key_id, "AKIA");
        assert!(!format!("{config:?}").contains("hush"));
        assert!(
            serde_json::from_str::<StorageConfig>("{}")
                .unwrap()
                .allow_file_roots
                .is_empty()
        );
    }

    #[test]
    fn its_fields_tell_the_kind_of_a_credential() {
        let read = |text: &str| serde_json::from_str::<Credential>(text);
        let kept = r#"{"access_key_id":"A","secret_access_key":"hush","session_token":null}"#;
        assert!(matches!(read(kept), Ok(Credential::S3(_))));
        let file = r#"{"service_account":"{\"private_key\":\"hush\"}"}"#;
        assert!(matches!(read(file), Ok(Credential::Google(_))));
        let application = r#"{"tenant_id":"t","client_id":"c","client_secret":"hush"}"#;
        assert!(matches!(
            read(application),
            Ok(Credential::AzureApplication(_))
        ));
        let account = r#"{"account_key":"hush"}"#;
        assert!(matches!(read(account), Ok(Credential::AzureAccount(_))));
        let pod =
            r#"{"role_arn":"arn:aws:iam::1:role/Lake","web_identity_token_file":"/run/token"}"#;
        assert!(matches!(read(pod), Ok(Credential::S3Federated(_))));
        let federated = r#"{"tenant_id":"t","client_id":"c","federated_token_file":"/run/token"}"#;
        assert!(matches!(read(federated), Ok(Credential::AzureFederated(_))));
        let machine = r#"{"managed_identity":"system"}"#;
        assert!(
            matches!(read(machine), Ok(Credential::AzureManaged(of)) if of.client_id().is_none())
        );
        for text in [kept, file, application, account, pod, federated, machine] {
            let read = read(text).unwrap();
            assert!(!format!("{read:?}").contains("hush"));
            let same: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(read.to_json(), same);
        }
        for bad in [
            r#"{}"#,
            r#"{"account_key":"hush","tenant_id":"t"}"#,
            r#"{"access_key_id":"hush"}"#,
            r#"{"tenant_id":"t","client_id":"c","client_secret":"hush","federated_token_file":"f"}"#,
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("secret_access_key"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
