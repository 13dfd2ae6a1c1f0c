//! Parquet: everything is in the footer, at the end of the file.
//!
//! Format: apache/parquet-format, `README.md` and `LogicalTypes.md`.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::schema::types::Type;
use std::panic::{AssertUnwindSafe, catch_unwind};
use weir_core::catalog::Format;
use weir_core::schema::{DataType, Field, Schema};
use weir_storage::{ObjectMeta, Store};

use super::{
    Classifier, Compression, Confidence, FileDetails, Inferred, MAX_COLUMNS, Unreadable, footer,
    has_extension, rename, too_wide,
};

const MAGIC: &[u8] = b"PAR1";
const ENCRYPTED_MAGIC: &[u8] = b"PARE";
/// The footer's length and the magic.
const TAIL_BYTES: u64 = 8;
const MIN_BYTES: u64 = 12;
const MAX_FOOTER_BYTES: u64 = 64 << 20;

pub struct Parquet;

impl Classifier for Parquet {
    fn format(&self) -> Format {
        Format::Parquet
    }

    fn sniff(&self, name: &str, head: &[u8], tail: &[u8]) -> Confidence {
        match (begins(head), tail.ends_with(MAGIC)) {
            (true, true) => Confidence::Certain,
            (false, true) if head.is_empty() => Confidence::Certain,
            (true, false) => Confidence::Likely,
            _ if is_named(name) => Confidence::Likely,
            _ => Confidence::No,
        }
    }
}

pub fn is_named(name: &str) -> bool {
    has_extension(name, &["parquet", "parq", "pq"])
}

pub fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC) || head.starts_with(ENCRYPTED_MAGIC)
}

/// Two reads: the last eight bytes, then exactly the footer.
pub async fn infer(store: &Store, object: &ObjectMeta) -> Result<Inferred, Unreadable> {
    if object.size < MIN_BYTES {
        return Err(Unreadable::Broken(
            "not a Parquet file: it is too short to be one".into(),
        ));
    }
    let end = object.size - TAIL_BYTES;
    let tail = store.read(&object.location, end..object.size).await?;
    let length = footer_length(&tail, end - MAGIC.len() as u64)?;
    let footer = store.read(&object.location, end - length..end).await?;
    let decoded = tokio::task::spawn_blocking(move || decode(&footer)).await;
    let (schema, rows) = decoded.unwrap_or_else(|_| Err(damaged("it cannot be decoded")))?;
    Ok(Inferred {
        format: Format::Parquet,
        compression: Compression::None,
        schema,
        rows: Some(rows),
        details: FileDetails::default(),
    })
}

fn damaged(cause: &str) -> Unreadable {
    Unreadable::Broken(format!("the Parquet footer is damaged: {cause}"))
}

/// `room` is how long the footer can be at most.
pub(super) fn footer_length(tail: &[u8], room: u64) -> Result<u64, Unreadable> {
    let (length, magic) = tail.split_at_checked(4).unwrap_or_default();
    if magic == ENCRYPTED_MAGIC {
        return Err(Unreadable::Unrecognised(
            "the Parquet file's footer is encrypted".into(),
        ));
    }
    let length = match (<[u8; 4]>::try_from(length), magic == MAGIC) {
        (Ok(length), true) => u64::from(u32::from_le_bytes(length)),
        _ => {
            return Err(Unreadable::Broken(
                "not a Parquet file: the footer's magic is missing".into(),
            ));
        }
    };
    if length == 0 || length > room {
        return Err(damaged("it claims to be longer than the file"));
    }
    if length > MAX_FOOTER_BYTES {
        return Err(Unreadable::Unrecognised(
            "the Parquet file's footer is larger than 64 MiB".into(),
        ));
    }
    Ok(length)
}

/// The schema and the number of rows.
pub(super) fn decode(bytes: &[u8]) -> Result<(Schema, i64), Unreadable> {
    let rows = footer::check(bytes).map_err(damaged)?;
    // What the check lets through may still break an assertion of the decoder.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        ParquetMetaDataReader::decode_schema(bytes)
    }));
    let Ok(Ok(decoded)) = decoded else {
        return Err(damaged("its schema cannot be decoded"));
    };
    if decoded.num_columns() > MAX_COLUMNS {
        return Err(too_wide());
    }
    let columns = decoded.root_schema().get_fields();
    let fields = fields(columns.iter().map(AsRef::as_ref));
    if fields.is_empty() {
        return Err(damaged("it has no columns"));
    }
    Ok((Schema::new(fields), rows))
}

fn fields<'a>(types: impl Iterator<Item = &'a Type>) -> Vec<Field> {
    rename(types.map(field).collect())
}

fn repetition(column: &Type) -> Repetition {
    let info = column.get_basic_info();
    if info.has_repetition() {
        info.repetition()
    } else {
        Repetition::REQUIRED
    }
}

fn field(column: &Type) -> Field {
    let repetition = repetition(column);
    let data_type = match repetition {
        // Repeated without being called a list: a list all the same, of required elements.
        Repetition::REPEATED => list(value_type(column), true),
        _ => value_type(column),
    };
    Field {
        required: repetition != Repetition::OPTIONAL,
        ..Field::inferred(column.name(), data_type)
    }
}

fn list(element: DataType, required: bool) -> DataType {
    let element = Field {
        required,
        ..Field::inferred("element", element)
    };
    DataType::List(Box::new(element))
}

