//! What the rules ask of a schema, and schemas with other ids (table spec, sections "Schemas and Data Types" and "Identifier
//! Field IDs").
//!
//! A schema is always parsed whole before its text is walked, which bounds the depth of the walk.

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeSet, HashMap, HashSet};
use weir_core::id::FieldId;
use weir_core::schema::{DataType, Field, Schema, flatten};
use weir_core::{Error, Result};

use crate::raw::{Object, Text, array, elements, is_null, read, text};

/// A schema of a table with its number.
#[derive(Clone)]
pub(crate) struct SchemaEntry {
    pub(crate) id: i32,
    pub(crate) text: Text,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SchemaHead {
    schema_id: Option<i32>,
    identifier_field_ids: Option<Vec<i32>>,
}

impl SchemaEntry {
    /// Reads only its id; `default` where it has none.
    pub(crate) fn parse(text: Text, default: Option<i32>) -> Result<Self> {
        let head: SchemaHead = read("schema", &text)?;
        if let Some(id) = head.schema_id {
            return Ok(Self { id, text });
        }
        let id = default.ok_or_else(|| crate::raw::missing("schema-id"))?;
        Self::numbered(&text, id)
    }

    /// The same schema under this number.
    pub(crate) fn numbered(json: &RawValue, id: i32) -> Result<Self> {
        let mut object = Object::parse("schema", json)?;
        object.set("schema-id", text(&id)?);
        Ok(Self {
            id,
            text: object.text()?,
        })
    }

    pub(crate) fn schema(&self) -> Result<Schema> {
        parse(&self.text)
    }
}

pub(crate) fn parse(json: &RawValue) -> Result<Schema> {
    read("schema", json)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid("schema", message)
}

/// A schema that a table may be given. Errors: `invalid` for ids or names that are there twice, types and defaults that the
/// format version does not have, and identifier fields that cannot identify.
pub(crate) fn check(json: &RawValue, version: u8) -> Result<Schema> {
    let schema = parse(json)?;
    let rows = flatten(&schema);
    let (mut ids, mut paths) = (HashSet::new(), HashSet::new());
    for row in &rows {
        if !ids.insert(row.id) {
            return Err(invalid(format!("The field id {} is there twice.", row.id)));
        }
        if row.name.is_empty() || !paths.insert(&row.path) {
            let path = row.path.escape_debug();
            return Err(invalid(format!(
                "Every column has one name of its own: `{path}`."
            )));
        }
        check_type(&row.path, &row.data_type, row.required, version)?;
    }
    if version < 3 {
        let whole: Value = read("schema", json)?;
        if let Some(name) = defaulted(&whole) {
            return Err(invalid(format!(
                "An initial default, as `{name}` has, is not supported until version 3."
            )));
        }
    }
    check_identifiers(&schema, &identifiers(json)?)?;
    Ok(schema)
}

fn check_type(path: &str, data_type: &DataType, required: bool, version: u8) -> Result<()> {
    let needs = match data_type {
        DataType::TimestampNs
        | DataType::TimestamptzNs
        | DataType::Variant
        | DataType::Unknown
        | DataType::Geometry { .. }
        | DataType::Geography { .. } => 3,
        _ => 1,
    };
    if version < needs {
        return Err(invalid(format!(
            "`{path}`: {data_type} is not supported until version {needs}."
        )));
    }
    match data_type {
        DataType::Unknown if required => Err(invalid(format!(
            "`{path}`: a column of type unknown is optional."
        ))),
        DataType::Decimal { precision, scale }
            if *precision == 0 || *precision > 38 || scale > precision =>
        {
            Err(invalid(format!("`{path}`: there is no {data_type}.")))
        }
        _ => Ok(()),
    }
}

/// The name of a field with an initial default that is not null.
fn defaulted(json: &Value) -> Option<String> {
    match json {
        Value::Object(members) => {
            let has = members
                .get("initial-default")
                .is_some_and(|it| !it.is_null());
            if has && members.contains_key("id") {
                let name = members.get("name").and_then(Value::as_str);
                return Some(name.unwrap_or_default().to_owned());
            }
            ["type", "fields", "element", "key", "value"]
                .into_iter()
                .filter_map(|name| members.get(name))
                .find_map(defaulted)
        }
        Value::Array(values) => values.iter().find_map(defaulted),
        _ => None,
    }
}

pub(crate) fn identifiers(json: &RawValue) -> Result<BTreeSet<i32>> {
    let head: SchemaHead = read("schema", json)?;
    Ok(head
        .identifier_field_ids
        .unwrap_or_default()
        .into_iter()
        .collect())
}

fn check_identifiers(schema: &Schema, ids: &BTreeSet<i32>) -> Result<()> {
    for id in ids {
        let path = path_to(schema, *id)
            .ok_or_else(|| invalid(format!("There is no identifier field {id}.")))?;
        let Some((field, above)) = path.split_last() else {
            continue;
        };
        let fits = field.required
            && !field.data_type.is_nested()
            && !matches!(field.data_type, DataType::Float | DataType::Double)
            && above
                .iter()
                .all(|part| part.required && matches!(part.data_type, DataType::Struct(_)));
        if !fits {
            return Err(invalid(format!(
                "An identifier field is required, neither nested nor a floating point number, and in no list, map or optional struct: `{}`.",
                field.name
            )));
        }
    }
    Ok(())
}

/// The field with this id, after everything that it lies in.
pub(crate) fn path_to(schema: &Schema, id: i32) -> Option<Vec<&Field>> {
    fn find<'a>(field: &'a Field, id: FieldId, path: &mut Vec<&'a Field>) -> bool {
        path.push(field);
        if field.id == id
            || field
                .data_type
                .children()
                .into_iter()
                .any(|child| find(child, id, path))
        {
            return true;
        }
        path.pop();
        false
    }
    let mut path = Vec::new();
    schema
        .fields
        .iter()
        .any(|field| find(field, FieldId(id), &mut path))
        .then_some(path)
}

