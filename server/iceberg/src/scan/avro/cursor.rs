//! Bytes read from front to back.

use weir_core::Result;

use super::malformed;

/// The bytes not read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes. Errors: there are fewer.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| malformed("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?
            .try_into()
            .map_err(|_| malformed("it ends too early"))
    }

    /// A variable-length number of seven bits a byte, lowest first.
    pub(crate) fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed("a number is longer than 64 bits"))
    }

    /// Avro's `int` and `long`: zig-zag, variable length.
    pub(crate) fn long(&mut self) -> Result<i64> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A length, which cannot be more than what is left.
    pub(crate) fn length(&mut self) -> Result<usize> {
        let length = self.long()?;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.remaining())
            .ok_or_else(|| malformed("a length is larger than the file"))
    }

    /// Avro's `bytes`: a length and as many bytes.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| malformed("a text is not UTF-8"))
    }

    /// The number of items in the next block of an array or map; 0 ends it. Each item takes at least a byte, so that a count
    /// larger than what is left is refused rather than looped over.
    pub(crate) fn block(&mut self) -> Result<usize> {
        let mut count = self.long()?;
        if count < 0 {
            // A negative count is followed by the size of the block in bytes, for readers that skip it.
            self.length()?;
            count = count
                .checked_neg()
                .ok_or_else(|| malformed("a count is out of range"))?;
        }
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= self.remaining())
            .ok_or_else(|| malformed("a count is larger than the file"))
    }
}
