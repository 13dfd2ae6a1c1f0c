//! Constants of a filter as values of the column beside them (table spec, Appendix D: "JSON single-value serialization").
//!
//! Clients of the older form send dates and times as whole numbers too, in the unit of the type, as the reference
//! implementation does for constants that it has not bound.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use serde_json::Value as Json;
use weir_core::schema::DataType;
use weir_core::{Error, Result};

use crate::scan::expression::Literal;
use crate::scan::value::Value;

/// Largest whole number below which a double has no gaps.
const EXACT_IN_DOUBLE: f64 = 9_007_199_254_740_992.0;

/// The constant as a value of `data_type`; `None` for one that is comparable with it and yet not exactly such a value, so
/// that nothing is concluded from it. Errors: `invalid` where the two cannot be compared.
pub(super) fn constant(literal: &Literal, data_type: &DataType) -> Result<Option<Value>> {
    let value = parse(&literal.value, data_type);
    match &literal.data_type {
        Some(declared) if !related(declared, data_type) => Ok(value.ok().and(None)),
        _ => value.map_err(|Mismatch| {
            Error::invalid(
                "filter",
                format!("A constant is not a value of the type {data_type}."),
            )
        }),
    }
}

/// Is the declared type one whose JSON means the same for `data_type`?
fn related(declared: &str, data_type: &DataType) -> bool {
    fn kind(name: &str) -> &str {
        let kind = name.split(['(', '[']).next().unwrap_or(name).trim();
        match kind {
            "int" => "long",
            "float" => "double",
            kind => kind,
        }
    }
    kind(declared) == kind(&data_type.to_string())
}

struct Mismatch;
type Parsed = std::result::Result<Option<Value>, Mismatch>;

fn parse(json: &Json, data_type: &DataType) -> Parsed {
    match (data_type, json) {
        (DataType::Boolean, Json::Bool(value)) => Ok(Some(Value::Boolean(*value))),
        (DataType::TimestampNs | DataType::TimestamptzNs, Json::Number(_)) => {
            // Microseconds to some clients, nanoseconds to others.
            Ok(None)
        }
        (
            DataType::Int
            | DataType::Long
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::Timestamptz,
            Json::Number(number),
        ) => Ok(whole(number).map(Value::Whole)),
        (DataType::Float | DataType::Double, Json::Number(number)) => {
            Ok(double(number).map(Value::Float))
        }
        (DataType::Float | DataType::Double, Json::String(text)) => match text.as_str() {
            "Infinity" => Ok(Some(Value::Float(f64::INFINITY))),
            "-Infinity" => Ok(Some(Value::Float(f64::NEG_INFINITY))),
            _ => Err(Mismatch),
        },
        (DataType::Decimal { scale, .. }, Json::String(text)) => decimal(text, *scale),
        (DataType::Decimal { scale, .. }, Json::Number(number)) => number
            .as_i64()
            .map_or(Ok(None), |whole| decimal(&whole.to_string(), *scale)),
        (DataType::String, Json::String(text)) => Ok(Some(Value::Bytes(text.as_bytes().to_vec()))),
        (DataType::Uuid, Json::String(text)) => uuid::Uuid::parse_str(text)
            .map(|uuid| Some(Value::Bytes(uuid.as_bytes().to_vec())))
            .map_err(|_| Mismatch),
        (DataType::Fixed(_) | DataType::Binary, Json::String(text)) => hex(text)
            .map(|bytes| Some(Value::Bytes(bytes)))
            .ok_or(Mismatch),
        (
            DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::Timestamptz
            | DataType::TimestampNs
            | DataType::TimestamptzNs,
            Json::String(text),
        ) => time(text, data_type),
        (
            DataType::Boolean
            | DataType::Int
            | DataType::Long
            | DataType::Float
            | DataType::Double
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::Timestamptz
            | DataType::TimestampNs
            | DataType::TimestamptzNs
            | DataType::Decimal { .. }
            | DataType::String
            | DataType::Uuid
            | DataType::Fixed(_)
            | DataType::Binary
            | DataType::Struct(_)
            | DataType::List(_)
            | DataType::Map(..),
            _,
        ) => Err(Mismatch),
        // Types of version 3 that have no order.
        (
            DataType::Variant
            | DataType::Unknown
            | DataType::Geometry { .. }
            | DataType::Geography { .. },
            _,
        ) => Ok(None),
    }
}

fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let value = number.as_f64()?;
        #[expect(clippy::cast_possible_truncation)]
        (value.fract() == 0.0 && value.abs() < EXACT_IN_DOUBLE).then_some(value as i64)
    })
}

fn double(number: &serde_json::Number) -> Option<f64> {
    let value = number.as_f64()?;
    (number.is_f64() || value.abs() < EXACT_IN_DOUBLE).then_some(value)
}

/// Digits with a sign, a point and an exponent where wanted; `None` where the scale of the column is too small for it.
fn decimal(text: &str, scale: u8) -> Parsed {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().map_err(|_| Mismatch)?),
        None => (text, 0i32),
    };
    let (sign, digits) = match mantissa.as_bytes() {
        [b'-', ..] => (-1i128, mantissa.get(1..).unwrap_or_default()),
        [b'+', ..] => (1, mantissa.get(1..).unwrap_or_default()),
        _ => (1, mantissa),
    };
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if before.len() + after.len() == 0 || !all_digits(before) || !all_digits(after) {
        return Err(Mismatch);
    }
    let Ok(number) = format!("{before}{after}").parse::<i128>() else {
        return Ok(None);
    };
    let shift = i32::try_from(after.len())
        .ok()
        .and_then(|after| i32::from(scale).checked_sub(after))
        .and_then(|shift| shift.checked_add(exponent));
    let Some(shift) = shift.filter(|shift| shift.unsigned_abs() <= 38) else {
        return Ok((number == 0).then_some(Value::Decimal(0)));
    };
    let power = 10i128.checked_pow(shift.unsigned_abs());
    let unscaled = power.and_then(|power| {
        if shift >= 0 {
            number.checked_mul(power)
        } else {
            (number % power == 0).then(|| number / power)
        }
    });
    Ok(unscaled.map(|unscaled| Value::Decimal(sign * unscaled)))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok())
        .collect()
}

