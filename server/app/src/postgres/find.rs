//! Which installed PostgreSQL to run: the newest from 15 on, or the one that made the cluster.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use weir_core::error::{Error, Result};

use super::process;

const OLDEST: u32 = 15;

/// A `bin` directory with `postgres` and `initdb`, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub dir: PathBuf,
    pub major: u32,
    minor: u32,
}

impl Binaries {
    pub fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    pub fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    async fn at(dir: PathBuf) -> Option<Self> {
        let mut command = tokio::process::Command::new(dir.join("postgres"));
        command.arg("--version");
        let (major, minor) = version(&process::run(command, None).await.ok()?)?;
        dir.join("initdb").is_file().then_some(())?;
        Some(Self { dir, major, minor })
    }
}

/// The binaries to use. `cluster` is the major version of the cluster that exists; no other one can open it.
pub(super) async fn binaries(configured: Option<&Path>, cluster: Option<u32>) -> Result<Binaries> {
    let dirs = match configured {
        Some(dir) => BTreeSet::from([resolve(dir)]),
        None => installed().await,
    };
    let mut found = Vec::new();
    for dir in dirs {
        found.extend(Binaries::at(dir).await);
    }
    choose(found, configured, cluster)
}

fn choose(
    mut found: Vec<Binaries>,
    configured: Option<&Path>,
    cluster: Option<u32>,
) -> Result<Binaries> {
    found.retain(|one| one.major >= OLDEST);
    found.sort_by_key(|one| (one.major, one.minor));
    let seen: Vec<String> = found.iter().map(|one| one.major.to_string()).collect();
    let fits = |one: &Binaries| cluster.is_none_or(|major| one.major == major);
    if let Some(best) = found.into_iter().rev().find(fits) {
        return Ok(best);
    }
    Err(match (cluster, configured) {
        (Some(major), _) if !seen.is_empty() => Error::unavailable(format!(
            "This data directory was made by PostgreSQL {major}, and only version {} is at hand. Install the server of version {major}, or move the data with pg_dump.",
            seen.join(", ")
        )),
        (_, Some(dir)) => Error::invalid(
            "binaries",
            format!(
                "There is no PostgreSQL {OLDEST} or newer (`postgres` and `initdb`) in {}.",
                dir.display()
            ),
        ),
        _ => Error::unavailable(format!(
            "No PostgreSQL server {OLDEST} or newer was found. Install one (Debian: apt-get install postgresql, Fedora: dnf install postgresql-server, macOS: brew install postgresql@17), or set DATABASE_URL to a server that runs elsewhere."
        )),
    })
}

/// Every directory where a server may be installed, links resolved and each once.
async fn installed() -> BTreeSet<PathBuf> {
    let mut dirs: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    let mut pg_config = tokio::process::Command::new("pg_config");
    pg_config.arg("--bindir");
    if let Ok(dir) = process::run(pg_config, None).await {
        dirs.push(PathBuf::from(dir.trim()));
    }
    dirs.push(PathBuf::from("/usr/local/pgsql/bin"));
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
    ] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                dirs.push(entry.path().join("bin"));
            }
        }
    }
    dirs.into_iter()
        .filter(|dir| dir.join("postgres").is_file())
        .map(|dir| resolve(&dir))
        .collect()
}

/// Where `postgres` really is: a link in a common directory has no `initdb` of its own version beside it.
fn resolve(dir: &Path) -> PathBuf {
    fs::canonicalize(dir.join("postgres"))
        .ok()
        .and_then(|file| file.parent().map(Path::to_owned))
        .filter(|real| real.join("initdb").is_file())
        .unwrap_or_else(|| dir.to_owned())
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15 and 18; a beta has no minor version.
fn version(text: &str) -> Option<(u32, u32)> {
    let number = text.split_whitespace().nth(2)?;
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().and_then(|minor| minor.parse().ok());
    Some((major, minor.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(major: u32, minor: u32) -> Binaries {
        Binaries {
            dir: PathBuf::from(format!("/{major}.{minor}")),
            major,
            minor,
        }
    }

    #[test]
    fn a_version_is_read_from_what_the_server_prints() {
        assert_eq!(
            version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some((15, 18))
        );
        assert_eq!(version("postgres (PostgreSQL) 19beta2"), Some((19, 0)));
        assert_eq!(version("usage"), None);
    }

    #[test]
    fn the_newest_is_chosen_unless_a_cluster_wants_its_own() {
        let all = vec![at(16, 2), at(17, 1), at(14, 9), at(16, 10)];
        assert_eq!(choose(all.clone(), None, None).unwrap(), at(17, 1));
        assert_eq!(choose(all.clone(), None, Some(16)).unwrap(), at(16, 10));
        let error = choose(all, None, Some(15)).unwrap_err().to_string();
        assert!(error.contains("made by PostgreSQL 15"), "{error}");
    }

    #[test]
    fn a_server_that_is_too_old_is_none() {
        let error = choose(vec![at(14, 9)], None, None).unwrap_err().to_string();
        assert!(error.contains("Install one"), "{error}");
    }
}
