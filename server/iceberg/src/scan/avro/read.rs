//! Values pulled out of a block, each as what the caller wants it to be.

use weir_core::Result;

use super::{Cursor, FieldShape, Shape, malformed};
use crate::scan::value::Stored;

/// Reads values of given shapes. Each method but [`Reader::required`] answers `None` for Avro's null.
#[derive(Debug)]
pub(crate) struct Reader<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
}

impl<'c, 'a> Reader<'c, 'a> {
    pub(super) fn new(cursor: &'c mut Cursor<'a>) -> Self {
        Self { cursor }
    }

    /// The shape that the value really has: the branch where `shape` is a union.
    fn branch<'s>(&mut self, shape: &'s Shape) -> Result<&'s Shape> {
        let mut shape = shape;
        while let Shape::Union(variants) = shape {
            let index = usize::try_from(self.cursor.long()?).ok();
            shape = index
                .and_then(|index| variants.get(index))
                .ok_or_else(|| malformed("a value is of no type of its union"))?;
        }
        Ok(shape)
    }

    pub(crate) fn boolean(&mut self, shape: &Shape) -> Result<Option<bool>> {
        match self.branch(shape)? {
            Shape::Null => Ok(None),
            Shape::Boolean => match self.cursor.array()? {
                [0] => Ok(Some(false)),
                [1] => Ok(Some(true)),
                _ => Err(malformed("a boolean is neither true nor false")),
            },
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn long(&mut self, shape: &Shape) -> Result<Option<i64>> {
        match self.branch(shape)? {
            Shape::Null => Ok(None),
            Shape::Int | Shape::Long => self.cursor.long().map(Some),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn int(&mut self, shape: &Shape) -> Result<Option<i32>> {
        self.long(shape)?
            .map(|value| {
                i32::try_from(value).map_err(|_| malformed("a number is longer than 32 bits"))
            })
            .transpose()
    }

    pub(crate) fn text(&mut self, shape: &Shape) -> Result<Option<&'a str>> {
        match self.branch(shape)? {
            Shape::Null => Ok(None),
            Shape::Text => self.cursor.text().map(Some),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn bytes(&mut self, shape: &Shape) -> Result<Option<&'a [u8]>> {
        match self.branch(shape)? {
            Shape::Null => Ok(None),
            Shape::Bytes | Shape::Text => self.cursor.bytes().map(Some),
            Shape::Fixed(length) => self.cursor.take(*length).map(Some),
            _ => Err(unexpected()),
        }
    }

    /// A primitive as it is kept, whatever it is.
    pub(crate) fn stored(&mut self, shape: &Shape) -> Result<Stored> {
        Ok(match self.branch(shape)? {
            Shape::Null => Stored::Null,
            shape @ Shape::Boolean => Stored::Boolean(self.required(shape, Self::boolean)?),
            shape @ Shape::Int => Stored::Int(self.required(shape, Self::int)?),
            Shape::Long => Stored::Long(self.cursor.long()?),
            Shape::Float => Stored::Float(f32::from_le_bytes(self.cursor.array()?)),
            Shape::Double => Stored::Double(f64::from_le_bytes(self.cursor.array()?)),
            Shape::Text => Stored::Bytes(self.cursor.text()?.as_bytes().into()),
            Shape::Bytes => Stored::Bytes(self.cursor.bytes()?.into()),
            Shape::Fixed(length) => Stored::Bytes(self.cursor.take(*length)?.into()),
            _ => return Err(unexpected()),
        })
    }

    /// What `read` finds. Errors: it is null.
    pub(crate) fn required<T>(
        &mut self,
        shape: &Shape,
        read: impl FnOnce(&mut Self, &Shape) -> Result<Option<T>>,
    ) -> Result<T> {
        read(self, shape)?.ok_or_else(|| malformed("a value is missing that must be there"))
    }

    /// Calls `field` with each field of a record, which it must read or skip. False for null.
    pub(crate) fn record(
        &mut self,
        shape: &Shape,
        mut field: impl FnMut(&mut Self, &FieldShape) -> Result<()>,
    ) -> Result<bool> {
        match self.branch(shape)? {
            Shape::Null => Ok(false),
            Shape::Record(fields) => {
                for shape in fields {
                    field(self, shape)?;
                }
                Ok(true)
            }
            _ => Err(unexpected()),
        }
    }

    /// Calls `item` for each item of an array, which it must read or skip. False for null.
    pub(crate) fn array(
        &mut self,
        shape: &Shape,
        mut item: impl FnMut(&mut Self, &Shape) -> Result<()>,
    ) -> Result<bool> {
        match self.branch(shape)? {
            Shape::Null => Ok(false),
            Shape::Array(inner) => {
                loop {
                    let count = self.cursor.block()?;
                    if count == 0 {
                        return Ok(true);
                    }
                    for _ in 0..count {
                        let before = self.cursor.remaining();
                        item(self, inner)?;
                        if self.cursor.remaining() == before {
                            // Items without bytes could be as many as a number can say.
                            return Err(malformed("an item is empty"));
                        }
                    }
                }
            }
            _ => Err(unexpected()),
        }
    }

    /// Passes over a value.
    pub(crate) fn skip(&mut self, shape: &Shape) -> Result<()> {
        match self.branch(shape)? {
            Shape::Null => {}
            Shape::Boolean => drop(self.cursor.take(1)?),
            Shape::Int | Shape::Long => drop(self.cursor.long()?),
            Shape::Float => drop(self.cursor.take(4)?),
            Shape::Double => drop(self.cursor.take(8)?),
            Shape::Bytes | Shape::Text => drop(self.cursor.bytes()?),
            Shape::Fixed(length) => drop(self.cursor.take(*length)?),
            shape @ Shape::Array(_) => drop(self.array(shape, |reader, item| reader.skip(item))?),
            Shape::Map(inner) => loop {
                let count = self.cursor.block()?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    self.cursor.bytes()?;
                    self.skip(inner)?;
                }
            },
            shape @ Shape::Record(_) => {
                self.record(shape, |reader, field| reader.skip(&field.shape))?;
            }
            // `branch` never ends at one.
            Shape::Union(_) => return Err(unexpected()),
        }
        Ok(())
    }
}

fn unexpected() -> weir_core::Error {
    malformed("a value is not of the type that it should be")
}
