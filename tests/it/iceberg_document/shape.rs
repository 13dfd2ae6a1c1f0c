//! A schema with its references followed and its parts put together, so that two that say the same in other words are equal.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a schema asks for.
#[derive(Debug, Default)]
pub struct Shape<'a> {
    /// The component it is, where it has a name.
    pub name: Option<&'a str>,
    /// Without `null`: whether a member may be null or absent is one and the same to clients.
    pub types: BTreeSet<&'a str>,
    pub properties: BTreeMap<&'a str, &'a Value>,
    pub required: BTreeSet<&'a str>,
    /// Of an enumeration, or the one of a constant.
    pub values: BTreeSet<String>,
    pub items: Option<&'a Value>,
    /// Of a map.
    pub members: Option<&'a Value>,
    /// Of a union, each with the component's name where it has one.
    pub variants: Vec<(Option<&'a str>, &'a Value)>,
}

pub fn shape<'a>(document: &'a Value, schema: &'a Value) -> Shape<'a> {
    let mut shape = Shape::default();
    add(document, schema, &mut shape, true);
    // A union with null of one thing is that thing.
    if let [(_, only)] = shape.variants[..]
        && shape.properties.is_empty()
    {
        return self::shape(document, only);
    }
    shape
}

/// The component that a schema refers to.
fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn add<'a>(document: &'a Value, schema: &'a Value, shape: &mut Shape<'a>, outermost: bool) {
    let Some(object) = schema.as_object() else {
        return;
    };
    if object.contains_key("$ref") {
        if outermost && shape.name.is_none() {
            shape.name = name(schema);
        }
        add(document, follow(document, schema), shape, outermost);
    }
    for part in list(object, "allOf") {
        add(document, part, shape, false);
    }
    add_own(object, shape);
    let mut variants = Vec::new();
    for word in ["oneOf", "anyOf"] {
        let others = list(object, word).filter(|it| it["type"] != "null");
        variants.extend(others.map(|it| (name(it), it)));
    }
    if outermost && variants.is_empty() && shape.variants.is_empty() {
        // A base that only names what is built on it.
        let mapping = object
            .get("discriminator")
            .and_then(|it| it["mapping"].as_object());
        let built = mapping.into_iter().flat_map(Map::values);
        variants.extend(built.filter_map(|it| {
            let pointer = it.as_str()?.strip_prefix('#')?;
            Some((pointer.rsplit('/').next(), document.pointer(pointer)?))
        }));
        if !variants.is_empty() {
            shape.properties.clear();
        }
    }
    shape.variants.extend(variants);
}

fn add_own<'a>(object: &'a Map<String, Value>, shape: &mut Shape<'a>) {
    match &object.get("type") {
        Some(Value::String(one)) => drop(shape.types.insert(one)),
        Some(Value::Array(many)) => shape.types.extend(many.iter().filter_map(Value::as_str)),
        _ => {}
    }
    shape.types.remove("null");
    if let Some(properties) = object.get("properties").and_then(Value::as_object) {
        for (name, schema) in properties {
            // What is built on a base says more about a member than the base does.
            shape.properties.insert(name, schema);
        }
    }
    shape
        .required
        .extend(list(object, "required").filter_map(Value::as_str));
    let values: BTreeSet<String> = list(object, "enum")
        .chain(object.get("const"))
        .filter(|it| !it.is_null())
        .map(ToString::to_string)
        .collect();
    if !values.is_empty() {
        shape.values = values;
    }
    shape.items = object.get("items").or(shape.items);
    shape.members = object
        .get("additionalProperties")
        .filter(|it| it.is_object())
        .or(shape.members);
}

/// What a reference points to; anything else is itself.
pub fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
    match pointer {
        Some(pointer) => document.pointer(pointer).unwrap_or(&Value::Null),
        None => value,
    }
}

fn list<'a>(object: &'a Map<String, Value>, member: &str) -> impl Iterator<Item = &'a Value> {
    object
        .get(member)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}