fn time(text: &str, data_type: &DataType) -> Parsed {
    let value = match data_type {
        DataType::Date => Some(i64::from(
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map_err(|_| Mismatch)?
                .to_epoch_days(),
        )),
        DataType::Time => {
            let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f")
                .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"))
                .map_err(|_| Mismatch)?;
            let nanos = time.nanosecond();
            (nanos.is_multiple_of(1000)).then(|| {
                i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(nanos / 1000)
            })
        }
        DataType::Timestamp => micros(local(text)?),
        DataType::TimestampNs => local(text)?.and_utc().timestamp_nanos_opt(),
        DataType::Timestamptz => micros(zoned(text)?),
        DataType::TimestamptzNs => zoned(text)?.and_utc().timestamp_nanos_opt(),
        _ => return Err(Mismatch),
    };
    Ok(value.map(Value::Whole))
}

fn micros(time: NaiveDateTime) -> Option<i64> {
    (time.nanosecond().is_multiple_of(1000)).then(|| time.and_utc().timestamp_micros())
}

/// The seconds are left out by some writers where they are zero.
fn local(text: &str) -> std::result::Result<NaiveDateTime, Mismatch> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
        .map_err(|_| Mismatch)
}

/// A time with a zone, in UTC.
fn zoned(text: &str) -> std::result::Result<NaiveDateTime, Mismatch> {
    let (time, zone) = match text.strip_suffix(['Z', 'z']) {
        Some(time) => (time, "+00:00"),
        None => {
            let sign = text.rfind(['+', '-']).ok_or(Mismatch)?;
            text.split_at_checked(sign).ok_or(Mismatch)?
        }
    };
    let zone: FixedOffset = zone.parse().map_err(|_| Mismatch)?;
    local(time)?.checked_sub_offset(zone).ok_or(Mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Json, data_type: &DataType) -> Option<Value> {
        let literal = Literal {
            value,
            data_type: None,
        };
        constant(&literal, data_type).unwrap()
    }

    #[test]
    fn times_are_read_as_texts_and_as_numbers() {
        let micros = Some(Value::Whole(1_510_871_468_123_456));
        let zoned = DataType::Timestamptz;
        assert_eq!(
            read(json!("2017-11-16T22:31:08.123456"), &DataType::Timestamp),
            micros
        );
        assert_eq!(
            read(json!(1_510_871_468_123_456i64), &DataType::Timestamp),
            micros
        );
        assert_eq!(
            read(json!("2017-11-16T23:31:08.123456+01:00"), &zoned),
            micros
        );
        assert_eq!(read(json!("2017-11-16T22:31:08.123456Z"), &zoned), micros);
        assert_eq!(
            read(json!("1970-01-01T00:01"), &DataType::Timestamp),
            Some(Value::Whole(60_000_000))
        );
        assert_eq!(
            read(json!("2017-11-16"), &DataType::Date),
            Some(Value::Whole(17486))
        );
        assert_eq!(
            read(json!(17486), &DataType::Date),
            Some(Value::Whole(17486))
        );
        assert_eq!(
            read(json!("00:00:01.5"), &DataType::Time),
            Some(Value::Whole(1_500_000))
        );
        assert_eq!(read(json!(5), &DataType::TimestampNs), None);
    }

    #[test]
    fn decimals_are_brought_to_the_scale_of_the_column() {
        let decimal = DataType::Decimal {
            precision: 20,
            scale: 2,
        };
        assert_eq!(read(json!("-14.2"), &decimal), Some(Value::Decimal(-1420)));
        assert_eq!(read(json!("2E+3"), &decimal), Some(Value::Decimal(200_000)));
        assert_eq!(read(json!("14.2000"), &decimal), Some(Value::Decimal(1420)));
        assert_eq!(read(json!("14.205"), &decimal), None);
        assert_eq!(read(json!(14), &decimal), Some(Value::Decimal(1400)));
        assert_eq!(read(json!(14.2), &decimal), None);
        assert_eq!(read(json!("1E+2000000000"), &decimal), None);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for (value, data_type) in [
            (json!("goats"), DataType::Double),
            (json!("NaN"), DataType::Double),
            (json!("5"), DataType::Int),
            (json!(true), DataType::Int),
            (json!("0"), DataType::Binary),
            (json!("2017-11-16T22:31:08"), DataType::Timestamptz),
            (json!("2017-11-16T22:31:08Z"), DataType::Timestamp),
            (json!(1), DataType::String),
        ] {
            let literal = Literal {
                value,
                data_type: None,
            };
            assert!(constant(&literal, &data_type).is_err(), "{literal:?}");
        }
    }

    #[test]
    fn a_constant_that_is_declared_to_be_of_another_type_concludes_nothing() {
        let literal = Literal {
            value: json!("2017-11-16"),
            data_type: Some("date".to_owned()),
        };
        assert_eq!(constant(&literal, &DataType::Timestamp).unwrap(), None);
        let literal = Literal {
            value: json!(5),
            data_type: Some("int".to_owned()),
        };
        assert_eq!(
            constant(&literal, &DataType::Long).unwrap(),
            Some(Value::Whole(5))
        );
    }
}
