//! Where files live. A location is a scheme, an authority (bucket, container and account, or nothing) and a path of plain segments.
//!
//! Locations are compared segment by segment and only after normalising, so that neither a sibling with a longer name
//! (`t1` and `t10`), nor a dot segment, nor an encoded one can make a path look as if it lay below another. What could be
//! read two ways is refused rather than resolved: a store and its clients may resolve it differently than we would.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

use crate::{Error, Result};

const MAX_LOCATION_CHARS: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    File,
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Data Lake Storage.
    Abfss,
}

impl Scheme {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Abfss => "abfss",
        }
    }
}

/// What follows the account's name in the authority of an `abfss` location.
const AZURE_HOST: &str = ".dfs.core.windows.net";

/// A normalised location: `s3://bucket/a/b`, `gs://bucket/a/b`, `abfss://container@account.dfs.core.windows.net/a/b` or
/// `file:///a/b`, without a trailing slash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    scheme: Scheme,
    authority: String,
    segments: Vec<String>,
}

impl Location {
    /// Parses and normalises. `s3a` and `s3n` are spellings of `s3`, and `abfs` of `abfss`: the same address, which clients
    /// may write either way, and which is never reached without TLS. A trailing slash is dropped.
    ///
    /// Errors: an unknown scheme, a missing bucket, an empty, dot or encoded dot segment, an encoded slash, a control
    /// character, a query or fragment, more than 1,024 characters; for `abfss`, a segment that ends with a dot.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let invalid = |message: String| Error::invalid(field, message);
        if text.chars().count() > MAX_LOCATION_CHARS {
            return Err(invalid(format!(
                "A location has at most {MAX_LOCATION_CHARS} characters."
            )));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| {
            invalid("A location is a URL such as s3://bucket/folder or file:///folder.".into())
        })?;
        let scheme = match scheme {
            "file" => Scheme::File,
            "s3" | "s3a" | "s3n" => Scheme::S3,
            "gs" => Scheme::Gs,
            "abfss" | "abfs" => Scheme::Abfss,
            other => {
                return Err(invalid(format!(
                    "`{}` is not a kind of storage that this server reads; it reads s3, gs, abfss and file.",
                    other.escape_debug()
                )));
            }
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        check_authority(field, scheme, authority)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments = if path.is_empty() {
            Vec::new()
        } else {
            path.split('/')
                .map(|segment| parse_segment(field, scheme, segment))
                .collect::<Result<_>>()?
        };
        Ok(Self {
            scheme,
            authority: authority.to_owned(),
            segments,
        })
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The bucket; empty for `file`, and container and account for `abfss`: see [`Location::container`].
    pub fn bucket(&self) -> &str {
        &self.authority
    }

    /// The container and the account of an `abfss` location.
    pub fn container(&self) -> Option<(&str, &str)> {
        match self.scheme {
            Scheme::Abfss => split_azure(&self.authority),
            Scheme::File | Scheme::S3 | Scheme::Gs => None,
        }
    }

    /// What all of this location's bucket, container or disk lies in.
    pub fn top(&self) -> Self {
        Self {
            scheme: self.scheme,
            authority: self.authority.clone(),
            segments: Vec::new(),
        }
    }

    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The path below the authority without a leading slash: the prefix of an object key.
    pub fn path(&self) -> String {
        self.segments.join("/")
    }

    pub fn name(&self) -> Option<&str> {
        self.segments.last().map(String::as_str)
    }

    /// Is this location `root` itself or below it, segment by segment?
    pub fn is_under(&self, root: &Self) -> bool {
        self.scheme == root.scheme
            && self.authority == root.authority
            && self.segments.starts_with(&root.segments)
    }

    /// Does one of the two contain the other?
    pub fn overlaps(&self, other: &Self) -> bool {
        self.is_under(other) || other.is_under(self)
    }

    /// One segment deeper. Errors as [`Location::parse`] does for a segment.
    pub fn join(&self, segment: &str) -> Result<Self> {
        let mut deeper = self.clone();
        deeper
            .segments
            .push(parse_segment("path", self.scheme, segment)?);
        Ok(deeper)
    }

    /// The segments of `self` below `root`, where it is under it.
    pub fn below(&self, root: &Self) -> Option<&[String]> {
        if self.is_under(root) {
            self.segments.get(root.segments.len()..)
        } else {
            None
        }
    }
}

fn check_authority(field: &str, scheme: Scheme, authority: &str) -> Result<()> {
    match scheme {
        Scheme::File if authority.is_empty() => Ok(()),
        Scheme::File => Err(Error::invalid(
            field,
            "A file location has three slashes: file:///folder.",
        )),
        Scheme::S3 | Scheme::Gs => {
            let plain = |c: char| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_')
            };
            let edges = authority.starts_with(['.', '-'])
                || authority.ends_with(['.', '-'])
                || authority.contains("..");
            if (3..=63).contains(&authority.len()) && authority.chars().all(plain) && !edges {
                Ok(())
            } else {
                Err(Error::invalid(
                    field,
                    format!(
                        "A bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens: {}://bucket/folder.",
                        scheme.as_str()
                    ),
                ))
            }
        }
        Scheme::Abfss => {
            let named = split_azure(authority);
            let held = |(container, account)| is_container(container) && is_account(account);
            if named.is_some_and(held) {
                Ok(())
            } else {
                Err(Error::invalid(
                    field,
                    "A location of Azure names a container (3 to 63 lower-case letters, digits and single hyphens) and an account (3 to 24 lower-case letters and digits): abfss://container@account.dfs.core.windows.net/folder.",
                ))
            }
        }
    }
}

