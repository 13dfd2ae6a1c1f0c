//! A body on its way in: waited for a while, and held in bounded memory where s3s keeps what came until it can compare it.

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use s3s::StdError;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::timeout::{TimeoutBody, TimeoutError};
use weir_core::Error;
use weir_operations::delivery::tally::Tally;

/// What all chunks that are on their way may hold.
const ROOM_BYTES: usize = 256 << 20;
/// The largest chunk that is taken: some clients send a part of an upload in one.
const MAX_CHUNK_BYTES: usize = 64 << 20;

/// Room for chunks. Clones share it.
#[derive(Debug, Clone)]
pub struct ChunkRoom(Arc<Semaphore>);

impl Default for ChunkRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_BYTES)))
    }
}

/// What is known of a body that is coming in. Clones tell of the same one.
#[derive(Debug, Clone, Default)]
pub struct Arrival(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What came since something was last handed on.
    held: Option<OwnedSemaphorePermit>,
    failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Failure {
    #[error("the rest of the body did not come")]
    Late,
    #[error("the body broke off")]
    BrokenOff,
    #[error("a chunk is too large")]
    LargeChunk,
    #[error("there is no room for another chunk")]
    NoRoom,
}

impl Arrival {
    /// Why the body did not come in whole, if it did not.
    pub fn failure(&self) -> Option<Error> {
        let failure = self.state().failure?;
        Some(match failure {
            Failure::Late => Error::invalid("idle", "The rest of the body did not come."),
            Failure::BrokenOff => Error::invalid("body", "The body broke off."),
            Failure::LargeChunk => Error::too_large(
                "A chunk has at most 64 MiB here. Send smaller chunks, or the object in parts.",
            ),
            Failure::NoRoom => Error::throttled("Too much is being sent in chunks at a time."),
        })
    }

    /// What came so far was handed on, and is somebody else's to bound.
    pub fn hand_on(&self) {
        self.state().held = None;
    }

    fn hold(&self, bytes: usize, room: &ChunkRoom) -> Result<(), Failure> {
        let mut state = self.state();
        let before = state
            .held
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        if before + bytes > MAX_CHUNK_BYTES {
            return Err(Failure::LargeChunk);
        }
        let more = u32::try_from(bytes).map_err(|_| Failure::LargeChunk)?;
        let more = Arc::clone(&room.0).try_acquire_many_owned(more);
        let more = more.map_err(|_| Failure::NoRoom)?;
        match &mut state.held {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }

    /// Nothing panics while it holds this lock, so a poisoned one still guards whole data.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body itself.
pub struct Arriving {
    body: Pin<Box<TimeoutBody<Incoming>>>,
    length: SizeHint,
    /// Where it comes in chunks, each of which is taken in whole before any of it is handed on.
    chunks: Option<ChunkRoom>,
    tally: Arc<Tally>,
    arrival: Arrival,
}

impl Arriving {
    /// `idle` is how long nothing of it may come.
    pub fn new(
        body: Incoming,
        idle: Duration,
        chunks: Option<ChunkRoom>,
        tally: Arc<Tally>,
    ) -> (Self, Arrival) {
        let arrival = Arrival::default();
        let arriving = Self {
            length: body.size_hint(),
            body: Box::pin(TimeoutBody::new(idle, body)),
            chunks,
            tally,
            arrival: arrival.clone(),
        };
        (arriving, arrival)
    }

    fn hold(&self, frame: &Frame<Bytes>) -> Result<(), Failure> {
        self.tally.received(frame.data_ref().map_or(0, Bytes::len));
        match (&self.chunks, frame.data_ref()) {
            (Some(room), Some(data)) => self.arrival.hold(data.len(), room),
            _ => Ok(()),
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let Some(frame) = ready!(self.body.as_mut().poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let frame = match frame {
            Ok(frame) => self.hold(&frame).map(|()| frame),
            Err(error) if error.is::<TimeoutError>() => Err(Failure::Late),
            Err(error) => {
                tracing::debug!(error, "a body broke off");
                Err(Failure::BrokenOff)
            }
        };
        Poll::Ready(Some(frame.map_err(|failure| {
            self.arrival.state().failure = Some(failure);
            failure.into()
        })))
    }

    /// As it was told at first: only what is empty is over at once.
    fn size_hint(&self) -> SizeHint {
        self.length
    }
}
