//! Values written as text: what type they show, and whether bytes are text at all.

use chrono::{NaiveDate, NaiveTime};
use weir_core::schema::DataType;

use super::Unreadable;
use super::compression::Sample;

/// UTF-8 without its mark; the last character of a cut-off sample may be incomplete.
pub fn decode(sample: &Sample) -> Result<&str, Unreadable> {
    let unrecognised = |cause: &str| Err(Unreadable::Unrecognised(cause.to_owned()));
    let bytes = sample.bytes.as_slice();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return unrecognised("the file is UTF-16 text; UTF-8 is read");
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && !sample.whole => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return unrecognised("the file is neither Parquet nor UTF-8 text"),
    };
    if text.contains('\0') {
        return unrecognised("the file is neither Parquet nor text");
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// What a value's spelling shows. In the order of its variants nothing follows: [`Kind::with`] joins two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    Long,
    Double,
    Date,
    Timestamp,
    Timestamptz,
    Text,
}

impl Kind {
    /// None for a missing value.
    pub fn of(value: &str) -> Option<Self> {
        let value = value.trim_matches([' ', '\t', '\r']);
        if is_missing(value) {
            return None;
        }
        Some(match value.as_bytes().first() {
            Some(b't' | b'T' | b'f' | b'F') if is_boolean(value) => Self::Boolean,
            Some(b'0'..=b'9' | b'-' | b'+' | b'.') => number_or_time(value),
            Some(b'n' | b'N' | b'i' | b'I') if is_special(value) => Self::Double,
            _ => Self::Text,
        })
    }

    pub fn with(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Long, Self::Double) | (Self::Double, Self::Long) => Self::Double,
            (Self::Date, Self::Timestamp) | (Self::Timestamp, Self::Date) => Self::Timestamp,
            _ => Self::Text,
        }
    }

    pub fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Long => DataType::Long,
            Self::Double => DataType::Double,
            Self::Date => DataType::Date,
            Self::Timestamp => DataType::Timestamp,
            Self::Timestamptz => DataType::Timestamptz,
            Self::Text => DataType::String,
        }
    }
}

