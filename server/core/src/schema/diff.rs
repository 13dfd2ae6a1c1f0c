//! What changed between two versions of a schema, told by column identity: a renamed column is one change, not two.
//!
//! `apply(diff(a, b), a) == b` for any two schemas whose ids are unique, which the property tests hold it to. For that the
//! changes of one parent stand in the order removed, reordered, changed, added.

use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::fmt;

use super::merge::widen;
use super::types::{DataType, Field, Schema};
use super::wire::SchemaWire;
use crate::id::FieldId;

/// One change to one column. `parent` is absent at the top level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaChange {
    Added {
        parent: Option<FieldId>,
        position: usize,
        path: String,
        field: Field,
    },
    Removed {
        id: FieldId,
        path: String,
        data_type: DataType,
    },
    Renamed {
        id: FieldId,
        path: String,
        to: String,
    },
    /// A type that changed in itself; changes inside a struct, list or map are told of its parts instead.
    Retyped {
        id: FieldId,
        path: String,
        from: DataType,
        to: DataType,
    },
    /// `required` after the change.
    Requiredness {
        id: FieldId,
        path: String,
        required: bool,
    },
    Documented {
        id: FieldId,
        path: String,
        doc: Option<String>,
    },
    /// The kept columns of one parent stand in another order.
    Reordered {
        parent: Option<FieldId>,
        path: String,
        order: Vec<FieldId>,
    },
}

/// The changes that lead from `old` to `new`; empty exactly when they are equal.
pub fn diff(old: &Schema, new: &Schema) -> Vec<SchemaChange> {
    let mut changes = Vec::new();
    diff_fields(
        None,
        "",
        &old.fields.iter().collect::<Vec<_>>(),
        &new.fields.iter().collect::<Vec<_>>(),
        &mut changes,
    );
    changes
}

fn diff_fields(
    parent: Option<FieldId>,
    path: &str,
    old: &[&Field],
    new: &[&Field],
    changes: &mut Vec<SchemaChange>,
) {
    let after: HashMap<FieldId, &Field> = new.iter().map(|field| (field.id, *field)).collect();
    let before: HashSet<FieldId> = old.iter().map(|field| field.id).collect();

    for field in old.iter().filter(|field| !after.contains_key(&field.id)) {
        changes.push(SchemaChange::Removed {
            id: field.id,
            path: join(path, &field.name),
            data_type: field.data_type.clone(),
        });
    }
    let kept: Vec<FieldId> = old
        .iter()
        .map(|field| field.id)
        .filter(|id| after.contains_key(id))
        .collect();
    let order: Vec<FieldId> = new
        .iter()
        .map(|field| field.id)
        .filter(|id| before.contains(id))
        .collect();
    if kept != order {
        changes.push(SchemaChange::Reordered {
            parent,
            path: path.to_owned(),
            order,
        });
    }
    for field in old {
        if let Some(now) = after.get(&field.id) {
            diff_field(path, field, now, changes);
        }
    }
    for (position, field) in new
        .iter()
        .enumerate()
        .filter(|(_, field)| !before.contains(&field.id))
    {
        changes.push(SchemaChange::Added {
            parent,
            position,
            path: join(path, &field.name),
            field: (*field).clone(),
        });
    }
}

fn diff_field(path: &str, old: &Field, new: &Field, changes: &mut Vec<SchemaChange>) {
    let (id, path) = (old.id, join(path, &old.name));
    if old.name != new.name {
        changes.push(SchemaChange::Renamed {
            id,
            path: path.clone(),
            to: new.name.clone(),
        });
    }
    if old.required != new.required {
        changes.push(SchemaChange::Requiredness {
            id,
            path: path.clone(),
            required: new.required,
        });
    }
    if old.doc != new.doc {
        changes.push(SchemaChange::Documented {
            id,
            path: path.clone(),
            doc: new.doc.clone(),
        });
    }
    if parts_match(&old.data_type, &new.data_type) {
        diff_fields(
            Some(id),
            &path,
            &old.data_type.children(),
            &new.data_type.children(),
            changes,
        );
    } else if old.data_type != new.data_type {
        changes.push(SchemaChange::Retyped {
            id,
            path,
            from: old.data_type.clone(),
            to: new.data_type.clone(),
        });
    }
}

/// Can the difference be told part by part? A list or map keeps its parts; only a struct may gain and lose some.
fn parts_match(old: &DataType, new: &DataType) -> bool {
    let same_ids = || {
        old.children()
            .iter()
            .map(|f| f.id)
            .eq(new.children().iter().map(|f| f.id))
    };
    old.same_shape(new) && (matches!(old, DataType::Struct(_)) || same_ids())
}

/// Carries `changes` out on `schema`. Changes to columns that it does not have are passed over.
pub fn apply(changes: &[SchemaChange], schema: &Schema) -> Schema {
    let mut root = Field::inferred("", DataType::Struct(schema.fields.clone()));
    for change in changes {
        apply_one(change, &mut root);
    }
    match root.data_type {
        DataType::Struct(fields) => Schema { fields },
        _ => Schema::default(),
    }
}

