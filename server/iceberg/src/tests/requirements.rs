use serde_json::{Value, json};
use weir_core::ErrorKind;

use super::builder::*;
use crate::{Base, TableRequirement, TableUpdate, commit};

fn outcome(of: Value, on_table: bool) -> Result<(), (ErrorKind, String)> {
    let table = history(2, 2);
    let base = on_table.then_some(Base {
        metadata: &table,
        location: FILE,
    });
    let result = commit(base, &requirements(of), &[], NOW);
    result
        .map(|_| ())
        .map_err(|error| (error.kind(), error.public_message().to_owned()))
}

fn assert_fails(requirement: Value) {
    let (kind, message) = outcome(json!([requirement]), true).unwrap_err();
    assert_eq!(kind, ErrorKind::Conflict);
    assert!(message.starts_with("Requirement failed: "), "{message}");
}

fn assert_holds(requirement: Value) {
    assert_eq!(outcome(json!([requirement]), true), Ok(()));
}

#[test]
fn assert_create_fails_where_the_table_exists() {
    assert_fails(json!({ "type": "assert-create" }));
}

#[test]
fn assert_create_beside_another_requirement_is_a_bad_request() {
    let both = json!([{ "type": "assert-create" }, { "type": "assert-current-schema-id", "current-schema-id": 0 }]);
    assert_eq!(
        outcome(both.clone(), true).unwrap_err().0,
        ErrorKind::Invalid
    );
    assert_eq!(outcome(both, false).unwrap_err().0, ErrorKind::Invalid);
}

#[test]
fn a_table_that_does_not_exist_meets_no_requirement_but_assert_create() {
    let (kind, _) = outcome(
        json!([{ "type": "assert-table-uuid", "uuid": uuid() }]),
        false,
    )
    .unwrap_err();
    assert_eq!(kind, ErrorKind::Conflict);
}

#[test]
fn a_uuid_is_compared_without_regard_to_case() {
    assert_holds(json!({ "type": "assert-table-uuid", "uuid": uuid().to_string().to_uppercase() }));
    assert_fails(
        json!({ "type": "assert-table-uuid", "uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c2" }),
    );
    assert_fails(json!({ "type": "assert-table-uuid", "uuid": "none" }));
}

#[test]
fn a_ref_must_point_to_the_snapshot_that_is_named() {
    let of = |name: &str, id: Value| json!({ "type": "assert-ref-snapshot-id", "ref": name, "snapshot-id": id });
    assert_holds(of("main", json!(2)));
    assert_fails(of("main", json!(1)));
    assert_fails(of("other", json!(2)));
}

#[test]
fn a_ref_must_not_exist_where_the_snapshot_is_null() {
    let of =
        |name: &str| json!({ "type": "assert-ref-snapshot-id", "ref": name, "snapshot-id": null });
    assert_holds(of("other"));
    assert_fails(of("main"));
}

#[test]
fn the_snapshot_of_a_ref_may_be_null_but_not_left_out() {
    let text = r#"{"type":"assert-ref-snapshot-id","ref":"main"}"#;
    let error = serde_json::from_str::<TableRequirement>(text).unwrap_err();
    assert!(error.to_string().contains("snapshot-id"), "{error}");
}

#[test]
fn ids_must_be_those_of_the_table() {
    for (kind, member, is) in [
        ("assert-last-assigned-field-id", "last-assigned-field-id", 3),
        ("assert-current-schema-id", "current-schema-id", 0),
        (
            "assert-last-assigned-partition-id",
            "last-assigned-partition-id",
            999,
        ),
        ("assert-default-spec-id", "default-spec-id", 0),
        ("assert-default-sort-order-id", "default-sort-order-id", 0),
    ] {
        assert_holds(json!({ "type": kind, member: is }));
        assert_fails(json!({ "type": kind, member: is + 1 }));
    }
}

#[test]
fn no_update_is_made_unless_every_requirement_holds_before_the_first() {
    let table = history(2, 1);
    let base = Base {
        metadata: &table,
        location: FILE,
    };
    let conditions = requirements(json!([
        { "type": "assert-current-schema-id", "current-schema-id": 0 },
        { "type": "assert-ref-snapshot-id", "ref": "later", "snapshot-id": 1 }
    ]));
    let changes = updates(json!([set_ref("later", "tag", 1)]));
    let error = commit(Some(base), &conditions, &changes, NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn an_unknown_requirement_or_update_is_an_error_that_names_it() {
    let error = serde_json::from_str::<TableRequirement>(r#"{"type":"assert-luck"}"#).unwrap_err();
    assert!(error.to_string().contains("assert-luck"), "{error}");
    let error = serde_json::from_str::<TableUpdate>(r#"{"action":"drop-everything"}"#).unwrap_err();
    assert!(error.to_string().contains("drop-everything"), "{error}");
    assert!(serde_json::from_str::<TableUpdate>(r#"{"snapshot-id":1}"#).is_err());
    assert!(serde_json::from_str::<TableUpdate>(r#"{"action":"set-location"}"#).is_err());
}
