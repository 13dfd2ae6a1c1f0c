use serde_json::{Value, json};
use std::collections::BTreeMap;
use weir_core::ErrorKind;

use super::builder::{LOCATION, NOW, START, columns, field, raw, schema, uuid};
use crate::view::{Committed, NewView, ViewMetadata, ViewRequirement, ViewUpdate, commit, create};

fn version(sql: &str, dialects: &[&str], schema_id: i32) -> Value {
    let queries: Vec<Value> = dialects
        .iter()
        .map(|dialect| json!({ "type": "sql", "sql": sql, "dialect": dialect }))
        .collect();
    json!({
        "version-id": 1, "timestamp-ms": START, "schema-id": schema_id, "summary": { "engine": "spark" },
        "representations": queries, "default-namespace": ["sales"], "x-version": 1.0
    })
}

fn view() -> ViewMetadata {
    create(NewView {
        uuid: uuid(),
        location: LOCATION.to_owned(),
        schema: raw(&columns()),
        view_version: raw(&version("select 1", &["spark"], 0)),
        properties: BTreeMap::new(),
        now_ms: START,
    })
    .unwrap()
}

fn try_apply(base: &ViewMetadata, changes: Value) -> weir_core::Result<Committed> {
    let updates: Vec<ViewUpdate> = serde_json::from_str(&changes.to_string()).unwrap();
    commit(base, &[], &updates, NOW)
}

fn apply(base: &ViewMetadata, changes: Value) -> ViewMetadata {
    let outcome = try_apply(base, changes).unwrap();
    assert!(outcome.changed);
    let text = outcome.metadata.to_json().unwrap();
    let again = ViewMetadata::parse(&text).unwrap();
    assert_eq!(again.to_json().unwrap(), text);
    again
}

