//! The JSON forms (expressions spec, Appendix B: "JSON serialization" and "Backward compatibility").

use serde_json::{Map, Value as Json};
use weir_core::{Error, Result};

use super::{
    Argument, Comparison, Expression, Literal, MAX_DEPTH, MAX_LITERALS, MAX_NODES, Operand,
    Reference, Test,
};
use crate::transform::Transform;

/// The catalog whose functions are the partition transforms (expressions spec, Appendix A).
const ICEBERG_FUNCTIONS: &str = "iceberg_functions";

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::invalid("filter", message)
}

enum Operation {
    And,
    Or,
    Not,
    Constant(bool),
    Test(Test),
    Compare(Comparison),
    Set { negated: bool },
}

impl Operation {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "and" => Self::And,
            "or" => Self::Or,
            "not" => Self::Not,
            "true" => Self::Constant(true),
            "false" => Self::Constant(false),
            "is-null" => Self::Test(Test::IsNull),
            "not-null" => Self::Test(Test::NotNull),
            "is-nan" => Self::Test(Test::IsNan),
            "not-nan" => Self::Test(Test::NotNan),
            "lt" => Self::Compare(Comparison::Less),
            "lt-eq" => Self::Compare(Comparison::LessOrEqual),
            "gt" => Self::Compare(Comparison::Greater),
            "gt-eq" => Self::Compare(Comparison::GreaterOrEqual),
            "eq" => Self::Compare(Comparison::Equal),
            "not-eq" => Self::Compare(Comparison::NotEqual),
            "starts-with" => Self::Compare(Comparison::StartsWith),
            "not-starts-with" => Self::Compare(Comparison::NotStartsWith),
            "in" => Self::Set { negated: false },
            "not-in" => Self::Set { negated: true },
            _ => return Err(invalid("A predicate has a type that is not known.")),
        })
    }
}

/// Counts what it has seen, so that an expression has a size that can be worked with.
#[derive(Debug, Default)]
pub(super) struct Parser {
    nodes: usize,
    literals: usize,
}

impl Parser {
    fn enter(&mut self, depth: usize) -> Result<()> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            Err(invalid("The expression is nested too deep."))
        } else if self.nodes > MAX_NODES {
            Err(invalid("The expression has too many parts."))
        } else {
            Ok(())
        }
    }

    pub(super) fn predicate(&mut self, json: &Json, depth: usize) -> Result<Expression> {
        self.enter(depth)?;
        let object = match json {
            Json::Bool(constant) => return Ok(Expression::Constant(*constant)),
            Json::Object(object) => object,
            _ => return Err(invalid("A predicate is a boolean or an object.")),
        };
        let inner = depth + 1;
        Ok(match Operation::parse(text(object, "type")?)? {
            Operation::Constant(constant) => Expression::Constant(constant),
            Operation::Not => {
                Expression::Not(Box::new(self.predicate(member(object, "child")?, inner)?))
            }
            Operation::And => Expression::And(
                Box::new(self.predicate(member(object, "left")?, inner)?),
                Box::new(self.predicate(member(object, "right")?, inner)?),
            ),
            Operation::Or => Expression::Or(
                Box::new(self.predicate(member(object, "left")?, inner)?),
                Box::new(self.predicate(member(object, "right")?, inner)?),
            ),
            Operation::Test(test) => Expression::Test(test, self.child(object, inner)?),
            Operation::Compare(comparison) => self.compare(comparison, object, inner)?,
            Operation::Set { negated } => Expression::Set {
                negated,
                operand: self.child(object, inner)?,
                values: self.literals(member(object, "values")?)?,
            },
        })
    }

    fn compare(
        &mut self,
        comparison: Comparison,
        object: &Map<String, Json>,
        depth: usize,
    ) -> Result<Expression> {
        let (left, right) = match object.get("term") {
            Some(term) if !object.contains_key("left") => (
                self.term(term, depth)?,
                Operand::Literal(self.literal(member(object, "value")?)?),
            ),
            _ => (
                self.operand(member(object, "left")?, depth)?,
                self.operand(member(object, "right")?, depth)?,
            ),
        };
        Ok(Expression::Compare(comparison, left, right))
    }

    /// The only operand of a predicate: `child`, or the older `term`.
    fn child(&mut self, object: &Map<String, Json>, depth: usize) -> Result<Operand> {
        match (object.get("child"), object.get("term")) {
            (Some(child), _) => self.operand(child, depth),
            (None, Some(term)) => self.term(term, depth),
            (None, None) => Err(invalid("A predicate lacks its `child`.")),
        }
    }

    /// The older form, in which a bare text is a name and not a constant.
    fn term(&mut self, json: &Json, depth: usize) -> Result<Operand> {
        match json {
            Json::String(name) => Ok(Operand::Reference(Reference::Name(name.clone()))),
            object @ Json::Object(_) => self.operand(object, depth),
            _ => Err(invalid("A term is a name or an object.")),
        }
    }

    fn operand(&mut self, json: &Json, depth: usize) -> Result<Operand> {
        self.enter(depth)?;
        let Json::Object(object) = json else {
            return self.literal(json).map(Operand::Literal);
        };
        match text(object, "type")? {
            "literal" => self.literal(json).map(Operand::Literal),
            "reference" => reference(object).map(Operand::Reference),
            "transform" => {
                let transform = transform(text(object, "transform")?)?;
                match self.term(member(object, "term")?, depth + 1)? {
                    Operand::Reference(reference) => Ok(Operand::Transform(transform, reference)),
                    _ => Err(invalid("A transform is of a column.")),
                }
            }
            "apply" => self.apply(object, depth + 1),
            _ => Err(invalid("A value has a type that is not known.")),
        }
    }

    fn apply(&mut self, object: &Map<String, Json>, depth: usize) -> Result<Operand> {
        let function = member(object, "function")?;
        let Json::Array(arguments) = member(object, "arguments")? else {
            return Err(invalid("The `arguments` of a function are a list."));
        };
        let arguments = arguments
            .iter()
            .map(|argument| self.argument(argument, depth))
            .collect::<Result<Vec<_>>>()?;
        Ok(known_function(function)?
            .and_then(|name| as_transform(name, &arguments))
            .unwrap_or(Operand::Apply(arguments)))
    }

    fn argument(&mut self, json: &Json, depth: usize) -> Result<Argument> {
        let is_operand = match json {
            Json::Object(object) => matches!(
                text(object, "type")?,
                "literal" | "reference" | "transform" | "apply"
            ),
            _ => true,
        };
        if is_operand {
            self.operand(json, depth).map(Argument::Operand)
        } else {
            self.predicate(json, depth).map(Argument::Predicate)
        }
    }

    /// A list of constants, or an object that gives all of them one type.
    fn literals(&mut self, json: &Json) -> Result<Vec<Literal>> {
        match json {
            Json::Array(values) => values.iter().map(|value| self.literal(value)).collect(),
            Json::Object(object) if text(object, "type")? == "literals" => {
                let data_type = optional_text(object, "data-type")?;
                let Json::Array(values) = member(object, "values")? else {
                    return Err(invalid("The `values` of a set are a list."));
                };
                values
                    .iter()
                    .map(|value| self.constant(value, data_type.clone()))
                    .collect()
            }
            _ => Err(invalid("The `values` of a set are a list.")),
        }
    }

    fn literal(&mut self, json: &Json) -> Result<Literal> {
        match json {
            Json::Object(object) if text(object, "type")? == "literal" => {
                let data_type = optional_text(object, "data-type")?;
                self.constant(member(object, "value")?, data_type)
            }
            json => self.constant(json, None),
        }
    }

    fn constant(&mut self, value: &Json, data_type: Option<String>) -> Result<Literal> {
        self.literals += 1;
        if self.literals > MAX_LITERALS {
            return Err(invalid("The expression has too many constants."));
        }
        match value {
            Json::Null => Err(invalid("A constant cannot be null; use `is-null`.")),
            Json::Array(_) | Json::Object(_) => Err(invalid("A constant is a primitive value.")),
            value => Ok(Literal {
                value: value.clone(),
                data_type,
            }),
        }
    }
}

