//! The connection pool and the migrations.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Postgres, Transaction};
use std::str::FromStr;
use std::time::Duration;
use weir_core::{Error, Result};

use crate::error::map;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// How to reach Postgres.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbConfig {
    /// Connections at the most. Two to four a core of the database are plenty.
    pub max_connections: u32,
    /// A statement that takes longer is cancelled, in seconds.
    pub statement_timeout_seconds: u32,
    /// How long a request waits for a connection before it is told to come back later, in seconds.
    pub acquire_timeout_seconds: u64,
}

impl Default for DbConfig {
    fn default() -> Self {
        Self {
            max_connections: 8,
            statement_timeout_seconds: 30,
            acquire_timeout_seconds: 5,
        }
    }
}

/// The pool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
}

impl Db {
    /// Errors: a URL that does not parse, a database that does not answer.
    pub async fn connect(url: &str, config: &DbConfig) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| {
                Error::invalid(
                    "database.url",
                    "This is not a Postgres URL such as postgres://user@host/weir.",
                )
                .source(error)
            })?
            .application_name("weir")
            .options([
                (
                    "statement_timeout",
                    format!("{}s", config.statement_timeout_seconds),
                ),
                ("lock_timeout", "10s".to_owned()),
                ("idle_in_transaction_session_timeout", "60s".to_owned()),
                ("jit", "off".to_owned()),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .min_connections(2.min(config.max_connections))
            .acquire_timeout(Duration::from_secs(config.acquire_timeout_seconds))
            // A ping at every checkout would double the round trips of a read; a broken connection shows at its first statement.
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(map)?;
        Ok(Self { pool })
    }

    /// Brings the schema up to this binary's. Safe to run from several replicas at once.
    pub async fn migrate(&self) -> Result<()> {
        MIGRATIONS
            .run(&self.pool)
            .await
            .map_err(|error| Error::internal("The schema could not be migrated").source(error))
    }

    /// Deletes what is over by a time, `$1` of the statement, and returns how many rows that were.
    pub(crate) async fn sweep(&self, statement: &'static str, by: DateTime<Utc>) -> Result<u64> {
        sqlx::query(statement)
            .bind(by)
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected())
            .map_err(map)
    }

    /// Does the database answer?
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(map)
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// How many statements can be under way at once.
    pub fn max_connections(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        self.pool.begin().await.map_err(map)
    }
}