fn assert_invalid(base: &ViewMetadata, changes: Value) {
    assert_eq!(
        try_apply(base, changes).unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

fn value(view: &ViewMetadata) -> Value {
    serde_json::from_slice(&view.to_json().unwrap()).unwrap()
}

fn add(version: Value) -> Value {
    json!({ "action": "add-view-version", "view-version": version })
}

fn set_current(id: i32) -> Value {
    json!({ "action": "set-current-view-version", "view-version-id": id })
}

fn set(name: &str, to: &str) -> Value {
    json!({ "action": "set-properties", "updates": { name: to } })
}

fn ids(view: &ViewMetadata, member: &str) -> Vec<i64> {
    value(view)[member]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["version-id"].as_i64().unwrap())
        .collect()
}

#[test]
fn a_new_view_has_one_version_and_its_schema() {
    let view = view();
    assert_eq!(view.current_schema().unwrap().fields.len(), 3);
    let json = value(&view);
    assert_eq!(
        json["version-log"],
        json!([{ "timestamp-ms": START, "version-id": 1 }])
    );
    assert_eq!(json["schemas"][0]["schema-id"], 0);
    assert!(
        view.next_metadata_location(None)
            .starts_with("s3://lake/t/metadata/00000-")
    );
}

#[test]
fn the_uuid_of_a_view_must_match_and_does_not_change() {
    let requirement = |uuid: &str| -> Vec<ViewRequirement> {
        serde_json::from_value(json!([]))
            .map(|_: Vec<Value>| {
                serde_json::from_str(
                    &json!([{ "type": "assert-view-uuid", "uuid": uuid }]).to_string(),
                )
                .unwrap()
            })
            .unwrap()
    };
    assert!(
        commit(
            &view(),
            &requirement(&uuid().to_string().to_uppercase()),
            &[],
            NOW
        )
        .is_ok()
    );
    let error = commit(&view(), &requirement("other"), &[], NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.public_message().starts_with("Requirement failed"));
    assert_invalid(
        &view(),
        json!([{ "action": "assign-uuid", "uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c2" }]),
    );
    assert!(
        !try_apply(
            &view(),
            json!([{ "action": "assign-uuid", "uuid": uuid() }])
        )
        .unwrap()
        .changed
    );
}

#[test]
fn a_new_version_gets_the_next_number_and_the_last_schema() {
    let wide = schema(vec![field(1, "id", "long"), field(9, "more", "int")]);
    let view = apply(
        &view(),
        json!([{ "action": "add-schema", "schema": wide }, add(version("select 2", &["spark"], -1)), set_current(-1)]),
    );
    assert_eq!(view.current_version_id(), 2);
    let json = value(&view);
    assert_eq!(json["versions"][1]["schema-id"], 1);
    assert_eq!(
        json["version-log"][1],
        json!({ "timestamp-ms": START, "version-id": 2 })
    );
    assert_eq!(view.current_schema().unwrap().fields.len(), 2);
}

#[test]
fn the_same_version_again_is_the_one_that_is_there() {
    let mut same = version("select 1", &["spark"], 0);
    same["timestamp-ms"] = json!(NOW);
    same["version-id"] = json!(8);
    assert!(
        !try_apply(
            &view(),
            json!([{ "action": "add-schema", "schema": columns() }, add(same), set_current(-1)])
        )
        .unwrap()
        .changed
    );
}

#[test]
fn minus_one_is_refused_where_nothing_was_added() {
    assert_invalid(&view(), json!([set_current(-1)]));
    assert_invalid(&view(), json!([add(version("select 2", &["spark"], -1))]));
    assert_invalid(&view(), json!([set_current(4)]));
    assert_invalid(&view(), json!([add(version("select 2", &["spark"], 4))]));
}

#[test]
fn a_version_has_one_query_for_each_dialect() {
    assert_invalid(
        &view(),
        json!([add(version("select 2", &["spark", "SPARK"], 0))]),
    );
}

#[test]
fn a_dialect_is_lost_only_where_the_view_allows_it() {
    let changes = json!([add(version("select 2", &["trino"], 0)), set_current(-1)]);
    assert_invalid(&view(), changes.clone());
    let lax = apply(
        &view(),
        json!([set("replace.drop-dialect.allowed", "true")]),
    );
    assert_eq!(apply(&lax, changes).current_version_id(), 2);
}

#[test]
fn an_old_version_that_comes_back_is_logged_with_the_time_of_that() {
    let two = apply(
        &view(),
        json!([add(version("select 2", &["spark"], 0)), set_current(-1)]),
    );
    let back = apply(&two, json!([set_current(1)]));
    assert_eq!(ids(&back, "version-log"), [1, 2, 1]);
    assert_eq!(value(&back)["version-log"][2]["timestamp-ms"], NOW);
}

#[test]
fn only_so_many_versions_are_kept_and_the_log_after_the_last_that_is_not() {
    let grow = |view: ViewMetadata, count: i32| {
        apply(
            &view,
            json!([
                add(version(&format!("select {count}"), &["spark"], 0)),
                set_current(-1)
            ]),
        )
    };
    let many = (2..=14).fold(view(), grow);
    assert_eq!(ids(&many, "versions"), (5..=14).collect::<Vec<i64>>());
    assert_eq!(ids(&many, "version-log"), (5..=14).collect::<Vec<i64>>());
    let few = apply(&many, json!([set("version.history.num-entries", "2")]));
    assert_eq!(ids(&few, "versions"), [13, 14]);
    assert_invalid(&few, json!([set("version.history.num-entries", "0")]));
}

#[test]
fn what_is_added_and_current_is_kept_however_few_are_wanted() {
    let base = apply(&view(), json!([set("version.history.num-entries", "1")]));
    let more: Vec<Value> = (2..=4)
        .map(|count| add(version(&format!("select {count}"), &["spark"], 0)))
        .collect();
    let view = apply(&base, json!(more));
    assert_eq!(ids(&view, "versions"), [1, 2, 3, 4]);
}

#[test]
fn what_no_rule_knows_survives_a_change_of_a_view() {
    let text = String::from_utf8(view().to_json().unwrap()).unwrap();
    let text = text.replacen('{', r#"{"x-top":{"n":1.0e2},"#, 1);
    let base = ViewMetadata::parse(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(base.to_json().unwrap()).unwrap(), text);
    let next = apply(
        &base,
        json!([
            add(version("select 2", &["spark"], 0)),
            set_current(-1),
            set("a", "b")
        ]),
    );
    let text = String::from_utf8(next.to_json().unwrap()).unwrap();
    assert!(
        text.contains(r#""x-top":{"n":1.0e2}"#) && text.matches(r#""x-version":1.0"#).count() == 2,
        "{text}"
    );
}

#[test]
fn properties_and_location_of_a_view_change_and_settings_of_clients_do_not_enter() {
    let base = apply(
        &view(),
        json!([set("a", "b"), { "action": "set-location", "location": "s3://lake/v" }]),
    );
    assert_eq!(
        (base.location(), base.properties()["a"].as_str()),
        ("s3://lake/v", "b")
    );
    let base = apply(
        &base,
        json!([{ "action": "remove-properties", "removals": ["a", "none"] }]),
    );
    assert!(base.properties().is_empty());
    assert_invalid(&base, json!([set("s3.endpoint", "x")]));
    assert_invalid(
        &base,
        json!([{ "action": "upgrade-format-version", "format-version": 2 }]),
    );
}

#[test]
fn an_unknown_update_of_a_view_is_an_error() {
    assert!(
        serde_json::from_str::<ViewUpdate>(r#"{"action":"add-snapshot","snapshot":{}}"#).is_err()
    );
}
