use proptest::prelude::*;

use super::strategies::inferred;
use super::{
    DataType, Field, Schema, apply, assign, diff, flatten, max_field_id, merge, project, widen,
};
use crate::grant::{ColumnScope, ColumnSet};
use crate::id::FieldId;

fn column(id: i32, name: &str, data_type: DataType) -> Field {
    Field::inferred(name, data_type).with_id(id)
}

/// Shuffles and renames `schema` by `seed`, keeping ids: what an engine may do between two versions.
fn evolve(schema: &Schema, seed: u64) -> Schema {
    let mut fields = schema.fields.clone();
    let length = fields.len().max(1);
    fields.rotate_left(seed as usize % length);
    for (index, field) in fields.iter_mut().enumerate() {
        if (seed >> index) & 1 == 1 {
            field.name = format!("{}_renamed", field.name);
            field.required = !field.required;
        }
    }
    Schema { fields }
}

proptest! {
    #[test]
    fn applying_a_diff_leads_to_the_new_schema(a in inferred(), b in inferred(), seed in any::<u64>()) {
        let (a, last) = assign(a, &Schema::default(), FieldId(0));
        let (b, _) = assign(b, &a, last);
        let b = evolve(&b, seed);
        prop_assert_eq!(apply(&diff(&a, &b), &a), b);
    }

    #[test]
    fn equal_schemas_differ_in_nothing(a in inferred()) {
        let (a, _) = assign(a, &Schema::default(), FieldId(0));
        prop_assert!(diff(&a, &a).is_empty());
    }

    #[test]
    fn ids_are_unique_and_never_given_twice(a in inferred(), b in inferred()) {
        let (a, last_a) = assign(a, &Schema::default(), FieldId(0));
        let (b, last_b) = assign(b, &a, last_a);
        let ids: Vec<_> = flatten(&b).iter().map(|row| row.id).collect();
        let unique: std::collections::HashSet<_> = ids.iter().copied().collect();
        prop_assert_eq!(ids.len(), unique.len());
        prop_assert!(last_b >= last_a && last_b >= max_field_id(&b));
        let fresh = flatten(&b).into_iter().filter(|row| a.find(row.id).is_none());
        prop_assert!(fresh.into_iter().all(|row| row.id > last_a));
    }

    #[test]
    fn json_keeps_a_schema_whole(a in inferred()) {
        let (a, _) = assign(a, &Schema::default(), FieldId(0));
        let text = serde_json::to_string(&a.clone()).unwrap();
        prop_assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), a);
    }

    #[test]
    fn merging_holds_every_column_of_both(a in inferred(), b in inferred()) {
        let (merged, _) = merge(&a, &b);
        for field in a.fields.iter().chain(&b.fields) {
            prop_assert!(merged.fields.iter().any(|candidate| candidate.name == field.name));
        }
        let (again, _) = merge(&merged, &a);
        prop_assert_eq!(names(&again), names(&merged));
    }

    #[test]
    fn widening_is_symmetric_for_columns_without_parts(a in super::strategies::leaf(), b in super::strategies::leaf()) {
        prop_assert_eq!(widen(&a, &b), widen(&b, &a));
    }

    #[test]
    fn a_projection_shows_nothing_outside_its_scope(a in inferred(), hidden in prop::collection::btree_set(1i32..12, 0..6)) {
        let (a, _) = assign(a, &Schema::default(), FieldId(0));
        let hidden: std::collections::BTreeSet<_> = hidden.into_iter().map(FieldId).collect();
        let scope = ColumnScope::of(ColumnSet::AllBut(hidden.clone()));
        let seen = project(&a, &scope);
        prop_assert!(flatten(&seen).iter().filter(|row| !row.data_type.is_nested()).all(|row| !hidden.contains(&row.id)));
        prop_assert_eq!(project(&a, &ColumnScope::All), a);
    }
}

fn names(schema: &Schema) -> Vec<&str> {
    schema
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect()
}

#[test]
fn a_new_column_is_one_line() {
    let old = Schema::new(vec![column(1, "id", DataType::Long)]);
    let new = Schema::new(vec![
        column(1, "id", DataType::Long),
        column(2, "discount", DataType::String),
    ]);
    let lines: Vec<_> = diff(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["+ discount string"]);
}

#[test]
fn a_change_inside_a_struct_is_told_by_its_path() {
    let inner = |kind| DataType::Struct(vec![column(2, "qty", kind)]);
    let old = Schema::new(vec![column(1, "line", inner(DataType::Int))]);
    let new = Schema::new(vec![column(1, "line", inner(DataType::Long))]);
    let changes = diff(&old, &new);
    assert_eq!(
        changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["~ line.qty int → long"]
    );
    assert!(changes.iter().all(super::SchemaChange::is_safe));
}

#[test]
fn a_part_of_a_struct_can_be_granted_alone() {
    let person = DataType::Struct(vec![
        column(2, "email", DataType::String),
        column(3, "age", DataType::Int),
    ]);
    let schema = Schema::new(vec![
        column(1, "person", person),
        column(4, "ssn", DataType::String),
    ]);
    let scope = ColumnScope::of(ColumnSet::Only([FieldId(3)].into()));
    assert_eq!(
        flatten(&project(&schema, &scope))
            .iter()
            .map(|row| row.path.as_str())
            .collect::<Vec<_>>(),
        ["person", "person.age"]
    );
}

#[test]
fn types_of_version_three_keep_their_spelling() {
    for spelling in [
        "variant",
        "unknown",
        "geometry",
        "geometry(srid:4326)",
        "geography",
        "geography(srid:4326)",
        "geography(srid:4326, spherical)",
    ] {
        let json = format!(
            r#"{{"type":"struct","fields":[{{"id":1,"name":"a","required":false,"type":"{spelling}"}}]}}"#
        );
        let schema: Schema = serde_json::from_str(&json).unwrap();
        assert_eq!(schema.fields[0].data_type.to_string(), spelling);
        assert_eq!(serde_json::to_string(&schema).unwrap(), json);
    }
}

#[test]
fn a_geography_with_edges_that_nobody_knows_is_refused() {
    for spelling in [
        "geography(srid:4326, straight)",
        "geometry()",
        "geometry(a, b)",
    ] {
        let json = format!(
            r#"{{"type":"struct","fields":[{{"id":1,"name":"a","required":false,"type":"{spelling}"}}]}}"#
        );
        assert!(serde_json::from_str::<Schema>(&json).is_err(), "{spelling}");
    }
}
