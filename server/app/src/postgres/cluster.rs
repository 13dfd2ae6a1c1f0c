//! The cluster's folder: whose it is, and how it is made.
//!
//! `weir-cluster` inside it says that Weir made it and finished; `weir-cluster.init` beside it says that Weir has begun.
//! The second is written only where the folder was absent or empty, so whatever lies there then is a half of ours.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use weir_core::error::{Error, Result};

use super::{NAME, Site, account, failed, process};

const DONE: &str = "weir-cluster";
const BEGUN: &str = "weir-cluster.init";
const PASSWORD: &str = "postgres.password";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Half,
    Made { major: u32 },
}

impl State {
    pub fn major(self) -> Option<u32> {
        match self {
            Self::Made { major } => Some(major),
            Self::Absent | Self::Half => None,
        }
    }
}

/// What is in the folder; an error where it is not ours.
pub(super) fn state(data_dir: &Path, folder: &Path) -> Result<State> {
    if folder.join(DONE).is_file() {
        return version(folder);
    }
    if data_dir.join(BEGUN).is_file() {
        return Ok(State::Half);
    }
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(State::Absent),
        Ok(false) => Err(Error::invalid(
            "data_dir",
            format!(
                "{} is not empty and was not made by weir, so weir leaves it alone. Choose another data directory, or move it away.",
                folder.display()
            ),
        )),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(State::Absent),
        Err(cause) => Err(failed("read", folder, cause)),
    }
}

fn version(folder: &Path) -> Result<State> {
    let path = folder.join("PG_VERSION");
    let text = fs::read_to_string(&path).map_err(|cause| failed("read", &path, cause))?;
    match text.trim().parse() {
        Ok(major) => Ok(State::Made { major }),
        Err(_) => Err(Error::unavailable(format!(
            "{} does not hold a PostgreSQL version.",
            path.display()
        ))),
    }
}

/// Makes sure that there is a whole cluster and that the account can reach it.
pub(super) async fn prepare(site: &Site, state: State) -> Result<()> {
    let begun = site.data_dir.join(BEGUN);
    match state {
        State::Made { .. } => remove(&begun)?,
        State::Half => fs::remove_dir_all(&site.folder)
            .or_else(absent)
            .map_err(|cause| failed("remove the half-made", &site.folder, cause))?,
        State::Absent => {}
    }
    if !matches!(state, State::Made { .. }) {
        write(&begun, "")?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&site.folder)
            .and_then(|()| fs::set_permissions(&site.folder, Permissions::from_mode(0o700)))
            .map_err(|cause| failed("create", &site.folder, cause))?;
        account::give(&site.folder, site.account.as_ref())?;
    }
    process::reach(site).await?;
    if !matches!(state, State::Made { .. }) {
        initialise(site).await?;
        write(&site.folder.join(DONE), "Made by weir.\n")?;
        remove(&begun)?;
    }
    Ok(())
}

async fn initialise(site: &Site) -> Result<()> {
    let password = new_password(site)?;
    // A copy for as long as initdb runs: it reads the file as the account, which may not read ours.
    let copy = site.data_dir.join("postgres.password.init");
    write(&copy, password.expose_secret())?;
    let made = match account::give(&copy, site.account.as_ref()) {
        Ok(()) => initdb(site, &copy).await,
        Err(error) => Err(error),
    };
    remove(&copy)?;
    made?;
    process::single_user(site, &format!("CREATE DATABASE {NAME}")).await
}

async fn initdb(site: &Site, password: &Path) -> Result<()> {
    let mut command = process::command(site, &site.binaries.initdb());
    command.arg("--pgdata").arg(&site.folder);
    command.arg("--pwfile").arg(password);
    command.args(["--username", NAME, "--auth=scram-sha-256"]);
    command.args(["--encoding=UTF8", "--locale=C", "--data-checksums"]);
    command.arg("--no-instructions");
    process::run(command.into(), None).await.map(drop)
}

/// The superuser's password; a new one where the file was lost.
pub(super) async fn password(site: &Site) -> Result<SecretString> {
    if let Some(kept) = kept_password(&site.data_dir)? {
        return Ok(kept);
    }
    let password = new_password(site)?;
    let sql = format!("ALTER ROLE {NAME} PASSWORD '{}'", password.expose_secret());
    process::single_user(site, &sql).await?;
    Ok(password)
}

/// The superuser's password, unless its file was lost.
pub(super) fn kept_password(data_dir: &Path) -> Result<Option<SecretString>> {
    let path = data_dir.join(PASSWORD);
    match fs::read_to_string(&path) {
        Ok(text) if is_password(text.trim()) => Ok(Some(text.trim().into())),
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("read", &path, cause))
        }
        _ => Ok(None),
    }
}

/// 244 random bits in hexadecimal, which needs no quoting in SQL or in a URL.
fn new_password(site: &Site) -> Result<SecretString> {
    let text = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    write(&site.data_dir.join(PASSWORD), &text)?;
    Ok(text.into())
}

fn is_password(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Writes a file that only we may read, on disk when this returns.
fn write(path: &Path, text: &str) -> Result<()> {
    remove(path)?;
    let attempt = || {
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        path.parent()
            .map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
    };
    attempt().map_err(|cause| failed("write", path, cause))
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path)
        .or_else(absent)
        .map_err(|cause| failed("remove", path, cause))
}

fn absent(cause: std::io::Error) -> std::io::Result<()> {
    match cause.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(cause),
    }
}
