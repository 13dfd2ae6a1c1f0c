//! The verdict. `policies/model.conf` says how rows combine, `policies/policy.csv` holds the rows: per action, which
//! privilege under which condition allows or denies it. Operators change both without recompiling.
//!
//! One casbin policy section per action, so that a decision scans only the three or four rows of its action; grants never
//! become rows. casbin panics on an unknown effect and compares nothing when a section is empty, so what is loaded is
//! checked here first.

use casbin::function_map::OperatorFunction;
use casbin::rhai::Dynamic;
use casbin::{CoreApi, DefaultModel, EnforceContext, Enforcer, MemoryAdapter, Model};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::verb::Action;
use crate::principal::words;
use crate::privilege::{Privilege, PrivilegeSet};

const MODEL: &str = include_str!("../../../../policies/model.conf");
const RULES: &str = include_str!("../../../../policies/policy.csv");
const EFFECT: &str = "some(where (p_eft == allow)) && !some(where (p_eft == deny))";

/// Verdicts remembered; more contexts than this never occur in earnest.
const MAX_VERDICTS: usize = 10_000;

words! {
    /// When a row applies, besides the privilege it names.
    pub(super) enum Condition("condition") {
        Always => "always",
        /// The caller holds something inside the object.
        Beneath => "beneath",
        /// The caller may annotate or grant something somewhere.
        Curator => "curator",
        /// The caller is a person, not a service.
        Person => "person",
        /// One of the caller's grants on the object may be handed on.
        Grantable => "grantable",
    }
}

/// What a row may ask for: one privilege, any at all, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Privilege(Privilege),
    Any,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub need: Need,
    pub condition: Condition,
    pub allows: bool,
}

/// Policy files that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(String);

/// The loaded policy. Cheap to share, never changes.
pub struct Policy {
    enforcer: Enforcer,
    rules: BTreeMap<Action, Vec<Rule>>,
    /// What casbin said before. A verdict depends on nothing but the action and the context, and contexts are few.
    verdicts: RwLock<HashMap<(Action, Context), bool>>,
}

/// What the grants of one caller on one object amount to: all that a rule can ask about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub held: PrivilegeSet,
    pub beneath: bool,
    pub curates: bool,
    pub person: bool,
    pub grantable: bool,
}

impl Context {
    fn holds(&self, need: Need) -> bool {
        match need {
            Need::Privilege(privilege) => self.held.contains(privilege),
            Need::Any => !self.held.is_empty(),
            Need::Nothing => true,
        }
    }

    fn when(&self, condition: Condition) -> bool {
        match condition {
            Condition::Always => true,
            Condition::Beneath => self.beneath,
            Condition::Curator => self.curates,
            Condition::Person => self.person,
            Condition::Grantable => self.grantable,
        }
    }

    pub(super) fn meets(&self, rule: &Rule) -> bool {
        self.holds(rule.need) && self.when(rule.condition)
    }
}

impl Policy {
    /// The policy that Weir ships with.
    pub fn built_in() -> Result<Self, PolicyError> {
        Self::parse(MODEL, RULES)
    }

    /// Errors: a model that casbin cannot load or whose effect is not deny-overrides; a row with an unknown action,
    /// privilege, condition or effect; an action without a row; a row of `describe` or `browse` that a list could not be
    /// filtered by.
    pub fn parse(model: &str, rules: &str) -> Result<Self, PolicyError> {
        let rules = parse_rules(rules)?;
        check_lists(&rules)?;
        let enforcer = build(model, &rules)?;
        Ok(Self {
            enforcer,
            rules,
            verdicts: RwLock::default(),
        })
    }

