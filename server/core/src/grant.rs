//! Grants: who may do what with which object and which of its columns, from when until when. No grant, no access.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::id::{FieldId, GrantId, PrincipalId};
use crate::privilege::{Privilege, PrivilegeSet};
use crate::resource::{Resource, ResourceKind};
use crate::{Error, Result};

pub const MAX_REASON_CHARS: usize = 1024;

/// Some of a table's columns, by id. A nested column stands for all of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", content = "field_ids", rename_all = "snake_case")]
pub enum ColumnSet {
    All,
    Only(BTreeSet<FieldId>),
    AllBut(BTreeSet<FieldId>),
}

impl ColumnSet {
    pub const fn mode(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Only(_) => "only",
            Self::AllBut(_) => "all_but",
        }
    }

    pub fn field_ids(&self) -> Vec<i32> {
        match self {
            Self::All => Vec::new(),
            Self::Only(ids) | Self::AllBut(ids) => ids.iter().map(|id| id.0).collect(),
        }
    }

    /// Errors: an unknown mode, or ids that do not fit it.
    pub fn parse(mode: &str, ids: impl IntoIterator<Item = i32>) -> Result<Self> {
        let ids: BTreeSet<FieldId> = ids.into_iter().map(FieldId).collect();
        match (mode, ids.is_empty()) {
            ("all", true) => Ok(Self::All),
            ("only", false) => Ok(Self::Only(ids)),
            ("all_but", false) => Ok(Self::AllBut(ids)),
            ("only" | "all_but", true) => Err(Error::invalid(
                "columns",
                "Name at least one column, or grant all of them.",
            )),
            ("all", false) => Err(Error::invalid("columns", "`all` takes no list of columns.")),
            _ => Err(Error::invalid(
                "columns",
                "The mode is one of: all, only, all_but.",
            )),
        }
    }

    /// Does the set hold the leaf at the end of this path of ids from the top?
    fn allows(&self, path: &[FieldId]) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => path.iter().any(|id| ids.contains(id)),
            Self::AllBut(ids) => !path.iter().any(|id| ids.contains(id)),
        }
    }
}

/// The columns that a permit reaches: the union of the sets of the grants behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnScope {
    All,
    /// A column is reached when any of these sets holds it. None of them is [`ColumnSet::All`].
    Some(Vec<ColumnSet>),
}

impl ColumnScope {
    pub const NONE: Self = Self::Some(Vec::new());

    pub fn of(set: ColumnSet) -> Self {
        match set {
            ColumnSet::All => Self::All,
            set => Self::Some(vec![set]),
        }
    }

    #[must_use]
    pub fn union(self, set: &ColumnSet) -> Self {
        match (self, set) {
            (Self::All, _) | (_, ColumnSet::All) => Self::All,
            (Self::Some(mut sets), set) => {
                if !sets.contains(set) {
                    sets.push(set.clone());
                }
                Self::Some(sets)
            }
        }
    }

    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Is the leaf at the end of this path of ids, from the top-level column down, within reach?
    pub fn allows(&self, path: &[FieldId]) -> bool {
        match self {
            Self::All => true,
            Self::Some(sets) => sets.iter().any(|set| set.allows(path)),
        }
    }
}

/// A grant as one decision sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantFact {
    pub id: GrantId,
    pub principal: PrincipalId,
    pub resource: Resource,
    pub privileges: PrivilegeSet,
    pub columns: ColumnSet,
    pub grantable: bool,
    pub valid_from: Option<DateTime<Utc>>,
    pub valid_until: Option<DateTime<Utc>>,
}

impl GrantFact {
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.valid_from.is_none_or(|from| from <= now)
            && self.valid_until.is_none_or(|until| now < until)
    }
}

/// A grant to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    pub principal: PrincipalId,
    pub privileges: PrivilegeSet,
    pub columns: ColumnSet,
    pub grantable: bool,
    pub valid_from: Option<DateTime<Utc>>,
    pub valid_until: Option<DateTime<Utc>>,
    pub reason: Option<String>,
}

