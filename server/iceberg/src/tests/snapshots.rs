use serde_json::{Value, json};
use weir_core::ErrorKind;

use super::builder::*;

#[test]
fn a_snapshot_needs_a_schema_a_spec_and_an_order_first() {
    let assign = json!({ "action": "assign-uuid", "uuid": uuid() });
    let changes = updates(json!([assign, add(&snapshot(1, None))]));
    let create = requirements(json!([{ "type": "assert-create" }]));
    let error = crate::commit(None, &create, &changes, NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn a_snapshot_id_is_used_once() {
    assert_invalid(&history(2, 1), json!([add(&snapshot(1, None))]));
}

#[test]
fn a_sequence_number_that_was_overtaken_is_a_conflict() {
    let mut stale = snapshot(5, Some(2));
    stale["sequence-number"] = json!(2);
    assert_eq!(
        refusal(&history(2, 2), json!([add(&stale)])),
        ErrorKind::Conflict
    );
}

#[test]
fn a_snapshot_without_parent_may_have_an_older_sequence_number() {
    let mut first = snapshot(5, None);
    first["sequence-number"] = json!(1);
    let table = apply(&history(2, 2), json!([add(&first)]));
    assert_eq!(table.last_sequence_number(), 2);
}

#[test]
fn a_snapshot_moves_the_last_sequence_number() {
    assert_eq!(history(2, 3).last_sequence_number(), 3);
}

#[test]
fn version_one_counts_no_sequence() {
    let mut plain = snapshot(1, None);
    plain.as_object_mut().unwrap().remove("sequence-number");
    let table = apply(&table(1), json!([add(&plain), set_main(1)]));
    assert_eq!(table.last_sequence_number(), 0);
    assert!(value(&table).get("last-sequence-number").is_none());
    let mut plain = snapshot(2, None);
    plain.as_object_mut().unwrap().remove("sequence-number");
    assert_invalid(&history(2, 1), json!([add(&plain)]));
}

#[test]
fn row_ids_that_were_given_out_are_a_conflict() {
    let mut stale = snapshot(3, Some(2));
    stale["first-row-id"] = json!(2);
    assert_eq!(
        refusal(&history(3, 2), json!([add(&stale)])),
        ErrorKind::Conflict
    );
}

#[test]
fn the_next_row_id_lies_above_all_that_were_given_out() {
    let mut far = snapshot(3, Some(2));
    far["first-row-id"] = json!(100);
    far["added-rows"] = json!(10);
    let table = apply(&history(3, 2), json!([add(&far)]));
    assert_eq!(value(&table)["next-row-id"], 110);
}

#[test]
fn version_three_needs_row_ids() {
    for name in ["first-row-id", "added-rows"] {
        let mut without = snapshot(3, Some(2));
        without[name] = Value::Null;
        assert_invalid(&history(3, 2), json!([add(&without)]));
    }
    let mut less = snapshot(3, Some(2));
    less["added-rows"] = json!(-1);
    assert_invalid(&history(3, 2), json!([add(&less)]));
    less["added-rows"] = json!(i64::MAX);
    assert_invalid(&history(3, 2), json!([add(&less)]));
}

#[test]
fn a_snapshot_has_a_manifest_list_and_a_known_operation() {
    let mut bad = snapshot(1, None);
    bad.as_object_mut().unwrap().remove("manifest-list");
    assert_invalid(&table(2), json!([add(&bad)]));
    let mut bad = snapshot(1, None);
    bad["summary"]["operation"] = json!("shrink");
    assert_invalid(&table(2), json!([add(&bad)]));
    bad.as_object_mut().unwrap().remove("summary");
    assert_invalid(&table(2), json!([add(&bad)]));
}

#[test]
fn the_time_of_the_table_is_that_of_its_new_snapshot_and_never_goes_back() {
    let base = history(2, 2);
    assert_eq!(base.last_updated_ms(), START + 2000);
    let mut early = snapshot(3, Some(2));
    early["timestamp-ms"] = json!(START - 9_000_000);
    let table = apply(&base, json!([add(&early), set_main(3)]));
    assert_eq!(table.last_updated_ms(), START + 2000);
    let entries = value(&table)["snapshot-log"].clone();
    assert_eq!(entries[2]["timestamp-ms"], START + 2000);
}

#[test]
fn removed_snapshots_take_their_statistics_and_refs_with_them() {
    let statistics = |action: &str, member: &str| json!({ "action": action, member: { "snapshot-id": 1, "statistics-path": format!("{LOCATION}/s"), "file-size-in-bytes": 1, "file-footer-size-in-bytes": 1, "blob-metadata": [] } });
    let base = apply(
        &history(2, 2),
        json!([
            set_ref("keep", "tag", 2),
            set_ref("old", "tag", 1),
            statistics("set-statistics", "statistics"),
            statistics("set-partition-statistics", "partition-statistics")
        ]),
    );
    assert_eq!(value(&base)["statistics"].as_array().unwrap().len(), 1);
    let table = apply(
        &base,
        json!([{ "action": "remove-snapshots", "snapshot-ids": [1] }]),
    );
    assert_eq!(value(&table)["statistics"], json!([]));
    assert_eq!(value(&table)["partition-statistics"], json!([]));
    let names: Vec<&str> = table.refs().map(|(name, _)| name).collect();
    assert_eq!(names, ["main", "keep"]);
}

#[test]
fn to_remove_the_current_snapshot_leaves_the_table_empty() {
    let table = apply(
        &history(2, 2),
        json!([{ "action": "remove-snapshots", "snapshot-ids": [2] }]),
    );
    assert!(table.current_snapshot().is_none());
    assert_eq!(value(&table)["current-snapshot-id"], -1);
    assert_eq!(log(&table), Vec::<i64>::new());
}

#[test]
fn to_remove_what_is_not_there_changes_nothing() {
    let base = history(2, 1);
    assert_unchanged(
        &base,
        json!([{ "action": "remove-snapshots", "snapshot-ids": [7] }]),
    );
    assert_unchanged(
        &base,
        json!([{ "action": "remove-snapshot-ref", "ref-name": "none" }]),
    );
    assert_unchanged(
        &base,
        json!([{ "action": "remove-statistics", "snapshot-id": 1 }]),
    );
    assert_unchanged(
        &base,
        json!([{ "action": "remove-partition-statistics", "snapshot-id": 1 }]),
    );
    assert_unchanged(
        &base,
        json!([{ "action": "remove-encryption-key", "key-id": "k" }]),
    );
    assert_unchanged(
        &base,
        json!([{ "action": "remove-properties", "removals": ["none"] }]),
    );
}

#[test]
fn the_log_forgets_everything_before_a_removed_snapshot() {
    let table = apply(
        &history(2, 4),
        json!([{ "action": "remove-snapshots", "snapshot-ids": [2] }]),
    );
    assert_eq!(log(&table), [3, 4]);
}

#[test]
fn the_log_leaves_out_what_was_current_only_within_the_request() {
    let table = apply(
        &history(2, 1),
        json!([
            add(&snapshot(2, Some(1))),
            set_main(2),
            add(&snapshot(3, Some(2))),
            set_main(3)
        ]),
    );
    assert_eq!(log(&table), [1, 3]);
}

#[test]
fn the_log_says_when_a_new_snapshot_was_made_and_when_an_old_one_came_back() {
    let base = history(2, 2);
    assert_eq!(
        value(&base)["snapshot-log"][1]["timestamp-ms"],
        START + 2000
    );
    let back = apply(&base, json!([set_main(1)]));
    assert_eq!(log(&back), [1, 2, 1]);
    assert_eq!(value(&back)["snapshot-log"][2]["timestamp-ms"], NOW);
}

#[test]
fn an_append_shares_the_texts_of_all_earlier_snapshots() {
    let base = history(2, 20);
    let next = try_apply(&base, json!([add(&snapshot(21, Some(20))), set_main(21)])).unwrap();
    let shared = base.snapshots().zip(next.metadata.snapshots());
    assert!(shared.into_iter().all(|(a, b)| std::ptr::eq(a, b)));
}
