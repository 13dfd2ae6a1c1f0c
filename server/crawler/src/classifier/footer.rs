//! A look over a Parquet footer before it is decoded.
//!
//! The `parquet` crate trusts a footer's counts: it reserves memory for as many elements as a list claims, and descends as
//! deep as a schema claims, where a few bytes can ask for gigabytes or overflow the stack. Neither can be caught. So the
//! footer is walked first, without allocating: Thrift's compact protocol, of which only the counts matter here.
//!
//! Formats: apache/thrift, `doc/specs/thrift-compact-protocol.md`; apache/parquet-format, `parquet.thrift`.

/// The deepest nesting of columns that is read.
const MAX_NESTING: usize = 64;
/// The deepest nesting of Thrift values; Parquet's own needs less than ten.
const MAX_DEPTH: usize = 24;
const MAX_SCHEMA_ELEMENTS: u64 = 100_000;

const FILE_SCHEMA: i64 = 2;
const FILE_ROWS: i64 = 3;
const FILE_ROW_GROUPS: i64 = 4;
const ELEMENT_NAME: i64 = 4;
const ELEMENT_CHILDREN: i64 = 5;
const ELEMENT_LOGICAL_TYPE: i64 = 10;
const GROUP_ROWS: i64 = 3;

/// The number of rows, of a footer that is safe to decode. Errors with what is wrong.
pub fn check(footer: &[u8]) -> Result<i64, &'static str> {
    let mut walk = Walk { rest: footer };
    let (mut rows, mut grouped, mut has_schema) = (None, None, false);
    walk.fields(MAX_DEPTH, |walk, id, kind| match (id, kind) {
        (FILE_SCHEMA, Kind::List) if !has_schema => {
            has_schema = true;
            walk.schema()
        }
        (FILE_ROWS, Kind::Integer) => {
            rows = Some(walk.integer()?);
            Ok(())
        }
        (FILE_ROW_GROUPS, Kind::List) => {
            grouped = Some(walk.row_groups()?);
            Ok(())
        }
        (FILE_SCHEMA | FILE_ROWS | FILE_ROW_GROUPS, _) => Err(WRONG_TYPE),
        _ => walk.skip(kind, MAX_DEPTH),
    })?;
    let rows = rows.ok_or("the number of rows is missing")?;
    if !has_schema {
        return Err("the schema is missing");
    }
    if rows < 0 || grouped.is_some_and(|grouped| grouped != rows) {
        return Err("its numbers of rows contradict each other");
    }
    Ok(rows)
}

const ENDS: &str = "it ends too early";
const WRONG_TYPE: &str = "a value has the wrong type";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// In a struct the value is in the field's header; in a list it takes a byte.
    Boolean,
    Byte,
    Integer,
    Double,
    Binary,
    List,
    Struct,
}

impl Kind {
    fn of(code: u8) -> Result<Self, &'static str> {
        Ok(match code {
            1 | 2 => Self::Boolean,
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Binary,
            9 => Self::List,
            12 => Self::Struct,
            _ => return Err("it has a value of an unknown type"),
        })
    }
}

struct Walk<'a> {
    rest: &'a [u8],
}

type Step = Result<(), &'static str>;

