//! What a client asks of an object before it is read or replaced: which bytes, and in which state it expects it.
//!
//! Decided here on what the store says about the object, alike for every store (RFC 9110, sections 13 and 14).

use chrono::{DateTime, SubsecRound, Utc};
use std::ops::Range;

use crate::store::ObjectMeta;

/// The bytes that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Span {
    #[default]
    All,
    /// From the first on, without the last; as far as there are any.
    Between(u64, u64),
    From(u64),
    /// So many at the end.
    Last(u64),
}

impl Span {
    /// The bytes of an object of `size`; none when it has none of them.
    pub fn of(self, size: u64) -> Option<Range<u64>> {
        match self {
            Self::All => Some(0..size),
            Self::Between(from, to) if from < size && from < to => Some(from..to.min(size)),
            Self::From(from) if from < size => Some(from..size),
            Self::Last(count) if count > 0 && size > 0 => Some(size.saturating_sub(count)..size),
            Self::Between(..) | Self::From(_) | Self::Last(_) => None,
        }
    }
}

/// Entity tags as a condition names them, without their quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    Any,
    OneOf(Vec<String>),
}

impl Tags {
    fn hold(&self, etag: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => {
                etag.is_some_and(|etag| tags.iter().any(|tag| unquoted(tag) == unquoted(etag)))
            }
        }
    }
}

/// A tag's value: stores keep it with quotes or without.
pub fn unquoted(etag: &str) -> &str {
    etag.trim_matches('"')
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    pub if_match: Option<Tags>,
    pub if_none_match: Option<Tags>,
    pub if_modified_since: Option<DateTime<Utc>>,
    pub if_unmodified_since: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

impl Conditions {
    /// May it be read? In the order of RFC 9110, section 13.2.2: a tag makes the time beside it moot.
    pub fn judge(&self, meta: &ObjectMeta) -> Verdict {
        let etag = meta.etag.as_deref();
        // Headers carry whole seconds.
        let modified = meta.modified.trunc_subsecs(0);
        let expected = match (&self.if_match, self.if_unmodified_since) {
            (Some(tags), _) => tags.hold(etag),
            (None, Some(time)) => modified <= time,
            (None, None) => true,
        };
        let fresh = match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) => !tags.hold(etag),
            (None, Some(time)) => modified > time,
            (None, None) => true,
        };
        match (expected, fresh) {
            (false, _) => Verdict::Failed,
            (true, false) => Verdict::NotModified,
            (true, true) => Verdict::Proceed,
        }
    }
}

/// What must be there for an object to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing.
    Create,
    #[default]
    Overwrite,
    /// The object with this tag.
    Replace(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::location::Location;

    #[test]
    fn a_span_is_cut_to_what_is_there() {
        for (span, size, expected) in [
            (Span::All, 0, Some(0..0)),
            (Span::All, 5, Some(0..5)),
            (Span::Between(1, 3), 5, Some(1..3)),
            (Span::Between(4, 99), 5, Some(4..5)),
            (Span::Between(5, 6), 5, None),
            (Span::From(4), 5, Some(4..5)),
            (Span::From(5), 5, None),
            (Span::Last(2), 5, Some(3..5)),
            (Span::Last(99), 5, Some(0..5)),
            (Span::Last(0), 5, None),
            (Span::Last(1), 0, None),
            (Span::From(0), 0, None),
        ] {
            assert_eq!(span.of(size), expected, "{span:?} of {size}");
        }
    }

    #[test]
    fn a_tag_makes_the_time_beside_it_moot() {
        let modified = DateTime::from_timestamp_millis(1_700_000_000_500).unwrap();
        let meta = ObjectMeta {
            location: Location::parse("l", "s3://lake/a").unwrap(),
            size: 1,
            modified,
            etag: Some("\"e\"".to_owned()),
        };
        let tags = |tag: &str| match tag {
            "*" => Tags::Any,
            tag => Tags::OneOf(vec!["x".into(), tag.into()]),
        };
        let at = |seconds: i64| DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap();
        for (if_match, unmodified, if_none_match, modified, verdict) in [
            (None, None, None, None, Verdict::Proceed),
            (Some("e"), None, None, None, Verdict::Proceed),
            (Some("*"), None, None, None, Verdict::Proceed),
            (Some("f"), None, None, None, Verdict::Failed),
            (Some("e"), Some(-1), None, None, Verdict::Proceed),
            (None, Some(-1), None, None, Verdict::Failed),
            (None, Some(0), None, None, Verdict::Proceed),
            (None, None, Some("\"e\""), None, Verdict::NotModified),
            (None, None, Some("*"), None, Verdict::NotModified),
            (None, None, Some("f"), Some(0), Verdict::Proceed),
            (None, None, None, Some(0), Verdict::NotModified),
            (None, None, None, Some(-1), Verdict::Proceed),
            (Some("f"), None, Some("e"), None, Verdict::Failed),
        ] {
            let conditions = Conditions {
                if_match: if_match.map(tags),
                if_none_match: if_none_match.map(tags),
                if_modified_since: modified.map(at),
                if_unmodified_since: unmodified.map(at),
            };
            assert_eq!(conditions.judge(&meta), verdict, "{conditions:?}");
        }
    }
}
