//! Structured logs on standard error.

use tracing_subscriber::EnvFilter;
use weir_core::{Error, Result};

use crate::config::{LogConfig, LogFormat};

/// Errors: a filter that does not parse.
pub fn init(config: &LogConfig) -> Result<()> {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| config.filter.clone());
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Error::invalid("log.filter", error.to_string()))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let done = match config.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    done.map_err(|error| Error::internal("Logging was set up twice").source(error.to_string()))
}
