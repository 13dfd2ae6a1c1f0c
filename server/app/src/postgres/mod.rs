//! An embedded PostgreSQL: one private cluster under the data directory, started, watched and stopped by this process.
//!
//! Invariants:
//! - A cluster that Weir did not make is never touched, and two Weirs never share one (a lock on the data directory).
//! - Only a private unix socket is served, in a 0700 directory, with scram; nothing listens on TCP.
//! - Postgres does not outlive this process: it is asked to stop, and on Linux the kernel asks it when we are killed.
//!   Elsewhere, the next start finds the orphan and stops it first.
//!
//! Deliberately not here: upgrades between major versions, replication, tuning. An installation that needs those has
//! its own Postgres, and `DATABASE_URL` names it.

mod account;
mod cluster;
mod find;
mod process;
mod socket;
mod stale;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::process::Signal;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::UnixStream;
use weir_core::error::{Error, Result};

use account::Account;
use find::Binaries;
use process::Postmaster;
use socket::SocketDir;

/// The superuser of the cluster and the database that Weir uses, both by this name.
const NAME: &str = "weir";
/// Only part of the socket's file name: nothing listens on this port.
const PORT: u16 = 5432;
const READY_WITHIN: Duration = Duration::from_secs(30);
/// After a crash Postgres first replays its log, which may take long; giving up would only start it over.
const RECOVERED_WITHIN: Duration = Duration::from_secs(600);
const LOCKED_WITHIN: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(50);
const LOG_LIMIT_BYTES: u64 = 10 * 1024 * 1024;
/// What Postgres says while processes of a killed postmaster are still on their way out.
const STILL_ENDING: &str = "pre-existing shared memory block";

/// Where the cluster lives and what runs it.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// Weir's own directory; the cluster is its `postgres` folder. Made when absent.
    pub data_dir: PathBuf,
    /// The `bin` directory of a PostgreSQL 15 or newer; searched for when absent.
    pub binaries: Option<PathBuf>,
    /// The account Postgres runs as when this process is root; `postgres` when absent. Ignored otherwise.
    pub run_as: Option<String>,
    pub max_connections: u32,
}

/// A running cluster. Dropping it asks Postgres to stop; [`Embedded::stop`] also waits for it.
#[derive(Debug)]
pub struct Embedded {
    postmaster: Postmaster,
    socket: SocketDir,
    password: SecretString,
    _lock: File,
}

impl Embedded {
    /// Makes the cluster where there is none, and returns once it accepts connections.
    pub async fn start(config: EmbeddedConfig) -> Result<Self> {
        let data_dir = open_data_dir(&config.data_dir)?;
        let lock = lock(&data_dir).await?;
        let account = Account::resolve(config.run_as.as_deref()).await?;
        let folder = data_dir.join("postgres");
        let state = cluster::state(&data_dir, &folder)?;
        let binaries = find::binaries(config.binaries.as_deref(), state.major()).await?;
        let site = Site {
            log: data_dir.join("postgres.log"),
            data_dir,
            folder,
            account,
            binaries,
        };
        cluster::prepare(&site, state).await?;
        let crashed = stale::settle(&site.folder).await?;
        let password = cluster::password(&site).await?;
        let socket = SocketDir::open(&site.data_dir, site.account.as_ref())?;
        socket.clear()?;
        let patience = if crashed {
            RECOVERED_WITHIN
        } else {
            READY_WITHIN
        };
        let postmaster = launch(&site, &socket, config.max_connections, patience).await?;
        tracing::info!(
            postgres.major = site.binaries.major,
            postgres.pid = postmaster.pid(),
            "embedded PostgreSQL is ready"
        );
        Ok(Self {
            postmaster,
            socket,
            password,
            _lock: lock,
        })
    }

    /// The connection URL, password included: a secret. Every part that the environment could override is given.
    pub fn url(&self) -> String {
        url(self.socket.path(), &self.password)
    }

    /// The connection URL of the cluster that another weir runs on this data directory, if one does.
    pub fn url_of_running(data_dir: &Path) -> Option<String> {
        let data_dir = fs::canonicalize(data_dir).ok()?;
        let file = stale::PidFile::read(&data_dir.join("postgres")).filter(|file| file.ready)?;
        let password = cluster::kept_password(&data_dir).ok()??;
        Some(url(&file.socket_dir, &password))
    }

    pub fn socket_dir(&self) -> &Path {
        self.socket.path()
    }

    /// The process id of the postmaster.
    pub fn pid(&self) -> i32 {
        self.postmaster.pid()
    }

