use serde_json::{Value, json};

use super::builder::*;

#[test]
fn a_ref_points_to_a_snapshot_that_exists() {
    assert_invalid(&history(2, 1), json!([set_main(9)]));
}

#[test]
fn main_is_a_branch() {
    assert_invalid(
        &table(2),
        json!([add(&snapshot(1, None)), set_ref("main", "tag", 1)]),
    );
}

#[test]
fn main_is_the_current_snapshot() {
    let table = history(2, 2);
    assert_eq!(table.current_snapshot().unwrap().id(), 2);
    let table = apply(&table, json!([set_ref("other", "branch", 1)]));
    assert_eq!(table.current_snapshot().unwrap().id(), 2);
}

#[test]
fn a_tag_does_not_become_a_branch_and_a_branch_no_tag() {
    let base = apply(
        &history(2, 2),
        json!([set_ref("t", "tag", 1), set_ref("b", "branch", 1)]),
    );
    assert_invalid(&base, json!([set_ref("t", "branch", 2)]));
    assert_invalid(&base, json!([set_ref("b", "tag", 2)]));
    let remove = json!({ "action": "remove-snapshot-ref", "ref-name": "t" });
    apply(&base, json!([remove, set_ref("t", "branch", 2)]));
}

#[test]
fn what_a_ref_is_kept_for_is_positive() {
    for name in [
        "min-snapshots-to-keep",
        "max-snapshot-age-ms",
        "max-ref-age-ms",
    ] {
        for (count, fits) in [
            (json!(1), true),
            (json!(0), false),
            (json!(-5), false),
            (Value::Null, true),
        ] {
            let mut update = set_ref("b", "branch", 1);
            update[name] = count;
            assert_eq!(try_apply(&history(2, 1), json!([update])).is_ok(), fits);
        }
    }
}

#[test]
fn a_tag_keeps_no_number_of_snapshots() {
    let mut update = set_ref("t", "tag", 1);
    update["min-snapshots-to-keep"] = json!(2);
    assert_invalid(&history(2, 1), json!([update]));
}

#[test]
fn the_same_ref_again_changes_nothing() {
    assert_unchanged(&history(2, 2), json!([set_main(2)]));
}

#[test]
fn how_long_a_branch_is_kept_changes_without_an_entry_in_the_log() {
    let mut update = set_main(2);
    update["max-ref-age-ms"] = json!(5000);
    let table = apply(&history(2, 2), json!([update]));
    assert_eq!(value(&table)["refs"]["main"]["max-ref-age-ms"], 5000);
    assert_eq!(log(&table), [1, 2]);
}

#[test]
fn without_main_there_is_no_current_snapshot_and_the_history_stays() {
    let remove = json!([{ "action": "remove-snapshot-ref", "ref-name": "main" }]);
    let second = apply(&history(2, 2), remove.clone());
    assert_eq!(value(&second)["current-snapshot-id"], -1);
    assert_eq!(log(&second), [1, 2]);
    let third = apply(&history(3, 2), remove);
    assert!(value(&third).get("current-snapshot-id").is_none());
    assert_eq!(third.snapshots().len(), 2);
}

#[test]
fn a_replaced_table_starts_again_and_keeps_its_history() {
    let mut first = snapshot(3, None);
    first["sequence-number"] = json!(3);
    let table = apply(
        &history(2, 2),
        json!([{ "action": "remove-snapshot-ref", "ref-name": "main" }, add(&first), set_main(3)]),
    );
    assert_eq!(log(&table), [1, 2, 3]);
    assert_eq!(table.current_snapshot().unwrap().parent(), None);
}

#[test]
fn a_table_without_refs_has_its_current_snapshot_as_main() {
    let mut json = value(&history(2, 2));
    json.as_object_mut().unwrap().remove("refs");
    let table = crate::TableMetadata::parse(json.to_string().as_bytes()).unwrap();
    assert_eq!(table.reference("main").unwrap().snapshot_id(), 2);
    let table = apply(&table, json!([set_ref("t", "tag", 1)]));
    assert_eq!(value(&table)["refs"]["main"]["snapshot-id"], 2);
}

#[test]
fn with_refs_alone_only_their_snapshots_are_written() {
    let base = apply(&history(2, 4), json!([set_ref("t", "tag", 2)]));
    let json: Value = serde_json::from_slice(&base.refs_json().unwrap().unwrap()).unwrap();
    let ids: Vec<i64> = json["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["snapshot-id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [2, 4]);
    assert_eq!(json["snapshot-log"].as_array().unwrap().len(), 4);
    assert_eq!(history(2, 1).refs_json().unwrap(), None);
}
