//! What people say about data. Kept apart from what crawlers and engines say, and never overwritten by them.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::principal::words;
use crate::tag::Sensitivity;
use crate::{Error, Result};

pub const MAX_DEFINITION_CHARS: usize = 4096;

words! {
    /// The values that people keep on an object; one row each, with its own author.
    pub enum Attribute("attribute") {
        Owner => "owner",
        Steward => "steward",
        Definition => "definition",
        Sensitivity => "sensitivity",
    }
}

/// One value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Annotation {
    pub attribute: Attribute,
    /// Absent when somebody cleared it.
    pub value: Option<String>,
    pub edited_by: String,
    pub edited_at: DateTime<Utc>,
}

/// A change to one attribute: leave it, clear it, or set it. A missing JSON key leaves, `null` clears.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Edit {
    #[default]
    Keep,
    Clear,
    Set(String),
}

impl Edit {
    /// A form field: empty clears, text sets.
    pub fn from_form(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            Self::Clear
        } else {
            Self::Set(text.to_owned())
        }
    }

    pub fn is_keep(&self) -> bool {
        *self == Self::Keep
    }

    /// The value to store: `None` to clear. Only meaningful when not [`Edit::Keep`].
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Set(text) => Some(text),
            Self::Keep | Self::Clear => None,
        }
    }
}

/// An edit of the business metadata of one object or column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnnotationEdit {
    pub owner: Edit,
    pub steward: Edit,
    pub definition: Edit,
    pub sensitivity: Edit,
    /// The version the editor saw. When it is not the current one, nothing is written.
    pub version: i64,
}

impl AnnotationEdit {
    /// Errors: nothing to change, a definition above 4,096 characters or with control characters, an unknown sensitivity.
    pub fn check(&self) -> Result<()> {
        if self.changes().next().is_none() {
            return Err(Error::invalid(
                "definition",
                "Nothing to change: name at least one of owner, steward, definition, sensitivity.",
            ));
        }
        if let Edit::Set(text) = &self.definition {
            if text.chars().count() > MAX_DEFINITION_CHARS {
                return Err(Error::invalid(
                    "definition",
                    format!("A definition has at most {MAX_DEFINITION_CHARS} characters."),
                ));
            }
            if text
                .chars()
                .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            {
                return Err(Error::invalid(
                    "definition",
                    "A definition has no control characters besides line breaks and tabs.",
                ));
            }
        }
        if let Edit::Set(text) = &self.sensitivity {
            Sensitivity::parse(text)?;
        }
        Ok(())
    }

    /// What is to be changed, attribute by attribute.
    pub fn changes(&self) -> impl Iterator<Item = (Attribute, &Edit)> {
        [
            (Attribute::Owner, &self.owner),
            (Attribute::Steward, &self.steward),
            (Attribute::Definition, &self.definition),
            (Attribute::Sensitivity, &self.sensitivity),
        ]
        .into_iter()
        .filter(|(_, edit)| !edit.is_keep())
    }
}
