//! Values as JSON (table spec, Appendix D: "JSON single-value serialization").

use chrono::{DateTime, NaiveDate, NaiveTime};
use serde::{Serialize, Serializer};
use weir_core::schema::DataType;

use super::value::{Stored, Value};

/// A value as the protocol writes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Single {
    Null,
    Boolean(bool),
    Whole(i64),
    Float(f32),
    Double(f64),
    Text(String),
}

impl Serialize for Single {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Whole(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f32(*value),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

/// A partition value. `None` where it is not a value of the type, or is out of the range that dates can be written in.
pub(super) fn single(stored: &Stored, data_type: &DataType) -> Option<Single> {
    if stored.is_null() {
        return Some(Single::Null);
    }
    let value = stored.value(data_type)?;
    Some(match (value, data_type) {
        (Value::Boolean(value), _) => Single::Boolean(value),
        // JSON has no such numbers; the reference implementation writes their names.
        (Value::Float(value), _) if value.is_nan() => Single::Text("NaN".to_owned()),
        (Value::Float(value), _) if value.is_infinite() => {
            Single::Text(if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned())
        }
        #[expect(clippy::cast_possible_truncation)]
        (Value::Float(value), DataType::Float) => Single::Float(value as f32),
        (Value::Float(value), _) => Single::Double(value),
        (Value::Decimal(unscaled), DataType::Decimal { scale, .. }) => {
            Single::Text(decimal(unscaled, *scale))
        }
        (Value::Whole(value), DataType::Int | DataType::Long) => Single::Whole(value),
        (Value::Whole(value), data_type) => Single::Text(time(value, data_type)?),
        (Value::Bytes(bytes), DataType::String) => Single::Text(String::from_utf8(bytes).ok()?),
        (Value::Bytes(bytes), DataType::Uuid) => {
            Single::Text(uuid::Uuid::from_slice(&bytes).ok()?.to_string())
        }
        (Value::Bytes(bytes), _) => Single::Text(hex(&bytes)),
        (Value::Decimal(_), _) => return None,
    })
}

/// Upper case, as the spec has it for `fixed` and `binary`.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}

fn decimal(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (before, after) = digits
        .split_at_checked(digits.len() - scale)
        .unwrap_or((&digits, ""));
    if after.is_empty() {
        format!("{sign}{before}")
    } else {
        format!("{sign}{before}.{after}")
    }
}

fn time(value: i64, data_type: &DataType) -> Option<String> {
    const MICROS: &str = "%Y-%m-%dT%H:%M:%S%.6f";
    const NANOS: &str = "%Y-%m-%dT%H:%M:%S%.9f";
    let micros = || DateTime::from_timestamp_micros(value);
    let nanos = DateTime::from_timestamp_nanos(value);
    Some(match data_type {
        DataType::Date => NaiveDate::from_epoch_days(i32::try_from(value).ok()?)?
            .format("%Y-%m-%d")
            .to_string(),
        DataType::Time => {
            let seconds = u32::try_from(value.div_euclid(1_000_000)).ok()?;
            let nanos = u32::try_from(value.rem_euclid(1_000_000) * 1000).ok()?;
            NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)?
                .format("%H:%M:%S%.6f")
                .to_string()
        }
        DataType::Timestamp => micros()?.format(MICROS).to_string(),
        DataType::Timestamptz => format!("{}+00:00", micros()?.format(MICROS)),
        DataType::TimestampNs => nanos.format(NANOS).to_string(),
        DataType::TimestamptzNs => format!("{}+00:00", nanos.format(NANOS)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of Appendix D.
    #[test]
    fn values_are_written_as_the_table_spec_shows() {
        let text = |stored, data_type| match single(&stored, &data_type) {
            Some(Single::Text(text)) => text,
            other => panic!("{other:?}"),
        };
        let micros = Stored::Long(1_510_871_468_123_456);
        let nanos = Stored::Long(1_510_871_468_123_456_789);
        assert_eq!(text(Stored::Int(17486), DataType::Date), "2017-11-16");
        assert_eq!(
            text(Stored::Long(81_068_123_456), DataType::Time),
            "22:31:08.123456"
        );
        assert_eq!(
            text(micros.clone(), DataType::Timestamp),
            "2017-11-16T22:31:08.123456"
        );
        assert_eq!(
            text(micros, DataType::Timestamptz),
            "2017-11-16T22:31:08.123456+00:00"
        );
        assert_eq!(
            text(nanos.clone(), DataType::TimestampNs),
            "2017-11-16T22:31:08.123456789"
        );
        assert_eq!(
            text(nanos, DataType::TimestamptzNs),
            "2017-11-16T22:31:08.123456789+00:00"
        );
        let uuid = "f79c3e09-677c-4bbd-a479-3f349cb785e7";
        let bytes = Stored::Bytes(
            uuid::Uuid::parse_str(uuid)
                .unwrap()
                .as_bytes()
                .as_slice()
                .into(),
        );
        assert_eq!(text(bytes, DataType::Uuid), uuid);
        let bytes = Stored::Bytes([0, 1, 0xab].as_slice().into());
        assert_eq!(text(bytes, DataType::Fixed(3)), "0001AB");
        assert_eq!(single(&Stored::Null, &DataType::Date), Some(Single::Null));
        assert_eq!(single(&Stored::Int(1), &DataType::String), None);
    }

    #[test]
    fn decimals_keep_their_scale() {
        assert_eq!(decimal(1420, 2), "14.20");
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(7, 0), "7");
        assert_eq!(
            decimal(i128::MIN, 38),
            "-1.70141183460469231731687303715884105728"
        );
    }
}
