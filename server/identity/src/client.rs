//! Client credentials of services.

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use weir_core::principal::{HashedClient, check_password};
use weir_core::{Error, Result};

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

/// A random password for the first sign-in of `name`: 24 letters and digits, about 140 bits.
///
/// Errors: no randomness; a name that no password goes with.
pub fn one_time_password(name: &str) -> Result<SecretString> {
    // By chance one has a short name in it, which the rules for passwords refuse.
    for _ in 0..100 {
        let random = token::random("")?;
        let plain = random.expose_secret().chars();
        let password: String = plain.filter(char::is_ascii_alphanumeric).take(24).collect();
        if check_password(name, &password).is_ok() {
            return Ok(password.into());
        }
    }
    Err(Error::internal("No password goes with this name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_for_a_short_name_is_one_that_may_be_kept() {
        for name in ["a", "Z", "7", "ann"] {
            for _ in 0..100 {
                let password = one_time_password(name).unwrap();
                assert!(check_password(name, password.expose_secret()).is_ok());
            }
        }
        assert!(one_time_password("").is_err());
    }
}