    /// Returns when Postgres has ended, with how; for whoever serves from it and must then stop too.
    pub async fn ended(&self) -> String {
        self.postmaster.ended().await
    }

    /// A fast shutdown: transactions are rolled back, a checkpoint is written, and the next start needs no recovery.
    pub async fn stop(self) -> Result<()> {
        self.postmaster.stop().await
    }
}

fn url(socket_dir: &Path, password: &SecretString) -> String {
    let dir = socket_dir.to_string_lossy();
    let dir = utf8_percent_encode(&dir, NON_ALPHANUMERIC);
    let password = password.expose_secret();
    format!("postgres://{NAME}:{password}@localhost:{PORT}/{NAME}?host={dir}&sslmode=disable")
}

/// All that the steps of a start share.
#[derive(Debug)]
struct Site {
    data_dir: PathBuf,
    folder: PathBuf,
    log: PathBuf,
    account: Option<Account>,
    binaries: Binaries,
}

fn open_data_dir(path: &Path) -> Result<PathBuf> {
    let root = rustix::process::geteuid().is_root();
    // Root's Postgres runs as another account, which must pass through here to reach its own folder.
    let mode = if root { 0o711 } else { 0o700 };
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .and_then(|()| fs::canonicalize(path))
        .map_err(|cause| failed("open", path, cause))
        .and_then(|path| match path.to_str() {
            Some(_) => Ok(path),
            None => Err(Error::invalid(
                "data_dir",
                "The data directory's path is not valid UTF-8.",
            )),
        })
}

/// A process that was about to be started by whoever had the lock holds it too, until it has become another program; so a
/// lock that is held is asked for again.
async fn lock(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("weir.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|cause| failed("open", &path, cause))?;
    let deadline = Instant::now() + LOCKED_WITHIN;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => tokio::time::sleep(POLL).await,
            Err(Errno::WOULDBLOCK) => {
                return Err(Error::conflict(format!(
                    "Another weir runs on this data directory: {}. Stop it, or choose another one.",
                    data_dir.display()
                )));
            }
            Err(cause) => return Err(failed("lock", &path, cause.into())),
        }
    }
}

/// Starts the postmaster; again while the last one's processes are still ending.
async fn launch(
    site: &Site,
    socket: &SocketDir,
    max_connections: u32,
    patience: Duration,
) -> Result<Postmaster> {
    let deadline = Instant::now() + patience;
    loop {
        let log = open_log(&site.log)?;
        let from = log.metadata().map_or(0, |found| found.len());
        let command = process::server(site, socket, max_connections, log)?;
        let postmaster = Postmaster::launch(command).await?;
        let Err(reason) = ready(site, socket, &postmaster, deadline).await else {
            return Ok(postmaster);
        };
        let said = tail(&site.log, from);
        if said.contains(STILL_ENDING) && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
            continue;
        }
        postmaster.stop().await?;
        return Err(Error::unavailable(format!(
            "PostgreSQL did not start: {reason}. The end of {}:\n{said}",
            site.log.display()
        )));
    }
}

async fn ready(
    site: &Site,
    socket: &SocketDir,
    postmaster: &Postmaster,
    deadline: Instant,
) -> Result<(), String> {
    while Instant::now() < deadline {
        if let Some(how) = postmaster.has_ended() {
            return Err(how);
        }
        let accepting = stale::PidFile::read(&site.folder)
            .is_some_and(|file| file.pid == postmaster.pid() && file.ready);
        if accepting && UnixStream::connect(socket.file()).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err("it was not ready in time".to_owned())
}

fn open_log(path: &Path) -> Result<File> {
    if fs::metadata(path).is_ok_and(|found| found.len() > LOG_LIMIT_BYTES) {
        fs::rename(path, path.with_extension("log.old"))
            .map_err(|cause| failed("rotate", path, cause))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|cause| failed("open", path, cause))
}

/// The last lines written to the log after `from` bytes.
fn tail(path: &Path, from: u64) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let text = String::from_utf8_lossy(bytes.get(from..).unwrap_or_default());
    last_lines(&text)
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(12);
    lines.get(start..).unwrap_or_default().join("\n")
}

fn failed(verb: &str, path: &Path, cause: std::io::Error) -> Error {
    Error::unavailable(format!("Could not {verb} {}: {cause}.", path.display())).source(cause)
}

/// What ends a postmaster and what ends it at once, in Postgres's own words: fast and immediate shutdown.
const FAST: Signal = Signal::INT;
const IMMEDIATE: Signal = Signal::QUIT;
