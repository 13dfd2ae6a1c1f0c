//! Partition and sort transforms (table spec, section "Partition Transforms").
//!
//! A transform that is not known is kept by its name: such a table can be read, and never written anew with it.

use std::fmt;
use std::str::FromStr;
use weir_core::schema::DataType;
use weir_core::{Error, Result};

/// How a partition or sort value is made of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transform {
    Identity,
    /// Always null; what remains of a partition field that was dropped in version 1.
    Void,
    Year,
    Month,
    Day,
    Hour,
    /// Hash modulo this number.
    Bucket(u32),
    /// To this width.
    Truncate(u32),
    /// One of a later version or of an engine's own, as it is spelled.
    Unknown(String),
}

impl Transform {
    /// The type of its values on a column of type `source`; `None` where it is unknown.
    pub fn result_type(&self, source: &DataType) -> Option<DataType> {
        match self {
            Self::Identity | Self::Truncate(_) | Self::Void => Some(source.clone()),
            Self::Bucket(_) | Self::Year | Self::Month | Self::Hour => Some(DataType::Int),
            Self::Day => Some(DataType::Date),
            Self::Unknown(_) => None,
        }
    }

    /// May it be written on a column of type `source`? An unknown one may not, on any.
    pub fn applies_to(&self, source: &DataType) -> bool {
        use DataType::{
            Binary, Date, Decimal, Fixed, Geography, Geometry, Int, Long, String, Time, Timestamp,
            TimestampNs, Timestamptz, TimestamptzNs, Uuid, Variant,
        };
        let is_timestamp = matches!(
            source,
            Timestamp | Timestamptz | TimestampNs | TimestamptzNs
        );
        match self {
            Self::Void => true,
            Self::Identity => {
                !source.is_nested()
                    && !matches!(source, Geometry { .. } | Geography { .. } | Variant)
            }
            Self::Year | Self::Month | Self::Day => is_timestamp || *source == Date,
            Self::Hour => is_timestamp,
            Self::Bucket(_) => {
                is_timestamp
                    || matches!(
                        source,
                        Int | Long
                            | Decimal { .. }
                            | Date
                            | Time
                            | String
                            | Uuid
                            | Fixed(_)
                            | Binary
                    )
            }
            Self::Truncate(_) => {
                matches!(source, Int | Long | Decimal { .. } | String | Binary)
            }
            Self::Unknown(_) => false,
        }
    }
}

impl FromStr for Transform {
    type Err = Error;

    /// Errors: `invalid` for no name at all, and for a bucket or width of 0 or above 2147483647.
    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::invalid("transform", "A transform has a name."));
        }
        let name = text.to_ascii_lowercase();
        let digits = |prefix: &str| {
            name.strip_prefix(prefix)
                .and_then(|rest| rest.strip_suffix(']'))
                .filter(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        };
        Ok(match name.as_str() {
            "identity" => Self::Identity,
            "void" => Self::Void,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            _ => match (digits("bucket["), digits("truncate[")) {
                (Some(count), _) => Self::Bucket(width(count)?),
                (_, Some(width_text)) => Self::Truncate(width(width_text)?),
                _ => Self::Unknown(text.to_owned()),
            },
        })
    }
}

fn width(digits: &str) -> Result<u32> {
    digits
        .parse::<i32>()
        .ok()
        .and_then(|width| u32::try_from(width).ok())
        .filter(|width| *width > 0)
        .ok_or_else(|| {
            Error::invalid(
                "transform",
                "The width of a transform is between 1 and 2147483647.",
            )
        })
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Void => f.write_str("void"),
            Self::Year => f.write_str("year"),
            Self::Month => f.write_str("month"),
            Self::Day => f.write_str("day"),
            Self::Hour => f.write_str("hour"),
            Self::Bucket(count) => write!(f, "bucket[{count}]"),
            Self::Truncate(width) => write!(f, "truncate[{width}]"),
            Self::Unknown(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_is_spelled_as_it_was_read() {
        for name in [
            "identity",
            "void",
            "year",
            "month",
            "day",
            "hour",
            "bucket[16]",
            "truncate[4]",
            "zorder",
            "bucket[a]",
        ] {
            assert_eq!(name.parse::<Transform>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn a_width_is_positive_and_fits_32_bits() {
        for name in ["", "bucket[0]", "truncate[0]", "bucket[4294967296]"] {
            assert!(name.parse::<Transform>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_transform_is_only_written_on_types_that_the_specification_names() {
        let variant = DataType::Variant;
        assert!(!Transform::Identity.applies_to(&variant) && Transform::Void.applies_to(&variant));
        assert!(Transform::Day.applies_to(&DataType::Date));
        assert!(!Transform::Hour.applies_to(&DataType::Date));
        assert!(!Transform::Bucket(4).applies_to(&DataType::Double));
        assert!(!Transform::Truncate(4).applies_to(&DataType::Uuid));
        assert!(!Transform::Unknown("zorder".into()).applies_to(&DataType::Int));
    }
}
