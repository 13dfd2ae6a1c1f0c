//! Single values: as a manifest keeps them, and as they are compared (table spec, Appendix D: binary single-value serialization).

use std::cmp::Ordering;

use weir_core::schema::DataType;

pub(super) const MICROS_PER_DAY: i64 = 86_400_000_000;
pub(super) const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// A primitive as an Avro file keeps it, before anybody knows its Iceberg type. Texts, UUIDs, decimals and binary values are
/// all bytes. 32 and 64 bits are told apart, because an old `date` may belong to a column that is now a `timestamp`.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    Null,
    Boolean(bool),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Bytes(Box<[u8]>),
}

impl Stored {
    /// The value as one of `data_type`; `None` for null and for what no such value can be.
    pub(super) fn value(&self, data_type: &DataType) -> Option<Value> {
        match (self, data_type) {
            (Self::Null, _) => None,
            (Self::Boolean(value), DataType::Boolean) => Some(Value::Boolean(*value)),
            (Self::Int(value), _) => whole(i64::from(*value), true, data_type),
            (Self::Long(value), _) => whole(*value, false, data_type),
            (Self::Float(value), DataType::Float | DataType::Double) => {
                Some(Value::Float(f64::from(*value)))
            }
            (Self::Double(value), DataType::Double) => Some(Value::Float(*value)),
            (Self::Bytes(bytes), DataType::Uuid) if bytes.len() == 36 => {
                let text = std::str::from_utf8(bytes).ok()?;
                let uuid = uuid::Uuid::parse_str(text).ok()?;
                Some(Value::Bytes(uuid.as_bytes().to_vec()))
            }
            (
                Self::Bytes(bytes),
                DataType::String
                | DataType::Binary
                | DataType::Fixed(_)
                | DataType::Uuid
                | DataType::Decimal { .. },
            ) => decode(data_type, bytes),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// A value that can be compared with others of its column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Boolean(bool),
    /// `int` and `long`; days of a `date`; microseconds or nanoseconds of times, as the type says.
    Whole(i64),
    /// `float` and `double`. Never NaN, except a partition value.
    Float(f64),
    /// The unscaled number; the scale is the column's.
    Decimal(i128),
    /// `string` as UTF-8, `uuid`, `fixed` and `binary`: all are compared byte by byte, unsigned.
    Bytes(Vec<u8>),
}

impl Value {
    /// The order of the expressions spec; -0.0 equals 0.0. `None` with a NaN, or between different kinds.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// A value from its binary form. Bounds written before a type was widened are shorter than the type, and are widened here.
/// `None` for what is not a value of the type, and for a NaN, which is no bound: nothing is concluded from it.
pub(super) fn decode(data_type: &DataType, bytes: &[u8]) -> Option<Value> {
    match data_type {
        DataType::Boolean => match bytes {
            [byte] => Some(Value::Boolean(*byte != 0)),
            _ => None,
        },
        DataType::Float | DataType::Double => {
            let value = match (bytes.len(), data_type) {
                (8, DataType::Double) => f64::from_le_bytes(bytes.try_into().ok()?),
                (4, _) => f64::from(f32::from_le_bytes(bytes.try_into().ok()?)),
                _ => return None,
            };
            (!value.is_nan()).then_some(Value::Float(value))
        }
        DataType::Decimal { .. } => unscaled(bytes).map(Value::Decimal),
        DataType::String => std::str::from_utf8(bytes)
            .ok()
            .map(|text| Value::Bytes(text.as_bytes().to_vec())),
        DataType::Uuid if bytes.len() != 16 => None,
        DataType::Uuid | DataType::Fixed(_) | DataType::Binary => {
            Some(Value::Bytes(bytes.to_vec()))
        }
        _ => match bytes.len() {
            4 => whole(
                i64::from(i32::from_le_bytes(bytes.try_into().ok()?)),
                true,
                data_type,
            ),
            8 => whole(i64::from_le_bytes(bytes.try_into().ok()?), false, data_type),
            _ => None,
        },
    }
}

/// A whole number kept in 32 bits (`narrow`) or 64, as a value of the type. A timestamp in 32 bits was a date (in days).
fn whole(value: i64, narrow: bool, data_type: &DataType) -> Option<Value> {
    let value = match (data_type, narrow) {
        (DataType::Int | DataType::Date | DataType::Long, true) => value,
        (DataType::Timestamp | DataType::Timestamptz, true) => value.checked_mul(MICROS_PER_DAY)?,
        (DataType::TimestampNs | DataType::TimestamptzNs, true) => {
            value.checked_mul(NANOS_PER_DAY)?
        }
        (
            DataType::Long
            | DataType::Time
            | DataType::Timestamp
            | DataType::Timestamptz
            | DataType::TimestampNs
            | DataType::TimestamptzNs,
            false,
        ) => value,
        _ => return None,
    };
    Some(Value::Whole(value))
}

/// A big-endian number in two's complement, of 1 to 16 bytes.
fn unscaled(bytes: &[u8]) -> Option<i128> {
    let first = bytes.first()?;
    if bytes.len() > 16 {
        return None;
    }
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Some(
        bytes
            .iter()
            .fold(sign, |number, byte| (number << 8) | i128::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_any_length_keeps_its_sign() {
        assert_eq!(unscaled(&[0xff]), Some(-1));
        assert_eq!(unscaled(&[0x00, 0xff]), Some(255));
        assert_eq!(unscaled(&[0x80, 0x00]), Some(-32768));
        assert_eq!(unscaled(&i128::MIN.to_be_bytes()), Some(i128::MIN));
        assert_eq!(unscaled(&[]), None);
        assert_eq!(unscaled(&[0; 17]), None);
    }

    #[test]
    fn bounds_from_before_a_type_was_widened_are_still_read() {
        assert_eq!(
            decode(&DataType::Long, &(-5i32).to_le_bytes()),
            Some(Value::Whole(-5))
        );
        assert_eq!(
            decode(&DataType::Double, &1.5f32.to_le_bytes()),
            Some(Value::Float(1.5))
        );
        assert_eq!(
            decode(&DataType::Timestamp, &2i32.to_le_bytes()),
            Some(Value::Whole(2 * MICROS_PER_DAY))
        );
    }

    #[test]
    fn what_is_not_a_value_of_the_type_is_none() {
        assert_eq!(decode(&DataType::Int, &5i64.to_le_bytes()), None);
        assert_eq!(decode(&DataType::Float, &f32::NAN.to_le_bytes()), None);
        assert_eq!(decode(&DataType::String, &[0xff]), None);
        assert_eq!(decode(&DataType::Uuid, &[1; 15]), None);
        assert_eq!(decode(&DataType::Boolean, &[]), None);
    }
}
