//! Names, parsed once at the edge. A value of these types is safe in a path, a log line, a URL and a page.

use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

use crate::{Error, Result};

pub const MAX_NAME_CHARS: usize = 255;
pub const MAX_NAMESPACE_LEVELS: usize = 16;

/// The name of a catalog, a namespace level, a table, a storage location or a crawler: letters and digits of any
/// script, `_` and `-`, in Unicode NFC, beginning with a letter, digit or `_`. No dot: it separates levels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// `field` names the input in the error.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let name = normal(text);
        check_length(field, &name)?;
        if let Some(bad) = name
            .chars()
            .find(|&c| !(c.is_alphanumeric() || c == '_' || c == '-'))
        {
            return Err(Error::invalid(
                field,
                format!(
                    "A name has letters, digits, `_` and `-` only; this one has {}.",
                    spell(bad)
                ),
            ));
        }
        if name.starts_with('-') {
            return Err(Error::invalid(
                field,
                "A name begins with a letter, a digit or `_`.",
            ));
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a person, a group, a service or a role: letters, digits and `. _ - + @`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PrincipalName(String);

impl PrincipalName {
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let name = normal(text);
        check_length(field, &name)?;
        if let Some(bad) = name
            .chars()
            .find(|&c| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@')))
        {
            return Err(Error::invalid(
                field,
                format!(
                    "A principal's name has letters, digits and `. _ - + @` only; this one has {}.",
                    spell(bad)
                ),
            ));
        }
        if name.starts_with(['.', '-', '+']) || name.contains("..") {
            return Err(Error::invalid(
                field,
                "A principal's name begins with a letter, a digit, `_` or `@` and has no two dots in a row.",
            ));
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a column as files and engines spell it: anything but control characters, 1 to 255 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnName(String);

impl ColumnName {
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        check_length(field, text)?;
        if let Some(bad) = text.chars().find(|c| c.is_control()) {
            return Err(Error::invalid(
                field,
                format!(
                    "A column's name has no control characters; this one has {}.",
                    spell(bad)
                ),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A namespace below its catalog: one or more levels, written `sales` or `sales.emea`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacePath(Vec<Name>);

impl NamespacePath {
    /// Parses the dotted form.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        Self::from_levels(field, text.split('.'))
    }

    pub fn from_levels<'a>(field: &str, levels: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let levels = levels
            .into_iter()
            .map(|level| Name::parse(field, level))
            .collect::<Result<Vec<_>>>()?;
        if levels.is_empty() || levels.len() > MAX_NAMESPACE_LEVELS {
            return Err(Error::invalid(
                field,
                format!("A namespace has 1 to {MAX_NAMESPACE_LEVELS} levels."),
            ));
        }
        Ok(Self(levels))
    }

    pub fn levels(&self) -> &[Name] {
        &self.0
    }

    pub fn to_strings(&self) -> Vec<String> {
        self.0.iter().map(|level| level.0.clone()).collect()
    }

    /// The namespace one level up, or none at the top.
    pub fn parent(&self) -> Option<Self> {
        match self.0.split_last() {
            Some((_, above)) if !above.is_empty() => Some(Self(above.to_vec())),
            _ => None,
        }
    }
}

/// A namespace with the catalog it lives in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceIdent {
    pub catalog: Name,
    pub path: NamespacePath,
}

/// A table by name: `catalog.namespace.table`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableIdent {
    pub namespace: NamespaceIdent,
    pub name: Name,
}

impl TableIdent {
    pub fn parse(catalog: &str, namespace: &str, table: &str) -> Result<Self> {
        Ok(Self {
            namespace: NamespaceIdent::parse(catalog, namespace)?,
            name: Name::parse("table", table)?,
        })
    }
}

impl NamespaceIdent {
    pub fn parse(catalog: &str, namespace: &str) -> Result<Self> {
        Ok(Self {
            catalog: Name::parse("catalog", catalog)?,
            path: NamespacePath::parse("namespace", namespace)?,
        })
    }
}

macro_rules! shown {
    ($($name:ident => |$it:ident, $f:ident| $body:expr),* $(,)?) => { $(
        impl fmt::Display for $name { fn fmt(&self, $f: &mut fmt::Formatter<'_>) -> fmt::Result { let $it = self; $body } }
        impl fmt::Debug for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "`{self}`") } }
    )* };
}

shown! {
    Name => |it, f| f.write_str(&it.0),
    PrincipalName => |it, f| f.write_str(&it.0),
    ColumnName => |it, f| f.write_str(&it.0),
    NamespacePath => |it, f| f.write_str(&it.to_strings().join(".")),
    NamespaceIdent => |it, f| write!(f, "{}.{}", it.catalog, it.path),
    TableIdent => |it, f| write!(f, "{}.{}", it.namespace, it.name),
}

/// The text in Unicode NFC, which ASCII is already.
fn normal(text: &str) -> String {
    if text.is_ascii() {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

fn check_length(field: &str, name: &str) -> Result<()> {
    let chars = name.chars().count();
    if chars == 0 {
        return Err(Error::invalid(field, "A name is needed here."));
    }
    if chars > MAX_NAME_CHARS {
        return Err(Error::invalid(
            field,
            format!("A name has at most {MAX_NAME_CHARS} characters; this one has {chars}."),
        ));
    }
    Ok(())
}

/// A character as an error may show it: printable ones quoted, others by code point.
fn spell(c: char) -> String {
    if c.is_control() || c.is_whitespace() {
        format!("U+{:04X}", c as u32)
    } else {
        format!("`{c}`")
    }
}

/// A name made from whatever a folder or file is called: other characters become `_`, runs of them one.
pub fn sanitise(text: &str) -> Option<Name> {
    let mut out = String::with_capacity(text.len());
    for c in text.nfc() {
        let keep = c.is_alphanumeric() || c == '_' || c == '-';
        if keep {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    let trimmed: String = out.trim_matches(['_', '-']).chars().take(200).collect();
    Name::parse("name", &trimmed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_would_surprise_a_path_or_a_page_are_refused() {
        let long = "x".repeat(300);
        for bad in [
            "",
            "a/b",
            "..",
            ".",
            "a.b",
            "a\u{0}b",
            "a\nb",
            "-a",
            "a b",
            "x'; DROP TABLE t--",
            "<b>",
            "%2e",
            &long,
            "a\u{202e}b",
        ] {
            assert!(Name::parse("name", bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["orders", "Größe_2", "_tmp", "a-b", "日本", "2024"] {
            assert!(Name::parse("name", good).is_ok(), "{good:?} was refused");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_name_parses_to_itself(text in "\\PC{0,40}") {
            if let Ok(name) = Name::parse("name", &text) {
                prop_assert_eq!(&Name::parse("name", name.as_str()).unwrap(), &name);
                prop_assert!(!name.as_str().contains(['/', '.', '\'', '"', '<', '%', '\\']));
            }
        }

        #[test]
        fn whatever_is_sanitised_is_a_name(text in ".{0,60}") {
            if let Some(name) = sanitise(&text) {
                prop_assert!(Name::parse("name", name.as_str()).is_ok());
            }
        }

        #[test]
        fn a_namespace_path_survives_its_dotted_form(levels in prop::collection::vec("[a-z0-9_]{1,8}", 1..5)) {
            let path = NamespacePath::from_levels("ns", levels.iter().map(String::as_str)).unwrap();
            prop_assert_eq!(NamespacePath::parse("ns", &path.to_string()).unwrap(), path);
        }
    }
}
