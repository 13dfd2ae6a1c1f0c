//! JSON that is kept as text. What the rules do not touch is handed on byte for byte: unknown members, spellings of
//! numbers, types of later versions.
//!
//! Nothing here looks deeper than one level, so that the depth of a document costs no stack.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use weir_core::{Error, Result};

/// One JSON value as it was spelled.
pub(crate) type Text = Arc<RawValue>;

/// The members of a JSON object in their order, each once.
#[derive(Clone, Default)]
pub(crate) struct Object(Vec<(String, Text)>);

/// The same without a copy of the values.
pub(crate) struct Members<'a>(Vec<(String, &'a RawValue)>);

/// `value` read as what `what` has to be. Errors: `invalid`, naming `what`.
pub(crate) fn read<'a, T: Deserialize<'a>>(what: &str, json: &'a RawValue) -> Result<T> {
    serde_json::from_str(json.get()).map_err(|error| malformed(what, &error))
}

pub(crate) fn malformed(what: &str, error: &serde_json::Error) -> Error {
    Error::invalid(what, format!("`{what}` is malformed: {error}."))
}

/// The text of a value of ours.
pub(crate) fn text<T: Serialize + ?Sized>(value: &T) -> Result<Text> {
    serde_json::value::to_raw_value(value)
        .map(Arc::from)
        .map_err(|error| Error::internal("A value cannot be written as JSON").source(error))
}

/// The elements of a JSON array. Errors: `invalid` for anything else.
pub(crate) fn elements(what: &str, json: &RawValue) -> Result<Vec<Text>> {
    let boxes: Vec<Box<RawValue>> = read(what, json)?;
    Ok(boxes.into_iter().map(Arc::from).collect())
}

/// The text of an array of these elements.
pub(crate) fn array<'a>(elements: impl IntoIterator<Item = &'a Text>) -> Result<Text> {
    let elements: Vec<&RawValue> = elements.into_iter().map(|text| &**text).collect();
    text(&elements)
}

/// Is it `null`?
pub(crate) fn is_null(json: &RawValue) -> bool {
    json.get() == "null"
}

impl Object {
    /// Errors: `invalid` for anything but an object, and for one that names a member twice.
    pub(crate) fn parse(what: &str, json: &RawValue) -> Result<Self> {
        read(what, json)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Text> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    /// Replaces the member where it stands, or adds it at the end.
    pub(crate) fn set(&mut self, name: &str, value: Text) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// As [`Object::set`], but a new member comes first.
    pub(crate) fn set_first(&mut self, name: &str, value: Text) {
        if self.get(name).is_none() {
            self.0.insert(0, (name.to_owned(), value));
        } else {
            self.set(name, value);
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(known, _)| known != name);
        self.0.len() != before
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str, &RawValue) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn text(&self) -> Result<Text> {
        text(self)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(deserializer)?;
        let owned = |(name, value): (String, &RawValue)| (name, Arc::from(value.to_owned()));
        Ok(members.into_iter().map(owned).collect())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<(String, Text)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Text)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, &**value)?;
        }
        map.end()
    }
}

impl<'a> Members<'a> {
    pub(crate) fn parse(what: &str, json: &'a str) -> Result<Self> {
        serde_json::from_str(json).map_err(|error| malformed(what, &error))
    }

    /// The member, unless it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| *value)
            .filter(|value| !is_null(value))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Errors: `invalid` when it is there and not of that type.
    pub(crate) fn optional<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>> {
        self.get(name).map(|value| read(name, value)).transpose()
    }

    /// Errors: `invalid` when it is absent, null, or not of that type.
    pub(crate) fn required<T: Deserialize<'a>>(&self, name: &str) -> Result<T> {
        self.optional(name)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (String, &'a RawValue)> {
        self.0.into_iter()
    }
}

pub(crate) fn missing(name: &str) -> Error {
    Error::invalid(name, format!("`{name}` is missing."))
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Self::Value = Vec::new();
                let mut seen = HashSet::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if !seen.insert(name.clone()) {
                        let message = format!("`{}` is there twice", name.escape_debug());
                        return Err(A::Error::custom(message));
                    }
                    members.push((name, value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Each).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn a_member_is_replaced_where_it_stands_and_all_else_keeps_its_spelling() {
        let mut object =
            Object::parse("x", &raw(r#"{"a":1.0e2,"b" : [ 1 ],"c":"\u0041"}"#)).unwrap();
        object.set("b", text(&2).unwrap());
        object.set("d", text(&true).unwrap());
        assert_eq!(
            object.text().unwrap().get(),
            r#"{"a":1.0e2,"b":2,"c":"\u0041","d":true}"#
        );
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused() {
        assert!(Object::parse("x", &raw(r#"{"a":1,"a":2}"#)).is_err());
        assert!(Object::parse("x", &raw("[1]")).is_err());
    }
}
