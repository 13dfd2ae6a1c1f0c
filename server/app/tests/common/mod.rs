//! What the tests with an embedded PostgreSQL share.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use weir::postgres::EmbeddedConfig;

/// A directory that the account of a Postgres started by root may pass through.
pub fn place() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
    dir
}

pub fn config(data_dir: &Path) -> EmbeddedConfig {
    EmbeddedConfig {
        data_dir: data_dir.to_owned(),
        binaries: None,
        run_as: None,
        max_connections: 20,
    }
}
