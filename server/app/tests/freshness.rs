//! A check tells what became visible since the one before, in whatever order transactions end; with a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use sqlx::{Connection, PgConnection};
use uuid::Uuid;
use weir::postgres::Embedded;
use weir_db::freshness::Freshness;
use weir_db::{Db, DbConfig};

use common::{config, place};

async fn change(connection: &mut PgConnection, object: Uuid) {
    let change = sqlx::query("INSERT INTO change_log (object_id) VALUES ($1)").bind(object);
    change.execute(connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_when_it_becomes_visible_and_not_again() {
    let dir = place();
    let data = dir.path().join("data");
    let postgres = Embedded::start(config(&data)).await.unwrap();
    let one = DbConfig {
        max_connections: 1,
        ..DbConfig::default()
    };
    let db = Db::connect(&postgres.url(), &one).await.unwrap();
    db.migrate().await.unwrap();
    let freshness = Freshness::new(db.clone());
    let (early, late) = (Uuid::from_u128(1), Uuid::from_u128(2));

    let start = freshness.check().await.unwrap();
    let quiet = freshness.check().await.unwrap();
    assert!(quiet > start);
    assert!(freshness.objects_since(start, &[early, late]));

    let mut first = PgConnection::connect(&postgres.url()).await.unwrap();
    let mut second = PgConnection::connect(&postgres.url()).await.unwrap();
    let mut open = first.begin().await.unwrap();
    change(&mut open, early).await;
    change(&mut second, late).await;
    let between = freshness.check().await.unwrap();
    assert!(!freshness.objects_since(quiet, &[late]));
    assert!(freshness.objects_since(start, &[early]));

    let still = freshness.check().await.unwrap();
    assert!(freshness.objects_since(between, &[early, late]));

    open.commit().await.unwrap();
    let end = freshness.check().await.unwrap();
    assert!(!freshness.objects_since(still, &[early]));
    assert!(freshness.objects_since(between, &[late]));
    freshness.check().await.unwrap();
    assert!(freshness.objects_since(end, &[early, late]));

    // As many as come while others wait: they share checks, and the one connection that there is with whoever else needs it.
    let checks = (0..200).map(|_| {
        let freshness = freshness.clone();
        tokio::spawn(async move { freshness.check().await.unwrap() })
    });
    let checks: Vec<_> = checks.collect();
    db.ping().await.unwrap();
    for check in checks {
        assert!(check.await.unwrap() > end);
    }

    first.close().await.unwrap();
    second.close().await.unwrap();
    db.close().await;
    postgres.stop().await.unwrap();
}
