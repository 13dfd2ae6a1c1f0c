//! The decision. Pure: the same facts, caller and policy always give the same answer.

use super::facts::Facts;
use super::permit::Permit;
use super::policy::{Context, Need, Policy, Rule};
use super::verb::{Action, Verb};
use crate::grant::{ColumnScope, GrantFact};
use crate::principal::Caller;
use crate::privilege::PrivilegeSet;
use crate::{Error, Result};

/// Why not. The two are told apart only by what the caller may know anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The object does not exist, or the caller may not know that it does: "not found".
    Unseen,
    /// The caller sees the object, and may not do this to it.
    Forbidden,
}

/// May `caller` do `P`? A permit when so, and how far it reaches.
///
/// More grants never reduce what is permitted, unless a policy row denies. Errors: only a broken policy model; a refusal is
/// the inner `Err`.
pub fn decide<P: Verb>(
    caller: &Caller,
    facts: &Facts,
    policy: &Policy,
) -> Result<Result<Permit<P>, Denied>> {
    let context = context(caller, facts);
    let Some(object) = facts.object else {
        return Ok(Err(Denied::Unseen));
    };
    let allowed = policy
        .allows(P::ACTION, &context)
        .map_err(|error| Error::internal("The policy model failed").source(error))?;
    if !allowed {
        return refuse(facts, policy, &context).map(Err);
    }
    let behind: Vec<&GrantFact> = grants_behind(P::ACTION, caller, facts, policy, &context);
    let unconditional = unlimited(P::ACTION, policy, &context);
    let columns = if unconditional {
        ColumnScope::All
    } else {
        behind.iter().fold(ColumnScope::NONE, |scope, grant| {
            scope.union(&grant.columns)
        })
    };
    let grantable = (P::ACTION == Action::ManageGrants)
        .then(|| bounds(caller, facts, policy, &context))
        .flatten();
    Ok(Ok(Permit::new(
        object,
        facts.chain.clone(),
        caller.principal,
        caller.member_of.clone(),
    )
    .reaching(columns, behind.iter().map(|grant| grant.id).collect())
    .within(grantable)))
}

fn context(caller: &Caller, facts: &Facts) -> Context {
    let mine = || facts.grants_to(caller);
    Context {
        held: mine()
            .map(|grant| grant.privileges)
            .fold(PrivilegeSet::EMPTY, PrivilegeSet::union),
        beneath: facts.beneath,
        curates: facts.curates,
        person: caller.is_person(),
        grantable: mine().any(|grant| grant.grantable),
    }
}

/// A refusal shows that the object exists only to who may see it.
fn refuse(facts: &Facts, policy: &Policy, context: &Context) -> Result<Denied> {
    use crate::resource::ResourceKind::{Catalog, Crawler, Location, Namespace, Server, Table};
    let seeing = match facts.subject().kind {
        Server => return Ok(Denied::Forbidden),
        Catalog | Namespace => Action::Browse,
        Table | Location | Crawler => Action::Describe,
    };
    let sees = policy
        .allows(seeing, context)
        .map_err(|error| Error::internal("The policy model failed").source(error))?;
    Ok(if sees {
        Denied::Forbidden
    } else {
        Denied::Unseen
    })
}

fn met<'a>(
    action: Action,
    policy: &'a Policy,
    context: &'a Context,
) -> impl Iterator<Item = &'a Rule> {
    policy
        .rules(action)
        .iter()
        .filter(|rule| rule.allows && context.meets(rule))
}

/// Does a row allow it whatever grants there are, so that no column list bounds it?
fn unlimited(action: Action, policy: &Policy, context: &Context) -> bool {
    met(action, policy, context).any(|rule| rule.need == Need::Nothing)
}

/// The valid grants that carry a privilege which an allowing row asks for.
fn grants_behind<'a>(
    action: Action,
    caller: &'a Caller,
    facts: &'a Facts,
    policy: &Policy,
    context: &Context,
) -> Vec<&'a GrantFact> {
    let rules: Vec<&Rule> = met(action, policy, context).collect();
    facts
        .grants_to(caller)
        .filter(|grant| {
            rules.iter().any(|rule| match rule.need {
                Need::Privilege(privilege) => grant.privileges.contains(privilege),
                Need::Any => true,
                Need::Nothing => false,
            })
        })
        .collect()
}

/// What bounds a caller who may hand on only what it holds; `None` for who may grant anything.
fn bounds(
    caller: &Caller,
    facts: &Facts,
    policy: &Policy,
    context: &Context,
) -> Option<Vec<GrantFact>> {
    let freely = met(Action::ManageGrants, policy, context)
        .any(|rule| matches!(rule.need, Need::Privilege(_)));
    (!freely).then(|| {
        facts
            .grants_to(caller)
            .filter(|grant| grant.grantable)
            .cloned()
            .collect()
    })
}
