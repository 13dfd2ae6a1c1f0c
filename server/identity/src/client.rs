//! Client credentials of services.

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use weir_core::Result;
use weir_core::principal::HashedClient;

use crate::token;

/// Credentials to be shown once.
#[derive(Debug)]
pub struct ClientCredentials {
    pub client_id: String,
    pub client_secret: SecretString,
}

/// Fresh credentials, and what is kept of them.
pub fn generate() -> Result<(ClientCredentials, HashedClient)> {
    let credentials = ClientCredentials {
        client_id: Uuid::now_v7().simple().to_string(),
        client_secret: token::random("weirc_")?,
    };
    let kept = HashedClient {
        client_id: credentials.client_id.clone(),
        secret_hash: token::hash(credentials.client_secret.expose_secret()),
    };
    Ok((credentials, kept))
}

/// A random password for a first sign-in: 24 letters and digits, about 140 bits.
pub fn one_time_password() -> Result<SecretString> {
    let random = token::random("")?;
    Ok(SecretString::from(
        random
            .expose_secret()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(24)
            .collect::<String>(),
    ))
}
