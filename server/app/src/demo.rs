//! `weir demo`: a real lake in a folder, people and engines to try it with. The second start continues where the first
//! one stopped.

use include_dir::{Dir, include_dir};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;
use weir_core::crawl::RunState;
use weir_core::grant::ColumnSet;
use weir_core::id::RequestId;
use weir_core::location::Location;
use weir_core::name::{Name, NamespaceIdent, PrincipalName, TableIdent};
use weir_core::page::PageRequest;
use weir_core::principal::{Caller, Face, PrincipalKind};
use weir_core::privilege::{Privilege, PrivilegeSet};
use weir_core::storage::{StorageSettings, Zone};
use weir_core::{Error, ErrorKind, Result};
use weir_identity::{Origin, SignIn, client, password};
use weir_operations::Weir;
use weir_operations::crawler::NewCrawler;
use weir_operations::grant::{GrantRequest, GrantTarget};
use weir_operations::location::Registration;
use weir_operations::principal::Proof;
use weir_operations::{catalog, crawler, grant, location, namespace, principal, table};

use crate::cli::{Print, wait};
use crate::config::Config;
use crate::serve::{self, Server};

mod welcome;

use welcome::announce;

static SAMPLE_LAKE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sample-lake");

const CATALOG: &str = "lake";
/// Where engines write, below a folder of the data directory.
const BUCKET: &str = "warehouse";
const NAMESPACE: &str = "samples";
const CRAWLER: &str = "samples";
const ADMIN: &str = "admin";
const STEWARD: &str = "sam";
const ANALYST: &str = "ann";
const WRITER: &str = "spark";
const ENGINES: [&str; 2] = ["duckdb", WRITER];

/// Who is in the demo, with what they sign in with; kept beside its data.
#[derive(Default, Serialize, Deserialize)]
struct Credentials {
    people: Vec<Person>,
    engines: Vec<Engine>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Person {
    name: String,
    password: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Engine {
    name: String,
    client_id: String,
    client_secret: String,
}

/// Serves the demo until it is asked to stop.
pub async fn run(config: &Config, print: Print) -> Result<()> {
    let mut config = config.clone();
    if config.database.url.is_some() {
        return Err(Error::invalid(
            "database.url",
            "The demo brings its own database. Unset database.url and DATABASE_URL, or use `weir serve`.",
        ));
    }
    make_dir(&config.database.data_dir)?;
    config.database.data_dir = fs::canonicalize(&config.database.data_dir)
        .map_err(|error| unwritable(&config.database.data_dir, &error))?;
    let port = config.database.data_dir.join("gateway.port");
    if config.gateway.listen.is_none() {
        config.gateway.listen = Some(gateway_address(config.server.listen, &port));
    }
    let lake = config.database.data_dir.join("lake");
    lay_out(&lake)?;
    let (url, embedded) = serve::database(&config).await?;
    let server = serve::start(&config, &url, true).await?;
    if let Some(bound) = server.gateway {
        fs::write(&port, bound.port().to_string()).map_err(|error| unwritable(&port, &error))?;
    }
    let kept = config.database.data_dir.join("demo-credentials.json");
    let prepared = prepare(&server, &lake, &kept).await;
    let outcome = match prepared {
        Ok(ready) => {
            announce(&server, &ready, &lake, &kept, print)?;
            wait(embedded.as_ref()).await
        }
        Err(error) => Err(error),
    };
    server.stop().await;
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    outcome
}

/// Where the gateway listens: where it did the last time, so that engines find it again; else beside the console; else on any
/// port that is free.
fn gateway_address(console: SocketAddr, kept: &Path) -> SocketAddr {
    let kept = fs::read_to_string(kept).ok();
    let kept = kept.and_then(|port| port.trim().parse::<u16>().ok());
    let beside = Some(console.port())
        .filter(|port| *port != 0)
        .and_then(|port| port.checked_add(1));
    let at = |port| SocketAddr::new(console.ip(), port);
    let free = |at: &SocketAddr| std::net::TcpListener::bind(at).is_ok();
    let wanted = [kept, beside].into_iter().flatten().map(at).find(free);
    wanted.unwrap_or_else(|| at(0))
}

/// Writes the sample files where nothing is yet. Files that were added or changed since stay.
fn lay_out(lake: &Path) -> Result<()> {
    if lake.exists() {
        return Ok(());
    }
    let half = lake.with_extension("partial");
    let _ = fs::remove_dir_all(&half);
    make_dir(&half)?;
    let written = SAMPLE_LAKE.extract(&half);
    for note in ["README.md", "make.py"] {
        let _ = fs::remove_file(half.join(note));
    }
    written
        .and_then(|()| fs::rename(&half, lake))
        .map_err(|error| unwritable(lake, &error))
}

fn make_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|error| unwritable(dir, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::invalid(
        "data-dir",
        format!(
            "{} cannot be written: {error}. Choose another with --data-dir.",
            path.display()
        ),
    )
}

struct Ready {
    credentials: Credentials,
    tables: usize,
    two_columns: String,
}

async fn prepare(server: &Server, lake: &Path, kept: &Path) -> Result<Ready> {
    let credentials = match fs::read_to_string(kept) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| {
            Error::invalid(
                "data-dir",
                format!("{} cannot be read: {error}", kept.display()),
            )
        })?,
        Err(_) => fresh_credentials(server, kept).await?,
    };
    let admin = sign_in(server, credentials.people.first()).await?;
    // Each step passes over what is there, so that a first start that was cut short is completed by the next.
    furnish(server, &admin, lake).await?;
    let page = PageRequest::first(1000);
    let ident = namespace_ident()?;
    if !crawled(server, &admin).await? {
        crawl(server, &admin).await?;
    }
    let tables = table::list(&server.weir, &admin, &ident, &page)
        .await?
        .items
        .len();
    share(server, &admin).await?;
    let two_columns = two_columns(server, &admin, &ident)
        .await
        .unwrap_or_else(|_| "1, 6".to_owned());
    Ok(Ready {
        credentials,
        tables,
        two_columns,
    })
}

