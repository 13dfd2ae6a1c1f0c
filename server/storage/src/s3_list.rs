//! Listings of a bucket: ranges of keys side by side, each going on where it broke off, so that an outage of minutes is none of
//! a listing that takes an hour.
//!
//! One page after the other takes as long as the pages take together, and a lake has thousands. Where there is more than one
//! page, the folders of what is left say where to cut it, and the pieces are listed at the same time. A piece is a range of keys and
//! not a folder, so a folder for each day costs no request for each day. That takes a store which lists in the order of the keys'
//! bytes, as Amazon's and Google's do; others are listed from page to page.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use object_store::Extensions;
use object_store::list::PaginatedListOptions;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use weir_core::location::Location;
use weir_core::{Error, ErrorKind, Result};

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
/// Failures in a row of one range after which a listing is over, once its first page was there: each is waited for twice as long as
/// the one before.
const PATIENCE: u32 = 6;
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 1000 });

impl Bucket {
    pub fn list(&self, prefix: &Location) -> BoxStream<'static, Result<Listed>> {
        let at = Arc::new(At {
            root: self.root.clone(),
            client: Arc::clone(&self.client),
            below: prefix.clone(),
            is_ordered: self.is_ordered,
        });
        let listing = Listing {
            at,
            waiting: vec![Range::default()],
            running: FuturesUnordered::new(),
            ready: VecDeque::new(),
            begun: false,
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
    stage: Stage,
    /// In a row.
    failures: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Who only wants to know whether there is something asks for no more than the first page.
    #[default]
    FirstPage,
    ToCut,
    Piece,
}

impl Range {
    fn failed(mut self, is_ordered: bool) -> Self {
        self.failures += 1;
        // A key is known to a store for longer than a token is.
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
                let page = async move { (range.clone(), at.next_of(range).await) };
                self.running.push(page.boxed());
            }
            match self.running.next().await? {
                (_, Ok(page)) => {
                    self.begun = true;
                    self.ready.extend(page.listed);
                    self.waiting.extend(page.left);
                }
                (range, Err(error)) => {
                    let passes = self.begun && error.kind() == ErrorKind::Unavailable;
                    if !passes || range.failures >= PATIENCE {
                        self.waiting.clear();
                        self.running.clear();
                        return Some(Err(error));
                    }
                    tracing::warn!(error = %error, "a listing was broken off and goes on");
                    self.waiting.push(range.failed(self.at.is_ordered));
                }
            }
        }
    }
}

impl At {
    async fn next_of(&self, range: Range) -> Result<Page> {
        if let Some(failure) = range.failures.checked_sub(1) {
            tokio::time::sleep(PAUSE * 2_u32.pow(failure)).await;
        }
        if range.stage == Stage::ToCut {
            return Ok(Page {
                listed: Vec::new(),
                left: self.cut(range).await,
            });
        }
        self.page(range).await
    }

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
        if self.is_ordered && !ascends(range.after.as_deref(), &keys) {
            // To go on would be to leave something out.
            return Err(Error::internal(
                "A store lists its keys in another order than it should",
            ));
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
                range.failures = 0;
                vec![range]
            }
            (Some(_), Some(last)) if !is_mine(&last) => Vec::new(),
            (Some(token), last) => {
                range.after = last.or(range.after);
                range.token = Some(token);
                range.failures = 0;
                if range.stage == Stage::FirstPage {
                    range.stage = Stage::ToCut;
                }
                vec![range]
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
    async fn cut(&self, mut whole: Range) -> Vec<Range> {
        whole.stage = Stage::Piece;
        let (folders, are_more) = self.folders(whole.after.as_deref()).await;
        let step = folders.len().div_ceil(PIECES).max(1);
        // The folder that the first page ended in is of the first piece.
        let cuts: Vec<String> = folders.into_iter().step_by(step).skip(1).collect();
        let Some(last) = cuts.last().cloned() else {
            return vec![whole];
        };
        if !ascends(whole.after.as_deref(), &cuts) {
            return vec![whole];
        }
        let after = [whole.after.clone()]
            .into_iter()
            .chain(cuts.iter().cloned().map(Some));
        let mut pieces: Vec<Range> = after
            .zip(cuts.iter().cloned())
            .map(|(after, until)| Range {
                after,
                until: Some(until),
                stage: Stage::Piece,
                ..Range::default()
            })
            .collect();
        pieces.push(Range {
            after: Some(last),
            // Beyond the last folder that was told of there may be as much again.
            stage: match are_more {
                true => Stage::FirstPage,
                false => Stage::Piece,
            },
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

/// Are these all after the first, each after the one before?
fn ascends(first: Option<&str>, keys: &[String]) -> bool {
    let keys = keys.iter().map(String::as_str);
    first
        .into_iter()
        .chain(keys)
        .is_sorted_by(|before, after| before < after)
}

#[cfg(test)]
#[path = "s3_list_tests.rs"]
mod tests;
