//! Partition transforms applied to values (table spec, sections "Partition Transforms" and Appendix B: "32-bit Hash Requirements").

use chrono::{DateTime, Datelike};
use weir_core::schema::DataType;

use super::value::{MICROS_PER_DAY, NANOS_PER_DAY, Value};
use crate::transform::Transform;

const MICROS_PER_SECOND: i64 = 1_000_000;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// What `transform` makes of a value of type `source`. `None` where that is not defined, or not in range: nothing may be
/// concluded then.
pub(super) fn apply(transform: &Transform, source: &DataType, value: &Value) -> Option<Value> {
    match transform {
        Transform::Identity => Some(value.clone()),
        Transform::Bucket(count) => bucket(*count, source, value),
        Transform::Truncate(width) => truncate(*width, source, value),
        Transform::Year | Transform::Month | Transform::Day | Transform::Hour => {
            time(transform, source, value)
        }
        Transform::Void | Transform::Unknown(_) => None,
    }
}

fn bucket(count: u32, source: &DataType, value: &Value) -> Option<Value> {
    let hash = match (source, value) {
        (
            DataType::Int
            | DataType::Long
            | DataType::Date
            | DataType::Time
            | DataType::Timestamp
            | DataType::Timestamptz,
            Value::Whole(value),
        ) => murmur3(&value.to_le_bytes()),
        (DataType::TimestampNs | DataType::TimestamptzNs, Value::Whole(nanos)) => {
            murmur3(&nanos.div_euclid(1000).to_le_bytes())
        }
        (DataType::Decimal { .. }, Value::Decimal(unscaled)) => murmur3(&shortest(*unscaled)),
        (
            DataType::String | DataType::Uuid | DataType::Fixed(_) | DataType::Binary,
            Value::Bytes(bytes),
        ) => murmur3(bytes),
        _ => return None,
    };
    (hash & 0x7fff_ffff)
        .checked_rem(count)
        .map(|bucket| Value::Whole(i64::from(bucket)))
}

/// Two's complement, big-endian, in as few bytes as it takes.
fn shortest(unscaled: i128) -> Vec<u8> {
    let bytes = unscaled.to_be_bytes();
    let sign = if unscaled < 0 { 0xff } else { 0 };
    let spare = bytes
        .windows(2)
        .take_while(|pair| {
            matches!(pair, [first, second] if *first == sign && (first ^ second) & 0x80 == 0)
        })
        .count();
    bytes.into_iter().skip(spare).collect()
}

/// MurmurHash3 for x86, 32 bits, seed 0.
fn murmur3(bytes: &[u8]) -> u32 {
    let mix = |block: u32| {
        block
            .wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593)
    };
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mut hash = blocks.iter().fold(0u32, |hash, block| {
        (hash ^ mix(u32::from_le_bytes(*block)))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64)
    });
    if !tail.is_empty() {
        let block = tail
            .iter()
            .rev()
            .fold(0u32, |block, byte| (block << 8) | u32::from(*byte));
        hash ^= mix(block);
    }
    // The length counts modulo 2^32.
    #[expect(clippy::cast_possible_truncation)]
    let length = bytes.len() as u32;
    hash ^= length;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

fn truncate(width: u32, source: &DataType, value: &Value) -> Option<Value> {
    match (source, value) {
        (DataType::Int | DataType::Long, Value::Whole(value)) => {
            let rest = value.checked_rem_euclid(i64::from(width))?;
            let truncated = value.checked_sub(rest)?;
            // Writers overflow below the least value of the type; where they land is not worth knowing.
            (*source == DataType::Long || i32::try_from(truncated).is_ok())
                .then_some(Value::Whole(truncated))
        }
        (DataType::Decimal { .. }, Value::Decimal(unscaled)) => {
            let rest = unscaled.checked_rem_euclid(i128::from(width))?;
            unscaled.checked_sub(rest).map(Value::Decimal)
        }
        (DataType::String, Value::Bytes(bytes)) => {
            let text = std::str::from_utf8(bytes).ok()?;
            let end = text
                .char_indices()
                .nth(width as usize)
                .map_or(text.len(), |(end, _)| end);
            bytes.get(..end).map(|bytes| Value::Bytes(bytes.to_vec()))
        }
        (DataType::Binary, Value::Bytes(bytes)) => Some(Value::Bytes(
            bytes.iter().copied().take(width as usize).collect(),
        )),
        _ => None,
    }
}