/// Do both describe the same columns, whatever their numbers?
pub(crate) fn same(a: &RawValue, b: &RawValue) -> Result<bool> {
    Ok(canonical(a)? == canonical(b)?)
}

fn canonical(json: &RawValue) -> Result<Value> {
    let mut value: Value = read("schema", json)?;
    if let Value::Object(members) = &mut value {
        members.remove("schema-id");
        members.remove("identifier-field-ids");
        members.insert(
            "identifier-field-ids".into(),
            serde_json::json!(identifiers(json)?),
        );
    }
    normalise(&mut value);
    Ok(value)
}

/// One spelling for what can be spelled in several ways: absent members, and spaces in types.
fn normalise(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for optional in ["doc", "initial-default", "write-default"] {
                if members.get(optional).is_some_and(Value::is_null) {
                    members.remove(optional);
                }
            }
            for name in ["type", "element", "key", "value"] {
                if let Some(Value::String(spelled)) = members.get_mut(name) {
                    spelled.retain(|letter| letter != ' ');
                }
            }
            for name in ["type", "fields", "element", "key", "value"] {
                if let Some(inner) = members.get_mut(name) {
                    normalise(inner);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalise),
        _ => {}
    }
}

/// A new table's own ids: from 1, the columns of a struct before what lies in them, as engines expect it (the reference
/// implementation's order).
pub(crate) struct Renumbered {
    pub(crate) text: Text,
    pub(crate) last: i32,
    /// The new id by the one that the client gave.
    pub(crate) ids: HashMap<i32, i32>,
}

pub(crate) fn renumber(json: &RawValue) -> Result<Renumbered> {
    parse(json)?;
    let mut numbers = Renumber::default();
    let mut object = Object::parse("schema", json)?;
    if let Some(fields) = object.get("fields").cloned() {
        object.set("fields", numbers.fields(&fields)?);
    }
    let identifiers = identifiers(json)?;
    if !identifiers.is_empty() {
        let ids: Vec<i32> = identifiers
            .iter()
            .map(|id| numbers.ids.get(id).copied())
            .collect::<Option<_>>()
            .ok_or_else(|| invalid("An identifier field is no column."))?;
        object.set("identifier-field-ids", text(&ids)?);
    }
    object.set("schema-id", text(&0)?);
    Ok(Renumbered {
        text: object.text()?,
        last: numbers.last,
        ids: numbers.ids,
    })
}

#[derive(Default)]
struct Renumber {
    last: i32,
    ids: HashMap<i32, i32>,
}

impl Renumber {
    fn next(&mut self, object: &mut Object, name: &str) -> Result<()> {
        self.last += 1;
        let old = object.get(name).ok_or_else(|| crate::raw::missing(name))?;
        let old: i32 = read(name, old)?;
        if self.ids.insert(old, self.last).is_some() {
            return Err(invalid(format!("The field id {old} is there twice.")));
        }
        object.set(name, text(&self.last)?);
        Ok(())
    }