impl Walk<'_> {
    fn byte(&mut self) -> Result<u8, &'static str> {
        let (first, rest) = self.rest.split_first().ok_or(ENDS)?;
        self.rest = rest;
        Ok(*first)
    }

    fn jump(&mut self, count: u64) -> Step {
        let count = usize::try_from(count).map_err(|_| ENDS)?;
        self.rest = self.rest.get(count..).ok_or(ENDS)?;
        Ok(())
    }

    fn unsigned(&mut self) -> Result<u64, &'static str> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("it has a number that is too long")
    }

    fn integer(&mut self) -> Result<i64, &'static str> {
        let value = self.unsigned()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The fields of a struct, each handed to `visit` at its value.
    fn fields(
        &mut self,
        depth: usize,
        mut visit: impl FnMut(&mut Self, i64, Kind) -> Step,
    ) -> Step {
        if depth == 0 {
            return Err("it is nested too deep");
        }
        let mut id = 0_i64;
        loop {
            let header = self.byte()?;
            if header & 0x0f == 0 {
                return Ok(());
            }
            let kind = Kind::of(header & 0x0f)?;
            id = match i64::from(header >> 4) {
                0 => self.integer()?,
                delta => id + delta,
            };
            if i16::try_from(id).is_err() {
                return Err("it has a field of an unknown number");
            }
            visit(self, id, kind)?;
        }
    }

    /// The type and number of a list's elements; each takes a byte at least, so that no more are claimed than fit.
    fn list(&mut self) -> Result<(Option<Kind>, u64), &'static str> {
        let header = self.byte()?;
        if header == 0 {
            return Ok((None, 0));
        }
        let kind = Kind::of(header & 0x0f)?;
        let count = match header >> 4 {
            15 => self.unsigned()?,
            count => u64::from(count),
        };
        if count > self.rest.len() as u64 {
            return Err("a list claims more elements than there are");
        }
        Ok((Some(kind), count))
    }

    fn structs(&mut self) -> Result<u64, &'static str> {
        match self.list()? {
            (None, _) => Ok(0),
            (Some(Kind::Struct), count) => Ok(count),
            _ => Err(WRONG_TYPE),
        }
    }

    fn skip(&mut self, kind: Kind, depth: usize) -> Step {
        let Some(below) = depth.checked_sub(1) else {
            return Err("it is nested too deep");
        };
        match kind {
            Kind::Boolean => Ok(()),
            Kind::Byte => self.jump(1),
            Kind::Integer => self.unsigned().map(|_| ()),
            Kind::Double => self.jump(8),
            Kind::Binary => {
                let length = self.unsigned()?;
                self.jump(length)
            }
            Kind::Struct => self.fields(below, |walk, _, kind| walk.skip(kind, below)),
            Kind::List => {
                let (kind, count) = self.list()?;
                match kind {
                    // No footer has one, and readers differ on whether its elements take a byte.
                    Some(Kind::Boolean) => return Err(WRONG_TYPE),
                    Some(kind) => (0..count).try_for_each(|_| self.skip(kind, below))?,
                    None => {}
                }
                Ok(())
            }
        }
    }

    /// The schema is a tree written in preorder, each element with the number of its children.
    fn schema(&mut self) -> Step {
        let count = self.structs()?;
        if count == 0 || count > MAX_SCHEMA_ELEMENTS {
            return Err("its schema has no columns, or too many");
        }
        let mut open: Vec<u64> = vec![1];
        for left in (0..count).rev() {
            let mut children = 0;
            self.fields(MAX_DEPTH, |walk, id, kind| match (id, kind) {
                (ELEMENT_CHILDREN, Kind::Integer) => {
                    children = walk.integer()?;
                    Ok(())
                }
                (1..=9, _) if (kind == Kind::Binary) != (id == ELEMENT_NAME) => Err(WRONG_TYPE),
                (1..=9, Kind::Integer | Kind::Binary) => walk.skip(kind, MAX_DEPTH),
                (ELEMENT_LOGICAL_TYPE, Kind::Struct) => walk.logical_type(),
                (1..=ELEMENT_LOGICAL_TYPE, _) => Err(WRONG_TYPE),
                _ => walk.skip(kind, MAX_DEPTH),
            })?;
            let Some(parent) = open.last_mut() else {
                return Err("its schema has more than one root");
            };
            *parent = parent.saturating_sub(1);
            let children = u64::try_from(children).unwrap_or(u64::MAX);
            if children > left {
                return Err("its schema claims more columns than there are");
            }
            if children > 0 {
                open.push(children);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
            if open.len() > MAX_NESTING {
                return Err("its columns are nested too deep");
            }
        }
        if open.is_empty() {
            Ok(())
        } else {
            Err("its schema claims more columns than there are")
        }
    }

    /// The decoder takes the parts of a logical type for what they should be, whatever their headers say. Where those
    /// differ, the two of us would go on at different bytes.
    fn logical_type(&mut self) -> Step {
        const DECIMAL: i64 = 5;
        const TIME: i64 = 7;
        const TIMESTAMP: i64 = 8;
        const INTEGER: i64 = 10;
        const VARIANT: i64 = 16;
        const GEOMETRY: i64 = 17;
        const GEOGRAPHY: i64 = 18;
        self.fields(MAX_DEPTH, |walk, of, kind| {
            if kind != Kind::Struct {
                return Err(WRONG_TYPE);
            }
            walk.fields(MAX_DEPTH, |walk, id, kind| {
                let expected = match (of, id) {
                    (DECIMAL, 1 | 2) | (GEOGRAPHY, 2) => Kind::Integer,
                    (TIME | TIMESTAMP, 1) | (INTEGER, 2) => Kind::Boolean,
                    (TIME | TIMESTAMP, 2) => Kind::Struct,
                    (INTEGER | VARIANT, 1) => Kind::Byte,
                    (GEOMETRY | GEOGRAPHY, 1) => Kind::Binary,
                    _ => return Err(WRONG_TYPE),
                };
                if kind == expected {
                    walk.skip(kind, MAX_DEPTH)
                } else {
                    Err(WRONG_TYPE)
                }
            })
        })
    }

    /// The sum of the rows of all row groups.
    fn row_groups(&mut self) -> Result<i64, &'static str> {
        let count = self.structs()?;
        let mut sum = 0_i64;
        for _ in 0..count {
            let mut rows = None;
            self.fields(MAX_DEPTH, |walk, id, kind| {
                if id == GROUP_ROWS && kind == Kind::Integer {
                    rows = Some(walk.integer()?);
                    return Ok(());
                }
                walk.skip(kind, MAX_DEPTH)
            })?;
            let rows = rows.filter(|rows| *rows >= 0);
            sum = rows
                .and_then(|rows| sum.checked_add(rows))
                .ok_or("a row group does not say how many rows it has")?;
        }
        Ok(sum)
    }
}
