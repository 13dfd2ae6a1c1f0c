//! Column identity. A freshly inferred schema has no ids; each of its columns takes that of the column with the same path
//! in the version before, and a new column takes the next number that was never used.

use super::types::{DataType, Field, Schema};
use crate::id::FieldId;

/// `inferred` with ids: those of `known` where a path is the same, fresh ones above `last` elsewhere.
/// Returns the highest id given out so far, which the table must remember so that none is ever used twice.
pub fn assign(inferred: Schema, known: &Schema, last: FieldId) -> (Schema, FieldId) {
    let mut next = last.0.max(max_field_id(known).0);
    let known: Vec<&Field> = known.fields.iter().collect();
    let fields = inferred
        .fields
        .into_iter()
        .map(|field| assign_field(field, &known, &mut next))
        .collect();
    (Schema { fields }, FieldId(next))
}

fn assign_field(mut field: Field, known: &[&Field], next: &mut i32) -> Field {
    let before = known.iter().find(|candidate| candidate.name == field.name);
    field.id = match before {
        Some(before) => before.id,
        None => {
            *next += 1;
            FieldId(*next)
        }
    };
    let inner: Vec<&Field> = before
        .filter(|before| before.data_type.same_shape(&field.data_type))
        .map(|before| before.data_type.children())
        .unwrap_or_default();
    field.data_type = match field.data_type {
        DataType::Struct(fields) => DataType::Struct(
            fields
                .into_iter()
                .map(|child| assign_field(child, &inner, next))
                .collect(),
        ),
        DataType::List(element) => DataType::List(Box::new(assign_field(*element, &inner, next))),
        DataType::Map(key, value) => {
            let key = assign_field(*key, &inner, next);
            DataType::Map(Box::new(key), Box::new(assign_field(*value, &inner, next)))
        }
        primitive => primitive,
    };
    field
}

/// The highest id in the schema, 0 when it has none.
pub fn max_field_id(schema: &Schema) -> FieldId {
    fn highest(field: &Field) -> FieldId {
        field
            .data_type
            .children()
            .into_iter()
            .map(highest)
            .fold(field.id, Ord::max)
    }
    schema.fields.iter().map(highest).max().unwrap_or_default()
}
