//! What can be granted. The words are Lake Formation's where it has them.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::principal::words;
use crate::{Error, Result};

words! {
    pub enum Privilege("privileges") {
        CreateNamespace => "CREATE_NAMESPACE",
        CreateTable => "CREATE_TABLE",
        Describe => "DESCRIBE",
        Select => "SELECT",
        Insert => "INSERT",
        Delete => "DELETE",
        Alter => "ALTER",
        Drop => "DROP",
        /// Write business metadata: owner, steward, definitions, sensitivity.
        Annotate => "ANNOTATE",
        Tag => "TAG",
        /// Place tables on a storage location.
        DataLocationAccess => "DATA_LOCATION_ACCESS",
        ManageGrants => "MANAGE_GRANTS",
        /// Everything above, now and in later versions.
        All => "ALL",
    }
}

impl Privilege {
    /// Privileges that may be limited to some columns of a table.
    pub const fn is_columnar(self) -> bool {
        matches!(
            self,
            Self::Describe | Self::Select | Self::Annotate | Self::Tag
        )
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of privileges. `ALL` contains every other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PrivilegeSet(u32);

impl PrivilegeSet {
    pub const EMPTY: Self = Self(0);

    pub fn contains(self, privilege: Privilege) -> bool {
        self.0 & (privilege.bit() | Privilege::All.bit()) != 0
    }

    pub fn covers(self, other: Self) -> bool {
        self.0 & Privilege::All.bit() != 0 || self.0 & other.0 == other.0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The privileges as they were named, in their fixed order.
    pub fn iter(self) -> impl Iterator<Item = Privilege> {
        Privilege::ALL
            .iter()
            .copied()
            .filter(move |privilege| self.0 & privilege.bit() != 0)
    }

    pub fn names(self) -> Vec<String> {
        self.iter()
            .map(|privilege| privilege.as_str().to_owned())
            .collect()
    }

    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let set = names
            .into_iter()
            .map(Privilege::parse)
            .collect::<Result<Self>>()?;
        if set.is_empty() {
            Err(Error::invalid("privileges", "Name at least one privilege."))
        } else {
            Ok(set)
        }
    }
}

impl FromIterator<Privilege> for PrivilegeSet {
    fn from_iter<I: IntoIterator<Item = Privilege>>(privileges: I) -> Self {
        Self(
            privileges
                .into_iter()
                .fold(0, |set, privilege| set | privilege.bit()),
        )
    }
}

impl fmt::Debug for PrivilegeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join("|"))
    }
}

impl Serialize for PrivilegeSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.names().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PrivilegeSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Privilege>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}
