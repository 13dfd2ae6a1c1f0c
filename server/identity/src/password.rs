//! Passwords: argon2id, off the async threads, a bounded number at a time.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use std::sync::LazyLock;
use tokio::sync::Semaphore;
use weir_core::principal::{HashedPassword, check_password};
use weir_core::{Error, Result};

/// Each verification takes 19 MiB and tens of milliseconds; more at once would starve everything else.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A hash that no password has, to spend the same time on names that do not exist.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| {
    Argon2::default()
        .hash_password(b"nobody")
        .ok()
        .map(|hash| hash.to_string())
});

/// Hashes a password for `name`. Errors: one that [`check_password`] refuses.
pub async fn hash(name: &str, password: &SecretString) -> Result<HashedPassword> {
    check_password(name, password.expose_secret())?;
    let password = password.clone();
    blocking(move || {
        Argon2::default()
            .hash_password(password.expose_secret().as_bytes())
            .map(|hash| HashedPassword::from_phc(hash.to_string()))
    })
    .await?
    .map_err(|error| Error::internal("A password could not be hashed").source(error.to_string()))
}

/// Does the password fit the hash? Takes as long when there is no hash.
pub(crate) async fn verify(hash: Option<String>, password: &SecretString) -> Result<bool> {
    let known = hash.is_some();
    let hash = hash.or_else(|| NOBODY.clone()).unwrap_or_default();
    let password = password.clone();
    let fits = blocking(move || {
        PasswordHash::new(&hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.expose_secret().as_bytes(), &hash)
                .is_ok()
        })
    })
    .await?;
    Ok(fits && known)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _permit = AT_ONCE
        .acquire()
        .await
        .map_err(|_| Error::unavailable("The server is stopping."))?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("A password task failed").source(error))
}
