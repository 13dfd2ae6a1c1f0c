//! References resolved, constants typed.

use weir_core::schema::{ColumnRow, DataType, Schema};
use weir_core::{Error, Result};

use super::literal::constant;
use super::op::Op;
use super::{Leaf, Node};
use crate::scan::columns::{Columns, unknown};
use crate::scan::expression::{
    Argument, Comparison, Expression, Literal, Operand, Reference, Test,
};
use crate::scan::value::Value;
use crate::transform::Transform;

pub(super) struct Binder {
    columns: Columns,
}

/// A column, or a transform of one, with the type of the result.
struct Term<'a> {
    column: &'a ColumnRow,
    transform: Option<Transform>,
    data_type: DataType,
}

impl Binder {
    pub(super) fn new(schema: &Schema, case_sensitive: bool) -> Self {
        Self {
            columns: Columns::new(schema, case_sensitive),
        }
    }

    pub(super) fn predicate(&self, expression: &Expression) -> Result<Node> {
        Ok(match expression {
            Expression::Constant(constant) => Node::Constant(*constant),
            Expression::Not(child) => Node::Not(Box::new(self.predicate(child)?)),
            Expression::And(left, right) => Node::And(
                Box::new(self.predicate(left)?),
                Box::new(self.predicate(right)?),
            ),
            Expression::Or(left, right) => Node::Or(
                Box::new(self.predicate(left)?),
                Box::new(self.predicate(right)?),
            ),
            Expression::Test(test, operand) => self.test(*test, operand)?,
            Expression::Compare(comparison, left, right) => {
                self.compare(*comparison, left, right)?
            }
            Expression::Set {
                negated,
                operand,
                values,
            } => self.set(*negated, operand, values)?,
        })
    }

    fn test(&self, test: Test, operand: &Operand) -> Result<Node> {
        let Some(term) = self.term(operand)? else {
            return Ok(Node::Unknown);
        };
        let is_float = matches!(term.data_type, DataType::Float | DataType::Double);
        if matches!(test, Test::IsNan | Test::NotNan) && !is_float {
            return Err(invalid(format!(
                "`{}` is not a floating-point column.",
                term.column.path.escape_debug()
            )));
        }
        let op = match test {
            Test::IsNull => Op::IsNull,
            Test::NotNull => Op::NotNull,
            Test::IsNan => Op::IsNan,
            Test::NotNan => Op::NotNan,
        };
        Ok(leaf(term, vec![op]))
    }

    fn compare(&self, comparison: Comparison, left: &Operand, right: &Operand) -> Result<Node> {
        let (operand, literal, comparison) = match (left, right) {
            (operand, Operand::Literal(literal)) => (operand, literal, comparison),
            (Operand::Literal(literal), operand) => (operand, literal, mirrored(comparison)?),
            _ => {
                self.term(left)?;
                self.term(right)?;
                return Ok(Node::Unknown);
            }
        };
        let Some(term) = self.term(operand)? else {
            return Ok(Node::Unknown);
        };
        let is_text = matches!(term.data_type, DataType::String);
        if matches!(
            comparison,
            Comparison::StartsWith | Comparison::NotStartsWith
        ) && !is_text
        {
            return Err(invalid(format!(
                "`{}` is not a text column.",
                term.column.path.escape_debug()
            )));
        }
        let Some(value) = constant(literal, &term.data_type)? else {
            return Ok(Node::Unknown);
        };
        let ops = readings(&term.data_type, value)
            .into_iter()
            .map(|value| operation(comparison, value))
            .collect();
        Ok(leaf(term, ops))
    }

    fn set(&self, negated: bool, operand: &Operand, values: &[Literal]) -> Result<Node> {
        let Some(term) = self.term(operand)? else {
            return Ok(Node::Unknown);
        };
        let constants = values
            .iter()
            .map(|literal| constant(literal, &term.data_type))
            .collect::<Result<Option<Vec<_>>>>()?;
        let Some(constants) = constants else {
            return Ok(Node::Unknown);
        };
        let (exact, rounded): (Vec<_>, Vec<_>) = constants
            .into_iter()
            .map(|value| {
                let mut readings = readings(&term.data_type, value.clone());
                (value, readings.pop())
            })
            .unzip();
        let rounded: Vec<Value> = rounded.into_iter().flatten().collect();
        let op = |values| {
            if negated {
                Op::NotIn(values)
            } else {
                Op::In(values)
            }
        };
        let ops = if rounded == exact {
            vec![op(exact)]
        } else {
            vec![op(exact), op(rounded)]
        };
        Ok(leaf(term, ops))
    }

