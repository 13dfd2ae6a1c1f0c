//! The embedded PostgreSQL, with a real server: one is needed on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use weir::postgres::{Embedded, EmbeddedConfig};
use weir_core::error::ErrorKind;

use common::{config, place};

async fn start(data_dir: &Path) -> Embedded {
    Embedded::start(config(data_dir)).await.unwrap()
}

async fn refusal(config: EmbeddedConfig) -> (ErrorKind, String) {
    let error = Embedded::start(config).await.unwrap_err();
    (error.kind(), error.to_string())
}

async fn execute(postgres: &Embedded, sql: &'static str) {
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

async fn count(postgres: &Embedded) -> i64 {
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM kept")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

async fn keep_a_row(postgres: &Embedded) {
    execute(
        postgres,
        "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)",
    )
    .await;
}

#[tokio::test]
async fn what_was_written_is_there_after_a_stop_and_a_start() {
    let dir = place();
    let data_dir = dir.path().join("data");
    let first = start(&data_dir).await;
    keep_a_row(&first).await;
    first.stop().await.unwrap();
    assert!(!data_dir.join("postgres/postmaster.pid").exists());

    let second = start(&data_dir).await;
    assert_eq!(count(&second).await, 1);
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_postmaster_is_recovered_from() {
    let dir = place();
    let first = start(dir.path()).await;
    keep_a_row(&first).await;
    kill_process(Pid::from_raw(first.pid()).unwrap(), Signal::KILL).unwrap();
    assert!(first.ended().await.contains("signal: 9"));
    drop(first);
    assert!(dir.path().join("postgres/postmaster.pid").exists());

    let second = start(dir.path()).await;
    assert_eq!(count(&second).await, 1);
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_pid_that_now_belongs_to_a_stranger_is_no_obstacle() {
    let dir = place();
    let first = start(dir.path()).await;
    keep_a_row(&first).await;
    let file = dir.path().join("postgres/postmaster.pid");
    let before = fs::read_to_string(&file).unwrap();
    kill_process(Pid::from_raw(first.pid()).unwrap(), Signal::KILL).unwrap();
    first.ended().await;
    drop(first);
    let mut stranger = stranger(&file);
    let (_, rest) = before.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", stranger.id())).unwrap();

    let second = start(dir.path()).await;
    assert_eq!(count(&second).await, 1);
    second.stop().await.unwrap();
    assert!(
        stranger.try_wait().unwrap().is_none(),
        "the stranger was ended"
    );
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn an_orphan_is_stopped_before_the_next_start() {
    let dir = place();
    let first = start(dir.path()).await;
    keep_a_row(&first).await;
    first.stop().await.unwrap();
    let folder = dir.path().join("postgres");
    let mut orphan = orphan(&folder);
    until(|| {
        fs::read_to_string(folder.join("postmaster.pid")).is_ok_and(|it| it.contains("ready"))
    })
    .await;

    // The orphan is our child here, so somebody must wait for it.
    let reaper = std::thread::spawn(move || orphan.wait().unwrap());
    let second = start(dir.path()).await;
    assert!(reaper.join().unwrap().success());
    assert_eq!(count(&second).await, 1);
    second.stop().await.unwrap();
}

/// A postmaster on this folder that no weir watches.
fn orphan(folder: &Path) -> Child {
    let command = fs::read_to_string(folder.join("postmaster.opts")).unwrap();
    let program = command.split_whitespace().next().unwrap();
    let mut command = Command::new(program);
    let socket = folder.with_file_name("postgres.run");
    command.current_dir(folder).arg("-D").arg(folder);
    command.args(["-c", "listen_addresses=", "-k"]).arg(socket);
    command.stderr(Stdio::null());
    as_owner(&mut command, folder);
    command.spawn().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn postgres_does_not_outlive_a_killed_weir() {
    let dir = place();
    let mut weir = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_weir_to_be_killed", "--nocapture"])
        .env(VICTIM, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until(|| dir.path().join("ready").exists()).await;
    let pid_file = dir.path().join("postgres/postmaster.pid");
    assert!(pid_file.exists());
    weir.kill().unwrap();
    weir.wait().unwrap();
    // Postgres removes the file as the last thing of a shutdown in order.
    until(|| !pid_file.exists()).await;
    start(dir.path()).await.stop().await.unwrap();
}

const VICTIM: &str = "WEIR_TEST_VICTIM";

/// Not a test of its own: the process that `postgres_does_not_outlive_a_killed_weir` kills.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_weir_to_be_killed() {
    let Some(data_dir) = std::env::var_os(VICTIM) else {
        return;
    };
    let postgres = start(Path::new(&data_dir)).await;
    fs::write(Path::new(&data_dir).join("ready"), "").unwrap();
    postgres.ended().await;
}

async fn until(mut holds: impl FnMut() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let wait = async {
        while !holds() {
            tick.tick().await;
        }
    };
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, wait).await.unwrap();
}

/// A process of the account that owns the file, which is the one Postgres itself would mistake for its postmaster.
fn stranger(file: &Path) -> Child {
    let mut command = Command::new("sleep");
    command.arg("600").current_dir("/");
    as_owner(&mut command, file.parent().unwrap());
    command.spawn().unwrap()
}

fn as_owner(command: &mut Command, folder: &Path) {
    if rustix::process::geteuid().is_root() {
        let owner = fs::metadata(folder).unwrap();
        command.uid(owner.uid()).gid(owner.gid());
    }
}

#[tokio::test]
async fn a_second_weir_on_the_same_directory_is_refused() {
    let dir = place();
    let first = start(dir.path()).await;
    let (kind, text) = refusal(config(dir.path())).await;
    assert_eq!(kind, ErrorKind::Conflict);
    assert!(text.contains("Another weir runs"), "{text}");
    first.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_weir_did_not_make_is_left_alone() {
    let dir = place();
    let theirs = dir.path().join("postgres/precious.txt");
    fs::create_dir(dir.path().join("postgres")).unwrap();
    fs::write(&theirs, "mine").unwrap();
    let (kind, text) = refusal(config(dir.path())).await;
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(text.contains("was not made by weir"), "{text}");
    assert_eq!(fs::read_to_string(theirs).unwrap(), "mine");
}

#[tokio::test]
async fn a_half_made_cluster_is_made_anew() {
    let dir = place();
    fs::write(dir.path().join("weir-cluster.init"), "").unwrap();
    fs::create_dir(dir.path().join("postgres")).unwrap();
    fs::write(dir.path().join("postgres/PG_VERSION"), "15\n").unwrap();
    let postgres = start(dir.path()).await;
    keep_a_row(&postgres).await;
    assert_eq!(count(&postgres).await, 1);
    assert!(!dir.path().join("weir-cluster.init").exists());
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_not_opened() {
    let dir = place();
    start(dir.path()).await.stop().await.unwrap();
    fs::write(dir.path().join("postgres/PG_VERSION"), "12\n").unwrap();
    let (_, text) = refusal(config(dir.path())).await;
    assert!(text.contains("made by PostgreSQL 12"), "{text}");
}

#[tokio::test]
async fn a_lost_password_is_replaced() {
    let dir = place();
    start(dir.path()).await.stop().await.unwrap();
    fs::remove_file(dir.path().join("postgres.password")).unwrap();
    let postgres = start(dir.path()).await;
    execute(&postgres, "SELECT 1").await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn only_the_password_opens_the_socket() {
    let dir = place();
    let postgres = start(dir.path()).await;
    let wrong = postgres.url().replacen("weir:", "weir:0", 1);
    let refused = PgConnection::connect(&wrong).await.unwrap_err().to_string();
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(postgres.socket_dir()), 0o700);
    assert_eq!(mode(&dir.path().join("postgres.password")), 0o600);
    assert_eq!(mode(&dir.path().join("postgres")), 0o700);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_path_puts_the_socket_elsewhere() {
    let dir = place();
    let data_dir = dir
        .path()
        .join("a-rather-long-name-of-a-directory/".repeat(4));
    let postgres = start(&data_dir).await;
    execute(&postgres, "SELECT 1").await;
    let socket = postgres.socket_dir().to_owned();
    assert!(!socket.starts_with(&data_dir));
    postgres.stop().await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_directory_without_a_server_is_named() {
    let dir = place();
    let mut config = config(dir.path());
    config.binaries = Some(dir.path().to_owned());
    let (_, text) = refusal(config).await;
    assert!(text.contains("no PostgreSQL 15 or newer"), "{text}");
}

#[tokio::test]
async fn a_way_that_is_closed_to_the_account_is_named() {
    if !rustix::process::geteuid().is_root() {
        // Nothing to refuse: Postgres runs as the account that owns the directory.
        return;
    }
    let dir = place();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let (kind, text) = refusal(config(&dir.path().join("data"))).await;
    assert_eq!(kind, ErrorKind::Invalid);
    let remedy = format!("chmod o+x {}", dir.path().display());
    assert!(text.contains(&remedy), "{text}");
}
