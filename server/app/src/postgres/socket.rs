//! The private directory of the unix socket: in the data directory, or under the temporary one where that path is too long.

use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use weir_core::error::{Error, Result};

use super::account::{self, Account};
use super::{PORT, failed};

/// What every platform's `sun_path` holds (104 bytes on macOS, 108 on Linux), the closing zero left out.
const LONGEST: usize = 103;

/// Owned by the account that Postgres runs as, mode 0700. Removed when dropped if it lies outside the data directory.
#[derive(Debug)]
pub(super) struct SocketDir {
    path: PathBuf,
    outside: bool,
}

impl SocketDir {
    pub fn open(data_dir: &Path, account: Option<&Account>) -> Result<Self> {
        let inside = data_dir.join("postgres.run");
        if fits(&inside) {
            if !private(&inside, account)? {
                return Err(Error::conflict(format!(
                    "{} is not a private directory of the account that runs PostgreSQL. Remove it.",
                    inside.display()
                )));
            }
            return Ok(Self {
                path: inside,
                outside: false,
            });
        }
        Self::outside(data_dir, account)
    }

    /// The name follows from the data directory, so that a start after a crash finds and reuses it; a directory of
    /// that name that somebody else made is passed over.
    fn outside(data_dir: &Path, account: Option<&Account>) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        data_dir.hash(&mut hasher);
        let name = hasher.finish();
        let temporary = Some(std::env::temp_dir())
            .filter(|dir| fits(&dir.join("weir-0123456789abcdef-0")))
            .unwrap_or_else(|| PathBuf::from("/tmp"));
        for attempt in 0..8 {
            let path = temporary.join(format!("weir-{name:016x}-{attempt}"));
            if private(&path, account)? {
                return Ok(Self {
                    path,
                    outside: true,
                });
            }
        }
        Err(Error::unavailable(format!(
            "No private directory for PostgreSQL's socket could be made in {}.",
            temporary.display()
        )))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self) -> PathBuf {
        file(&self.path)
    }

    /// Removes the socket and the lock file of a postmaster that was killed: Postgres would take a process that is not
    /// reaped yet, or a stranger of the same number, for its owner. No postmaster of ours is alive when this is called.
    pub fn clear(&self) -> Result<()> {
        for stale in [self.file(), self.path.join(format!(".s.PGSQL.{PORT}.lock"))] {
            match fs::remove_file(&stale) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(super::failed("remove", &stale, cause));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        if self.outside
            && let Err(cause) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(socket.dir = %self.path.display(), %cause, "could not remove PostgreSQL's socket directory");
        }
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join(format!(".s.PGSQL.{PORT}"))
}

fn fits(dir: &Path) -> bool {
    // Postgres makes a lock file beside the socket, whose name is five bytes longer, but only the socket is limited.
    file(dir).as_os_str().len() <= LONGEST
}

/// Makes the directory, or accepts the one that is there if only the account (or we) can have made it.
fn private(path: &Path, account: Option<&Account>) -> Result<bool> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {
            let found =
                fs::symlink_metadata(path).map_err(|cause| failed("inspect", path, cause))?;
            let us = rustix::process::geteuid().as_raw();
            let owned = found.uid() == us || account.is_some_and(|one| one.uid == found.uid());
            if !found.is_dir() || !owned || found.mode() & 0o7777 != 0o700 {
                return Ok(false);
            }
        }
        Err(cause) => return Err(failed("create", path, cause)),
    }
    account::give(path, account)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_no_socket_holds_is_seen() {
        assert!(fits(Path::new("/var/lib/weir/postgres.run")));
        assert!(!fits(Path::new(&format!("/{}", "a".repeat(90)))));
    }
}
