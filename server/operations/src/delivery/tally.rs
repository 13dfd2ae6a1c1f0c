//! What the gateway of this server did since it started, for who runs it. Counted with every request, so it costs an addition each.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Shared by all that serve.
#[derive(Debug, Default)]
pub struct Tally {
    requests: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

/// What was counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Answered, whatever the answer was.
    pub requests: u64,
    /// Of these: not let in, or not to what was asked for.
    pub refused: u64,
    /// Of these: failed by a fault of the server or of a store.
    pub failed: u64,
    /// Of bodies, to engines.
    pub sent_bytes: u64,
    /// Of bodies, from engines.
    pub received_bytes: u64,
}

impl Tally {
    /// An answer of this HTTP status went out.
    pub fn answered(&self, status: u16) {
        self.requests.fetch_add(1, Relaxed);
        match status {
            401 | 403 => self.refused.fetch_add(1, Relaxed),
            500.. => self.failed.fetch_add(1, Relaxed),
            _ => 0,
        };
    }

    pub fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub fn received(&self, bytes: usize) {
        self.received_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Relaxed),
            refused: self.refused.load(Relaxed),
            failed: self.failed.load(Relaxed),
            sent_bytes: self.sent_bytes.load(Relaxed),
            received_bytes: self.received_bytes.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_counted_once_and_by_what_it_was() {
        let tally = Tally::default();
        [200, 206, 304, 404, 401, 403, 403, 503]
            .into_iter()
            .for_each(|status| tally.answered(status));
        tally.sent(7);
        tally.received(5);
        let expected = Counts {
            requests: 8,
            refused: 3,
            failed: 1,
            sent_bytes: 7,
            received_bytes: 5,
        };
        assert_eq!(tally.counts(), expected);
    }
}
