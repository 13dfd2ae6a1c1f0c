//! Bodies: one that comes in is compared with its length and its digests, one that goes out is handed on.
//!
//! s3s takes chunks apart and compares the SHA-256 that is signed; the checksums and the MD5 that a client sends along it
//! leaves to us.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderValue};
use s3s::TrailingHeaders;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use sync_wrapper::SyncStream;
use weir_core::{Error, Result};
use weir_storage::Incoming;
use weir_storage::stream::Body;

use crate::arrival::Arrival;

const TRAILER: &str = "x-amz-trailer";

/// What goes out.
pub fn outgoing(body: Body) -> StreamingBlob {
    StreamingBlob::wrap(SyncStream::new(body))
}

/// What comes in. It ends with an error where it is not what its length and its digests say, before its end is seen.
pub fn incoming(
    body: Option<StreamingBlob>,
    length: Option<i64>,
    headers: &HeaderMap,
    trailers: Option<TrailingHeaders>,
    arrival: Option<Arrival>,
) -> Incoming {
    let length = length.and_then(|length| u64::try_from(length).ok());
    let digests = Digests::of(headers, trailers);
    let reading = body.map(|body| Reading {
        body,
        digests,
        left: length,
        arrival,
    });
    let body = stream::unfold(reading, |reading| async { reading?.next().await });
    Incoming {
        body: body.boxed(),
        length,
    }
}

/// A body that is being read.
struct Reading {
    body: StreamingBlob,
    digests: Digests,
    /// How much of it is still to come, where its length was told.
    left: Option<u64>,
    arrival: Option<Arrival>,
}

impl Reading {
    async fn next(mut self) -> Option<(Result<Bytes>, Option<Self>)> {
        match self.body.next().await {
            Some(Ok(piece)) => {
                if let Some(arrival) = &self.arrival {
                    arrival.hand_on();
                }
                if let Err(error) = self.count(piece.len() as u64) {
                    return Some((Err(error), None));
                }
                self.digests.update(&piece);
                Some((Ok(piece), Some(self)))
            }
            Some(Err(error)) => {
                let failure = self.arrival.and_then(|arrival| arrival.failure());
                Some((Err(failure.unwrap_or_else(|| broken(error))), None))
            }
            None => self.check().err().map(|error| (Err(error), None)),
        }
    }

    fn count(&mut self, bytes: u64) -> Result<()> {
        if let Some(left) = &mut self.left {
            *left = left
                .checked_sub(bytes)
                .ok_or_else(|| Error::invalid("body", "The body is longer than it says."))?;
        }
        Ok(())
    }

    /// Is what came all of it?
    fn check(self) -> Result<()> {
        match self.left {
            None | Some(0) => self.digests.check(),
            Some(_) => Err(Error::invalid("body", "The body broke off.")),
        }
    }
}

fn broken(error: s3s::StdError) -> Error {
    let text = error.to_string();
    let (field, message) = if text.contains("Mismatch") {
        ("digest", "The body is not what was signed.")
    } else {
        ("body", "The body broke off.")
    };
    Error::invalid(field, message).source(error)
}

/// The digests of a body that its client told, or will tell after it.
struct Digests {
    hasher: ChecksumHasher,
    md5: Option<(Md5, HeaderValue)>,
    told: Vec<(Sum, HeaderValue)>,
    announced: Vec<Sum>,
    trailers: Option<TrailingHeaders>,
}

#[derive(Debug, Clone, Copy)]
enum Sum {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Sum {
    const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    fn begin(self, hasher: &mut ChecksumHasher) {
        match self {
            Self::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Self::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Self::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Self::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Self::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
    }

    fn of(self, sums: &Checksum) -> Option<&str> {
        match self {
            Self::Crc32 => sums.checksum_crc32.as_deref(),
            Self::Crc32c => sums.checksum_crc32c.as_deref(),
            Self::Crc64Nvme => sums.checksum_crc64nvme.as_deref(),
            Self::Sha1 => sums.checksum_sha1.as_deref(),
            Self::Sha256 => sums.checksum_sha256.as_deref(),
        }
    }
}

impl Digests {
    fn of(headers: &HeaderMap, trailers: Option<TrailingHeaders>) -> Self {
        let mut hasher = ChecksumHasher::default();
        let (mut told, mut announced) = (Vec::new(), Vec::new());
        let trailing: Vec<_> = headers
            .get_all(TRAILER)
            .iter()
            .filter_map(|it| it.to_str().ok())
            .collect();
        for sum in Sum::ALL {
            let mut names = trailing.iter().flat_map(|names| names.split(','));
            if let Some(value) = headers.get(sum.header()) {
                sum.begin(&mut hasher);
                told.push((sum, value.clone()));
            } else if names.any(|name| name.trim().eq_ignore_ascii_case(sum.header())) {
                sum.begin(&mut hasher);
                announced.push(sum);
            }
        }
        let md5 = headers
            .get("content-md5")
            .map(|value| (Md5::new(), value.clone()));
        Self {
            hasher,
            md5,
            told,
            announced,
            trailers,
        }
    }

    fn update(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        if let Some((md5, _)) = &mut self.md5 {
            md5.update(piece);
        }
    }

    fn check(mut self) -> Result<()> {
        for sum in self.announced {
            let value = self
                .trailers
                .as_ref()
                .and_then(|all| all.read(|all| all.get(sum.header()).cloned()));
            self.told.push((sum, value.flatten().ok_or_else(differs)?));
        }
        let sums = self.hasher.finalize();
        let same = self.told.iter().all(|(sum, told)| {
            sum.of(&sums)
                .is_some_and(|found| told.as_bytes() == found.as_bytes())
        });
        let md5 = self
            .md5
            .is_none_or(|(md5, told)| told.as_bytes() == BASE64.encode(md5.finalize()).as_bytes());
        if same && md5 { Ok(()) } else { Err(differs()) }
    }
}

fn differs() -> Error {
    Error::invalid("digest", "The body is not what its digest says.")
}