fn apply_one(change: &SchemaChange, root: &mut Field) {
    match change {
        SchemaChange::Removed { id, .. } => {
            visit(root, &mut |field| {
                if let DataType::Struct(fields) = &mut field.data_type {
                    fields.retain(|child| child.id != *id);
                }
            });
        }
        SchemaChange::Reordered { parent, order, .. } => {
            let place: HashMap<FieldId, usize> =
                order.iter().enumerate().map(|(at, id)| (*id, at)).collect();
            if let Some(fields) = struct_of(root, *parent) {
                fields.sort_by_key(|field| place.get(&field.id).copied().unwrap_or(usize::MAX));
            }
        }
        SchemaChange::Added {
            parent,
            position,
            field,
            ..
        } => {
            if let Some(fields) = struct_of(root, *parent) {
                fields.insert((*position).min(fields.len()), field.clone());
            }
        }
        SchemaChange::Renamed { id, to, .. } => with(root, *id, |field| field.name.clone_from(to)),
        SchemaChange::Requiredness { id, required, .. } => {
            with(root, *id, |field| field.required = *required)
        }
        SchemaChange::Documented { id, doc, .. } => {
            with(root, *id, |field| field.doc.clone_from(doc))
        }
        SchemaChange::Retyped { id, to, .. } => {
            with(root, *id, |field| field.data_type = to.clone())
        }
    }
}

fn visit(field: &mut Field, f: &mut impl FnMut(&mut Field)) {
    f(field);
    for child in field.data_type.children_mut() {
        visit(child, f);
    }
}

fn with(root: &mut Field, id: FieldId, mut change: impl FnMut(&mut Field)) {
    visit(root, &mut |field| {
        if field.id == id {
            change(field);
        }
    });
}

fn struct_of(root: &mut Field, id: Option<FieldId>) -> Option<&mut Vec<Field>> {
    let field = match id {
        None => root,
        Some(id) => find_mut(root, id)?,
    };
    match &mut field.data_type {
        DataType::Struct(fields) => Some(fields),
        _ => None,
    }
}

fn find_mut(field: &mut Field, id: FieldId) -> Option<&mut Field> {
    if field.id == id {
        return Some(field);
    }
    field
        .data_type
        .children_mut()
        .into_iter()
        .find_map(|child| find_mut(child, id))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

impl SchemaChange {
    /// Is data written before the change still readable after it, and the reverse of no surprise?
    pub fn is_safe(&self) -> bool {
        match self {
            Self::Added { field, .. } => !field.required,
            Self::Retyped { from, to, .. } => widen(from, to).is_some_and(|wider| wider == *to),
            Self::Requiredness { required, .. } => !required,
            Self::Documented { .. } | Self::Reordered { .. } => true,
            Self::Removed { .. } | Self::Renamed { .. } => false,
        }
    }

    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Added { .. } => "added",
            Self::Removed { .. } => "removed",
            Self::Renamed { .. } => "renamed",
            Self::Retyped { .. } => "retyped",
            Self::Requiredness { .. } => "requiredness",
            Self::Documented { .. } => "documented",
            Self::Reordered { .. } => "reordered",
        }
    }

    /// The column that the change is about; none for a new order.
    pub fn field_id(&self) -> Option<FieldId> {
        match self {
            Self::Added { field, .. } => Some(field.id),
            Self::Removed { id, .. }
            | Self::Renamed { id, .. }
            | Self::Retyped { id, .. }
            | Self::Requiredness { id, .. }
            | Self::Documented { id, .. } => Some(*id),
            Self::Reordered { .. } => None,
        }
    }
}

/// One line a person reads: `+ discount string`, `~ qty int → long`, `- channel string`.
impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { path, field, .. } => write!(f, "+ {path} {}", field.data_type),
            Self::Removed {
                path, data_type, ..
            } => write!(f, "- {path} {data_type}"),
            Self::Renamed { path, to, .. } => write!(f, "~ {path} renamed {to}"),
            Self::Retyped { path, from, to, .. } => write!(f, "~ {path} {from} → {to}"),
            Self::Requiredness {
                path,
                required: true,
                ..
            } => write!(f, "~ {path} became required"),
            Self::Requiredness {
                path,
                required: false,
                ..
            } => write!(f, "~ {path} became optional"),
            Self::Documented { path, .. } => write!(f, "~ {path} source comment changed"),
            Self::Reordered { path, .. } if path.is_empty() => {
                f.write_str("~ columns in another order")
            }
            Self::Reordered { path, .. } => write!(f, "~ {path} fields in another order"),
        }
    }
}

/// How a change is kept beside its version: the line, the kind, the column and the field it concerns.
#[derive(Serialize)]
struct ChangeWire {
    kind: String,
    field_id: Option<FieldId>,
    line: String,
    safe: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<SchemaWire>,
}

impl Serialize for SchemaChange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let added = match self {
            Self::Added { field, .. } => Some(SchemaWire::from(Schema::new(vec![field.clone()]))),
            _ => None,
        };
        ChangeWire {
            kind: self.kind().to_owned(),
            field_id: self.field_id(),
            line: self.to_string(),
            safe: self.is_safe(),
            added,
        }
        .serialize(serializer)
    }
}
