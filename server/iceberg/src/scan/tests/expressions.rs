use serde_json::{Value as Json, json};
use weir_core::ErrorKind;
use weir_core::grant::{ColumnScope, ColumnSet};
use weir_core::id::FieldId;
use weir_core::schema::project;

use super::{people, schema};
use crate::scan::{Expression, Filter, PlanRequest, Snapshots};

fn parse(json: Json) -> Expression {
    Expression::parse(&json).unwrap()
}

fn column(name: &str) -> Json {
    json!({"type": "reference", "name": name})
}

fn literal(value: Json) -> Json {
    json!({"type": "literal", "value": value})
}

#[test]
fn both_forms_are_the_same_expression() {
    let pairs = [
        (json!({"type": "true"}), json!(true)),
        (
            json!({"type": "eq", "term": "id", "value": 5}),
            json!({"type": "eq", "left": column("id"), "right": literal(json!(5))}),
        ),
        (
            json!({"type": "is-null", "term": {"type": "reference", "term": "id"}}),
            json!({"type": "is-null", "child": column("id")}),
        ),
        (
            json!({"type": "in", "term": "id", "values": [1, literal(json!(2))]}),
            json!({"type": "in", "child": column("id"), "values": [1, 2]}),
        ),
        (
            json!({"type": "lt", "term": {"type": "transform", "transform": "bucket[16]", "term": "id"}, "value": 3}),
            json!({"type": "lt", "right": 3, "left": {"type": "apply", "arguments": [16, column("id")],
                "function": {"catalog": "iceberg_functions", "identifier": ["bucket"]}}}),
        ),
        (
            json!({"type": "not", "child": {"type": "starts-with", "term": "name", "value": "a"}}),
            json!({"type": "not", "child": {"type": "starts-with", "left": column("name"), "right": "a"}}),
        ),
    ];
    for (older, newer) in pairs {
        assert_eq!(parse(older), parse(newer));
    }
}

