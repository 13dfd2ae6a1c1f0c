//! Identity. Every object is a UUID of version 7, every column a number within its table; names are only labels.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

use crate::{Error, Result};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id, ordered by creation time.
            pub fn new() -> Self { Self(Uuid::now_v7()) }
            pub const fn from_uuid(id: Uuid) -> Self { Self(id) }
            pub const fn as_uuid(self) -> Uuid { self.0 }
        }
        impl Default for $name { fn default() -> Self { Self::new() } }
        impl fmt::Display for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) } }
        impl fmt::Debug for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) } }
        impl From<$name> for Uuid { fn from(id: $name) -> Uuid { id.0 } }
        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                Uuid::parse_str(text).map(Self).map_err(|_| Error::invalid("id", "An id is a UUID such as 0192f0c1-2b3c-7d4e-8f50-61728394a5b6."))
            }
        }
    )* };
}

ids! {
    PrincipalId, CatalogId, NamespaceId, TableId, GrantId, LocationId, CrawlerId, RunId, SessionId, AuditEventId,
    /// Correlates an answer, its log lines and its audit rows.
    RequestId,
}

/// A column within its table: the Iceberg field id, or one that Weir assigns. It survives renames and moves, and is
/// never used again after the column is gone. `0` stands for "not assigned yet" in a freshly inferred schema.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldId(pub i32);

impl FieldId {
    pub const UNASSIGNED: Self = Self(0);

    pub fn is_assigned(self) -> bool {
        self.0 > 0
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
