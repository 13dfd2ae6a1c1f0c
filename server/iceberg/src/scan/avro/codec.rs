//! Blocks inflated, but no further than a limit.

use std::borrow::Cow;
use std::io::Read;

use apache_avro::Codec as AvroCodec;
use weir_core::Result;

use super::{Cursor, malformed};

/// Largest window of a zstd block, as a power of two in bytes: what level 22 uses for a small file.
const MAX_ZSTD_WINDOW_LOG: u32 = 26;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

impl Codec {
    /// Errors: a codec that Avro knows and this does not (bzip2, xz), or none that exists.
    pub(super) fn parse(name: &[u8]) -> Result<Self> {
        match name {
            b"null" => Ok(Self::Null),
            b"deflate" => Ok(Self::Deflate),
            b"snappy" => Ok(Self::Snappy),
            b"zstandard" => Ok(Self::Zstandard),
            _ => Err(malformed("its compression codec is not supported")),
        }
    }

    /// The block as it was before compression. Errors: it is corrupt, or larger than `limit` bytes.
    pub(super) fn inflate(self, block: &[u8], limit: usize) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Null if block.len() <= limit => Ok(Cow::Borrowed(block)),
            Self::Null => Err(too_large()),
            Self::Deflate => read(flate2::read::DeflateDecoder::new(block), limit),
            Self::Zstandard => {
                let mut decoder = zstd::stream::read::Decoder::new(block)
                    .map_err(|_| malformed("a block is corrupt"))?;
                decoder
                    .window_log_max(MAX_ZSTD_WINDOW_LOG)
                    .map_err(|_| malformed("a block is corrupt"))?;
                read(decoder, limit)
            }
            Self::Snappy => snappy(block, limit),
        }
    }
}

fn read<'a>(decoder: impl Read, limit: usize) -> Result<Cow<'a, [u8]>> {
    let mut inflated = Vec::new();
    decoder
        .take(limit as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|_| malformed("a block is corrupt"))?;
    if inflated.len() > limit {
        return Err(too_large());
    }
    Ok(Cow::Owned(inflated))
}

/// A snappy block begins with its inflated length and ends with a checksum of four bytes.
fn snappy<'a>(block: &[u8], limit: usize) -> Result<Cow<'a, [u8]>> {
    let length = Cursor::new(block).varint()?;
    if block.len() < 5 {
        return Err(malformed("a block is corrupt"));
    }
    if usize::try_from(length).map_or(true, |length| length > limit) {
        return Err(too_large());
    }
    let mut inflated = block.to_vec();
    AvroCodec::Snappy
        .decompress(&mut inflated)
        .map_err(|_| malformed("a block is corrupt"))?;
    Ok(Cow::Owned(inflated))
}

fn too_large() -> weir_core::Error {
    malformed("it is larger than this server reads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflating_stops_at_the_limit() {
        assert!(read(std::io::repeat(0), 1000).is_err());
        assert_eq!(
            read(std::io::repeat(0).take(1000), 1000).unwrap().len(),
            1000
        );
    }
}
