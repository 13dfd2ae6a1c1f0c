//! What predicates are about: columns, constants, and functions of them.

use serde_json::Value as Json;

use super::Expression;
use crate::transform::Transform;

/// A value expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Literal(Literal),
    Reference(Reference),
    /// A partition transform of a column, in the older form or as a function of the catalog `iceberg_functions`.
    Transform(Transform, Reference),
    /// Any other function. Its result is unknown here; the columns it is given are checked all the same.
    Apply(Vec<Argument>),
}

/// What a function is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    Operand(Operand),
    Predicate(Expression),
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By field id.
    Id(i32),
    /// By full name, with dots between the levels.
    Name(String),
}

/// A constant, which gets its type from the column beside it. Never null, and of JSON no list or object.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal {
    pub value: Json,
    /// The type that the client says it has.
    pub data_type: Option<String>,
}