fn split_azure(authority: &str) -> Option<(&str, &str)> {
    authority.strip_suffix(AZURE_HOST)?.split_once('@')
}

/// Azure's rule, without the containers that Azure names itself, such as `$root`.
fn is_container(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    (3..=63).contains(&name.len()) && name.chars().all(plain) && !edges
}

fn is_account(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=24).contains(&name.len()) && name.chars().all(plain)
}

fn parse_segment(field: &str, scheme: Scheme, segment: &str) -> Result<String> {
    let invalid = |message: &str| Err(Error::invalid(field, message));
    if segment.is_empty() {
        return invalid("A location has no empty segment (`//`).");
    }
    if segment.chars().any(char::is_control) {
        return invalid("A location has no control characters.");
    }
    if segment.contains(['?', '#', '\\']) {
        return invalid("A location has no `?`, `#` or backslash.");
    }
    if hides_a_step(segment) {
        return invalid(
            "A location has no `.` or `..` segment and no encoded slash, in any encoding.",
        );
    }
    // Clients of Azure drop it on the way, so that `t1.` and `t1` are one to them and two to us.
    if scheme == Scheme::Abfss && segment.ends_with('.') {
        return invalid("A location of Azure has no segment that ends with a dot.");
    }
    Ok(segment.to_owned())
}

