//! Any sequence of commits, good and bad, leaves a table that holds together.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::builder::*;
use crate::{Base, TableMetadata, commit};

#[derive(Debug, Clone)]
enum Step {
    Append {
        branch: usize,
        orphan: bool,
        late: i64,
    },
    Point {
        name: usize,
        tag: bool,
        at: usize,
    },
    Forget(usize),
    Expire(Vec<usize>),
    Widen(usize),
    Partition(usize),
    Property(u8),
    Upgrade(i32),
    Stale,
}

const NAMES: [&str; 3] = ["main", "side", "kept"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2usize, prop::bool::weighted(0.1), -200_000i64..200_000).prop_map(|(branch, orphan, late)| Step::Append { branch, orphan, late }),
        2 => (0..3usize, any::<bool>(), 0..20usize).prop_map(|(name, tag, at)| Step::Point { name, tag, at }),
        1 => (0..3usize).prop_map(Step::Forget),
        1 => prop::collection::vec(0..20usize, 1..4).prop_map(Step::Expire),
        2 => (0..6usize).prop_map(Step::Widen),
        1 => (0..3usize).prop_map(Step::Partition),
        1 => (0..4u8).prop_map(Step::Property),
        1 => (1..4i32).prop_map(Step::Upgrade),
        1 => Just(Step::Stale),
    ]
}

/// The updates of a step on the table as it will be after `pending` others of the same request.
fn changes(step: &Step, table: &TableMetadata, next: i64) -> Vec<Value> {
    let nth = |at: usize| {
        let ids: Vec<i64> = table.snapshots().map(crate::Snapshot::id).collect();
        ids.get(at % ids.len().max(1)).copied().unwrap_or(0)
    };
    match step {
        Step::Append {
            branch,
            orphan,
            late,
        } => {
            let name = NAMES[*branch];
            let parent = table
                .reference(name)
                .map(|it| it.snapshot_id())
                .filter(|_| !orphan);
            let mut new = snapshot(next, parent);
            new["timestamp-ms"] = json!(START + next * 1000 + late);
            new["first-row-id"] = value(table).get("next-row-id").cloned().unwrap_or(json!(0));
            vec![add(&new), set_ref(name, "branch", next)]
        }
        Step::Point { name, tag, at } => vec![set_ref(
            NAMES[*name],
            if *tag { "tag" } else { "branch" },
            nth(*at),
        )],
        Step::Forget(name) => {
            vec![json!({ "action": "remove-snapshot-ref", "ref-name": NAMES[*name] })]
        }
        Step::Expire(at) => vec![
            json!({ "action": "remove-snapshots", "snapshot-ids": at.iter().map(|at| nth(*at)).collect::<Vec<_>>() }),
        ],
        Step::Widen(count) => {
            let mut wide = columns();
            for id in 0..*count {
                wide["fields"].as_array_mut().unwrap().push(field(
                    10 + id as i32,
                    &format!("c{id}"),
                    "int",
                ));
            }
            vec![
                json!({ "action": "add-schema", "schema": wide }),
                json!({ "action": "set-current-schema", "schema-id": -1 }),
            ]
        }
        Step::Partition(at) => {
            let transform = ["day", "month", "year"][*at];
            vec![
                json!({ "action": "add-spec", "spec": { "fields": [{ "source-id": 2, "transform": transform, "name": transform.to_owned() + "_part" }] } }),
                json!({ "action": "set-default-spec", "spec-id": -1 }),
            ]
        }
        Step::Property(value) => {
            vec![json!({ "action": "set-properties", "updates": { "p": value.to_string() } })]
        }
        Step::Upgrade(to) => {
            vec![json!({ "action": "upgrade-format-version", "format-version": to })]
        }
        Step::Stale => {
            let mut stale = snapshot(next, Some(nth(0)));
            stale["sequence-number"] = json!(table.last_sequence_number());
            vec![add(&stale)]
        }
    }
}

fn check(before: &TableMetadata, after: &TableMetadata) {
    let text = after.to_json().unwrap();
    let again = TableMetadata::parse(&text).unwrap();
    assert_eq!(again.to_json().unwrap(), text);
    after.current_schema().unwrap();
    after.default_spec().unwrap();
    assert!(after.last_updated_ms() >= before.last_updated_ms());
    assert!(after.last_sequence_number() >= before.last_sequence_number());
    assert!(after.last_column_id() >= before.last_column_id());
    assert!(after.format_version() >= before.format_version());
    let json = value(after);
    assert!(json["next-row-id"].as_i64() >= value(before)["next-row-id"].as_i64());
    if let Some(current) = after.current_snapshot() {
        assert_eq!(log(after).last(), Some(&current.id()));
        assert_eq!(
            after.reference("main").map(|it| it.snapshot_id()),
            Some(current.id())
        );
    }
    let times: Vec<i64> = json["snapshot-log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["timestamp-ms"].as_i64().unwrap())
        .collect();
    assert!(times.is_sorted());
    assert!(
        times
            .last()
            .is_none_or(|last| *last <= after.last_updated_ms())
    );
    if after.format_version() > 1 {
        let numbers: Vec<i64> = after
            .snapshots()
            .map(crate::Snapshot::sequence_number)
            .collect();
        let unique: BTreeSet<i64> = numbers.iter().copied().collect();
        assert_eq!(unique.len(), numbers.len());
        assert!(numbers.is_sorted());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn any_sequence_of_commits_leaves_a_table_that_holds_together(
        version in 2..4u8,
        requests in prop::collection::vec(prop::collection::vec(step(), 1..4), 1..12),
    ) {
        let mut table = table(version);
        let mut next = 1;
        for request in requests {
            // Each step is planned on what those before it in the request lead to, as a client does.
            let (mut planned, mut all) = (table.clone(), Vec::new());
            for step in request {
                let new = changes(&step, &planned, next);
                next += 1;
                all.extend(new.clone());
                if let Ok(outcome) = try_apply(&planned, json!(new)) {
                    planned = outcome.metadata;
                }
            }
            let base = Base { metadata: &table, location: FILE };
            if let Ok(outcome) = commit(Some(base), &[], &updates(json!(all)), NOW) {
                check(&table, &outcome.metadata);
                table = outcome.metadata;
            }
        }
    }
}