/// Makes the people and engines, and keeps their credentials before anything else can fail.
async fn fresh_credentials(server: &Server, kept: &Path) -> Result<Credentials> {
    let mut credentials = Credentials::default();
    for name in [ADMIN, STEWARD, ANALYST] {
        let password = client::one_time_password(name)?;
        credentials.people.push(Person {
            name: name.to_owned(),
            password: password.expose_secret().to_owned(),
        });
    }
    let admin = credentials.people.first().cloned();
    let admin = admin.ok_or_else(|| Error::internal("The demo has nobody"))?;
    let name = PrincipalName::parse("name", ADMIN)?;
    let hash = password::hash(ADMIN, &SecretString::from(admin.password.clone())).await?;
    if !server.weir.bootstrap(&name, &hash).await? {
        return Err(Error::conflict(format!(
            "This data directory has people already but no {}. Choose another with --data-dir.",
            kept.display()
        )));
    }
    let caller = sign_in(server, Some(&admin)).await?;
    for person in credentials.people.iter().skip(1) {
        let hash =
            password::hash(&person.name, &SecretString::from(person.password.clone())).await?;
        let name = PrincipalName::parse("name", &person.name)?;
        principal::create(
            &server.weir,
            &caller,
            &name,
            PrincipalKind::User,
            Proof::Password(hash),
        )
        .await?;
    }
    for name in ENGINES {
        let (shown, hashed) = client::generate()?;
        principal::create(
            &server.weir,
            &caller,
            &PrincipalName::parse("name", name)?,
            PrincipalKind::Service,
            Proof::Client(hashed),
        )
        .await?;
        let client_secret = shown.client_secret.expose_secret().to_owned();
        credentials.engines.push(Engine {
            name: name.to_owned(),
            client_id: shown.client_id,
            client_secret,
        });
    }
    keep(&credentials, kept)?;
    Ok(credentials)
}

