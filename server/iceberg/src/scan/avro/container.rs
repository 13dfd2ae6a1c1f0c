//! The file: a header with the schema, then blocks of values.

use weir_core::Result;

use super::codec::Codec;
use super::{Cursor, Reader, Shape, malformed};

const MAGIC: [u8; 4] = *b"Obj\x01";
const MARKER_BYTES: usize = 16;
/// Largest block once inflated. Iceberg's writers make blocks of 16 KiB to 64 KiB, or one for a file of some megabytes.
const MAX_BLOCK_BYTES: usize = 64 * 1024 * 1024;
/// Most that all blocks of one file may inflate to. A manifest is 8 MiB by default, compressed.
const MAX_FILE_BYTES: usize = 256 * 1024 * 1024;

/// An open file whose header has been read.
#[derive(Debug)]
pub(crate) struct Container<'a> {
    shape: Shape,
    codec: Codec,
    marker: [u8; MARKER_BYTES],
    blocks: Cursor<'a>,
}

impl<'a> Container<'a> {
    /// Errors: the bytes do not begin with the header of an Avro file.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes);
        if cursor.array()? != MAGIC {
            return Err(malformed("it is not an Avro file"));
        }
        let metadata = metadata(&mut cursor)?;
        let get = |wanted| {
            metadata
                .iter()
                .find_map(|(key, value)| (*key == wanted).then_some(*value))
        };
        let schema = get("avro.schema").ok_or_else(|| malformed("it has no schema"))?;
        Ok(Self {
            shape: Shape::parse(schema)?,
            codec: Codec::parse(get("avro.codec").unwrap_or(b"null"))?,
            marker: cursor.array()?,
            blocks: cursor,
        })
    }

    /// Calls `visit` with each value in order; it must read the whole of it. Errors: those of `visit`, or a malformed block.
    pub(crate) fn each(
        mut self,
        mut visit: impl FnMut(&mut Reader<'_, '_>, &Shape) -> Result<()>,
    ) -> Result<()> {
        let mut budget = MAX_FILE_BYTES;
        while !self.blocks.is_empty() {
            let count = self.blocks.long()?;
            let packed = self.blocks.bytes()?;
            if self.blocks.array()? != self.marker {
                return Err(malformed("a block does not end where it should"));
            }
            let block = self.codec.inflate(packed, budget.min(MAX_BLOCK_BYTES))?;
            budget -= block.len();
            let mut cursor = Cursor::new(&block);
            if usize::try_from(count).map_or(true, |count| count > block.len()) {
                return Err(malformed("a count is larger than the file"));
            }
            for _ in 0..count {
                visit(&mut Reader::new(&mut cursor), &self.shape)?;
            }
            if !cursor.is_empty() {
                return Err(malformed("a block does not end where it should"));
            }
        }
        Ok(())
    }
}

fn metadata<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<(&'a str, &'a [u8])>> {
    let mut entries = Vec::new();
    loop {
        let count = cursor.block()?;
        if count == 0 {
            return Ok(entries);
        }
        for _ in 0..count {
            entries.push((cursor.text()?, cursor.bytes()?));
        }
    }
}
