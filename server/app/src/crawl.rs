//! `weir crawl`: start a crawler over the management API of a running server, wait, show the report.

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::time::Duration;
use weir_core::name::Name;
use weir_core::{Error, Result};

#[derive(Debug, Args)]
pub struct CrawlArgs {
    /// The crawler's name.
    crawler: String,
    /// The server's address.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "WEIR_SERVER")]
    server: String,
    /// A token of `POST /api/v1/tokens`.
    #[arg(long, env = "WEIR_TOKEN", hide_env_values = true)]
    token: SecretString,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Errors: whatever the server answers, in its words; a run that failed.
pub async fn run(args: CrawlArgs) -> Result<()> {
    let name = Name::parse("crawler", &args.crawler)?;
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| Error::internal("No HTTP client").source(error))?;
    let base = format!(
        "{}/api/v1/crawlers/{name}/runs",
        args.server.trim_end_matches('/')
    );
    let started = call(client.post(&base).bearer_auth(args.token.expose_secret())).await?;
    let id = started
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    loop {
        let report = call(
            client
                .get(format!("{base}/{id}"))
                .bearer_auth(args.token.expose_secret()),
        )
        .await?;
        let state = report
            .get("state")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !matches!(state, "queued" | "running") {
            show(&report, args.json);
            return match state {
                "succeeded" | "finished_with_problems" => Ok(()),
                _ => Err(Error::unavailable(format!("The run ended as {state}."))),
            };
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn call(request: reqwest::RequestBuilder) -> Result<Value> {
    let response = request
        .send()
        .await
        .map_err(|error| Error::unavailable("The server does not answer.").source(error))?;
    let ok = response.status().is_success();
    let body: Value = response
        .json()
        .await
        .map_err(|error| Error::unavailable("The server's answer is no JSON.").source(error))?;
    if ok {
        return Ok(body);
    }
    Err(Error::denied(
        body.get("detail")
            .and_then(Value::as_str)
            .unwrap_or("The server refused.")
            .to_owned(),
    ))
}

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
fn show(report: &Value, json: bool) {
    if json {
        println!("{report}");
        return;
    }
    let text = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let rows = |key: &str| {
        report
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    println!("{} {}", text(report, "crawler"), text(report, "state"));
    for change in rows("changes") {
        println!("  {} {}", text(&change, "table"), text(&change, "kind"));
        for line in change
            .get("lines")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            println!("    {}", line.as_str().unwrap_or_default());
        }
    }
    for problem in rows("problems") {
        println!(
            "  ! {}\n    {}",
            text(&problem, "path"),
            text(&problem, "cause")
        );
    }
}
