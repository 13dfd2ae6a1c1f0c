//! Predicates on one value, and whether one could hold given what is known about the values.

use std::cmp::Ordering;

use weir_core::schema::DataType;

use crate::scan::value::{Stored, Value, decode};

/// A predicate on one value, as the expressions spec defines it: false for null and NaN where it compares by order, true where
/// it is the negation of an equality.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    IsNull,
    NotNull,
    IsNan,
    NotNan,
    Less(Value),
    LessOrEqual(Value),
    Greater(Value),
    GreaterOrEqual(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    StartsWith(Vec<u8>),
    NotStartsWith(Vec<u8>),
}

impl Op {
    /// The predicates of which one holds wherever this one does not.
    pub(super) fn complement(&self) -> Vec<Self> {
        let absent = |op| vec![op, Self::IsNull, Self::IsNan];
        match self.clone() {
            Self::IsNull => vec![Self::NotNull],
            Self::NotNull => vec![Self::IsNull],
            Self::IsNan => vec![Self::NotNan],
            Self::NotNan => vec![Self::IsNan],
            Self::Less(value) => absent(Self::GreaterOrEqual(value)),
            Self::LessOrEqual(value) => absent(Self::Greater(value)),
            Self::Greater(value) => absent(Self::LessOrEqual(value)),
            Self::GreaterOrEqual(value) => absent(Self::Less(value)),
            Self::In(values) => vec![Self::NotIn(values)],
            Self::NotIn(values) => vec![Self::In(values)],
            Self::StartsWith(prefix) => vec![Self::NotStartsWith(prefix)],
            Self::NotStartsWith(prefix) => vec![Self::StartsWith(prefix)],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    No,
    Maybe,
    Yes,
}

/// What is known about a set of values: those of a column in a file, or of a partition field in a manifest.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    /// Could one be null?
    pub(super) null: bool,
    pub(super) nan: Presence,
    /// Could one be something else?
    pub(super) value: bool,
    /// Bounds of the values that are neither null nor NaN; none where they are not known.
    pub(super) lower: Option<Value>,
    pub(super) upper: Option<Value>,
    pub(super) bounds: Bounds,
}

/// How far bounds can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    /// They are values, or as good as.
    Exact,
    /// They may be cut short. An upper bound should have been rounded up then; not all writers did.
    Cut,
    /// UUIDs: writers in Java ordered them as two signed numbers, others byte by byte.
    EitherOrder,
}

impl Bounds {
    pub(super) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::String | DataType::Binary | DataType::Fixed(_) => Self::Cut,
            DataType::Uuid => Self::EitherOrder,
            _ => Self::Exact,
        }
    }
}

impl Domain {
    /// The one value of a partition.
    pub(super) fn of_partition(stored: &Stored, data_type: &DataType) -> Self {
        let nan = match stored {
            Stored::Float(value) => value.is_nan(),
            Stored::Double(value) => value.is_nan(),
            _ => false,
        };
        let value = (!nan).then(|| stored.value(data_type)).flatten();
        Self {
            null: stored.is_null(),
            nan: if nan { Presence::Yes } else { Presence::No },
            value: !nan && !stored.is_null(),
            lower: value.clone(),
            upper: value,
            bounds: Bounds::Exact,
        }
    }

    /// Takes bounds in their binary form. Those that contradict each other are worth nothing.
    pub(super) fn set_bounds(
        &mut self,
        data_type: &DataType,
        lower: Option<&[u8]>,
        upper: Option<&[u8]>,
    ) {
        self.lower = lower.and_then(|bytes| decode(data_type, bytes));
        self.upper = upper.and_then(|bytes| decode(data_type, bytes));
        if let (Some(lower), Some(upper)) = (&self.lower, &self.upper)
            && self.bounds != Bounds::EitherOrder
            && lower.compare(upper) == Some(Ordering::Greater)
        {
            (self.lower, self.upper) = (None, None);
        }
    }

