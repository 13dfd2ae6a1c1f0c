use serde_json::{Value, json};

use super::builder::*;

fn add_schema(schema: Value) -> Value {
    json!({ "action": "add-schema", "schema": schema })
}

fn set_schema(id: i32) -> Value {
    json!({ "action": "set-current-schema", "schema-id": id })
}

fn wider() -> Value {
    let mut wider = columns();
    wider["fields"]
        .as_array_mut()
        .unwrap()
        .push(field(4, "price", "double"));
    wider
}

fn add_spec(fields: Value) -> Value {
    json!({ "action": "add-spec", "spec": { "fields": fields } })
}

fn by(source: i32, transform: &str, name: &str) -> Value {
    json!({ "source-id": source, "transform": transform, "name": name })
}

fn order(source: i32) -> Value {
    json!({ "action": "add-sort-order", "sort-order": { "order-id": 9, "fields": [
        { "source-id": source, "transform": "identity", "direction": "asc", "null-order": "nulls-first" }
    ] } })
}

#[test]
fn a_new_schema_gets_the_next_id_whatever_the_client_calls_it() {
    let mut wide = wider();
    wide["schema-id"] = json!(77);
    let table = apply(&table(2), json!([add_schema(wide), set_schema(-1)]));
    assert_eq!(table.current_schema_id(), 1);
    assert_eq!(table.schema_ids().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn the_last_column_id_is_the_highest_that_ever_was() {
    let table = apply(&table(2), json!([add_schema(wider()), set_schema(-1)]));
    assert_eq!(table.last_column_id(), 4);
    let narrow = schema(vec![field(1, "id", "long")]);
    let table = apply(&table, json!([add_schema(narrow), set_schema(-1)]));
    assert_eq!(table.last_column_id(), 4);
}

#[test]
fn a_last_column_id_below_the_tables_is_refused() {
    let update = json!({ "action": "add-schema", "schema": columns(), "last-column-id": 2 });
    assert_invalid(&table(2), json!([update]));
}

#[test]
fn the_same_schema_again_keeps_its_id_and_changes_nothing() {
    let mut same = columns();
    same["schema-id"] = json!(5);
    same["fields"][0]["doc"] = Value::Null;
    assert_unchanged(&table(2), json!([add_schema(same), set_schema(-1)]));
}

#[test]
fn other_identifier_fields_make_another_schema() {
    let mut base = columns();
    base["fields"][0]["required"] = json!(true);
    let mut identified = base.clone();
    identified["identifier-field-ids"] = json!([1]);
    let table = apply(
        &table(2),
        json!([add_schema(base), add_schema(identified), set_schema(-1)]),
    );
    assert_eq!(table.schema_ids().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(table.current_schema_id(), 2);
}

#[test]
fn types_of_version_three_need_a_table_of_version_three() {
    for data_type in [
        "variant",
        "unknown",
        "geometry",
        "geography",
        "timestamp_ns",
        "timestamptz_ns",
    ] {
        let mut schema = columns();
        schema["fields"][2]["type"] = json!(data_type);
        assert_invalid(&table(2), json!([add_schema(schema.clone())]));
        apply(&table(3), json!([add_schema(schema)]));
    }
}

#[test]
fn an_initial_default_needs_a_table_of_version_three() {
    let mut schema = columns();
    schema["fields"][2]["initial-default"] = json!("none");
    assert_invalid(&table(2), json!([add_schema(schema.clone())]));
    let table = apply(&table(3), json!([add_schema(schema)]));
    assert_eq!(
        value(&table)["schemas"][1]["fields"][2]["initial-default"],
        "none"
    );
}

#[test]
fn ids_and_names_of_columns_are_unique() {
    assert_invalid(
        &table(2),
        json!([add_schema(schema(vec![
            field(1, "a", "int"),
            field(1, "b", "int")
        ]))]),
    );
    assert_invalid(
        &table(2),
        json!([add_schema(schema(vec![
            field(1, "a", "int"),
            field(2, "a", "int")
        ]))]),
    );
    assert_invalid(
        &table(2),
        json!([add_schema(schema(vec![field(1, "a", "nonsense")]))]),
    );
    assert_invalid(
        &table(2),
        json!([add_schema(schema(vec![field(1, "a", "decimal(39,2)")]))]),
    );
}

#[test]
fn an_identifier_field_is_a_required_column_that_can_identify() {
    for (data_type, required, fits) in [
        ("long", true, true),
        ("long", false, false),
        ("double", true, false),
    ] {
        let mut schema = schema(vec![field(1, "a", data_type)]);
        schema["fields"][0]["required"] = json!(required);
        schema["identifier-field-ids"] = json!([1]);
        assert_eq!(
            try_apply(&table(2), json!([add_schema(schema)])).is_ok(),
            fits
        );
    }
    let mut missing = columns();
    missing["identifier-field-ids"] = json!([9]);
    assert_invalid(&table(2), json!([add_schema(missing)]));
}

#[test]
fn the_current_schema_must_exist() {
    assert_invalid(&table(2), json!([set_schema(1)]));
}

#[test]
fn minus_one_is_refused_where_nothing_was_added_in_the_request() {
    let base = table(2);
    assert_invalid(&base, json!([set_schema(-1)]));
    assert_invalid(
        &base,
        json!([{ "action": "set-default-spec", "spec-id": -1 }]),
    );
    assert_invalid(
        &base,
        json!([{ "action": "set-default-sort-order", "sort-order-id": -1 }]),
    );
}

#[test]
fn the_current_schema_cannot_be_removed_and_others_can() {
    let base = apply(&table(2), json!([add_schema(wider()), set_schema(-1)]));
    let remove = |id: i32| json!([{ "action": "remove-schemas", "schema-ids": [id] }]);
    assert_invalid(&base, remove(1));
    assert_eq!(
        apply(&base, remove(0)).schema_ids().collect::<Vec<_>>(),
        [1]
    );
    assert_unchanged(&base, remove(8));
}

#[test]
fn a_new_spec_gets_the_next_id_and_its_fields_the_next_partition_ids() {
    let base = apply(
        &table(2),
        json!([add_spec(json!([by(2, "month", "m"), by(1, "bucket[4]", "b")])), { "action": "set-default-spec", "spec-id": -1 }]),
    );
    let spec = base.default_spec().unwrap();
    assert_eq!(spec.id(), 1);
    assert_eq!(
        spec.fields()
            .iter()
            .map(|it| it.field_id)
            .collect::<Vec<_>>(),
        [1000, 1001]
    );
    assert_eq!(value(&base)["last-partition-id"], 1001);
}

#[test]
fn a_partition_field_that_was_there_before_keeps_its_id() {
    let base = apply(
        &table(2),
        json!([add_spec(json!([
            by(2, "month", "m"),
            by(1, "bucket[4]", "b")
        ]))]),
    );
    let base = apply(
        &base,
        json!([add_spec(json!([
            by(1, "bucket[4]", "again"),
            by(2, "year", "y")
        ]))]),
    );
    let ids: Vec<i32> = base
        .spec(2)
        .unwrap()
        .fields()
        .iter()
        .map(|it| it.field_id)
        .collect();
    assert_eq!(ids, [1001, 1002]);
}

#[test]
fn a_partition_id_means_one_field_in_all_specs() {
    let base = apply(&table(2), json!([add_spec(json!([by(2, "month", "m")]))]));
    let mut other = by(1, "identity", "id");
    other["field-id"] = json!(1000);
    assert_invalid(&base, json!([add_spec(json!([other]))]));
}

#[test]
fn a_compatible_spec_is_reused() {
    let base = apply(&table(2), json!([add_spec(json!([by(2, "month", "m")]))]));
    let outcome = try_apply(&base, json!([add_spec(json!([by(2, "month", "m")]))])).unwrap();
    assert!(!outcome.changed);
}

#[test]
fn a_spec_is_bound_to_columns_of_the_current_schema() {
    for (source, transform, name) in [
        (9, "identity", "x"),
        (1, "month", "m"),
        (3, "zorder", "z"),
        (3, "identity", "id"),
        (3, "bucket[0]", "b"),
        (3, "identity", ""),
    ] {
        assert_invalid(
            &table(2),
            json!([add_spec(json!([by(source, transform, name)]))]),
        );
    }
    assert_invalid(
        &table(2),
        json!([add_spec(json!([by(2, "day", "d"), by(2, "month", "d")]))]),
    );
}

#[test]
fn a_column_in_a_list_is_no_partition() {
    let list = json!({ "id": 1, "name": "tags", "required": false, "type":
        { "type": "list", "element-id": 2, "element": "string", "element-required": true } });
    let base = apply(
        &table(2),
        json!([add_schema(schema(vec![list])), set_schema(-1)]),
    );
    assert_invalid(&base, json!([add_spec(json!([by(2, "identity", "tag")]))]));
}

#[test]
fn version_one_counts_partition_ids_from_1000_in_every_spec() {
    let mut first = by(2, "month", "m");
    first["field-id"] = json!(1001);
    assert_invalid(&table(1), json!([add_spec(json!([first.clone()]))]));
    first["field-id"] = json!(1000);
    apply(&table(1), json!([add_spec(json!([first]))]));
}

#[test]
fn the_default_spec_cannot_be_removed_and_others_can() {
    let base = apply(
        &table(2),
        json!([add_spec(json!([by(2, "month", "m")])), { "action": "set-default-spec", "spec-id": -1 }]),
    );
    let remove = |id: i32| json!([{ "action": "remove-partition-specs", "spec-ids": [id] }]);
    assert_invalid(&base, remove(1));
    assert!(apply(&base, remove(0)).spec(0).is_none());
    assert_invalid(
        &base,
        json!([{ "action": "set-default-spec", "spec-id": 5 }]),
    );
}

#[test]
fn a_column_that_the_default_spec_or_order_needs_cannot_go() {
    let narrow = schema(vec![field(1, "id", "long")]);
    let base = apply(
        &table(2),
        json!([add_spec(json!([by(2, "month", "m")])), { "action": "set-default-spec", "spec-id": -1 }]),
    );
    assert_invalid(&base, json!([add_schema(narrow.clone()), set_schema(-1)]));
    let base = apply(
        &table(2),
        json!([order(2), { "action": "set-default-sort-order", "sort-order-id": -1 }]),
    );
    assert_invalid(&base, json!([add_schema(narrow), set_schema(-1)]));
}

#[test]
fn an_order_gets_an_id_above_zero_and_equal_ones_share_it() {
    let base = apply(
        &table(2),
        json!([order(1), { "action": "set-default-sort-order", "sort-order-id": -1 }]),
    );
    assert_eq!(value(&base)["default-sort-order-id"], 1);
    let outcome = try_apply(&base, json!([order(1)])).unwrap();
    assert!(!outcome.changed);
    let base = apply(&base, json!([order(2)]));
    assert_eq!(value(&base)["sort-orders"][2]["order-id"], 2);
}

#[test]
fn no_order_is_order_zero() {
    let none = json!({ "action": "add-sort-order", "sort-order": { "order-id": 4, "fields": [] } });
    let base = apply(
        &table(2),
        json!([order(1), { "action": "set-default-sort-order", "sort-order-id": -1 }]),
    );
    let base = apply(
        &base,
        json!([none, { "action": "set-default-sort-order", "sort-order-id": -1 }]),
    );
    assert_eq!(value(&base)["default-sort-order-id"], 0);
}

#[test]
fn an_order_is_bound_to_columns_of_the_current_schema() {
    assert_invalid(&table(2), json!([order(9)]));
    assert_invalid(
        &table(2),
        json!([{ "action": "set-default-sort-order", "sort-order-id": 3 }]),
    );
}
