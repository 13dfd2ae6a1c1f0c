//! What an earlier run left behind: a pid file whose process is gone, or a postmaster that lost its weir.
//!
//! The lock on the data directory is held by now, so a postmaster that lives here belongs to no other weir.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use weir_core::error::{Error, Result};

use super::{FAST, IMMEDIATE, POLL, failed};

/// The lines of `postmaster.pid` that we use: the process, where its socket lies, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFile {
    pub pid: i32,
    pub socket_dir: PathBuf,
    pub ready: bool,
}

impl PidFile {
    pub fn read(folder: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(folder.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let socket_dir = lines.nth(3).unwrap_or_default().trim().into();
        let ready = lines.nth(2).is_some_and(|status| status.trim() == "ready");
        Some(Self {
            pid,
            socket_dir,
            ready,
        })
    }
}

/// Leaves the folder so that Postgres can start; true when the last run did not end in order.
pub(super) async fn settle(folder: &Path) -> Result<bool> {
    let Some(file) = PidFile::read(folder) else {
        return Ok(false);
    };
    let Some(pid) = Pid::from_raw(file.pid) else {
        return Ok(true);
    };
    if serves(pid, folder).await {
        tracing::warn!(
            postgres.pid = file.pid,
            "stopping a PostgreSQL that an earlier weir left behind"
        );
        end(pid, folder).await?;
    } else if rustix::process::test_kill_process(pid).is_ok() {
        disown(folder)?;
    }
    Ok(true)
}

/// Whether this process is a postmaster that works in this folder.
async fn serves(pid: Pid, folder: &Path) -> bool {
    let raw = pid.as_raw_nonzero();
    if cfg!(target_os = "linux") {
        let name = fs::read_to_string(format!("/proc/{raw}/comm")).unwrap_or_default();
        let dir = fs::read_link(format!("/proc/{raw}/cwd"));
        return name.trim() == "postgres" && dir.is_ok_and(|dir| dir == folder);
    }
    let mut ps = tokio::process::Command::new("ps");
    ps.args(["-ww", "-o", "command=", "-p", &raw.to_string()]);
    let line = super::process::run(ps, None).await.unwrap_or_default();
    line.contains("postgres") && line.contains(&*folder.to_string_lossy())
}

async fn end(pid: Pid, folder: &Path) -> Result<()> {
    for (signal, patience) in [(FAST, 30), (IMMEDIATE, 10)] {
        send(pid, signal)?;
        let deadline = Instant::now() + Duration::from_secs(patience);
        while Instant::now() < deadline {
            if !serves(pid, folder).await {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Err(Error::unavailable(format!(
        "A PostgreSQL (process {}) runs on {} and does not stop. End it, then start weir again.",
        pid.as_raw_nonzero(),
        folder.display()
    )))
}

fn send(pid: Pid, signal: Signal) -> Result<()> {
    match rustix::process::kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(cause) => Err(Error::unavailable(format!(
            "Could not stop the PostgreSQL that an earlier weir left behind (process {}): {cause}.",
            pid.as_raw_nonzero()
        ))
        .source(cause)),
    }
}

/// The pid now belongs to a stranger, for which Postgres would refuse to start. Our own pid in its place makes Postgres
/// go on, as it accepts the pid of its parent, and keeps the shared memory key by which it makes sure that no process of
/// the old cluster still writes. Removing the file would lose that check.
fn disown(folder: &Path) -> Result<()> {
    let path = folder.join("postmaster.pid");
    let text = fs::read_to_string(&path).map_err(|cause| failed("read", &path, cause))?;
    let ours = rustix::process::getpid().as_raw_nonzero();
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    fs::write(&path, format!("{ours}\n{rest}")).map_err(|cause| failed("write", &path, cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_says_who_and_whether_ready() {
        let text = "4711\n/data/postgres\n1700000000\n5432\n/data/run\n\n  5432001  17\nready   \n";
        let file = PidFile::parse(text).unwrap();
        assert_eq!((file.pid, file.ready), (4711, true));
        let early = PidFile::parse("4711\n/data/postgres\n1700000000\n").unwrap();
        assert!(!early.ready);
        assert_eq!(PidFile::parse(""), None);
    }
}
