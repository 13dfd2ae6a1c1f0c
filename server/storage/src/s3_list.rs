//! Listings of a bucket: ranges of keys side by side, each going on where it broke off, so that an outage of minutes is none of
//! a listing that takes an hour.
//!
//! One page after the other takes as long as the pages take together, and a lake has thousands. Where there is more than one
//! page, the folders of what is left say where to cut it, and the pieces are listed at the same time. A piece is a range of keys and
//! not a folder, so a folder for each day costs no request for each day. Stores that do not list in the order of the keys are listed
//! from page to page.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use object_store::Extensions;
use object_store::list::PaginatedListOptions;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use weir_core::location::{Location, Scheme};
use weir_core::{ErrorKind, Result};

use crate::failure;
use crate::keys::OddKeys;
use crate::s3::{Bucket, Client, listed, refused};
use crate::store::{DEADLINE, Listed};

/// Pages asked for at the same time.
const AT_ONCE: usize = 8;
/// Into so many pieces what is left is cut, so that a piece which is over early is followed by another.
const PIECES: usize = 16;
/// Folders in folders that are gone through to where they fan out.
const DEEP: usize = 8;
/// Failures in a row after which a listing is over, once its first page was there: each waits twice as long as the one before.
const PATIENCE: u32 = 6;
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 1000 });
/// Buckets of this name list in no order (Amazon S3 user guide, directory buckets).
const UNORDERED: &str = "--x-s3";

impl Bucket {
    pub fn list(&self, prefix: &Location) -> BoxStream<'static, Result<Listed>> {
        let at = Arc::new(At {
            root: self.root.clone(),
            client: Arc::clone(&self.client),
            below: prefix.clone(),
            is_ordered: match self.root.scheme() {
                Scheme::S3 => !self.root.bucket().ends_with(UNORDERED),
                Scheme::Gs => true,
                Scheme::Abfss | Scheme::File => false,
            },
        });
        let listing = Listing {
            at,
            waiting: vec![Range::default()],
            running: FuturesUnordered::new(),
            ready: VecDeque::new(),
            begun: false,
            failures: 0,
        };
        stream::unfold(listing, |mut listing| async move {
            let next = listing.next().await?;
            Some((next, listing))
        })
        .boxed()
    }
}

struct At {
    root: Location,
    client: Arc<dyn Client>,
    below: Location,
    is_ordered: bool,
}

/// Keys that are to be listed yet: those after one, up to and with another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Range {
    after: Option<String>,
    until: Option<String>,
    /// Where the page before ended, in the store's words.
    token: Option<String>,
    /// It was cut from a longer one, and is not cut again.
    is_piece: bool,
}

impl Range {
    /// A key is known to a store for longer than a token is.
    fn resumed(mut self, is_ordered: bool) -> Self {
        if is_ordered && self.after.is_some() {
            self.token = None;
        }
        self
    }
}

struct Listing {
    at: Arc<At>,
    waiting: Vec<Range>,
    running: FuturesUnordered<BoxFuture<'static, (Range, Result<Page>)>>,
    ready: VecDeque<Listed>,
    /// Was there a page?
    begun: bool,
    failures: u32,
}

/// A page, and what is left of its range.
struct Page {
    listed: Vec<Listed>,
    left: Vec<Range>,
}

impl Listing {
    async fn next(&mut self) -> Option<Result<Listed>> {
        loop {
            if let Some(listed) = self.ready.pop_front() {
                return Some(Ok(listed));
            }
            while self.running.len() < AT_ONCE
                && let Some(range) = self.waiting.pop()
            {
                let at = Arc::clone(&self.at);
                let page = async move { (range.clone(), at.page(range).await) };
                self.running.push(page.boxed());
            }
            match self.running.next().await? {
                (_, Ok(page)) => {
                    (self.begun, self.failures) = (true, 0);
                    self.ready.extend(page.listed);
                    self.waiting.extend(page.left);
                }
                (range, Err(error)) => {
                    let passes = self.begun && error.kind() == ErrorKind::Unavailable;
                    if !passes || self.failures >= PATIENCE {
                        self.waiting.clear();
                        self.running.clear();
                        return Some(Err(error));
                    }
                    tracing::warn!(error = %error, "a listing was broken off and goes on");
                    tokio::time::sleep(PAUSE * 2_u32.pow(self.failures)).await;
                    self.failures += 1;
                    self.waiting.push(range.resumed(self.at.is_ordered));
                }
            }
        }
    }
}

