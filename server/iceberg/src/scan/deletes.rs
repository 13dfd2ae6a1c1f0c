//! Which deletes apply to which data file (table spec, section "Scan Planning").

use std::collections::HashMap;

use weir_core::schema::Schema;
use weir_core::{Error, Result};

use super::avro::malformed;
use super::file::{DataFile, FileContent};
use super::manifest::Entry;
use super::spec::Spec;
use super::value::{Stored, Value};

/// Field id of the column `file_path` in files of position deletes (table spec, section "Reserved Field IDs").
const DELETE_FILE_PATH: i32 = 2_147_483_546;

/// A partition of a spec, such that equal partitions are equal however wide their values were written.
type Partition = (i32, Vec<(i32, Key)>);

#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Boolean(bool),
    Whole(i64),
    /// Bits, one pattern for all NaNs and one for zero.
    Double(u64),
    Decimal(i128),
    Bytes(Vec<u8>),
}

/// Delete files by what they may apply to. Numbers are places in the list it was made from.
#[derive(Debug, Default)]
pub(super) struct DeleteIndex {
    vectors: HashMap<String, Vec<usize>>,
    positions_by_path: HashMap<String, Vec<usize>>,
    positions: HashMap<Partition, Vec<usize>>,
    equality: HashMap<Partition, Vec<usize>>,
    /// Equality deletes of an unpartitioned spec, which apply to all partitions of all specs.
    global: Vec<usize>,
}

impl DeleteIndex {
    /// Errors: `invalid` where a file is of a spec that is not among `specs`.
    pub(super) fn new(deletes: &[Entry], specs: &[Spec], schema: &Schema) -> Result<Self> {
        let mut index = Self::default();
        for (number, entry) in deletes.iter().enumerate() {
            let file = &entry.file;
            match (file.content, &file.referenced_data_file) {
                (FileContent::Data, _) => {}
                (FileContent::PositionDeletes, Some(path)) => {
                    let by_path = if file.is_deletion_vector() {
                        &mut index.vectors
                    } else {
                        &mut index.positions_by_path
                    };
                    by_path.entry(path.clone()).or_default().push(number);
                }
                (FileContent::PositionDeletes, None) if file.is_deletion_vector() => {
                    return Err(malformed("a deletion vector names no data file"));
                }
                (FileContent::PositionDeletes, None) => {
                    let partition = partition(entry, specs, schema)?;
                    index.positions.entry(partition).or_default().push(number);
                }
                (FileContent::EqualityDeletes, _) => {
                    if spec(entry, specs)?.is_unpartitioned() {
                        index.global.push(number);
                    } else {
                        let partition = partition(entry, specs, schema)?;
                        index.equality.entry(partition).or_default().push(number);
                    }
                }
            }
        }
        Ok(index)
    }

    /// The places in `deletes`, the list the index was made from, of what applies to a data file, in rising order.
    ///
    /// Equality deletes apply to older data only, position deletes to data of the same commit as well. Where a deletion
    /// vector applies it holds the positions of all earlier files too, which are left out.
    pub(super) fn of(
        &self,
        data: &Entry,
        deletes: &[Entry],
        specs: &[Spec],
        schema: &Schema,
    ) -> Result<Vec<usize>> {
        let partition = partition(data, specs, schema)?;
        let path = &data.file.path;
        let sequence = |number: &usize| deletes.get(*number).map(|entry| entry.sequence_number);
        let not_older = |number: &&usize| sequence(number) >= Some(data.sequence_number);
        let newer = |number: &&usize| sequence(number) > Some(data.sequence_number);
        fn listed<'i>(numbers: Option<&'i Vec<usize>>) -> std::slice::Iter<'i, usize> {
            numbers.map_or([].iter(), |numbers| numbers.iter())
        }

        let vector = listed(self.vectors.get(path))
            .filter(not_older)
            .max_by_key(|number| sequence(number));
        let mut found: Vec<usize> = listed(self.equality.get(&partition))
            .chain(&self.global)
            .filter(newer)
            .chain(vector)
            .copied()
            .collect();
        if vector.is_none() {
            found.extend(
                listed(self.positions_by_path.get(path))
                    .chain(listed(self.positions.get(&partition)))
                    .filter(not_older)
                    .filter(|number| {
                        deletes
                            .get(**number)
                            .is_some_and(|entry| may_name(&entry.file, path))
                    }),
            );
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Could the positions be of this data file, by the bounds of the paths in it? The upper one may be cut short.
fn may_name(deletes: &DataFile, path: &str) -> bool {
    let path = path.as_bytes();
    let lower = deletes.lower_bounds.get(DELETE_FILE_PATH);
    let upper = deletes.upper_bounds.get(DELETE_FILE_PATH);
    lower.is_none_or(|lower| lower.as_ref() <= path)
        && upper.is_none_or(|upper| upper.as_ref() >= path || path.starts_with(upper))
}

/// The partition spec of a file. Errors: `invalid` where it is not among `specs`.
pub(super) fn spec<'s>(entry: &Entry, specs: &'s [Spec]) -> Result<&'s Spec> {
    specs
        .iter()
        .find(|spec| spec.id == entry.spec_id)
        .ok_or_else(|| {
            Error::invalid(
                "partition-spec",
                format!(
                    "A file of the table has the partition spec {}, which does not exist.",
                    entry.spec_id
                ),
            )
        })
}

fn partition(entry: &Entry, specs: &[Spec], schema: &Schema) -> Result<Partition> {
    let spec = spec(entry, specs)?;
    let keys = entry
        .file
        .partition
        .iter()
        .filter_map(|(id, stored)| {
            let field = spec.fields.iter().find(|field| field.field_id == id);
            let data_type = field.and_then(|field| field.data_type(schema));
            let value = data_type.and_then(|data_type| stored.value(&data_type));
            Some((id, value.map(typed).or_else(|| untyped(stored))?))
        })
        .collect();
    Ok((spec.id, keys))
}

fn typed(value: Value) -> Key {
    match value {
        Value::Boolean(value) => Key::Boolean(value),
        Value::Whole(value) => Key::Whole(value),
        Value::Float(value) => double(value),
        Value::Decimal(value) => Key::Decimal(value),
        Value::Bytes(value) => Key::Bytes(value),
    }
}

/// For a column that is gone; null is no key, so that it equals a field that an old file does not have.
fn untyped(stored: &Stored) -> Option<Key> {
    Some(match stored {
        Stored::Null => return None,
        Stored::Boolean(value) => Key::Boolean(*value),
        Stored::Int(value) => Key::Whole(i64::from(*value)),
        Stored::Long(value) => Key::Whole(*value),
        Stored::Float(value) => double(f64::from(*value)),
        Stored::Double(value) => double(*value),
        Stored::Bytes(value) => Key::Bytes(value.to_vec()),
    })
}

fn double(value: f64) -> Key {
    Key::Double(if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        (value + 0.0).to_bits()
    })
}
