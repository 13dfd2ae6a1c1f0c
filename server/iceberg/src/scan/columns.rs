//! Columns by their full names (upstream schema `FieldName`).

use std::collections::{BTreeSet, HashMap};

use weir_core::id::FieldId;
use weir_core::schema::{ColumnRow, DataType, Schema, flatten};
use weir_core::{Error, Result};

/// Every column of a schema at any depth, to be looked up.
#[derive(Debug)]
pub(super) struct Columns {
    rows: Vec<ColumnRow>,
    by_id: HashMap<FieldId, usize>,
    /// `None` where two columns have the name when case does not count.
    by_name: HashMap<String, Option<usize>>,
    case_sensitive: bool,
}

impl Columns {
    pub(super) fn new(schema: &Schema, case_sensitive: bool) -> Self {
        let rows = flatten(schema);
        let mut by_name = HashMap::with_capacity(rows.len());
        let mut by_id = HashMap::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            by_id.insert(row.id, index);
            by_name
                .entry(folded(&row.path, case_sensitive))
                .and_modify(|known| *known = None)
                .or_insert(Some(index));
        }
        Self {
            rows,
            by_id,
            by_name,
            case_sensitive,
        }
    }

    pub(super) fn by_id(&self, id: i32) -> Option<&ColumnRow> {
        self.rows.get(*self.by_id.get(&FieldId(id))?)
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&ColumnRow> {
        let index = *self.by_name.get(&folded(name, self.case_sensitive))?;
        self.rows.get(index?)
    }

    /// Is it inside a list or a map, so that a row has many values of it or none?
    pub(super) fn is_repeated(&self, row: &ColumnRow) -> bool {
        let parent = |row: &ColumnRow| self.by_id(row.parent?.0);
        std::iter::successors(parent(row), |row| parent(row))
            .any(|parent| matches!(parent.data_type, DataType::List(_) | DataType::Map(..)))
    }
}

fn folded(name: &str, case_sensitive: bool) -> String {
    if case_sensitive {
        name.to_owned()
    } else {
        name.to_lowercase()
    }
}

/// The ids of the named columns and of all their parts, for `select` and `stats-fields`. Errors: `invalid`, about the member
/// `field` of the request, for a name that `schema` does not have.
pub fn resolve(
    field: &str,
    names: &[String],
    schema: &Schema,
    case_sensitive: bool,
) -> Result<BTreeSet<FieldId>> {
    let columns = Columns::new(schema, case_sensitive);
    let mut ids = BTreeSet::new();
    for name in names {
        let row = columns.by_name(name).ok_or_else(|| unknown(field, name))?;
        ids.insert(row.id);
    }
    // Depth first: a parent comes before its parts.
    for row in &columns.rows {
        if row.parent.is_some_and(|parent| ids.contains(&parent)) {
            ids.insert(row.id);
        }
    }
    Ok(ids)
}

/// The same for a column that is hidden and for one that is not there.
pub(super) fn unknown(field: &str, name: &str) -> Error {
    Error::invalid(
        field,
        format!("The table has no column `{}`.", name.escape_debug()),
    )
}
