//! Every fixed statement is prepared against the migrated schema, so that none of them can be wrong about a table or column.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqlSafeStr};
use std::os::unix::fs::PermissionsExt;
use weir::config::Config;
use weir::postgres::{Embedded, EmbeddedConfig};

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_fits_the_migrated_schema() {
    let dir = tempfile::tempdir().unwrap();
    // Started by root, Postgres runs as another account, which must pass through here.
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let config = EmbeddedConfig {
        data_dir: dir.path().join("data"),
        binaries: None,
        run_as: None,
        max_connections: 20,
    };
    let postgres = Embedded::start(config).await.unwrap();
    let mut settings = Config::default();
    settings.database.data_dir = dir.path().join("data");
    settings.server.listen = "127.0.0.1:0".parse().unwrap();
    settings.crawler.workers = 0;
    let server = weir::start(&settings, &postgres.url(), true).await.unwrap();

    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    let statements = weir::statements();
    assert!(
        statements.len() > 90,
        "only {} statements are registered",
        statements.len()
    );
    for (name, sql) in statements {
        let prepared = connection
            .prepare(AssertSqlSafe(sql.to_owned()).into_sql_str())
            .await;
        assert!(prepared.is_ok(), "{name}: {}", prepared.unwrap_err());
    }

    let denied = sqlx::query("DELETE FROM audit_event")
        .execute(&mut connection)
        .await;
    sqlx::query("INSERT INTO audit_event VALUES (gen_random_uuid(), now(), NULL, 'x', 'x', 'x', NULL, 'x', 'ok', '{}', '{}', gen_random_uuid(), 'cli')")
        .execute(&mut connection)
        .await
        .unwrap();
    assert!(denied.is_ok(), "deleting nothing is nothing");
    for tampering in [
        "DELETE FROM audit_event",
        "UPDATE audit_event SET outcome = 'denied'",
    ] {
        assert!(
            sqlx::query(tampering)
                .execute(&mut connection)
                .await
                .is_err(),
            "{tampering} went through"
        );
    }
    connection.close().await.unwrap();
    server.stop().await;
    postgres.stop().await.unwrap();
}
