//! Keyset pages: every list is bounded, and a page is found by where the last one ended, never by counting rows.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub const DEFAULT_LIMIT: u32 = 100;
pub const MAX_LIMIT: u32 = 1000;

/// What page is asked for. `after` is the opaque cursor of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    limit: u32,
    after: Option<String>,
}

impl PageRequest {
    /// Errors: a limit outside 1..=1000, or a cursor longer than a kilobyte.
    pub fn new(limit: Option<u32>, after: Option<String>) -> Result<Self> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(Error::invalid(
                "limit",
                format!("A page has 1 to {MAX_LIMIT} rows."),
            ));
        }
        if after
            .as_ref()
            .is_some_and(|cursor| cursor.len() > 1024 || cursor.chars().any(char::is_control))
        {
            return Err(Error::invalid(
                "after",
                "This cursor did not come from a page of ours. Start again without it.",
            ));
        }
        Ok(Self {
            limit,
            after: after.filter(|cursor| !cursor.is_empty()),
        })
    }

    pub fn first(limit: u32) -> Self {
        Self {
            limit: limit.clamp(1, MAX_LIMIT),
            after: None,
        }
    }

    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// One row more than asked for: its presence says that there is a next page.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

/// Rows in order, and the cursor of the next page where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `rows`, fetched with [`PageRequest::fetch`], to the page; `cursor` names a row's place in the order.
    pub fn cut(mut rows: Vec<T>, request: &PageRequest, cursor: impl Fn(&T) -> String) -> Self {
        let limit = request.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(cursor) } else { None };
        Self { items: rows, next }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
        }
    }
}
