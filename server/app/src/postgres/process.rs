//! Processes of Postgres: how they are started, and the thread that keeps the postmaster.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::io::AsyncWriteExt;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use weir_core::error::{Error, Result};

use super::socket::SocketDir;
use super::{FAST, IMMEDIATE, PORT, Site, account, last_lines};

const LIMIT: Duration = Duration::from_secs(120);
const FAST_WITHIN: Duration = Duration::from_secs(30);
const IMMEDIATE_WITHIN: Duration = Duration::from_secs(10);

/// A program of Postgres in the cluster's folder, as the account, in English, deaf to the caller's `PG…` variables.
pub(super) fn command(site: &Site, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&site.folder).env("LC_ALL", "C");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    if let Some(account) = &site.account {
        // The standard library also drops root's supplementary groups when it changes the user.
        command.uid(account.uid).gid(account.gid);
    }
    end_with_us(&mut command);
    command
}

/// The postmaster. What the settings of a file could say is said here, so that a start never rests on what an older one wrote.
pub(super) fn server(
    site: &Site,
    socket: &SocketDir,
    max_connections: u32,
    log: File,
) -> Result<Command> {
    let copy = log
        .try_clone()
        .map_err(|cause| super::failed("open", &site.log, cause))?;
    let mut command = command(site, &site.binaries.postgres());
    command.arg("-D").arg(&site.folder);
    for setting in [
        "listen_addresses=".to_owned(),
        // Quoted, as a comma would begin a second directory.
        format!("unix_socket_directories=\"{}\"", socket.path().display()),
        "unix_socket_permissions=0700".to_owned(),
        format!("port={PORT}"),
        format!("max_connections={max_connections}"),
        "shared_buffers=128MB".to_owned(),
        "fsync=on".to_owned(),
        "logging_collector=off".to_owned(),
        "log_destination=stderr".to_owned(),
        "log_line_prefix=%m [%p] ".to_owned(),
        "log_checkpoints=off".to_owned(),
        "lc_messages=C".to_owned(),
    ] {
        command.arg("-c").arg(setting);
    }
    // Its own group: a Ctrl-C at the terminal is for us, who then stop it after the last request.
    command.process_group(0);
    command.stdin(Stdio::null()).stdout(log).stderr(copy);
    Ok(command)
}

/// Proves that the account can enter the cluster's folder and run the server, before anything depends on it.
pub(super) async fn reach(site: &Site) -> Result<()> {
    let mut probe = command(site, &site.binaries.postgres());
    probe.arg("--version").stdin(Stdio::null());
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    match tokio::process::Command::from(probe).status().await {
        Ok(status) if status.success() => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
            Err(account::refused(&site.folder, site.account.as_ref()))
        }
        Ok(status) => Err(Error::unavailable(format!(
            "{} does not run: {status}.",
            site.binaries.postgres().display()
        ))),
        Err(cause) => Err(super::failed("run", &site.binaries.postgres(), cause)),
    }
}

/// Runs one statement on a cluster that is not started.
pub(super) async fn single_user(site: &Site, sql: &str) -> Result<()> {
    let mut command = command(site, &site.binaries.postgres());
    command.args(["--single", "-D"]).arg(&site.folder);
    // Without this a statement that fails is only logged, and the exit is a success.
    command.args(["-c", "exit_on_error=on", "postgres"]);
    run(command.into(), Some(&format!("{sql}\n")))
        .await
        .map(drop)
}