    /// Could `op` hold for one of the values?
    pub(super) fn may(&self, op: &Op) -> bool {
        let nan = self.nan != Presence::No;
        match op {
            Op::IsNull => self.null,
            Op::NotNull => self.value || nan,
            Op::IsNan => nan,
            Op::NotNan => self.null || self.value,
            Op::Less(value) => self.value && self.lower_is(value, Ordering::is_lt),
            Op::LessOrEqual(value) => self.value && self.lower_is(value, Ordering::is_le),
            // To engines a NaN is the largest number; to the spec it is no number. Neither shall miss a row.
            Op::Greater(value) => {
                self.nan == Presence::Yes || self.value && self.upper_is(value, Ordering::is_gt)
            }
            Op::GreaterOrEqual(value) => {
                self.nan == Presence::Yes || self.value && self.upper_is(value, Ordering::is_ge)
            }
            Op::In(values) => self.value && values.iter().any(|value| self.may_equal(value)),
            Op::NotIn(values) => {
                self.null
                    || nan
                    || self.value
                        && !self.only().is_some_and(|only| {
                            values
                                .iter()
                                .any(|value| value.compare(only) == Some(Ordering::Equal))
                        })
            }
            Op::StartsWith(prefix) => self.value && self.may_start_with(prefix),
            Op::NotStartsWith(prefix) => self.null || self.value && !self.all_start_with(prefix),
        }
    }

    fn lower_is(&self, value: &Value, accept: fn(Ordering) -> bool) -> bool {
        match (&self.lower, self.bounds) {
            (Some(lower), Bounds::Exact | Bounds::Cut) => lower.compare(value).is_none_or(accept),
            _ => true,
        }
    }

    fn upper_is(&self, value: &Value, accept: fn(Ordering) -> bool) -> bool {
        match (&self.upper, self.bounds) {
            (Some(upper), Bounds::Exact) => upper.compare(value).is_none_or(accept),
            (Some(upper), Bounds::Cut) => {
                upper.compare(value).is_none_or(accept) || begins(value, upper)
            }
            _ => true,
        }
    }

    fn may_equal(&self, value: &Value) -> bool {
        if self.bounds != Bounds::EitherOrder {
            return self.lower_is(value, Ordering::is_le) && self.upper_is(value, Ordering::is_ge);
        }
        let (Some(lower), Some(upper)) = (&self.lower, &self.upper) else {
            return true;
        };
        let (signed, lower_signed, upper_signed) =
            (as_signed(value), as_signed(lower), as_signed(upper));
        between(lower, value, upper) || between(&lower_signed, &signed, &upper_signed)
    }

    /// The value that all are, where there is one.
    fn only(&self) -> Option<&Value> {
        match (&self.lower, &self.upper, self.bounds) {
            (Some(lower), Some(upper), Bounds::Exact)
                if lower.compare(upper) == Some(Ordering::Equal) =>
            {
                Some(lower)
            }
            _ => None,
        }
    }

    fn may_start_with(&self, prefix: &[u8]) -> bool {
        let lower = match &self.lower {
            Some(Value::Bytes(lower)) => lower.as_slice() <= prefix || lower.starts_with(prefix),
            _ => true,
        };
        let upper = match &self.upper {
            Some(Value::Bytes(upper)) => {
                upper.as_slice() >= prefix
                    || self.bounds == Bounds::Cut && prefix.starts_with(upper)
            }
            _ => true,
        };
        lower && upper
    }

    /// Everything between two texts that start alike starts like them.
    fn all_start_with(&self, prefix: &[u8]) -> bool {
        match (&self.lower, &self.upper) {
            (Some(Value::Bytes(lower)), Some(Value::Bytes(upper))) => {
                lower.starts_with(prefix) && upper.starts_with(prefix)
            }
            _ => false,
        }
    }
}

fn begins(value: &Value, prefix: &Value) -> bool {
    match (value, prefix) {
        (Value::Bytes(value), Value::Bytes(prefix)) => value.starts_with(prefix),
        _ => false,
    }
}

fn between(lower: &Value, value: &Value, upper: &Value) -> bool {
    lower.compare(value).is_none_or(Ordering::is_le)
        && upper.compare(value).is_none_or(Ordering::is_ge)
}

/// A UUID such that its unsigned order is the order of its two halves as signed numbers.
fn as_signed(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Bytes(bytes) = &mut value {
        for half in bytes.iter_mut().step_by(8) {
            *half ^= 0x80;
        }
    }
    value
}
