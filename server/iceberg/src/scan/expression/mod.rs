//! Expressions as clients send them: predicates over named or numbered columns, not yet bound to a schema (expressions spec,
//! "Structure" and Appendix B; the form with `term` and `value` is the older one and stays in use).
//!
//! Both JSON forms become the same [`Expression`].

mod operand;
mod parse;

pub use operand::{Argument, Literal, Operand, Reference};

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, OneOfBuilder, Schema, Type};
use weir_core::Result;

/// Deepest nesting, below what `serde_json` reads.
pub(super) const MAX_DEPTH: usize = 100;
/// Most predicates and operands of one expression.
pub(super) const MAX_NODES: usize = 10_000;
/// Most constants of one expression.
pub(super) const MAX_LITERALS: usize = 100_000;

/// A predicate. Its logic has two values: nothing is unknown, and a comparison with a null is false (`!=` is true).
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Constant(bool),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Test(Test, Operand),
    Compare(Comparison, Operand, Operand),
    /// Is the value one of these? `negated`: is it none of them?
    Set {
        negated: bool,
        operand: Operand,
        values: Vec<Literal>,
    },
}

/// A predicate on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    IsNull,
    NotNull,
    IsNan,
    NotNan,
}

/// A predicate on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    StartsWith,
    NotStartsWith,
}

impl Expression {
    /// Errors: `invalid` for what is not a predicate, and for one that is nested too deep or too large.
    pub fn parse(json: &Json) -> Result<Self> {
        parse::Parser::default().predicate(json, 0)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Self::parse(&json).map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Expression {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .description(Some(
                "A predicate: a boolean, or an object whose `type` names the operation.",
            ))
            .item(Object::with_type(Type::Boolean))
            .item(Object::with_type(Type::Object))
            .into()
    }
}

impl utoipa::ToSchema for Expression {
    fn name() -> std::borrow::Cow<'static, str> {
        "Predicate".into()
    }
}