impl At {
    async fn page(&self, mut range: Range) -> Result<Page> {
        let odd = OddKeys::default();
        let mut extensions = Extensions::new();
        extensions.insert(odd.clone());
        let options = PaginatedListOptions {
            offset: range.after.clone().filter(|_| range.token.is_none()),
            page_token: range.token.take(),
            extensions,
            ..Default::default()
        };
        let prefix = self.prefix();
        let page = self.client.list_paginated(prefix.as_deref(), options);
        let page = tokio::time::timeout(DEADLINE, page)
            .await
            .map_err(|_| failure::too_slow(&self.below))?
            .map_err(|error| failure::from_store(&self.below, error))?;
        let (mut keys, mut found) = (Vec::new(), Vec::new());
        for object in page.result.objects {
            keys.push(object.location.as_ref().to_owned());
            found.push(listed(&self.root, object));
        }
        for (key, cause) in odd.take() {
            found.push(refused(&self.root, &key, cause));
            keys.push(key);
        }
        let last = keys.iter().max().cloned();
        let until = range.until.as_deref();
        let is_mine = |key: &str| until.is_none_or(|until| key <= until);
        let mine = keys.iter().zip(found).filter(|(key, _)| is_mine(key));
        let listed = mine.map(|(_, listed)| listed).collect();
        let left = match (page.page_token, last) {
            (None, _) => Vec::new(),
            (Some(token), _) if !self.is_ordered => {
                range.token = Some(token);
                vec![range]
            }
            (Some(_), Some(last)) if !is_mine(&last) => Vec::new(),
            (Some(token), last) => {
                range.after = last.or(range.after);
                range.token = Some(token);
                self.cut(range).await
            }
        };
        Ok(Page { listed, left })
    }

    /// The slash keeps a sibling with a longer name out of the listing.
    fn prefix(&self) -> Option<String> {
        let path = self.below.path();
        (!path.is_empty()).then(|| format!("{path}/"))
    }

    /// What is left of a listing, in pieces. It stays whole where its folders do not say how to cut it.
    async fn cut(&self, whole: Range) -> Vec<Range> {
        if whole.is_piece {
            return vec![whole];
        }
        let (folders, are_more) = self.folders(whole.after.as_deref()).await;
        let step = folders.len().div_ceil(PIECES).max(1);
        // The folder that the first page ended in is of the first piece.
        let cuts: Vec<String> = folders.into_iter().step_by(step).skip(1).collect();
        let Some(last) = cuts.last().cloned() else {
            return vec![whole];
        };
        let after = [whole.after.clone()]
            .into_iter()
            .chain(cuts.iter().cloned().map(Some));
        let mut pieces: Vec<Range> = after
            .zip(cuts.iter().cloned())
            .map(|(after, until)| Range {
                after,
                until: Some(until),
                token: None,
                is_piece: true,
            })
            .collect();
        pieces.push(Range {
            after: Some(last),
            // Beyond the last folder that was told of there may be as much again.
            is_piece: !are_more,
            ..Range::default()
        });
        pieces
    }

    /// The folders that hold keys after this one, in order, at the first level where there are several; and are there more?
    async fn folders(&self, after: Option<&str>) -> (Vec<String>, bool) {
        let mut prefix = self.prefix();
        for _ in 0..DEEP {
            let options = PaginatedListOptions {
                offset: after.map(str::to_owned),
                delimiter: Some("/".into()),
                ..Default::default()
            };
            let page = self.client.list_paginated(prefix.as_deref(), options);
            // A listing goes on without being cut as well.
            let Ok(Ok(page)) = tokio::time::timeout(DEADLINE, page).await else {
                break;
            };
            let folders = page.result.common_prefixes.iter();
            let folders: Vec<String> = folders.map(|folder| format!("{folder}/")).collect();
            match folders.as_slice() {
                [only] if page.page_token.is_none() && page.result.objects.is_empty() => {
                    prefix = Some(only.clone());
                }
                _ => return (folders, page.page_token.is_some()),
            }
        }
        (Vec::new(), false)
    }
}

#[cfg(test)]
#[path = "s3_list_tests.rs"]
mod tests;
