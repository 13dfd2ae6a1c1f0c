//! The walls between the crates, as Cargo sees them: who may name whom, and who alone may name a heavy dependency.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::BTreeSet;

/// What each crate may name of the house. A crate that is not here fails the test.
const EDGES: &[(&str, &[&str])] = &[
    ("weir-core", &[]),
    ("weir-db", &["weir-core"]),
    ("weir-storage", &["weir-core"]),
    ("weir-identity", &["weir-core", "weir-db"]),
    ("weir-iceberg", &["weir-core"]),
    (
        "weir-operations",
        &["weir-core", "weir-db", "weir-iceberg", "weir-storage"],
    ),
    (
        "weir-crawler",
        &["weir-core", "weir-operations", "weir-storage"],
    ),
    (
        "weir-api",
        &["weir-core", "weir-identity", "weir-operations"],
    ),
    (
        "weir-gateway",
        &["weir-core", "weir-operations", "weir-storage"],
    ),
    (
        "weir-web",
        &["weir-core", "weir-identity", "weir-operations"],
    ),
    (
        "weir",
        &[
            "weir-api",
            "weir-core",
            "weir-crawler",
            "weir-db",
            "weir-gateway",
            "weir-identity",
            "weir-operations",
            "weir-storage",
            "weir-web",
        ],
    ),
    ("weir-tests", &[]),
];

/// Dependencies that only these crates may name.
const KEPT: &[(&str, &[&str])] = &[
    ("sqlx", &["weir-db"]),
    ("sea-query", &["weir-db"]),
    ("sea-query-sqlx", &["weir-db"]),
    ("object_store", &["weir-storage"]),
    ("parquet", &["weir-crawler"]),
    ("casbin", &["weir-core"]),
    ("argon2", &["weir-identity"]),
    ("maud", &["weir-web"]),
    // The wire forms of updates and requirements are the metadata crate's own, and so is what documents them.
    ("utoipa", &["weir-api", "weir-iceberg"]),
    ("apache-avro", &["weir-iceberg"]),
    ("s3s", &["weir-gateway"]),
];

/// A runtime, a wire or a database has no place in the domain.
const NOT_IN_CORE: &[&str] = &[
    "tokio",
    "axum",
    "hyper",
    "reqwest",
    "sqlx",
    "object_store",
    "tracing",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
}

/// The normal dependencies of each crate of the workspace.
fn named(metadata: &Metadata) -> Vec<(String, BTreeSet<String>)> {
    let normal = |package: &cargo_metadata::Package| {
        package
            .dependencies
            .iter()
            .filter(|it| it.kind == DependencyKind::Normal)
            .map(|it| it.name.to_string())
            .collect()
    };
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| (package.name.to_string(), normal(package)))
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let crates = named(&metadata());
    assert_eq!(crates.len(), EDGES.len());
    for (name, dependencies) in crates {
        let (_, allowed) = EDGES
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("{name} has no row here"));
        for house in dependencies.iter().filter(|it| it.starts_with("weir")) {
            assert!(
                allowed.contains(&house.as_str()),
                "{name} must not name {house}"
            );
        }
    }
}

#[test]
fn heavy_dependencies_stay_in_their_rooms() {
    for (name, dependencies) in named(&metadata()) {
        for (heavy, owners) in KEPT {
            assert!(
                !dependencies.contains(*heavy) || owners.contains(&name.as_str()),
                "{name} must not name {heavy}"
            );
        }
        if name == "weir-core" {
            assert!(
                NOT_IN_CORE.iter().all(|it| !dependencies.contains(*it)),
                "weir-core names {dependencies:?}"
            );
        }
    }
}
