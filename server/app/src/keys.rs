//! The master key: from a file, from the environment, or one of the data directory's own.

use secrecy::ExposeSecret;
use serde::Deserialize;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use weir_core::{Error, Result};
use weir_db::Db;
use weir_operations::keys;
use weir_storage::seal::{self, Keyring};

use crate::config::Config;

/// Where the master key comes from. It seals credentials of storage and the gateway's key, and is kept nowhere else.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysConfig {
    /// A file of keys in base64, one a line: the first seals, all of them open.
    pub file: Option<PathBuf>,
    /// The same as text, for an environment that hands secrets over as variables.
    pub master: Option<secrecy::SecretString>,
}

/// The keyring that the configuration names. With the embedded database and nothing configured, a key file is made beside it,
/// unless something is sealed already: then the file was lost, and a new one would not help.
///
/// Errors: `Invalid` for a file that cannot be read, what is no key, and where there is none.
pub async fn keyring(config: &Config, db: &Db) -> Result<Keyring> {
    if let Some(text) = &config.keys.master {
        return Keyring::parse(text.expose_secret());
    }
    if let Some(file) = &config.keys.file {
        return Keyring::parse(&read(file)?);
    }
    if config.database.url.is_some() {
        return Err(Error::invalid(
            "keys",
            "There is no master key. `weir keys new > weir.key` makes one; name it with keys.file, or put its text into WEIR__KEYS__MASTER.",
        ));
    }
    let file = config.database.data_dir.join("master.key");
    if !file.exists() {
        if keys::any_sealed(db).await? {
            return Err(Error::invalid(
                "keys",
                format!(
                    "{} is missing, and this database has secrets that only it opens. Put it back, or name the key with keys.file.",
                    file.display()
                ),
            ));
        }
        make(&file)?;
    }
    Keyring::parse(&read(&file)?)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).map_err(|error| {
        Error::invalid(
            "keys.file",
            format!("{} cannot be read: {error}", file.display()),
        )
    })
}

fn make(file: &Path) -> Result<()> {
    let key = seal::new_key()?;
    let unwritable = |error| {
        Error::invalid(
            "keys.file",
            format!("{} cannot be written: {error}", file.display()),
        )
    };
    let mut opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(unwritable)?;
    writeln!(opened, "{}", key.expose_secret())
        .and_then(|()| opened.sync_all())
        .map_err(unwritable)
}
