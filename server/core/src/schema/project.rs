//! A schema as one caller may see it, and as rows: one per column at any depth.

use super::types::{DataType, Field, Schema};
use crate::grant::ColumnScope;
use crate::id::FieldId;

/// The schema without the columns outside `scope`. A struct, list or map stays as long as a part of it does.
pub fn project(schema: &Schema, scope: &ColumnScope) -> Schema {
    if scope.is_all() {
        return schema.clone();
    }
    let mut path = Vec::new();
    Schema {
        fields: schema
            .fields
            .iter()
            .filter_map(|field| project_field(field, scope, &mut path))
            .collect(),
    }
}

fn project_field(field: &Field, scope: &ColumnScope, path: &mut Vec<FieldId>) -> Option<Field> {
    path.push(field.id);
    let data_type = project_type(&field.data_type, scope, path);
    path.pop();
    data_type.map(|data_type| Field {
        data_type,
        ..field.clone()
    })
}

fn project_type(
    data_type: &DataType,
    scope: &ColumnScope,
    path: &mut Vec<FieldId>,
) -> Option<DataType> {
    match data_type {
        DataType::Struct(fields) if !fields.is_empty() => {
            let kept: Vec<Field> = fields
                .iter()
                .filter_map(|child| project_field(child, scope, path))
                .collect();
            (!kept.is_empty()).then_some(DataType::Struct(kept))
        }
        DataType::List(element) => {
            project_field(element, scope, path).map(|element| DataType::List(Box::new(element)))
        }
        // A map without its keys, or with keys alone, is not a map any more.
        DataType::Map(key, value) => match (
            project_field(key, scope, path),
            project_field(value, scope, path),
        ) {
            (Some(key), Some(value)) => Some(DataType::Map(Box::new(key), Box::new(value))),
            _ => None,
        },
        leaf => scope.allows(path).then(|| leaf.clone()),
    }
}

/// One column at any depth, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRow {
    pub id: FieldId,
    pub parent: Option<FieldId>,
    /// Names from the top, joined by dots.
    pub path: String,
    pub name: String,
    pub depth: usize,
    /// Place in the whole schema, depth first, from 0.
    pub ordinal: usize,
    pub data_type: DataType,
    pub required: bool,
    pub doc: Option<String>,
}

/// Every column of the schema, depth first.
pub fn flatten(schema: &Schema) -> Vec<ColumnRow> {
    fn walk(field: &Field, parent: Option<&ColumnRow>, rows: &mut Vec<ColumnRow>) {
        let row = ColumnRow {
            id: field.id,
            parent: parent.map(|row| row.id),
            path: parent.map_or_else(
                || field.name.clone(),
                |row| format!("{}.{}", row.path, field.name),
            ),
            name: field.name.clone(),
            depth: parent.map_or(0, |row| row.depth + 1),
            ordinal: rows.len(),
            data_type: field.data_type.clone(),
            required: field.required,
            doc: field.doc.clone(),
        };
        rows.push(row.clone());
        for child in field.data_type.children() {
            walk(child, Some(&row), rows);
        }
    }
    let mut rows = Vec::new();
    for field in &schema.fields {
        walk(field, None, &mut rows);
    }
    rows
}