pub fn is_missing(value: &str) -> bool {
    const WORDS: [&str; 6] = ["na", "n/a", "null", "none", "\\n", "#n/a"];
    value.is_empty() || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn is_boolean(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

/// Not-a-number and the infinities: values of a double, not missing ones.
fn is_special(value: &str) -> bool {
    let value = value.strip_prefix(['-', '+']).unwrap_or(value);
    ["nan", "inf", "infinity"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

fn number_or_time(value: &str) -> Kind {
    if is_long(value) {
        Kind::Long
    } else if is_double(value) || is_special(value) {
        Kind::Double
    } else if is_date(value) {
        Kind::Date
    } else {
        timestamp(value).unwrap_or(Kind::Text)
    }
}

/// An integer as it would be written back: no leading zero, no plus sign, 64 bits.
fn is_long(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    is_plain_integer(digits) && value.parse::<i64>().is_ok()
}

fn is_plain_integer(digits: &str) -> bool {
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'))
}

/// A decimal fraction, with an exponent or without. An integer too long for 64 bits is none: it would lose digits.
fn is_double(value: &str) -> bool {
    let value = value.strip_prefix('-').unwrap_or(value);
    let (mantissa, exponent) = match value.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (value, None),
    };
    let whole_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let fraction = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let plain = match mantissa.split_once('.') {
        Some(("", digits)) => !digits.is_empty() && fraction(digits),
        Some((whole, digits)) => is_plain_integer(whole) && fraction(digits),
        None => exponent.is_some() && is_plain_integer(mantissa),
    };
    plain && whole_exponent
}

fn is_date(value: &str) -> bool {
    value.len() == 10 && NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok()
}

/// `2024-01-31T12:30[:05[.123]]` with a space or a `T`, and `Z`, `+01:00`, `+0100` or `+01` for a zone.
fn timestamp(value: &str) -> Option<Kind> {
    let (date, time) = (value.get(..10)?, value.get(10..)?);
    if !is_date(date) {
        return None;
    }
    let time = time.strip_prefix([' ', 'T'])?.trim_start();
    let (clock, zone) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => (time.get(..at)?.trim_end(), time.get(at..)),
        None => match time.strip_suffix(" UTC") {
            Some(clock) => (clock, Some("Z")),
            None => (time, None),
        },
    };
    let formats = ["%H:%M:%S%.f", "%H:%M"];
    let is_clock = formats
        .iter()
        .any(|format| NaiveTime::parse_from_str(clock, format).is_ok());
    if !is_clock {
        return None;
    }
    match zone {
        None => Some(Kind::Timestamp),
        Some(zone) => is_zone(zone).then_some(Kind::Timestamptz),
    }
}

fn is_zone(zone: &str) -> bool {
    if matches!(zone, "Z" | "z") {
        return true;
    }
    let digits: String = zone
        .strip_prefix(['+', '-'])
        .unwrap_or_default()
        .replacen(':', "", 1);
    let number = |range| {
        digits
            .get(range)
            .and_then(|part: &str| part.parse::<u8>().ok())
    };
    matches!(digits.len(), 2 | 4)
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && number(0..2).is_some_and(|hours| hours <= 18)
        && (digits.len() == 2 || number(2..4).is_some_and(|minutes| minutes < 60))
}

/// The type that holds all values of one partition key: `long` for canonical integers, `date` for ISO dates, else `string`.
/// Missing values say nothing.
pub fn partition_type<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> DataType {
    let mut kinds = values.into_iter().flatten().map(|value| {
        if is_long(value) && value != "-0" {
            DataType::Long
        } else if is_date(value) {
            DataType::Date
        } else {
            DataType::String
        }
    });
    let Some(first) = kinds.next() else {
        return DataType::String;
    };
    if kinds.all(|kind| kind == first) {
        first
    } else {
        DataType::String
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_value_shows_its_type() {
        let table: &[(Option<Kind>, &[&str])] = &[
            (
                None,
                &["", "NA", "n/a", "null", "NULL", "None", "\\N", " ", "#N/A"],
            ),
            (Some(Kind::Boolean), &["true", "FALSE", "True"]),
            (
                Some(Kind::Long),
                &["0", "-1", "42", "9223372036854775807", " 7 "],
            ),
            (
                Some(Kind::Double),
                &[
                    "1.5", "-0.25", ".5", "1.", "1e5", "2.5E-10", "NaN", "-inf", "Infinity",
                ],
            ),
            (Some(Kind::Date), &["2024-02-29", "0001-01-01"]),
            (
                Some(Kind::Timestamp),
                &[
                    "2024-01-31 12:30",
                    "2024-01-31T12:30:05.123456",
                    "2024-01-31 00:00:00",
                ],
            ),
            (
                Some(Kind::Timestamptz),
                &[
                    "2024-01-31T12:30:05Z",
                    "2024-01-31 12:30:05+01:00",
                    "2024-01-31 12:30:05.5-0330",
                    "2024-01-31 12:30:05+01",
                    "2024-01-31 12:30:05 UTC",
                ],
            ),
            (
                Some(Kind::Text),
                &[
                    "007",
                    "9223372036854775808",
                    "00.5",
                    "+5",
                    "1,5",
                    "0x1f",
                    "2024-02-30",
                    "2024-1-1",
                    "2024-01-31 25:00",
                    "2024-01-31T12:30:05+99:00",
                    "abc",
                    "yes",
                    "1e",
                    "-",
                    ".",
                    "12:30",
                    "1e99999",
                    "2024-01-31é",
                    "é",
                ],
            ),
        ];
        for (kind, values) in table {
            for value in *values {
                assert_eq!(Kind::of(value), *kind, "{value:?}");
            }
        }
    }

    #[test]
    fn a_partition_key_has_the_type_that_holds_all_its_values() {
        for (values, data_type) in [
            (vec![Some("2023"), Some("2024"), None], DataType::Long),
            (vec![Some("01"), Some("12")], DataType::String),
            (vec![Some("2024-01-01")], DataType::Date),
            (vec![Some("2024-01-01"), Some("1")], DataType::String),
            (vec![None], DataType::String),
            (vec![], DataType::String),
        ] {
            assert_eq!(partition_type(values.clone()), data_type, "{values:?}");
        }
    }

    fn sample(bytes: &[u8], whole: bool) -> Sample {
        Sample {
            bytes: bytes.to_vec(),
            whole,
        }
    }

    #[test]
    fn text_is_utf8_with_or_without_its_mark() {
        assert_eq!(decode(&sample(b"\xef\xbb\xbfa", true)).unwrap(), "a");
        assert_eq!(decode(&sample(b"a\xc3", false)).unwrap(), "a");
        for bad in [&b"a\xc3"[..], b"\xff\xfea\0", b"gr\xf6\xdfe", b"a\0b"] {
            assert!(decode(&sample(bad, true)).is_err(), "{bad:?}");
        }
    }
}
