use serde_json::{Value, json};

use super::builder::*;
use crate::Class::{Alter, Append, Delete};
use crate::{Class, classes};

fn of(changes: Value) -> Vec<Class> {
    let base = apply(&history(2, 3), json!([set_ref("side", "branch", 1)]));
    classes(&updates(changes), Some(&base))
        .into_iter()
        .collect()
}

fn doing(operation: &str) -> Value {
    let mut snapshot = snapshot(4, Some(3));
    snapshot["summary"]["operation"] = json!(operation);
    json!([add(&snapshot), set_main(4)])
}

#[test]
fn what_a_snapshot_does_says_what_it_takes() {
    assert_eq!(of(doing("append")), [Append]);
    assert_eq!(of(doing("replace")), [Append]);
    assert_eq!(of(doing("overwrite")), [Append, Delete]);
    assert_eq!(of(doing("delete")), [Delete]);
    assert_eq!(of(doing("else")), [Append, Delete]);
}

#[test]
fn an_append_that_says_it_deleted_is_no_mere_append() {
    let mut snapshot = snapshot(4, Some(3));
    snapshot["summary"]["deleted-records"] = json!("3");
    assert_eq!(of(json!([add(&snapshot), set_main(4)])), [Append, Delete]);
}

#[test]
fn a_branch_that_does_not_go_on_from_where_it_was_loses_rows() {
    assert_eq!(of(json!([set_main(1)])), [Delete]);
    assert_eq!(
        of(json!([add(&snapshot(4, None)), set_main(4)])),
        [Append, Delete]
    );
    assert_eq!(
        of(json!([add(&snapshot(4, Some(1))), set_main(4)])),
        [Append, Delete]
    );
    assert_eq!(
        of(
            json!([{ "action": "remove-snapshot-ref", "ref-name": "main" }, add(&snapshot(4, None)), set_main(4)])
        ),
        [Append, Delete]
    );
}

#[test]
fn a_branch_that_goes_on_takes_what_the_snapshots_on_its_way_did() {
    assert_eq!(of(json!([set_ref("side", "branch", 3)])), [Append]);
}

#[test]
fn what_leads_to_rows_is_only_taken_away_by_who_may_delete() {
    assert_eq!(
        of(json!([{ "action": "remove-snapshots", "snapshot-ids": [1] }])),
        [Delete]
    );
    assert_eq!(
        of(json!([{ "action": "remove-snapshot-ref", "ref-name": "side" }])),
        [Delete]
    );
}

#[test]
fn everything_about_the_table_itself_alters_it() {
    for update in [
        json!({ "action": "set-properties", "updates": { "a": "b" } }),
        json!({ "action": "add-schema", "schema": columns() }),
        json!({ "action": "set-location", "location": "s3://lake/u" }),
        json!({ "action": "upgrade-format-version", "format-version": 3 }),
        json!({ "action": "remove-statistics", "snapshot-id": 1 }),
        json!({ "action": "remove-encryption-key", "key-id": "k" }),
        set_ref("new", "tag", 1),
    ] {
        assert_eq!(of(json!([update])), [Alter], "{update}");
    }
    let mut kept = set_main(3);
    kept["max-ref-age-ms"] = json!(1);
    assert_eq!(of(json!([kept])), [Alter]);
}

#[test]
fn what_changes_nothing_takes_nothing() {
    for update in [
        json!({ "action": "assign-uuid", "uuid": uuid() }),
        json!({ "action": "upgrade-format-version", "format-version": 2 }),
        json!({ "action": "set-location", "location": LOCATION }),
        json!({ "action": "set-current-schema", "schema-id": 0 }),
        json!({ "action": "remove-properties", "removals": ["none"] }),
        set_main(3),
    ] {
        assert_eq!(of(json!([update])), [], "{update}");
    }
}
