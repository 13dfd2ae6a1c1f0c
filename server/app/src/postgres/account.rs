//! The account that Postgres runs as when this process is root, since Postgres refuses to be root.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use weir_core::error::{Error, Result};

use super::process;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The account to become, or `None` when this process is not root and Postgres runs as it does.
    pub async fn resolve(run_as: Option<&str>) -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let name = run_as.unwrap_or("postgres");
        let (uid, gid) = (id("-u", name).await?, id("-g", name).await?);
        if uid == 0 {
            return Err(Error::invalid(
                "run_as",
                format!("Account `{name}` is root, and PostgreSQL refuses to run as root."),
            ));
        }
        Ok(Some(Self {
            name: name.to_owned(),
            uid,
            gid,
        }))
    }
}

/// Asks `id` instead of reading a file, so that accounts of a directory service are found too.
async fn id(what: &str, name: &str) -> Result<u32> {
    let unknown = || {
        Error::invalid(
            "run_as",
            format!(
                "There is no account `{name}` to run PostgreSQL as. Create it, name another one, or start weir as an ordinary user."
            ),
        )
    };
    if name.is_empty() || name.starts_with('-') {
        return Err(unknown());
    }
    let mut command = tokio::process::Command::new("id");
    command.args([what, name]);
    let answer = process::run(command, None).await.map_err(|_| unknown())?;
    answer.trim().parse().map_err(|_| unknown())
}

/// Hands one path (not what is in it) to the account; nothing to do where there is none.
pub(super) fn give(path: &Path, account: Option<&Account>) -> Result<()> {
    let Some(account) = account else {
        return Ok(());
    };
    chown(path, Some(account.uid), Some(account.gid))
        .map_err(|cause| super::failed("hand over", path, cause))
}

/// The sentence for an account that was refused on its way to `path`.
pub(super) fn refused(path: &Path, account: Option<&Account>) -> Error {
    let Some(account) = account else {
        return Error::invalid(
            "data_dir",
            format!("No permission to enter {}.", path.display()),
        );
    };
    let closed = first_closed(path, account).unwrap_or_else(|| path.to_owned());
    Error::invalid(
        "data_dir",
        format!(
            "PostgreSQL runs as `{name}`, which may not pass through {dir}. Allow it (chmod o+x {dir}), or choose a data directory elsewhere, such as /var/lib/weir.",
            name = account.name,
            dir = closed.display()
        ),
    )
}

/// The outermost directory on the way to `path` whose mode keeps the account out.
fn first_closed(path: &Path, account: &Account) -> Option<PathBuf> {
    let mut ancestors: Vec<&Path> = path.ancestors().collect();
    ancestors.reverse();
    ancestors
        .into_iter()
        .find(|dir| fs::metadata(dir).is_ok_and(|found| !passable(&found, account)))
        .map(Path::to_owned)
}

fn passable(found: &fs::Metadata, account: &Account) -> bool {
    let bit = if found.uid() == account.uid {
        0o100
    } else if found.gid() == account.gid {
        0o010
    } else {
        0o001
    };
    found.mode() & bit != 0
}
