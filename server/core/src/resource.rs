//! What can be granted on, and how it is told apart.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::principal::words;

words! {
    pub enum ResourceKind("resource") {
        /// The whole installation; a grant here holds everywhere.
        Server => "server",
        Catalog => "catalog",
        Namespace => "namespace",
        Table => "table",
        Location => "location",
        Crawler => "crawler",
    }
}

/// The id that stands for the installation itself in grants.
pub const SERVER_ID: Uuid = Uuid::nil();

/// One object by identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resource {
    pub kind: ResourceKind,
    pub id: Uuid,
}

impl Resource {
    pub const SERVER: Self = Self {
        kind: ResourceKind::Server,
        id: SERVER_ID,
    };

    pub fn new(kind: ResourceKind, id: impl Into<Uuid>) -> Self {
        Self {
            kind,
            id: id.into(),
        }
    }
}