    /// The column that a predicate is about; `None` for what nothing is known about. All references are checked either way.
    fn term(&self, operand: &Operand) -> Result<Option<Term<'_>>> {
        match operand {
            Operand::Literal(_) => Ok(None),
            Operand::Reference(reference) => {
                let column = self.column(reference)?;
                Ok(Some(Term {
                    column,
                    transform: None,
                    data_type: column.data_type.clone(),
                }))
            }
            Operand::Transform(transform, reference) => {
                let column = self.column(reference)?;
                let data_type = match transform {
                    Transform::Identity | Transform::Truncate(_) => column.data_type.clone(),
                    Transform::Bucket(_) => DataType::Int,
                    // Times before 1970 may be one off in old files, see `project`; rare enough to conclude nothing.
                    _ => return Ok(None),
                };
                let transform = Some(transform.clone()).filter(|it| *it != Transform::Identity);
                Ok(Some(Term {
                    column,
                    transform,
                    data_type,
                }))
            }
            Operand::Apply(arguments) => {
                for argument in arguments {
                    match argument {
                        Argument::Operand(operand) => drop(self.term(operand)?),
                        Argument::Predicate(predicate) => drop(self.predicate(predicate)?),
                    }
                }
                Ok(None)
            }
        }
    }

    fn column(&self, reference: &Reference) -> Result<&ColumnRow> {
        let column = match reference {
            Reference::Id(id) => self
                .columns
                .by_id(*id)
                .ok_or_else(|| invalid(format!("The table has no column with the id {id}.")))?,
            Reference::Name(name) => self
                .columns
                .by_name(name)
                .ok_or_else(|| unknown("filter", name))?,
        };
        if self.columns.is_repeated(column) {
            return Err(invalid("A filter cannot reach into lists and maps."));
        }
        Ok(column)
    }
}

fn leaf(term: Term<'_>, holds: Vec<Op>) -> Node {
    let fails = holds.iter().flat_map(Op::complement).collect();
    Node::Leaf(Leaf {
        field: term.column.id.0,
        data_type: term.data_type,
        transform: term.transform,
        holds,
        fails,
    })
}

/// What clients may take a constant for. Beside a `float` some compare it as a double and some round it first.
fn readings(data_type: &DataType, value: Value) -> Vec<Value> {
    match (data_type, &value) {
        (DataType::Float, Value::Float(exact)) => {
            #[expect(clippy::cast_possible_truncation)]
            let rounded = f64::from(*exact as f32);
            if rounded == *exact {
                vec![value]
            } else {
                vec![value, Value::Float(rounded)]
            }
        }
        _ => vec![value],
    }
}

/// `5 < x` is `x > 5`.
fn mirrored(comparison: Comparison) -> Result<Comparison> {
    Ok(match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        Comparison::Equal | Comparison::NotEqual => comparison,
        Comparison::StartsWith | Comparison::NotStartsWith => {
            return Err(invalid("The prefix of a text is a constant on the right."));
        }
    })
}

fn operation(comparison: Comparison, value: Value) -> Op {
    let prefix = |value| match value {
        Value::Bytes(bytes) => bytes,
        // Bound to a text column, whose constants are bytes.
        _ => Vec::new(),
    };
    match comparison {
        Comparison::Less => Op::Less(value),
        Comparison::LessOrEqual => Op::LessOrEqual(value),
        Comparison::Greater => Op::Greater(value),
        Comparison::GreaterOrEqual => Op::GreaterOrEqual(value),
        Comparison::Equal => Op::In(vec![value]),
        Comparison::NotEqual => Op::NotIn(vec![value]),
        Comparison::StartsWith => Op::StartsWith(prefix(value)),
        Comparison::NotStartsWith => Op::NotStartsWith(prefix(value)),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid("filter", message)
}