fn keep(credentials: &Credentials, kept: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(credentials)
        .map_err(|error| Error::internal("Credentials could not be written").source(error))?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(kept)
        .map_err(|error| unwritable(kept, &error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| unwritable(kept, &error))
}

async fn sign_in(server: &Server, person: Option<&Person>) -> Result<Caller> {
    let person = person.ok_or_else(|| Error::internal("The demo has nobody"))?;
    let origin = Origin {
        ip: None,
        user_agent: None,
        face: Face::Cli,
        request: RequestId::new(),
    };
    let request = SignIn {
        name: person.name.clone(),
        password: SecretString::from(person.password.clone()),
        origin,
    };
    let signed_in = server.identity.sign_in(request).await?;
    server
        .identity
        .authenticate(signed_in.token.expose_secret(), Face::Cli, RequestId::new())
        .await
}

fn namespace_ident() -> Result<NamespaceIdent> {
    NamespaceIdent::parse(CATALOG, NAMESPACE)
}

async fn furnish(server: &Server, admin: &Caller, lake: &Path) -> Result<()> {
    // Beside the lake, so that no crawl finds what engines write.
    let warehouse = lake.with_file_name("warehouse");
    make_dir(&warehouse)?;
    let weir = &server.weir;
    let ident = namespace_ident()?;
    if absent(crawler::get(weir, admin, &Name::parse("name", CRAWLER)?).await)? {
        // A bucket that is a folder here: engines reach it through the gateway, wherever they run.
        let bucket = Location::parse("warehouse", &format!("s3://{BUCKET}"))?;
        let settings = StorageSettings {
            folder: Some(warehouse.display().to_string()),
            ..StorageSettings::default()
        };
        let zone = Some(Zone::Curated);
        register(weir, admin, "warehouse", &bucket, settings, zone).await?;
        let home = bucket.join(CATALOG)?;
        present(catalog::create(weir, admin, &ident.catalog, Some(&home)).await)?;
        present(namespace::create(weir, admin, &ident, BTreeMap::new(), None).await)?;
        let url = Location::parse("lake", &format!("file://{}", lake.display()))?;
        let settings = StorageSettings::default();
        register(weir, admin, "samples", &url, settings, Some(Zone::Raw)).await?;
        let new = NewCrawler {
            name: Name::parse("name", CRAWLER)?,
            location: Name::parse("location", "samples")?,
            prefix: String::new(),
            target: ident,
            schedule: Some("0 2 * * *".to_owned()),
            time_zone: "UTC".to_owned(),
        };
        present(crawler::create(weir, admin, new).await)?;
    }
    Ok(())
}

async fn register(
    weir: &Weir,
    admin: &Caller,
    name: &str,
    url: &Location,
    settings: StorageSettings,
    zone: Option<Zone>,
) -> Result<()> {
    let new = Registration {
        name: Name::parse("name", name)?,
        url: url.clone(),
        settings,
        zone,
        credential: None,
    };
    present(location::register(weir, admin, new).await)
}

/// What exists already is as good as made.
fn present<T>(made: Result<T>) -> Result<()> {
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn absent<T>(found: Result<T>) -> Result<bool> {
    match found {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

async fn crawled(server: &Server, admin: &Caller) -> Result<bool> {
    let runs = crawler::runs(
        &server.weir,
        admin,
        &Name::parse("name", CRAWLER)?,
        &PageRequest::first(20),
    )
    .await?;
    Ok(runs
        .items
        .iter()
        .any(|run| matches!(run.state, RunState::Succeeded | RunState::Warnings)))
}

async fn crawl(server: &Server, admin: &Caller) -> Result<()> {
    let name = Name::parse("name", CRAWLER)?;
    // A run that was interrupted is queued again already.
    present(crawler::start(&server.weir, admin, &name).await.map(drop))?;
    for _ in 0..600 {
        let runs = crawler::runs(&server.weir, admin, &name, &PageRequest::first(1)).await?;
        match runs.items.first() {
            Some(run) if matches!(run.state, RunState::Succeeded | RunState::Warnings) => {
                return Ok(());
            }
            Some(run) if run.state == RunState::Failed => {
                return Err(Error::unavailable(format!(
                    "The sample lake could not be crawled: {}",
                    run.error.clone().unwrap_or_default()
                )));
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    Err(Error::unavailable(
        "The sample lake was not crawled within a minute.",
    ))
}

/// What each of them may do: the steward describes and documents everything, the analyst reads two public tables, `spark`
/// writes tables of its own beside them, `duckdb` nothing yet.
async fn share(server: &Server, admin: &Caller) -> Result<()> {
    let ident = namespace_ident()?;
    let table = |name: &str| {
        Ok::<_, Error>(GrantTarget::Table(TableIdent {
            namespace: ident.clone(),
            name: Name::parse("table", name)?,
        }))
    };
    let crawler = GrantTarget::Crawler(Name::parse("crawler", CRAWLER)?);
    give(
        server,
        admin,
        STEWARD,
        &GrantTarget::Catalog(ident.catalog.clone()),
        &[Privilege::Select, Privilege::Annotate],
    )
    .await?;
    give(server, admin, STEWARD, &crawler, &[Privilege::Alter]).await?;
    give(
        server,
        admin,
        WRITER,
        &GrantTarget::Catalog(ident.catalog.clone()),
        &[
            Privilege::CreateNamespace,
            Privilege::CreateTable,
            Privilege::Select,
            Privilege::Insert,
            Privilege::Delete,
            Privilege::Alter,
            Privilege::Drop,
        ],
    )
    .await?;
    for name in ["airlines", "airports"] {
        give(server, admin, ANALYST, &table(name)?, &[Privilege::Select]).await?;
    }
    Ok(())
}

async fn give(
    server: &Server,
    admin: &Caller,
    to: &str,
    on: &GrantTarget,
    privileges: &[Privilege],
) -> Result<()> {
    let request = GrantRequest {
        principal: PrincipalName::parse("principal", to)?,
        privileges: privileges.iter().copied().collect::<PrivilegeSet>(),
        columns: ColumnSet::All,
        grantable: false,
        valid_from: None,
        valid_until: None,
        reason: Some("The demo".to_owned()),
    };
    present(grant::create(&server.weir, admin, on, request).await)
}

async fn two_columns(server: &Server, admin: &Caller, ident: &NamespaceIdent) -> Result<String> {
    let customers = TableIdent {
        namespace: ident.clone(),
        name: Name::parse("table", "customers")?,
    };
    let table = table::describe(&server.weir, admin, &customers).await?;
    let ids = table
        .columns
        .iter()
        .filter(|column| matches!(column.path.as_str(), "customer_id" | "country"))
        .map(|column| column.id.to_string());
    Ok(ids.collect::<Vec<_>>().join(", "))
}
