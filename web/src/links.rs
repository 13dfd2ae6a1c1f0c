//! Addresses of pages. All state is in the URL, so that every view can be pasted into a ticket.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use weir_core::catalog::Table;
use weir_core::id::RunId;

use crate::Console;
use crate::failure::Failure;

const KEEP: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What the path of a request names. A path that cannot be read leads nowhere, like one that names nothing.
pub(crate) struct At<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Console> for At<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Failure> {
        match Path::from_request_parts(parts, console).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(_) => Err(weir_core::Error::not_found("There is no such page.").into()),
        }
    }
}

/// One path segment or query value, so that no name can leave its place in a URL.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEEP).to_string()
}

pub(crate) fn catalog(name: &str) -> String {
    format!("/c/{}", encode(name))
}

pub(crate) fn namespace(catalog: &str, path: &str) -> String {
    format!("/c/{}/{}", encode(catalog), encode(path))
}

pub(crate) fn crawler(name: &str) -> String {
    format!("/crawlers/{}", encode(name))
}

pub(crate) const NEW_LOCATION: &str = "/storage/-/new";

pub(crate) fn location(name: &str) -> String {
    format!("/storage/{}", encode(name))
}

pub(crate) fn run(crawler: &str, id: RunId) -> String {
    format!("/crawlers/{}/runs/{id}", encode(crawler))
}

/// `base?a=1&b=2`, leaving out empty values.
pub(crate) fn query(base: &str, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect();
    if pairs.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", pairs.join("&"))
    }
}

/// Where a table's pages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableAt {
    pub catalog: String,
    /// Dotted.
    pub namespace: String,
    pub name: String,
}

impl TableAt {
    pub fn of(table: &Table) -> Self {
        Self {
            catalog: table.catalog.clone(),
            namespace: table.namespace.join("."),
            name: table.summary.name.clone(),
        }
    }

    /// From `catalog.namespace.table`; a namespace may have dots, the other two have none.
    pub fn parse(dotted: &str) -> Option<Self> {
        let (catalog, rest) = dotted.split_once('.')?;
        let (namespace, name) = rest.rsplit_once('.')?;
        Some(Self {
            catalog: catalog.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    pub fn href(&self) -> String {
        format!(
            "/c/{}/{}/{}",
            encode(&self.catalog),
            encode(&self.namespace),
            encode(&self.name)
        )
    }

    /// `…/-/versions`
    pub fn verb(&self, verb: &str) -> String {
        format!("{}/-/{verb}", self.href())
    }
}

/// The page of an object that a grant or an audit row names, where there is one.
pub(crate) fn object(kind: &str, name: &str) -> Option<String> {
    match kind {
        "catalog" => Some(catalog(name)),
        "namespace" => {
            let (above, path) = name.split_once('.')?;
            Some(namespace(above, path))
        }
        "table" => TableAt::parse(name).map(|at| at.href()),
        "crawler" => Some(crawler(name)),
        "location" => Some(location(name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_segment() {
        assert_eq!(catalog("a/../b?x#\"<"), "/c/a%2F..%2Fb%3Fx%23%22%3C");
    }

    #[test]
    fn a_dotted_table_name_keeps_its_levels() {
        let at = TableAt::parse("lake.sales.emea.orders").unwrap();
        assert_eq!(at.href(), "/c/lake/sales.emea/orders");
        assert_eq!(TableAt::parse("orders"), None);
    }

    #[test]
    fn empty_values_leave_the_query() {
        assert_eq!(
            query("/audit", &[("action", ""), ("after", "a&b")]),
            "/audit?after=a%26b"
        );
        assert_eq!(query("/audit", &[("action", "")]), "/audit");
    }
}
