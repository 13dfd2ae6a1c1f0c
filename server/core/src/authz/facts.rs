//! What the database knows that bears on one decision: ids and grants, never content.

use chrono::{DateTime, Utc};

use crate::grant::GrantFact;
use crate::principal::Caller;
use crate::resource::Resource;

/// The object of a decision, and the grants of the caller that touch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The object asked for; absent when there is none of that name.
    pub object: Option<Resource>,
    /// The object and everything it lies in, up to the server. When the object is absent, the deepest container that exists.
    pub chain: Vec<Resource>,
    /// The caller's grants on any link of the chain.
    pub grants: Vec<GrantFact>,
    /// Does the caller hold a grant on something inside the object?
    pub beneath: bool,
    /// Does the caller hold ANNOTATE or MANAGE_GRANTS on anything at all?
    pub curates: bool,
    pub now: DateTime<Utc>,
}

impl Facts {
    /// The object that the grants are about: the one asked for, or the container where it would be.
    pub fn subject(&self) -> Resource {
        self.object
            .or_else(|| self.chain.first().copied())
            .unwrap_or(Resource::SERVER)
    }

    /// The grants to `caller`, or to what it belongs to, that hold now. Grants to anybody else do not count, whatever was read.
    pub fn grants_to<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a GrantFact> {
        self.grants.iter().filter(|grant| {
            grant.is_valid_at(self.now) && caller.member_of.contains(&grant.principal)
        })
    }
}
