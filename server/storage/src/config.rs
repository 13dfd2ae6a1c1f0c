//! What an operator configures under `[storage]`.

use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// Credentials by the name that a storage location's settings use.
    pub credentials: BTreeMap<String, S3Credential>,
    /// Folders that `file` locations must lie in. Any when empty.
    pub allow_file_roots: Vec<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Credential {
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    #[serde(default)]
    pub session_token: Option<SecretString>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_never_shown() {
        let text =
            r#"{"credentials": {"lake": {"access_key_id": "AKIA", "secret_access_key": "hush"}}}"#;
        let config: StorageConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.credentials["lake"].access_key_id, "AKIA");
        assert!(!format!("{config:?}").contains("hush"));
        assert!(
            serde_json::from_str::<StorageConfig>("{}")
                .unwrap()
                .allow_file_roots
                .is_empty()
        );
    }
}