/// The type of one value, its repetition aside.
fn value_type(column: &Type) -> DataType {
    if column.is_primitive() {
        return primitive(column);
    }
    let info = column.get_basic_info();
    let named = |logical: &LogicalType, converted: &[ConvertedType]| {
        info.logical_type_ref() == Some(logical) || converted.contains(&info.converted_type())
    };
    let nested = if named(&LogicalType::List, &[ConvertedType::LIST]) {
        list_type(column)
    } else if named(
        &LogicalType::Map,
        &[ConvertedType::MAP, ConvertedType::MAP_KEY_VALUE],
    ) {
        map_type(column)
    } else {
        None
    };
    nested
        .unwrap_or_else(|| DataType::Struct(fields(column.get_fields().iter().map(AsRef::as_ref))))
}

/// LogicalTypes.md, Lists, with its backward-compatibility rules.
fn list_type(column: &Type) -> Option<DataType> {
    let [repeated] = column.get_fields() else {
        return None;
    };
    if repetition(repeated) != Repetition::REPEATED {
        return None;
    }
    if repeated.is_primitive() {
        return Some(list(primitive(repeated), true));
    }
    let itself = match repeated.get_fields() {
        [only] => {
            repetition(only) == Repetition::REPEATED
                || repeated.name() == "array"
                || repeated.name() == format!("{}_tuple", column.name())
        }
        _ => true,
    };
    if itself {
        return Some(list(value_type(repeated), true));
    }
    let only = repeated.get_fields().first()?;
    Some(list(
        value_type(only),
        repetition(only) == Repetition::REQUIRED,
    ))
}

fn map_type(column: &Type) -> Option<DataType> {
    let [entries] = column.get_fields() else {
        return None;
    };
    if entries.is_primitive() || repetition(entries) != Repetition::REPEATED {
        return None;
    }
    let [key, value] = entries.get_fields() else {
        return None;
    };
    let key = Field {
        required: true,
        ..Field::inferred("key", field(key).data_type)
    };
    let value = Field {
        name: "value".into(),
        ..field(value)
    };
    Some(DataType::Map(Box::new(key), Box::new(value)))
}

fn primitive(column: &Type) -> DataType {
    let info = column.get_basic_info();
    info.logical_type_ref()
        .and_then(logical)
        .or_else(|| converted(column, info.converted_type()))
        .unwrap_or_else(|| physical(column))
}

fn logical(logical: &LogicalType) -> Option<DataType> {
    Some(match logical {
        LogicalType::String | LogicalType::Enum | LogicalType::Json | LogicalType::Unknown => {
            DataType::String
        }
        LogicalType::Decimal { scale, precision } => decimal(*precision, *scale)?,
        LogicalType::Date => DataType::Date,
        LogicalType::Time { .. } => DataType::Time,
        LogicalType::Timestamp {
            is_adjusted_to_u_t_c: utc,
            unit,
        } => match (utc, matches!(unit, TimeUnit::NANOS)) {
            (true, true) => DataType::TimestamptzNs,
            (true, false) => DataType::Timestamptz,
            (false, true) => DataType::TimestampNs,
            (false, false) => DataType::Timestamp,
        },
        LogicalType::Integer {
            bit_width,
            is_signed,
        } => match (bit_width, is_signed) {
            (64, false) => unsigned_long(),
            (64, true) | (32, false) => DataType::Long,
            _ => DataType::Int,
        },
        LogicalType::Uuid => DataType::Uuid,
        LogicalType::Float16 => DataType::Float,
        LogicalType::Bson | LogicalType::Geometry { .. } | LogicalType::Geography { .. } => {
            DataType::Binary
        }
        _ => return None,
    })
}

fn converted(column: &Type, converted: ConvertedType) -> Option<DataType> {
    Some(match converted {
        ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => DataType::String,
        ConvertedType::DECIMAL => {
            let Type::PrimitiveType {
                precision, scale, ..
            } = column
            else {
                return None;
            };
            decimal(*precision, *scale)?
        }
        ConvertedType::DATE => DataType::Date,
        ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS => DataType::Time,
        // The older annotation says nothing of a zone and is defined as adjusted to UTC.
        ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS => DataType::Timestamptz,
        ConvertedType::UINT_64 => unsigned_long(),
        ConvertedType::UINT_32 | ConvertedType::INT_64 => DataType::Long,
        ConvertedType::UINT_8
        | ConvertedType::UINT_16
        | ConvertedType::INT_8
        | ConvertedType::INT_16
        | ConvertedType::INT_32 => DataType::Int,
        ConvertedType::BSON => DataType::Binary,
        _ => return None,
    })
}

fn physical(column: &Type) -> DataType {
    let Type::PrimitiveType {
        physical_type,
        type_length,
        ..
    } = column
    else {
        return DataType::Binary;
    };
    match physical_type {
        Physical::BOOLEAN => DataType::Boolean,
        Physical::INT32 => DataType::Int,
        Physical::INT64 => DataType::Long,
        Physical::INT96 => DataType::Timestamp,
        Physical::FLOAT => DataType::Float,
        Physical::DOUBLE => DataType::Double,
        Physical::BYTE_ARRAY => DataType::Binary,
        Physical::FIXED_LEN_BYTE_ARRAY => {
            u32::try_from(*type_length).map_or(DataType::Binary, DataType::Fixed)
        }
    }
}

/// None where it has more digits than any engine keeps.
fn decimal(precision: i32, scale: i32) -> Option<DataType> {
    let (precision, scale) = (u8::try_from(precision).ok()?, u8::try_from(scale).ok()?);
    (1..=38)
        .contains(&precision)
        .then_some(DataType::Decimal { precision, scale })
        .filter(|_| scale <= precision)
}

fn unsigned_long() -> DataType {
    DataType::Decimal {
        precision: 20,
        scale: 0,
    }
}
