//! The proof that a decision was made, and how far it reaches.

use std::fmt;
use std::marker::PhantomData;

use super::verb::Verb;
use crate::grant::{ColumnScope, GrantFact};
use crate::id::{GrantId, PrincipalId};
use crate::resource::Resource;

/// Says that a caller may do `P` to one object. Only [`super::decide`] makes one; there is no other constructor, no
/// `Clone` and no `Deserialize`, so that holding one means that the check was made.
pub struct Permit<P: Verb> {
    object: Resource,
    chain: Vec<Resource>,
    caller: PrincipalId,
    member_of: Vec<PrincipalId>,
    columns: ColumnScope,
    determined_by: Vec<GrantId>,
    grantable: Option<Vec<GrantFact>>,
    verb: PhantomData<P>,
}

impl<P: Verb> Permit<P> {
    pub(super) fn new(
        object: Resource,
        chain: Vec<Resource>,
        caller: PrincipalId,
        member_of: Vec<PrincipalId>,
    ) -> Self {
        Self {
            object,
            chain,
            caller,
            member_of,
            columns: ColumnScope::All,
            determined_by: Vec::new(),
            grantable: None,
            verb: PhantomData,
        }
    }

    pub(super) fn reaching(mut self, columns: ColumnScope, determined_by: Vec<GrantId>) -> Self {
        self.columns = columns;
        self.determined_by = determined_by;
        self
    }

    pub(super) fn within(mut self, grantable: Option<Vec<GrantFact>>) -> Self {
        self.grantable = grantable;
        self
    }

    /// The object that may be acted on; for a creation, the container.
    pub fn object(&self) -> Resource {
        self.object
    }

    /// The object and everything it lies in, up to the server.
    pub fn chain(&self) -> &[Resource] {
        &self.chain
    }

    pub fn caller(&self) -> PrincipalId {
        self.caller
    }

    /// The caller with everything it belongs to, for the visibility of what lies inside.
    pub fn member_of(&self) -> &[PrincipalId] {
        &self.member_of
    }

    pub fn columns(&self) -> &ColumnScope {
        &self.columns
    }

    /// The grants that the permission rests on, for the audit trail and for "why?".
    pub fn determined_by(&self) -> &[GrantId] {
        &self.determined_by
    }

    /// For `ManageGrants`: the grants that bound what may be handed on, or `None` when nothing does.
    pub fn grantable(&self) -> Option<&[GrantFact]> {
        self.grantable.as_deref()
    }
}

impl<P: Verb> fmt::Debug for Permit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Permit<{}> for {} on {:?}",
            P::ACTION,
            self.caller,
            self.object
        )
    }
}
