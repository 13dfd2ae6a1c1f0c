//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::ExposeSecret as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use weir_core::name::PrincipalName;
use weir_core::{Error, ErrorKind, Result};
use weir_db::Db;

use crate::config::Config;
use crate::postgres::Embedded;
use crate::{DocumentedFace, crawl, demo, keys, logs, serve};

/// An open catalog and governance server for data lakes.
#[derive(Debug, Parser)]
#[command(name = "weir", version)]
struct Cli {
    /// The configuration file; `weir.toml` here when it exists.
    #[arg(long, global = true, value_name = "FILE", env = "WEIR_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the console and the APIs.
    Serve(Listen),
    /// Serve a sample lake with people and engines to try it with.
    Demo(DemoArgs),
    /// Bring the database's schema up to this version and stop.
    Migrate,
    /// Start a crawler on a running server, wait for it, and show its report.
    Crawl(crawl::CrawlArgs),
    /// Print the OpenAPI document of the management API, or of another face.
    Openapi {
        #[arg(value_enum, default_value = "management")]
        face: DocumentedFace,
    },
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make and exchange the master key, which seals what is kept secret.
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Print a new master key.
    New,
    /// Seal everything anew with the first of the configured keys, beside running servers.
    Rotate,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration and print what is in force, without secrets.
    Check,
}

#[derive(Debug, Args)]
struct Listen {
    /// Where to listen, such as 127.0.0.1:8080.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Where the embedded database and other files live.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct DemoArgs {
    #[command(flatten)]
    listen: Listen,
    /// How to say that it is ready.
    #[arg(long, value_enum, default_value_t = Print::Text)]
    print: Print,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Print {
    Text,
    Json,
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // Only one crypto provider is compiled in, but rustls wants it named before the first connection.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal("The runtime did not start").source(error))
        .and_then(|runtime| runtime.block_on(execute(cli)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a command")]
fn complain(error: &Error) {
    match error.kind() {
        ErrorKind::Internal => eprintln!("weir: {error:?}"),
        _ => eprintln!("weir: {error}"),
    }
}

#[expect(clippy::print_stdout, reason = "what the command is asked to print")]
async fn execute(cli: Cli) -> Result<()> {
    let mut config = Config::load(cli.config.as_deref())?;
    match cli.command {
        Command::Serve(listen) => {
            listen.apply(&mut config);
            logs::init(&config.log)?;
            serve_until_stopped(&config).await
        }
        Command::Demo(args) => {
            args.listen.apply(&mut config);
            logs::init(&config.log)?;
            demo::run(&config, args.print).await
        }
        Command::Migrate => with_database(&config, async |_| Ok(())).await,
        Command::Keys(KeysCommand::New) => {
            println!("{}", weir_storage::seal::new_key()?.expose_secret());
            Ok(())
        }
        Command::Keys(KeysCommand::Rotate) => with_database(&config, async |db| {
            let keyring = keys::keyring(&config, db).await?;
            let rotated = weir_operations::keys::rotate(db, &keyring, chrono::Utc::now()).await?;
            println!(
                "{} secrets are sealed with the first key now; {} were already. The other keys are not needed any more.",
                rotated.moved, rotated.unchanged
            );
            Ok(())
        })
        .await,
        Command::Crawl(args) => crawl::run(args).await,
        Command::Openapi { face } => {
            print!("{}", crate::openapi(face)?);
            Ok(())
        }
        Command::Config(ConfigCommand::Check) => {
            config.policy()?;
            print!("{}", config.explain());
            Ok(())
        }
    }
}

/// Does something with the migrated database, without a server or beside one.
async fn with_database(config: &Config, act: impl AsyncFnOnce(&Db) -> Result<()>) -> Result<()> {
    let (url, embedded) = match serve::database(config).await {
        Err(error) if error.kind() == ErrorKind::Conflict => {
            let running = Embedded::url_of_running(&config.database.data_dir);
            (running.ok_or(error)?, None)
        }
        found => found?,
    };
    let db = Db::connect(&url, &config.database.pool).await?;
    let done = match db.migrate().await {
        Ok(()) => act(&db).await,
        failed => failed,
    };
    db.close().await;
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    done
}

impl Listen {
    fn apply(self, config: &mut Config) {
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if let Some(data_dir) = self.data_dir {
            config.database.data_dir = data_dir;
        }
    }
}

async fn serve_until_stopped(config: &Config) -> Result<()> {
    let (url, embedded) = serve::database(config).await?;
    let server = serve::start(config, &url, embedded.is_some()).await?;
    first_admin(&server).await?;
    tracing::info!(server.address = %server.address, "weir serves");
    let outcome = wait(embedded.as_ref()).await;
    server.stop().await;
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    outcome
}

/// On an empty database, makes the administrator and says the password once.
#[expect(
    clippy::print_stderr,
    reason = "a password is for the operator's eyes, not for the log"
)]
async fn first_admin(server: &serve::Server) -> Result<()> {
    let name = PrincipalName::parse("name", "admin")?;
    let password = weir_identity::client::one_time_password(name.as_str())?;
    let hash = weir_identity::password::hash(name.as_str(), &password).await?;
    if server.weir.bootstrap(&name, &hash).await? {
        eprintln!(
            "\nThe first administrator is `admin` with the password {}\nIt is shown this once.\n",
            password.expose_secret()
        );
    }
    Ok(())
}

/// Returns when the process is asked to stop, or with an error when the embedded database ends by itself.
pub async fn wait(embedded: Option<&crate::postgres::Embedded>) -> Result<()> {
    let ended = async {
        match embedded {
            Some(embedded) => embedded.ended().await,
            None => std::future::pending().await,
        }
    };
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|error| Error::internal("Signals cannot be waited for").source(error))?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminate.recv() => Ok(()),
        reason = ended => Err(Error::unavailable(format!("The embedded Postgres ended: {reason}"))),
    }
}