/// Runs a program to its end, within two minutes, and returns what it printed; the error shows the end of what it complained.
pub(super) async fn run(
    mut command: tokio::process::Command,
    input: Option<&str>,
) -> Result<String> {
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let failed = |why: String| Error::unavailable(format!("{program} failed: {why}"));
    command.stdin(input.map_or_else(Stdio::null, |_| Stdio::piped()));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    let work = async {
        let mut child = command.spawn()?;
        if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
            pipe.write_all(text.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = match timeout(LIMIT, work).await {
        Err(_) => return Err(failed(format!("it ran longer than {} s", LIMIT.as_secs()))),
        Ok(Err(cause)) => return Err(failed(cause.to_string()).source(cause)),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let complaint = last_lines(&String::from_utf8_lossy(&output.stderr));
        return Err(failed(format!("{}\n{complaint}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Has the kernel ask the child to stop when the thread that starts it ends. Only Linux can.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the parent-death signal can be set only between fork and exec"
)]
fn end_with_us(command: &mut Command) {
    let us = rustix::process::getpid();
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(FAST))?;
        // We may have died before the call, and then no signal comes.
        match rustix::process::getppid() {
            Some(parent) if parent == us => Ok(()),
            _ => Err(rustix::io::Errno::SRCH.into()),
        }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes two system calls,
    // allocates nothing (an `io::Error` made from a code holds just the code), and takes no lock.
    unsafe {
        command.pre_exec(prepare);
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_us(_: &mut Command) {}

/// The running postmaster. It is kept by a thread of its own, as the parent-death signal follows the thread, not the
/// process, and threads of the runtime come and go.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: Pid,
    /// True as long as the pid is surely ours; no signal is sent after.
    alive: Arc<Mutex<bool>>,
    ended: watch::Receiver<Option<String>>,
}

impl Postmaster {
    pub async fn launch(command: Command) -> Result<Self> {
        let (begin, begun) = oneshot::channel();
        let (end, ended) = watch::channel(None);
        let alive = Arc::new(Mutex::new(true));
        let flag = Arc::clone(&alive);
        let failed =
            |cause: io::Error| Error::unavailable("PostgreSQL did not start.").source(cause);
        thread::Builder::new()
            .name("weir-postgres".to_owned())
            .spawn(move || keep(command, begin, &flag, &end))
            .map_err(failed)?;
        let pid = begun
            .await
            .map_err(|cause| failed(io::Error::other(cause)))?
            .map_err(failed)?;
        Ok(Self { pid, alive, ended })
    }

    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub fn has_ended(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    pub async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => "it is not watched any more".to_owned(),
        }
    }

    pub async fn stop(self) -> Result<()> {
        for (signal, patience) in [(FAST, FAST_WITHIN), (IMMEDIATE, IMMEDIATE_WITHIN)] {
            self.send(signal);
            if timeout(patience, self.ended()).await.is_ok() {
                return Ok(());
            }
        }
        Err(Error::unavailable(format!(
            "PostgreSQL (process {}) did not stop in time.",
            self.pid()
        )))
    }

    fn send(&self, signal: Signal) {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if *alive && let Err(cause) = rustix::process::kill_process(self.pid, signal) {
            tracing::warn!(postgres.pid = self.pid(), %cause, "could not signal PostgreSQL");
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.send(FAST);
    }
}

fn keep(
    mut command: Command,
    begin: oneshot::Sender<io::Result<Pid>>,
    alive: &Mutex<bool>,
    end: &watch::Sender<Option<String>>,
) {
    let spawned = command.spawn();
    drop(command);
    let mut child = match spawned {
        Ok(child) => child,
        Err(cause) => {
            // Nobody waits any more: then there is nobody to tell either.
            let _ = begin.send(Err(cause));
            return;
        }
    };
    let pid = Pid::from_child(&child);
    // Should the start have been given up meanwhile, no Postmaster sends the signal, so it is sent here.
    if begin.send(Ok(pid)).is_err() {
        let _ = rustix::process::kill_process(pid, FAST);
    }
    let how = match reap(&mut child, pid, alive) {
        Ok(status) => format!("it ended with {status}"),
        Err(cause) => format!("it cannot be watched: {cause}"),
    };
    end.send_replace(Some(how));
}

/// Waits in two steps: while the ended child is not reaped its pid is nobody else's, so `alive` turns in between.
fn reap(child: &mut Child, pid: Pid, alive: &Mutex<bool>) -> io::Result<ExitStatus> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while rustix::process::waitid(WaitId::Pid(pid), options)
        .is_err_and(|cause| cause == rustix::io::Errno::INTR)
    {}
    *alive.lock().unwrap_or_else(PoisonError::into_inner) = false;
    child.wait()
}
