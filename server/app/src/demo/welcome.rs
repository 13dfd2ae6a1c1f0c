//! What the demo says when it is ready: where everything is, who is in it, and what to paste.

use askama::Template;
use std::io::Write as _;
use std::path::Path;
use weir_core::{Error, Result};

use super::{ADMIN, ANALYST, CATALOG, NAMESPACE, Ready, STEWARD, WRITER};
use crate::cli::Print;
use crate::http::origin;
use crate::serve::Server;

#[derive(Template)]
#[template(path = "demo.txt", escape = "none")]
struct Welcome<'a> {
    console: &'a str,
    management: &'a str,
    lake: String,
    credentials: String,
    tables: usize,
    people: Vec<WelcomePerson<'a>>,
    engines: Vec<WelcomeEngine<'a>>,
    admin: &'a str,
    admin_password: &'a str,
    analyst: &'a str,
    analyst_password: &'a str,
    catalog: &'a str,
    namespace: &'a str,
    two_columns: &'a str,
    writer_id: &'a str,
    writer_secret: &'a str,
    gateway: &'a str,
}

struct WelcomePerson<'a> {
    name: &'a str,
    pad: String,
    password: &'a str,
    does: &'a str,
}

struct WelcomeEngine<'a> {
    name: &'a str,
    pad: String,
    client_id: &'a str,
    client_secret: &'a str,
}

#[expect(
    clippy::print_stdout,
    reason = "the address and the passwords are for the person who started the demo"
)]
pub(super) fn announce(
    server: &Server,
    ready: &Ready,
    lake: &Path,
    kept: &Path,
    print: Print,
) -> Result<()> {
    let origin = origin(server.address);
    let management = format!("{origin}/api/v1");
    let gateway = server.weir.gateway_endpoint();
    match print {
        Print::Json => println!("{}", as_json(&origin, &management, gateway, ready)),
        Print::Text => println!(
            "{}",
            as_text(
                &origin,
                &management,
                gateway.unwrap_or_default(),
                ready,
                lake,
                kept
            )?
        ),
    }
    std::io::stdout()
        .flush()
        .map_err(|error| Error::internal("Standard output is closed").source(error))
}

fn as_json(
    console: &str,
    management: &str,
    gateway: Option<&str>,
    ready: &Ready,
) -> serde_json::Value {
    let people = ready.credentials.people.iter().map(|person| {
        serde_json::json!({ "name": person.name, "kind": "user", "role": role(&person.name).0, "password": person.password })
    });
    let engines = ready.credentials.engines.iter().map(|engine| {
        serde_json::json!({ "name": engine.name, "kind": "service", "client_id": engine.client_id, "client_secret": engine.client_secret })
    });
    let principals: Vec<_> = people.chain(engines).collect();
    serde_json::json!({
        "console": console, "management": management, "iceberg": format!("{console}/iceberg"), "warehouse": CATALOG, "gateway": gateway,
        "principals": principals, "tables": ready.tables,
    })
}

fn role(name: &str) -> (&'static str, &'static str) {
    match name {
        ADMIN => (
            "admin",
            "administrator: grants, registers storage, reads the audit trail",
        ),
        STEWARD => (
            "steward",
            "steward: writes owners, definitions and sensitivity, starts the crawler",
        ),
        _ => (
            "analyst",
            "analyst: sees airlines and airports, until somebody grants more",
        ),
    }
}

fn as_text(
    console: &str,
    management: &str,
    gateway: &str,
    ready: &Ready,
    lake: &Path,
    kept: &Path,
) -> Result<String> {
    let pad = |name: &str| " ".repeat(10_usize.saturating_sub(name.len()));
    let people: Vec<_> = ready.credentials.people.iter().collect();
    let password = |name: &str| {
        people
            .iter()
            .find(|person| person.name == name)
            .map_or("", |person| person.password.as_str())
    };
    let engines = &ready.credentials.engines;
    let writer = engines.iter().find(|engine| engine.name == WRITER);
    let welcome = Welcome {
        console,
        management,
        lake: lake.display().to_string(),
        credentials: kept.display().to_string(),
        tables: ready.tables,
        people: people
            .iter()
            .map(|p| WelcomePerson {
                name: &p.name,
                pad: pad(&p.name),
                password: &p.password,
                does: role(&p.name).1,
            })
            .collect(),
        engines: ready
            .credentials
            .engines
            .iter()
            .map(|e| WelcomeEngine {
                name: &e.name,
                pad: pad(&e.name),
                client_id: &e.client_id,
                client_secret: &e.client_secret,
            })
            .collect(),
        admin: ADMIN,
        admin_password: password(ADMIN),
        analyst: ANALYST,
        analyst_password: password(ANALYST),
        catalog: CATALOG,
        namespace: NAMESPACE,
        two_columns: &ready.two_columns,
        writer_id: writer.map_or("", |engine| engine.client_id.as_str()),
        writer_secret: writer.map_or("", |engine| engine.client_secret.as_str()),
        gateway,
    };
    welcome
        .render()
        .map_err(|error| Error::internal("The welcome could not be written").source(error))
}