    pub(super) fn rules(&self, action: Action) -> &[Rule] {
        self.rules.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The privileges any of which lets a caller describe a table, for the visibility predicate of lists.
    pub fn describing(&self) -> PrivilegeSet {
        self.rules(Action::Describe)
            .iter()
            .filter_map(|rule| match rule.need {
                Need::Privilege(privilege) => Some(privilege),
                Need::Any | Need::Nothing => None,
            })
            .chain([Privilege::All])
            .collect()
    }

    /// Errors: only when the loaded model is broken in a way that loading did not see.
    pub(super) fn allows(&self, action: Action, context: &Context) -> Result<bool, PolicyError> {
        let asked = (action, *context);
        // Nothing panics while it holds this lock, so a poisoned one still guards whole data.
        let known = self.verdicts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = known.get(&asked) {
            return Ok(*verdict);
        }
        drop(known);
        let verdict = self.enforce(action, context)?;
        let mut known = self
            .verdicts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAX_VERDICTS {
            known.insert(asked, verdict);
        }
        Ok(verdict)
    }

    fn enforce(&self, action: Action, context: &Context) -> Result<bool, PolicyError> {
        let sections = EnforceContext {
            r_type: "r".into(),
            p_type: section(action),
            e_type: "e".into(),
            m_type: "m".into(),
        };
        let context = Dynamic::from(Arc::new(*context));
        self.enforcer
            .enforce_with_context(sections, Value(context))
            .map_err(|error| PolicyError(error.to_string()))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

struct Value(Dynamic);

impl casbin::EnforceArgs for Value {
    fn try_into_vec(self) -> casbin::Result<Vec<Dynamic>> {
        Ok(vec![self.0])
    }

    fn cache_key(&self) -> u64 {
        0
    }
}

fn section(action: Action) -> String {
    format!("p_{action}")
}

fn parse_rules(text: &str) -> Result<BTreeMap<Action, Vec<Rule>>, PolicyError> {
    let mut rules: BTreeMap<Action, Vec<Rule>> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let at = |message: String| PolicyError(format!("policy.csv line {}: {message}", index + 1));
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let [action, need, condition, effect] = cells.as_slice() else {
            return Err(at("a row is `action, privilege, condition, effect`".into()));
        };
        let action = Action::parse(action)
            .map_err(|error| at(format!("unknown action `{action}`: {error}")))?;
        let rule = Rule {
            need: parse_need(need).map_err(&at)?,
            condition: Condition::parse(condition)
                .map_err(|error| at(format!("unknown condition `{condition}`: {error}")))?,
            allows: match *effect {
                "allow" => true,
                "deny" => false,
                other => {
                    return Err(at(format!(
                        "the effect is `allow` or `deny`, not `{other}`"
                    )));
                }
            },
        };
        rules.entry(action).or_default().push(rule);
    }
    match Action::ALL
        .iter()
        .find(|action| !rules.contains_key(action))
    {
        Some(missing) => Err(PolicyError(format!(
            "policy.csv has no row for `{missing}`"
        ))),
        None => Ok(rules),
    }
}

fn parse_need(text: &str) -> Result<Need, String> {
    match text {
        "ANY" => Ok(Need::Any),
        "-" => Ok(Need::Nothing),
        name => Privilege::parse(name)
            .map(Need::Privilege)
            .map_err(|error| format!("unknown privilege `{name}`: {error}")),
    }
}

/// Lists are filtered in the database, which knows grants and not conditions. So what decides whether something is seen
/// must be expressible there.
fn check_lists(rules: &BTreeMap<Action, Vec<Rule>>) -> Result<(), PolicyError> {
    let plain = |rule: &Rule| {
        rule.allows
            && rule.condition == Condition::Always
            && matches!(rule.need, Need::Privilege(_))
    };
    let browse = [
        Rule {
            need: Need::Any,
            condition: Condition::Always,
            allows: true,
        },
        Rule {
            need: Need::Nothing,
            condition: Condition::Beneath,
            allows: true,
        },
    ];
    if !rules
        .get(&Action::Describe)
        .is_some_and(|rules| rules.iter().all(plain))
    {
        return Err(PolicyError("rows of `describe` name a privilege, `always` and `allow`: lists are filtered by them in the database".into()));
    }
    if rules.get(&Action::Browse).map(Vec::as_slice) != Some(&browse) {
        return Err(PolicyError("`browse` has exactly the two rows it ships with: lists are filtered by them in the database".into()));
    }
    Ok(())
}

fn build(model: &str, rules: &BTreeMap<Action, Vec<Rule>>) -> Result<Enforcer, PolicyError> {
    let failed = |error: casbin::Error| PolicyError(format!("model.conf: {error}"));
    // casbin's constructors are async for adapters that read files or databases; these read nothing.
    let model = futures::executor::block_on(DefaultModel::from_str(model)).map_err(failed)?;
    let effect = model
        .get_model()
        .get("e")
        .and_then(|section| section.get("e"))
        .map(|assertion| assertion.value.clone());
    if effect.as_deref() != Some(EFFECT) {
        return Err(PolicyError("model.conf: the effect must be deny-overrides: some(where (p.eft == allow)) && !some(where (p.eft == deny))".into()));
    }
    let mut enforcer = futures::executor::block_on(Enforcer::new(model, MemoryAdapter::default()))
        .map_err(failed)?;
    enforcer.add_function("holds", OperatorFunction::Arg2(holds));
    enforcer.add_function("when", OperatorFunction::Arg2(when));
    let sections = enforcer.get_mut_model().get_mut_model();
    let section_p = sections
        .get_mut("p")
        .ok_or_else(|| PolicyError("model.conf: no policy_definition".into()))?;
    let template = section_p
        .get("p")
        .cloned()
        .ok_or_else(|| PolicyError("model.conf: no policy definition named p".into()))?;
    if template.tokens != ["p_need", "p_cond", "p_eft"] {
        return Err(PolicyError(
            "model.conf: the policy definition is `p = need, cond, eft`".into(),
        ));
    }
    for (action, rules) in rules {
        let mut assertion = template.clone();
        assertion.policy = rules.iter().map(|rule| row(*rule)).collect();
        section_p.insert(section(*action), assertion);
    }
    Ok(enforcer)
}

fn row(rule: Rule) -> Vec<String> {
    let need = match rule.need {
        Need::Privilege(privilege) => privilege.as_str(),
        Need::Any => "ANY",
        Need::Nothing => "-",
    };
    [
        need,
        rule.condition.as_str(),
        if rule.allows { "allow" } else { "deny" },
    ]
    .map(str::to_owned)
    .into()
}

fn holds(context: Dynamic, need: Dynamic) -> Dynamic {
    let text = need.into_string().unwrap_or_default();
    Dynamic::from_bool(parse_need(&text).is_ok_and(|need| context_of(&context).holds(need)))
}

fn when(context: Dynamic, condition: Dynamic) -> Dynamic {
    let text = condition.into_string().unwrap_or_default();
    Dynamic::from_bool(
        Condition::parse(&text).is_ok_and(|condition| context_of(&context).when(condition)),
    )
}

/// Anything that is not our context holds nothing and meets no condition.
fn context_of(value: &Dynamic) -> Context {
    value
        .read_lock::<Arc<Context>>()
        .map(|context| **context)
        .unwrap_or_default()
}