#[test]
fn what_is_no_predicate_is_refused() {
    let mut deep = json!(true);
    for _ in 0..120 {
        deep = json!({"type": "not", "child": deep});
    }
    let many: Vec<Json> = (0..100_001).map(|value| json!(value)).collect();
    let wide = json!({"type": "in", "term": "id", "values": many});
    for json in [
        json!(null),
        json!("true"),
        json!({"type": "xor"}),
        json!({"type": "and", "left": true}),
        json!({"type": "eq", "term": "id", "value": null}),
        json!({"type": "eq", "left": column("id"), "right": [1]}),
        json!({"type": "eq", "left": {"type": "reference"}, "right": 1}),
        json!({"type": "eq", "left": {"type": "reference", "id": 1, "name": "id"}, "right": 1}),
        json!({"type": "eq", "left": {"type": "reference", "id": 5_000_000_000i64}, "right": 1}),
        json!({"type": "in", "term": "id", "values": 5}),
        json!({"type": "eq", "left": {"type": "apply", "function": "f"}, "right": 1}),
        deep,
        wide,
    ] {
        let error = Expression::parse(&json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{json}");
    }
}

#[test]
fn a_reference_to_a_hidden_column_is_refused_as_one_to_none() {
    let scope = ColumnScope::of(ColumnSet::Only([FieldId(1)].into()));
    let visible = project(&people(), &scope);
    let bind = |json: Json| Filter::bind(&parse(json), &visible, true);
    assert!(
        bind(json!({"type": "eq", "left": {"type": "reference", "id": 1}, "right": 5})).is_ok()
    );
    let hidden = bind(json!({"type": "eq", "term": "secret", "value": "x"})).unwrap_err();
    assert_eq!(hidden.kind(), ErrorKind::Invalid);
    let absent = bind(json!({"type": "eq", "term": "nonsuch", "value": "x"})).unwrap_err();
    assert_eq!(
        hidden.to_string().replace("secret", "nonsuch"),
        absent.to_string()
    );
    for hidden in [
        json!({"type": "reference", "id": 5}),
        json!({"type": "transform", "transform": "year", "term": "secret"}),
        json!({"type": "apply", "function": "f", "arguments": [column("secret")]}),
        json!({"type": "apply", "function": ["ns", "f"], "arguments": [{"type": "is-null", "child": column("secret")}]}),
    ] {
        let error = bind(json!({"type": "eq", "left": hidden, "right": 1})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    // On either side, beside a constant, and where its value would not matter.
    for json in [
        json!({"type": "lt", "left": column("id"), "right": column("secret")}),
        json!({"type": "lt", "left": 1, "right": column("secret")}),
        json!({"type": "or", "left": true, "right": {"type": "not-null", "child": column("secret")}}),
    ] {
        assert!(bind(json).is_err());
    }
}

#[test]
fn columns_are_found_as_the_request_says() {
    let nested = schema(json!([
        {"id": 1, "name": "Home", "required": false, "type": {"type": "struct", "fields": [
            {"id": 2, "name": "Zip", "required": false, "type": "string"}]}},
        {"id": 3, "name": "tags", "required": false, "type": {"type": "list", "element-id": 4, "element": "string", "element-required": false}},
        {"id": 5, "name": "TAGS", "required": false, "type": "string"},
    ]));
    let bind = |name: &str, case| {
        Filter::bind(
            &parse(json!({"type": "eq", "term": name, "value": "x"})),
            &nested,
            case,
        )
    };
    assert!(bind("Home.Zip", true).is_ok());
    assert!(bind("home.zip", true).is_err());
    assert!(bind("home.zip", false).is_ok());
    assert!(bind("TAGS", true).is_ok());
    assert!(bind("tags", false).is_err(), "two columns have the name");
    assert!(
        bind("tags.element", true).is_err(),
        "a row has many of them"
    );
    assert!(bind("Home", true).is_err(), "a struct is not a text");
}

#[test]
fn operations_are_for_certain_types() {
    let bind = |json: Json| Filter::bind(&parse(json), &people(), true);
    assert!(bind(json!({"type": "is-nan", "term": "score"})).is_ok());
    assert!(bind(json!({"type": "is-nan", "term": "name"})).is_err());
    assert!(bind(json!({"type": "starts-with", "term": "name", "value": "x"})).is_ok());
    assert!(bind(json!({"type": "starts-with", "term": "id", "value": 1})).is_err());
    assert!(bind(json!({"type": "eq", "term": "score", "value": "goats"})).is_err());
}

#[test]
fn a_request_names_one_snapshot_or_a_range() {
    let request = |json: Json| serde_json::from_value::<PlanRequest>(json).unwrap();
    let plain = request(json!({}));
    assert!(plain.case_sensitive && !plain.use_snapshot_schema && plain.filter.is_none());
    assert_eq!(plain.snapshots().unwrap(), Snapshots::Current);
    assert_eq!(
        request(json!({"snapshot-id": 5})).snapshots().unwrap(),
        Snapshots::At(5)
    );
    let range = request(json!({"start-snapshot-id": 1, "end-snapshot-id": 2}));
    assert_eq!(
        range.snapshots().unwrap(),
        Snapshots::Between {
            after: Some(1),
            until: 2
        }
    );
    for bad in [
        json!({"snapshot-id": 5, "end-snapshot-id": 2}),
        json!({"snapshot-id": 5, "start-snapshot-id": 2}),
        json!({"start-snapshot-id": 2}),
        json!({"min-rows-requested": -1}),
    ] {
        assert_eq!(
            request(bad).snapshots().unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }
    let filtered =
        request(json!({"filter": {"type": "eq", "term": "id", "value": 5}, "future": 1}));
    assert!(filtered.filter.is_some());
    let error =
        serde_json::from_value::<PlanRequest>(json!({"filter": {"type": "eq"}})).unwrap_err();
    assert!(error.to_string().contains("filter"));
}
