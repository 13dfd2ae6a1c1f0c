//! Schemas: columns with stable ids, nested types, and what changed between two of them.
//!
//! The JSON form is Iceberg's (table spec, Appendix C: schemas), so that a stored schema can be handed to an engine as it is.

mod assign;
mod diff;
mod merge;
mod project;
mod types;
mod wire;

pub use assign::{assign, max_field_id};
pub use diff::{SchemaChange, apply, diff};
pub use merge::{Conflict, merge, widen};
pub use project::{ColumnRow, flatten, project};
pub use types::{DataType, Field, Schema};

#[cfg(test)]
pub(crate) mod strategies;
#[cfg(test)]
mod tests;
