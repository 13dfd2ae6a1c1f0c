use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use std::fmt::Write as _;

use super::{Action, Denied, Facts, Policy, decide, verbs};
use crate::grant::{ColumnScope, ColumnSet, GrantFact, NewGrant};
use crate::id::{FieldId, GrantId, PrincipalId, RequestId, TableId};
use crate::principal::{Caller, Face, PrincipalKind};
use crate::privilege::{Privilege, PrivilegeSet};
use crate::resource::{Resource, ResourceKind};

fn caller() -> Caller {
    let principal = PrincipalId::new();
    Caller {
        principal,
        name: "mia".into(),
        kind: PrincipalKind::User,
        member_of: vec![principal],
        face: Face::Management,
        request: RequestId::new(),
        fresh: None,
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn grant(to: PrincipalId, on: Resource, privileges: PrivilegeSet, columns: ColumnSet) -> GrantFact {
    GrantFact {
        id: GrantId::new(),
        principal: to,
        resource: on,
        privileges,
        columns,
        grantable: false,
        valid_from: None,
        valid_until: None,
    }
}

fn on_table(grants: Vec<GrantFact>, table: Resource) -> Facts {
    Facts {
        object: Some(table),
        chain: vec![table, Resource::SERVER],
        grants,
        beneath: false,
        curates: false,
        now: now(),
    }
}

fn table() -> Resource {
    Resource::new(ResourceKind::Table, TableId::new())
}

/// May a holder of just `privilege` do each action? The golden table that a change of policy shows up in.
#[test]
fn the_privilege_matrix_is_as_recorded() {
    let policy = Policy::built_in().unwrap();
    let (caller, table) = (caller(), table());
    let mut out = String::new();
    for action in Action::ALL {
        let allowed: Vec<&str> = Privilege::ALL
            .iter()
            .filter(|privilege| {
                let facts = on_table(
                    vec![grant(
                        caller.principal,
                        table,
                        [**privilege].into_iter().collect(),
                        ColumnSet::All,
                    )],
                    table,
                );
                allows(*action, &caller, &facts, &policy)
            })
            .map(|privilege| privilege.as_str())
            .collect();
        writeln!(out, "{action}: {}", allowed.join(" ")).unwrap();
    }
    insta::assert_snapshot!(out);
}

fn allows(action: Action, caller: &Caller, facts: &Facts, policy: &Policy) -> bool {
    macro_rules! each { ($($verb:ident),*) => { match action { $(Action::$verb => decide::<verbs::$verb>(caller, facts, policy).unwrap().is_ok()),* } } }
    each!(
        Browse,
        Describe,
        Select,
        Insert,
        Delete,
        Commit,
        CreateCatalog,
        CreateNamespace,
        CreateTable,
        Alter,
        Drop,
        Annotate,
        ManageGrants,
        ReadDirectory,
        ManagePrincipals,
        RegisterLocation,
        UseLocation,
        CreateCrawler,
        RunCrawler,
        ReadAudit
    )
}

#[test]
fn without_a_grant_a_table_is_not_even_there() {
    let policy = Policy::built_in().unwrap();
    assert_eq!(
        decide::<verbs::Describe>(&caller(), &on_table(vec![], table()), &policy)
            .unwrap()
            .unwrap_err(),
        Denied::Unseen
    );
}

#[test]
fn who_sees_a_table_is_told_that_it_may_not_change_it() {
    let (policy, caller, table) = (Policy::built_in().unwrap(), caller(), table());
    let facts = on_table(
        vec![grant(
            caller.principal,
            table,
            [Privilege::Select].into_iter().collect(),
            ColumnSet::All,
        )],
        table,
    );
    assert_eq!(
        decide::<verbs::Annotate>(&caller, &facts, &policy)
            .unwrap()
            .unwrap_err(),
        Denied::Forbidden
    );
}

#[test]
fn a_grant_outside_its_time_is_no_grant() {
    let (policy, caller, table) = (Policy::built_in().unwrap(), caller(), table());
    let mut early = grant(
        caller.principal,
        table,
        [Privilege::Select].into_iter().collect(),
        ColumnSet::All,
    );
    early.valid_from = Some(now() + TimeDelta::seconds(1));
    let mut late = early.clone();
    (late.valid_from, late.valid_until) = (None, Some(now()));
    assert!(
        decide::<verbs::Select>(&caller, &on_table(vec![early, late], table), &policy)
            .unwrap()
            .is_err()
    );
}

#[test]
fn somebody_elses_grant_does_not_count() {
    let (policy, table) = (Policy::built_in().unwrap(), table());
    let facts = on_table(
        vec![grant(
            PrincipalId::new(),
            table,
            [Privilege::All].into_iter().collect(),
            ColumnSet::All,
        )],
        table,
    );
    assert!(
        decide::<verbs::Describe>(&caller(), &facts, &policy)
            .unwrap()
            .is_err()
    );
}

#[test]
fn a_deny_row_overrides_every_grant() {
    let rules = format!(
        "{}\nselect, -, person, deny\n",
        include_str!("../../../../policies/policy.csv")
    );
    let policy = Policy::parse(include_str!("../../../../policies/model.conf"), &rules).unwrap();
    let (caller, table) = (caller(), table());
    let facts = on_table(
        vec![grant(
            caller.principal,
            table,
            [Privilege::All].into_iter().collect(),
            ColumnSet::All,
        )],
        table,
    );
    assert!(
        decide::<verbs::Select>(&caller, &facts, &policy)
            .unwrap()
            .is_err()
    );
    let service = Caller {
        kind: PrincipalKind::Service,
        ..caller
    };
    assert!(
        decide::<verbs::Select>(&service, &facts, &policy)
            .unwrap()
            .is_ok()
    );
}

#[test]
fn policies_that_cannot_be_held_are_refused_when_loaded() {
    let (model, rules) = (
        include_str!("../../../../policies/model.conf"),
        include_str!("../../../../policies/policy.csv"),
    );
    let broken = [
        (
            model.replace("&& !some(where (p.eft == deny))", ""),
            rules.to_owned(),
        ),
        (
            model.replace("e = some", "e = priority(some"),
            rules.to_owned(),
        ),
        (
            model.to_owned(),
            format!("{rules}\nfly, SELECT, always, allow"),
        ),
        (
            model.to_owned(),
            format!("{rules}\nselect, FLY, always, allow"),
        ),
        (
            model.to_owned(),
            format!("{rules}\nselect, SELECT, sometimes, allow"),
        ),
        (
            model.to_owned(),
            format!("{rules}\nselect, SELECT, always, perhaps"),
        ),
        (
            model.to_owned(),
            format!("{rules}\ndescribe, SELECT, person, allow"),
        ),
        (
            model.to_owned(),
            rules.replace("read_audit, ALL, always, allow", ""),
        ),
    ];
    for (model, rules) in broken {
        assert!(Policy::parse(&model, &rules).is_err());
    }
}

#[test]
fn what_is_handed_on_stays_within_what_is_held() {
    let held = |columns, until| GrantFact {
        grantable: true,
        valid_until: until,
        ..grant(
            PrincipalId::new(),
            table(),
            [Privilege::Select].into_iter().collect(),
            columns,
        )
    };
    let new = |columns, until| NewGrant {
        principal: PrincipalId::new(),
        privileges: [Privilege::Select].into_iter().collect(),
        columns,
        grantable: false,
        valid_from: None,
        valid_until: until,
        reason: None,
    };
    let only = |ids: &[i32]| ColumnSet::Only(ids.iter().map(|id| FieldId(*id)).collect());
    assert!(new(only(&[1]), None).is_within(&[held(only(&[1, 2]), None)]));
    assert!(!new(only(&[3]), None).is_within(&[held(only(&[1, 2]), None)]));
    assert!(
        !new(ColumnSet::All, None).is_within(&[held(ColumnSet::AllBut([FieldId(1)].into()), None)])
    );
    assert!(!new(only(&[1]), None).is_within(&[held(only(&[1]), Some(now()))]));
    assert!(!new(only(&[1]), None).is_within(&[GrantFact {
        grantable: false,
        ..held(only(&[1]), None)
    }]));
}

fn column_set() -> impl Strategy<Value = ColumnSet> {
    let ids = prop::collection::btree_set((1i32..6).prop_map(FieldId), 1..4);
    prop_oneof![
        Just(ColumnSet::All),
        ids.clone().prop_map(ColumnSet::Only),
        ids.prop_map(ColumnSet::AllBut)
    ]
}

fn privileges() -> impl Strategy<Value = PrivilegeSet> {
    prop::collection::vec(prop::sample::select(Privilege::ALL), 1..3)
        .prop_map(|set| set.into_iter().collect())
}

fn paths() -> Vec<Vec<FieldId>> {
    (1..6)
        .flat_map(|top| [vec![FieldId(top)], vec![FieldId(top), FieldId(top + 5)]])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn more_grants_never_reduce_access(specs in prop::collection::vec((privileges(), column_set()), 0..5), extra in (privileges(), column_set())) {
        let policy = Policy::built_in().unwrap();
        let (caller, table) = (caller(), table());
        let fewer: Vec<_> = specs.into_iter().map(|(privileges, columns)| grant(caller.principal, table, privileges, columns)).collect();
        let mut more = fewer.clone();
        more.push(grant(caller.principal, table, extra.0, extra.1));
        let (before, after) = (on_table(fewer, table), on_table(more, table));
        for action in Action::ALL {
            prop_assert!(!allows(*action, &caller, &before, &policy) || allows(*action, &caller, &after, &policy));
        }
        if let Ok(narrow) = decide::<verbs::Select>(&caller, &before, &policy).unwrap() {
            let wide = decide::<verbs::Select>(&caller, &after, &policy).unwrap().unwrap();
            for path in paths() {
                prop_assert!(!narrow.columns().allows(&path) || wide.columns().allows(&path));
            }
        }
    }

    #[test]
    fn a_permit_reaches_exactly_the_union_of_its_grants(sets in prop::collection::vec(column_set(), 1..5)) {
        let policy = Policy::built_in().unwrap();
        let (caller, table) = (caller(), table());
        let grants = sets.iter().map(|set| grant(caller.principal, table, [Privilege::Select].into_iter().collect(), set.clone())).collect();
        let permit = decide::<verbs::Select>(&caller, &on_table(grants, table), &policy).unwrap().unwrap();
        for path in paths() {
            let expected = sets.iter().any(|set| ColumnScope::of(set.clone()).allows(&path));
            prop_assert_eq!(permit.columns().allows(&path), expected);
        }
        prop_assert_eq!(permit.determined_by().len(), sets.len());
    }
}