    fn fields(&mut self, json: &RawValue) -> Result<Text> {
        let mut fields = Vec::new();
        for field in elements("fields", json)? {
            let mut object = Object::parse("field", &field)?;
            self.next(&mut object, "id")?;
            fields.push(object);
        }
        let mut texts = Vec::new();
        for mut field in fields {
            self.inside(&mut field, "type")?;
            texts.push(field.text()?);
        }
        array(&texts)
    }

    /// The type that is this member of `object`.
    fn inside(&mut self, object: &mut Object, name: &str) -> Result<()> {
        let Some(json) = object.get(name).filter(|json| json.get().starts_with('{')) else {
            return Ok(());
        };
        let mut inner = Object::parse(name, json)?;
        if let Some(fields) = inner.get("fields").cloned() {
            inner.set("fields", self.fields(&fields)?);
        } else if inner.get("element").is_some() {
            self.next(&mut inner, "element-id")?;
            self.inside(&mut inner, "element")?;
        } else if inner.get("key").is_some() {
            self.next(&mut inner, "key-id")?;
            self.next(&mut inner, "value-id")?;
            self.inside(&mut inner, "key")?;
            self.inside(&mut inner, "value")?;
        }
        object.set(name, inner.text()?);
        Ok(())
    }
}

/// The text of a schema with the fields of `kept` only, which is a projection of it. What was not cut keeps its text.
pub(crate) fn cut(json: &RawValue, kept: &Schema) -> Result<Text> {
    let ids: HashMap<i32, &Field> = {
        fn walk<'a>(field: &'a Field, ids: &mut HashMap<i32, &'a Field>) {
            ids.insert(field.id.0, field);
            for child in field.data_type.children() {
                walk(child, ids);
            }
        }
        let mut ids = HashMap::new();
        kept.fields.iter().for_each(|field| walk(field, &mut ids));
        ids
    };
    let whole = parse(json)?;
    let mut object = Object::parse("schema", json)?;
    object.retain(|name, _| matches!(name, "type" | "fields" | "schema-id"));
    if let Some(fields) = object.get("fields").cloned() {
        object.set("fields", cut_fields(&fields, &whole.fields, &ids)?);
    }
    let identifiers: Vec<i32> = identifiers(json)?
        .into_iter()
        .filter(|id| ids.contains_key(id))
        .collect();
    if !identifiers.is_empty() {
        object.set("identifier-field-ids", text(&identifiers)?);
    }
    object.text()
}

fn cut_fields(json: &RawValue, whole: &[Field], kept: &HashMap<i32, &Field>) -> Result<Text> {
    let mut texts = Vec::new();
    for (field, known) in elements("fields", json)?.iter().zip(whole) {
        let Some(projected) = kept.get(&known.id.0) else {
            continue;
        };
        if projected.data_type == known.data_type {
            texts.push(field.clone());
            continue;
        }
        let mut object = Object::parse("field", field)?;
        // A default of a struct would show those of its hidden parts.
        object.retain(|name, _| matches!(name, "id" | "name" | "required" | "type" | "doc"));
        if let Some(inner) = object.get("type").cloned() {
            object.set("type", cut_type(&inner, &known.data_type, kept)?);
        }
        texts.push(object.text()?);
    }
    array(&texts)
}

fn cut_type(json: &RawValue, whole: &DataType, kept: &HashMap<i32, &Field>) -> Result<Text> {
    if !whole.is_nested() {
        return Ok(json.to_owned().into());
    }
    let mut object = Object::parse("type", json)?;
    object.retain(|name, value| {
        !is_null(value)
            && matches!(
                name,
                "type"
                    | "fields"
                    | "element-id"
                    | "element"
                    | "element-required"
                    | "key-id"
                    | "key"
                    | "value-id"
                    | "value"
                    | "value-required"
            )
    });
    let mut inside = |name: &str, whole: &DataType| -> Result<()> {
        if let Some(inner) = object.get(name).cloned() {
            object.set(name, cut_type(&inner, whole, kept)?);
        }
        Ok(())
    };
    match whole {
        DataType::List(element) => inside("element", &element.data_type)?,
        DataType::Map(key, value) => {
            inside("key", &key.data_type)?;
            inside("value", &value.data_type)?;
        }
        DataType::Struct(fields) => {
            if let Some(inner) = object.get("fields").cloned() {
                object.set("fields", cut_fields(&inner, fields, kept)?);
            }
        }
        _ => {}
    }
    object.text()
}