fn reference(object: &Map<String, Json>) -> Result<Reference> {
    match (object.get("id"), object.get("name").or(object.get("term"))) {
        (Some(id), None) => id
            .as_i64()
            .and_then(|id| i32::try_from(id).ok())
            .map(Reference::Id)
            .ok_or_else(|| invalid("The `id` of a reference is a field id.")),
        (None, Some(Json::String(name))) => Ok(Reference::Name(name.clone())),
        _ => Err(invalid("A reference has an `id` or a `name`.")),
    }
}

fn transform(name: &str) -> Result<Transform> {
    name.parse::<Transform>()
        .map_err(|_| invalid("A transform is not known."))
}

/// The name of a function of Iceberg itself. Functions of a catalog may be called the same and do something else.
fn known_function(json: &Json) -> Result<Option<&str>> {
    let names = |json: &Json| {
        json.as_array()
            .is_some_and(|names| !names.is_empty() && names.iter().all(Json::is_string))
    };
    match json {
        Json::String(name) if !name.is_empty() => Ok(None),
        Json::Array(_) if names(json) => Ok(None),
        Json::Object(object) if object.get("identifier").is_some_and(names) => {
            let catalog = object.get("catalog").and_then(Json::as_str);
            let identifier = object.get("identifier").and_then(Json::as_array);
            Ok(match (catalog, identifier.map(Vec::as_slice)) {
                (Some(ICEBERG_FUNCTIONS), Some([name])) => name.as_str(),
                _ => None,
            })
        }
        _ => Err(invalid("A `function` is a name or an identifier.")),
    }
}

/// `day(x)`, or `bucket(16, x)`: the width comes first (expressions spec, Appendix A: "Partition transforms").
fn as_transform(name: &str, arguments: &[Argument]) -> Option<Operand> {
    let (name, column) = match arguments {
        [Argument::Operand(Operand::Reference(column))] => (name.to_owned(), column),
        [
            Argument::Operand(Operand::Literal(width)),
            Argument::Operand(Operand::Reference(column)),
        ] => (format!("{name}[{}]", width.value.as_u64()?), column),
        _ => return None,
    };
    let transform = name.parse::<Transform>().ok()?;
    (!matches!(transform, Transform::Unknown(_)))
        .then(|| Operand::Transform(transform, column.clone()))
}

fn member<'a>(object: &'a Map<String, Json>, name: &str) -> Result<&'a Json> {
    object
        .get(name)
        .ok_or_else(|| invalid(format!("A part of the expression lacks its `{name}`.")))
}

fn text<'a>(object: &'a Map<String, Json>, name: &str) -> Result<&'a str> {
    optional(object, name)?
        .ok_or_else(|| invalid(format!("A part of the expression lacks its `{name}`.")))
}

fn optional<'a>(object: &'a Map<String, Json>, name: &str) -> Result<Option<&'a str>> {
    match object.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(format!("`{name}` is a text."))),
    }
}

fn optional_text(object: &Map<String, Json>, name: &str) -> Result<Option<String>> {
    Ok(optional(object, name)?.map(str::to_owned))
}
