//! Streams of an object store.
//!
//! A large object is read by ranges and not in one answer: each request has a deadline that a slow reader would pass, and
//! each names the object's tag, so that the ranges are all of one object.

use futures::{StreamExt, stream};
use object_store::list::PaginatedListOptions;
use object_store::{Extensions, GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use weir_core::Result;
use weir_core::location::Location;

use crate::conditions::{Conditions, Span, Verdict};
use crate::failure;
use crate::keys::OddKeys;
use crate::s3::{Bucket, key, listed};
use crate::store::{Listed, ObjectMeta, changed};
use crate::stream::{Answer, Body, Entry, Found, Page, Paging};

/// One request of a large read.
const CHUNK: u64 = 8 << 20;
/// Chunks that are fetched at a time.
const AHEAD: usize = 2;

impl Bucket {
    pub async fn head(&self, location: &Location) -> Result<ObjectMeta> {
        let meta = self.client.head(&key(location)?).await;
        let meta = meta.map_err(|error| failure::from_store(location, error))?;
        Ok(described(location, meta))
    }

    pub async fn stream(
        &self,
        location: &Location,
        span: Span,
        conditions: &Conditions,
    ) -> Result<Answer> {
        let options = GetOptions {
            range: Some(self.opening(location, span).await?),
            ..Default::default()
        };
        let opened = match self.client.get_opts(&key(location)?, options).await {
            Ok(opened) => opened,
            Err(error) if failure::is_beyond(&error) => {
                return self.without_bytes(location, span, conditions).await;
            }
            Err(error) => return Err(failure::from_store(location, error)),
        };
        let meta = described(location, opened.meta.clone());
        match conditions.judge(&meta) {
            Verdict::Proceed => {}
            Verdict::NotModified => return Ok(Answer::NotModified(meta)),
            Verdict::Failed => return Ok(Answer::Failed),
        }
        let Some(range) = span.of(meta.size) else {
            return Ok(Answer::Beyond(meta));
        };
        let first = opened.range.clone();
        if first.start != range.start || first.end > range.end {
            return Err(changed(location));
        }
        let at = location.clone();
        let head = opened
            .into_stream()
            .map(move |piece| piece.map_err(|error| failure::from_store(&at, error)));
        let rest = self.rest(&meta, first.end..range.end)?;
        let body = head.chain(rest).boxed();
        Ok(Answer::Found(Found { meta, range, body }))
    }

    /// The range of the first request.
    async fn opening(&self, location: &Location, span: Span) -> Result<GetRange> {
        Ok(match span {
            Span::All => GetRange::Bounded(0..CHUNK),
            Span::From(from) => GetRange::Bounded(from..from.saturating_add(CHUNK)),
            Span::Between(from, to) => GetRange::Bounded(from..to.min(from.saturating_add(CHUNK))),
            Span::Last(count) if count <= CHUNK => GetRange::Suffix(count),
            Span::Last(count) => {
                let from = self.head(location).await?.size.saturating_sub(count);
                GetRange::Bounded(from..from.saturating_add(CHUNK))
            }
        })
    }

    /// The answer where the object has none of the bytes: it is empty, or too short.
    async fn without_bytes(
        &self,
        location: &Location,
        span: Span,
        conditions: &Conditions,
    ) -> Result<Answer> {
        let meta = self.head(location).await?;
        Ok(match (conditions.judge(&meta), span.of(meta.size)) {
            (Verdict::NotModified, _) => Answer::NotModified(meta),
            (Verdict::Failed, _) => Answer::Failed,
            (Verdict::Proceed, None) => Answer::Beyond(meta),
            (Verdict::Proceed, Some(range)) if range.is_empty() => {
                let body = stream::empty().boxed();
                Answer::Found(Found { meta, range, body })
            }
            (Verdict::Proceed, Some(_)) => return Err(changed(location)),
        })
    }

    fn rest(&self, meta: &ObjectMeta, range: Range<u64>) -> Result<Body> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let (client, at, path) = (
            Arc::clone(&self.client),
            meta.location.clone(),
            key(&meta.location)?,
        );
        let (etag, end) = (meta.etag.clone(), range.end);
        let step = usize::try_from(CHUNK).unwrap_or(usize::MAX);
        let chunks = stream::iter(range.step_by(step)).map(move |from| {
            let (client, at, path) = (Arc::clone(&client), at.clone(), path.clone());
            let options = GetOptions {
                range: Some(GetRange::Bounded(from..end.min(from.saturating_add(CHUNK)))),
                if_match: etag.clone(),
                ..Default::default()
            };
            async move {
                let found = client.get_opts(&path, options).await;
                let found = found.map_err(|error| match error {
                    object_store::Error::Precondition { .. } => changed(&at),
                    error => failure::from_store(&at, error),
                })?;
                let content = found.bytes().await;
                content.map_err(|error| failure::from_store(&at, error))
            }
        });
        Ok(chunks.buffered(AHEAD).boxed())
    }

    pub async fn list_page(&self, folder: &Location, paging: &Paging<'_>) -> Result<Page> {
        let mut after = paging.after.map(str::to_owned);
        if paging.by_folder
            && let Some(common) = after.as_mut().filter(|after| after.ends_with('/'))
        {
            // Past everything that the common prefix stands for.
            common.push(char::MAX);
        }
        let mut token = paging.token.map(str::to_owned);
        loop {
            let odd = OddKeys::default();
            let mut extensions = Extensions::new();
            extensions.insert(odd.clone());
            let options = PaginatedListOptions {
                offset: after.clone(),
                delimiter: paging.by_folder.then_some(Cow::Borrowed("/")),
                max_keys: Some(paging.max.min(1000)),
                page_token: token,
                extensions,
            };
            let prefix = Some(paging.prefix).filter(|prefix| !prefix.is_empty());
            let page = self.client.list_paginated(prefix, options).await;
            let page = page.map_err(|error| failure::from_store(folder, error))?;
            let objects = page.result.objects.into_iter();
            let objects = objects.filter_map(|object| match listed(&self.root, object) {
                Listed::Object(meta) => Some(Entry::Object(meta)),
                Listed::Refused { .. } => None,
            });
            let common = page.result.common_prefixes.into_iter();
            let common = common.map(|prefix| Entry::Common(format!("{prefix}/")));
            let mut entries: Vec<_> = objects.chain(common).collect();
            // A token may be another listing's.
            entries.retain(|entry| entry.key().starts_with(paging.prefix));
            entries.sort_by_cached_key(Entry::key);
            let last = entries.last().map(Entry::key);
            let last = odd.take().into_iter().map(|(key, _)| key).chain(last).max();
            // A page of nothing but folder markers has no key to go on from.
            if page.page_token.is_some() && last.is_none() {
                token = page.page_token;
                continue;
            }
            let next = page.page_token.as_ref().and(last);
            let token = page.page_token.filter(|_| !self.is_ordered);
            return Ok(Page {
                entries,
                next,
                token,
            });
        }
    }
}

fn described(location: &Location, meta: object_store::ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        location: location.clone(),
        size: meta.size,
        modified: meta.last_modified,
        etag: meta.e_tag,
    }
}