impl NewGrant {
    /// What is wrong with it whatever it is made on and whoever makes it.
    ///
    /// Errors: no privilege, a column list on anything but a table or with a privilege that has no columns, an end that is
    /// past or not after the beginning, a reason above 1,024 characters.
    pub fn check(&self, on: ResourceKind, now: DateTime<Utc>) -> Result<()> {
        if self.privileges.is_empty() {
            return Err(Error::invalid("privileges", "Name at least one privilege."));
        }
        if self.columns != ColumnSet::All {
            if on != ResourceKind::Table {
                return Err(Error::invalid(
                    "columns",
                    "Only a grant on a table can be limited to columns.",
                ));
            }
            if let Some(whole) = self
                .privileges
                .iter()
                .find(|privilege| !privilege.is_columnar())
            {
                return Err(Error::invalid(
                    "columns",
                    format!(
                        "{whole} is about the whole table: grant it without a list of columns."
                    ),
                ));
            }
        }
        if let Some(wrong) = self
            .privileges
            .iter()
            .find(|privilege| !applies_to(*privilege, on))
        {
            return Err(Error::invalid(
                "privileges",
                format!("{wrong} means nothing on a {on}."),
            ));
        }
        if self
            .valid_until
            .is_some_and(|until| until <= self.valid_from.unwrap_or(now).max(now))
        {
            return Err(Error::invalid(
                "valid_until",
                "The end lies in the future and after the beginning.",
            ));
        }
        if self.reason.as_ref().is_some_and(|reason| {
            reason.chars().count() > MAX_REASON_CHARS || reason.chars().any(char::is_control)
        }) {
            return Err(Error::invalid(
                "reason",
                format!("A reason is one line of at most {MAX_REASON_CHARS} characters."),
            ));
        }
        Ok(())
    }

    /// Does one of the `held` grants, each of them grantable, carry everything that this one gives?
    pub fn is_within(&self, held: &[GrantFact]) -> bool {
        self.privileges.iter().all(|privilege| {
            held.iter().any(|grant| {
                grant.grantable
                    && grant.privileges.contains(privilege)
                    && includes(&grant.columns, &self.columns)
                    && lasts_as_long(grant, self)
            })
        })
    }
}

/// Does `outer` hold every column of `inner`, whatever columns the table has or will have?
fn includes(outer: &ColumnSet, inner: &ColumnSet) -> bool {
    match (outer, inner) {
        (ColumnSet::All, _) => true,
        (ColumnSet::Only(outer), ColumnSet::Only(inner)) => inner.is_subset(outer),
        (ColumnSet::AllBut(outer), ColumnSet::AllBut(inner)) => outer.is_subset(inner),
        // By id alone it cannot be told whether a named column lies inside an excluded one.
        (ColumnSet::AllBut(_), ColumnSet::Only(_)) | (_, ColumnSet::All | ColumnSet::AllBut(_)) => {
            false
        }
    }
}

fn lasts_as_long(held: &GrantFact, new: &NewGrant) -> bool {
    match (held.valid_until, new.valid_until) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(held), Some(new)) => new <= held,
    }
}

/// Which privileges mean something on an object of this kind or on what lies inside it.
pub fn applies_to(privilege: Privilege, on: ResourceKind) -> bool {
    use Privilege::{
        All, Alter, Annotate, DataLocationAccess, Delete, Describe, Drop, Insert, ManageGrants,
        Select, Tag,
    };
    match on {
        ResourceKind::Server => true,
        ResourceKind::Catalog | ResourceKind::Namespace => privilege != DataLocationAccess,
        ResourceKind::Table => matches!(
            privilege,
            Describe
                | Select
                | Insert
                | Delete
                | Alter
                | Drop
                | Annotate
                | Tag
                | ManageGrants
                | All
        ),
        ResourceKind::Location => matches!(
            privilege,
            Describe | Alter | Drop | DataLocationAccess | ManageGrants | All
        ),
        ResourceKind::Crawler => matches!(privilege, Describe | Alter | Drop | ManageGrants | All),
    }
}

/// A grant as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub fact: GrantFact,
    pub principal_name: String,
    pub principal_kind: crate::principal::PrincipalKind,
    /// `catalog`, `catalog.namespace`, `catalog.namespace.table`, a location's or crawler's name; empty for the server.
    pub resource_name: String,
    pub reason: Option<String>,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
}
