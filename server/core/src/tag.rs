//! Tags: keys with a closed, optionally ordered set of values. `sensitivity` is built in.

use crate::principal::words;
use crate::{Error, Result};

words! {
    /// How carefully a value must be handled, in rising order.
    pub enum Sensitivity("sensitivity") {
        Public => "public",
        Internal => "internal",
        Confidential => "confidential",
        Restricted => "restricted",
    }
}

/// The shape of a tag: its key, its values in order, and whether that order means anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub key: String,
    pub values: Vec<String>,
    pub ordered: bool,
}

impl Tag {
    pub fn sensitivity() -> Self {
        Self {
            key: "sensitivity".into(),
            values: Sensitivity::ALL.iter().map(ToString::to_string).collect(),
            ordered: true,
        }
    }

    /// The place of `value` in the order. Errors: a value outside the closed set.
    pub fn rank(&self, value: &str) -> Result<usize> {
        self.values
            .iter()
            .position(|known| known == value)
            .ok_or_else(|| {
                Error::invalid(
                    self.key.clone(),
                    format!("This is one of: {}.", self.values.join(", ")),
                )
            })
    }
}