fn time(transform: &Transform, source: &DataType, value: &Value) -> Option<Value> {
    let Value::Whole(value) = value else {
        return None;
    };
    let (seconds, days) = match source {
        DataType::Date => (value.checked_mul(SECONDS_PER_DAY)?, *value),
        DataType::Timestamp | DataType::Timestamptz => (
            value.div_euclid(MICROS_PER_SECOND),
            value.div_euclid(MICROS_PER_DAY),
        ),
        DataType::TimestampNs | DataType::TimestamptzNs => (
            value.div_euclid(NANOS_PER_SECOND),
            value.div_euclid(NANOS_PER_DAY),
        ),
        _ => return None,
    };
    let date = || DateTime::from_timestamp(seconds, 0);
    let result = match transform {
        Transform::Year => i64::from(date()?.year()) - 1970,
        Transform::Month => {
            let date = date()?;
            (i64::from(date.year()) - 1970) * 12 + i64::from(date.month0())
        }
        Transform::Day => days,
        Transform::Hour if *source != DataType::Date => seconds.div_euclid(3600),
        _ => return None,
    };
    Some(Value::Whole(result))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(source: &DataType, value: &Value) -> u32 {
        let Some(Value::Whole(bucket)) = bucket(0x8000_0000, source, value) else {
            panic!("not hashed");
        };
        u32::try_from(bucket).unwrap()
    }

    /// The hash values that Appendix B lists, without their sign.
    #[test]
    fn hashes_are_those_of_the_table_spec() {
        let positive = |hash: i32| hash.cast_unsigned() & 0x7fff_ffff;
        let long = |value| hash(&DataType::Long, &Value::Whole(value));
        assert_eq!(long(34), positive(2_017_239_379));
        assert_eq!(
            hash(&DataType::Int, &Value::Whole(34)),
            positive(2_017_239_379)
        );
        let decimal = DataType::Decimal {
            precision: 9,
            scale: 2,
        };
        assert_eq!(
            hash(&decimal, &Value::Decimal(1420)),
            positive(-500_754_589)
        );
        assert_eq!(
            hash(&DataType::Date, &Value::Whole(17486)),
            positive(-653_330_422)
        );
        assert_eq!(
            hash(&DataType::Time, &Value::Whole(81_068_000_000)),
            positive(-662_762_989)
        );
        let micros = 1_510_871_468_000_000;
        assert_eq!(
            hash(&DataType::Timestamp, &Value::Whole(micros)),
            positive(-2_047_944_441)
        );
        assert_eq!(
            hash(&DataType::TimestampNs, &Value::Whole(micros * 1000)),
            positive(-2_047_944_441)
        );
        let text = Value::Bytes(b"iceberg".to_vec());
        assert_eq!(hash(&DataType::String, &text), positive(1_210_000_089));
        let uuid = uuid::Uuid::parse_str("f79c3e09-677c-4bbd-a479-3f349cb785e7").unwrap();
        let uuid = Value::Bytes(uuid.as_bytes().to_vec());
        assert_eq!(hash(&DataType::Uuid, &uuid), positive(1_488_055_340));
        let bytes = Value::Bytes(vec![0, 1, 2, 3]);
        assert_eq!(hash(&DataType::Binary, &bytes), positive(-188_683_207));
    }

    #[test]
    fn values_are_truncated_as_the_table_spec_shows() {
        let long = |width, value| truncate(width, &DataType::Long, &Value::Whole(value));
        assert_eq!(long(10, 1), Some(Value::Whole(0)));
        assert_eq!(long(10, -1), Some(Value::Whole(-10)));
        assert_eq!(long(10, i64::MIN), None);
        let decimal = DataType::Decimal {
            precision: 9,
            scale: 2,
        };
        assert_eq!(
            truncate(50, &decimal, &Value::Decimal(1065)),
            Some(Value::Decimal(1050))
        );
        let text = Value::Bytes("äöüß".as_bytes().to_vec());
        let cut = Value::Bytes("äöü".as_bytes().to_vec());
        assert_eq!(truncate(3, &DataType::String, &text), Some(cut));
    }

    #[test]
    fn times_before_1970_are_rounded_down() {
        let day = |micros| time(&Transform::Day, &DataType::Timestamp, &Value::Whole(micros));
        assert_eq!(day(-1), Some(Value::Whole(-1)));
        assert_eq!(day(MICROS_PER_DAY), Some(Value::Whole(1)));
        let year = time(&Transform::Year, &DataType::Date, &Value::Whole(-1));
        assert_eq!(year, Some(Value::Whole(-1)));
        let month = time(&Transform::Month, &DataType::Date, &Value::Whole(17486));
        assert_eq!(month, Some(Value::Whole(574)));
        let hour = time(&Transform::Hour, &DataType::Timestamp, &Value::Whole(-1));
        assert_eq!(hour, Some(Value::Whole(-1)));
    }
}