/// Would this segment, decoded any number of times, be a dot segment or contain a slash?
fn hides_a_step(segment: &str) -> bool {
    let mut current = Cow::Borrowed(segment);
    loop {
        if current == "." || current == ".." || current.contains(['/', '\\', '\0']) {
            return true;
        }
        if !current.contains('%') {
            return false;
        }
        let decoded = percent_decode_str(&current).decode_utf8_lossy();
        if decoded == current {
            return false;
        }
        current = Cow::Owned(decoded.into_owned());
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority)?;
        for segment in &self.segments {
            write!(f, "/{segment}")?;
        }
        if self.segments.is_empty() && self.scheme == Scheme::File {
            f.write_str("/")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

impl Serialize for Location {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Location {
        Location::parse("location", text).unwrap()
    }

    #[test]
    fn a_sibling_with_a_longer_name_is_not_below() {
        assert!(!at("s3://lake/t10").is_under(&at("s3://lake/t1")));
        assert!(at("s3://lake/t1/part").is_under(&at("s3a://lake/t1/")));
        assert!(!at("s3://lake2/t1").is_under(&at("s3://lake")));
        assert!(at("file:///srv/lake").is_under(&at("file:///")));
    }

    #[test]
    fn what_could_be_read_two_ways_is_refused() {
        for bad in [
            "s3://lake/a/../b",
            "s3://lake/./a",
            "s3://lake/%2e%2e/a",
            "s3://lake/%252e%252e",
            "s3://lake/a%2fb",
            "s3://lake//a",
            "s3://lake/a//",
            "file://host/a",
            "file:/a",
            "http://h/a",
            "s3://",
            "s3://Lake/a",
            "s3://la/a",
            "s3://lake/a?x",
            "s3://lake/a\u{7}",
            "lake/a",
            "gs://Lake/a",
            "gs://user@lake/a",
            "gs://lake/./a",
            "abfss://lake/a",
            "abfss://weirlake.dfs.core.windows.net/a",
            "abfss://la@weirlake.dfs.core.windows.net/a",
            "abfss://Lake@weirlake.dfs.core.windows.net/a",
            "abfss://-lake@weirlake.dfs.core.windows.net/a",
            "abfss://la--ke@weirlake.dfs.core.windows.net/a",
            "abfss://$root@weirlake.dfs.core.windows.net/a",
            "abfss://lake@we-ir.dfs.core.windows.net/a",
            "abfss://lake@we.dfs.core.windows.net/a",
            "abfss://lake@weirlake@other.dfs.core.windows.net/a",
            "abfss://lake@weirlake.dfs.core.windows.net.example.com/a",
            "abfss://lake@weirlake.dfs.core.windows.net:444/a",
            "abfss://lake@weirlake.blob.core.windows.net/a",
            "abfss://lake@.dfs.core.windows.net/a",
            "abfss://lake@weirlake.dfs.core.windows.net/a/../b",
            "abfss://lake@weirlake.dfs.core.windows.net/t1.",
            "abfss://lake@weirlake.dfs.core.windows.net/t1./a",
            "wasbs://lake@weirlake.blob.core.windows.net/a",
            "",
        ] {
            assert!(
                Location::parse("location", bad).is_err(),
                "{bad:?} was accepted"
            );
        }
    }

    #[test]
    fn a_location_of_azure_names_container_and_account() {
        let table = at("abfs://lake@weirlake.dfs.core.windows.net/sales/t1/");
        assert_eq!(
            table.to_string(),
            "abfss://lake@weirlake.dfs.core.windows.net/sales/t1"
        );
        assert_eq!(table.container(), Some(("lake", "weirlake")));
        assert_eq!(table.path(), "sales/t1");
        assert_eq!(
            table.top().to_string(),
            "abfss://lake@weirlake.dfs.core.windows.net"
        );
        assert!(table.is_under(&at("abfss://lake@weirlake.dfs.core.windows.net/sales")));
        assert!(!table.is_under(&at("abfss://lake@other.dfs.core.windows.net/sales")));
        assert!(!table.is_under(&at("abfss://lake2@weirlake.dfs.core.windows.net/sales")));
        assert!(table.join("part.").is_err());
        assert_eq!(at("s3://lake/a").container(), None);
    }

    #[test]
    fn stores_of_different_kinds_share_nothing() {
        assert!(!at("gs://lake/t1").overlaps(&at("s3://lake/t1")));
        assert!(at("gs://lake/t1/a").is_under(&at("gs://lake/t1")));
        assert!(!at("gs://lake/t10").is_under(&at("gs://lake/t1")));
        assert_eq!(at("gs://lake/a%20b").to_string(), "gs://lake/a%20b");
    }

    fn segment() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("..".to_owned()),
            Just("%2e%2e".to_owned()),
            "[a-z*$'% é=.]{1,6}",
            Just("t1".to_owned()),
            Just("t10".to_owned())
        ]
    }

    proptest! {
        #[test]
        fn a_normalised_location_is_its_own_normal_form(segments in prop::collection::vec(segment(), 0..5), slash in any::<bool>()) {
            let text = format!("s3://lake/{}{}", segments.join("/"), if slash { "/" } else { "" });
            if let Ok(location) = Location::parse("location", &text) {
                prop_assert_eq!(at(&location.to_string()), location.clone());
                prop_assert!(location.segments().iter().all(|s| !hides_a_step(s)));
            }
        }

        #[test]
        fn below_means_the_same_first_segments(a in prop::collection::vec("[a-c]{1,2}", 0..4), b in prop::collection::vec("[a-c]{1,2}", 0..4)) {
            let (upper, lower) = (at(&format!("s3://lake/{}", a.join("/"))), at(&format!("s3://lake/{}", b.join("/"))));
            prop_assert_eq!(lower.is_under(&upper), b.starts_with(&a));
            prop_assert_eq!(lower.overlaps(&upper), upper.overlaps(&lower));
        }
    }
}
