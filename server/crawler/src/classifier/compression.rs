//! Compression, told by magic bytes, and undone up to a limit.

use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read};

use super::{SAMPLE_BYTES, Unreadable};

/// The largest window of a zstd frame that is read: that of `zstd --long`, 128 MiB. Memory is touched only as far as it is
/// written, and no more than the sample is.
const MAX_WINDOW_LOG: u32 = 27;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// A file's name without the suffix that names this compression.
    pub fn strip_suffix(self, name: &str) -> &str {
        let suffixes: &[&str] = match self {
            Self::None => &[],
            Self::Gzip => &[".gz", ".gzip"],
            Self::Zstd => &[".zst", ".zstd"],
        };
        suffixes
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name)
    }
}

/// Errors: a compression that is known and not read.
pub fn detect(head: &[u8]) -> Result<Compression, Unreadable> {
    const OTHERS: [(&[u8], &str); 5] = [
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"PK\x03\x04", "zip"),
        (b"\xff\x06\0\0sNaPpY", "snappy"),
    ];
    if head.starts_with(&[0x1f, 0x8b]) {
        return Ok(Compression::Gzip);
    }
    if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(Compression::Zstd);
    }
    match OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, name)) => Err(Unreadable::Unrecognised(format!(
            "the file is compressed with {name}; gzip and zstd are read"
        ))),
        None => Ok(Compression::None),
    }
}

/// The beginning of a file's content.
#[derive(Debug)]
pub struct Sample {
    pub bytes: Vec<u8>,
    /// Is it all of the content?
    pub whole: bool,
}

/// At most [`SAMPLE_BYTES`] of content, whatever the file claims. A cut-off `raw` gives what it holds.
pub fn sample(compression: Compression, raw: &[u8], whole: bool) -> Result<Sample, Unreadable> {
    match compression {
        Compression::None => Ok(Sample {
            bytes: raw.get(..SAMPLE_BYTES).unwrap_or(raw).to_vec(),
            whole: whole && raw.len() <= SAMPLE_BYTES,
        }),
        Compression::Gzip => bounded(flate2::read::MultiGzDecoder::new(raw), whole, "gzip"),
        Compression::Zstd => {
            let broken = |_| Unreadable::Broken("the zstd stream is damaged".into());
            let mut decoder = zstd::stream::read::Decoder::new(raw).map_err(broken)?;
            decoder.window_log_max(MAX_WINDOW_LOG).map_err(broken)?;
            bounded(decoder, whole, "zstd")
        }
    }
}

fn bounded(mut decoder: impl Read, whole: bool, name: &str) -> Result<Sample, Unreadable> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    while bytes.len() <= SAMPLE_BYTES {
        match decoder.read(&mut chunk) {
            Ok(0) => return Ok(Sample { bytes, whole }),
            Ok(read) => bytes.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if !whole && error.kind() == ErrorKind::UnexpectedEof => {
                return Ok(Sample {
                    bytes,
                    whole: false,
                });
            }
            Err(error) => {
                return Err(Unreadable::Broken(match error.kind() {
                    ErrorKind::UnexpectedEof => format!("the {name} stream ends too early"),
                    _ => format!("the {name} stream is damaged"),
                }));
            }
        }
    }
    bytes.truncate(SAMPLE_BYTES);
    Ok(Sample {
        bytes,
        whole: false,
    })
}
