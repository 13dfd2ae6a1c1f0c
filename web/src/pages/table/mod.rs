//! A table: its heading with the facts, and the tabs below it.

pub(crate) mod access;
pub(crate) mod annotate;
mod column_row;
pub(crate) mod columns;
pub(crate) mod conflict;
pub(crate) mod draft;
pub(crate) mod grant_form;
pub(crate) mod grants;
pub(crate) mod outliving;
pub(crate) mod partitions;
pub(crate) mod reports;
pub(crate) mod versions;

use maud::{Markup, html};
use serde::Deserialize;
use weir_core::annotation::{Annotation, Attribute};
use weir_core::catalog::{Table, TableKind};
use weir_core::name::TableIdent;
use weir_core::tag::Sensitivity;

use super::table_ident;
use crate::components::{
    Crumb, Icon, ago, bytes, compact, count, crumbs, fact, icon, lines, plural, provenance,
    sensitivity, unclassified,
};
use crate::form::FieldError;
use crate::layout::{Chrome, Head, Section, document};
use crate::links::{self, TableAt};

/// A table as URLs name it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TablePath {
    catalog: String,
    namespace: String,
    table: String,
}

impl TablePath {
    pub fn ident(&self) -> weir_core::Result<TableIdent> {
        table_ident(&self.catalog, &self.namespace, &self.table)
    }

    pub fn at(&self) -> TableAt {
        TableAt {
            catalog: self.catalog.clone(),
            namespace: self.namespace.clone(),
            name: self.table.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Columns,
    Versions,
    Partitions,
    Reports,
    Access,
}

impl Tab {
    /// An engine keeps the partitions of an Iceberg table itself, and reports what it does; a crawled table is the reverse.
    const fn of(kind: TableKind) -> &'static [Self] {
        match kind {
            TableKind::External => &[
                Self::Columns,
                Self::Versions,
                Self::Partitions,
                Self::Access,
            ],
            TableKind::Iceberg => &[Self::Columns, Self::Versions, Self::Reports, Self::Access],
            TableKind::View => &[Self::Columns, Self::Versions, Self::Access],
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Columns => "Columns",
            Self::Versions => "Versions",
            Self::Partitions => "Partitions",
            Self::Reports => "Reports",
            Self::Access => "Access",
        }
    }

    fn href(self, at: &TableAt) -> String {
        match self {
            Self::Columns => at.href(),
            Self::Versions => at.verb("versions"),
            Self::Partitions => at.verb("partitions"),
            Self::Reports => at.verb("reports"),
            Self::Access => at.verb("access"),
        }
    }
}

/// What the frame around a tab shows.
pub(crate) struct Framed<'a> {
    pub table: &'a Table,
    pub tab: Tab,
    /// What the page is called, where it is not the tab itself.
    pub title: Option<&'a str>,
    /// May the viewer write owner, steward, definition and sensitivity of the table?
    pub annotate: bool,
    /// A form on the page came back.
    pub error: Option<&'a FieldError>,
    /// Stands in the place of the table's own words while they are edited.
    pub editor: Option<Markup>,
}

pub(crate) fn frame(
    chrome: &Chrome,
    framed: &Framed<'_>,
    summary: &Markup,
    body: &Markup,
) -> Markup {
    let table = framed.table;
    let at = TableAt::of(table);
    let above = [
        Crumb {
            text: "Catalogs",
            href: "/".into(),
        },
        Crumb {
            text: &at.catalog,
            href: links::catalog(&at.catalog),
        },
        Crumb {
            text: &at.namespace,
            href: links::namespace(&at.catalog, &at.namespace),
        },
    ];
    let content = html! {
        (summary)
        (crumbs(&above, &at.name))
        h1 { code { (at.name) } }
        (notices(chrome, table))
        (technical(chrome, table))
        (facts(chrome, table))
        @match &framed.editor {
            Some(editor) => (editor),
            None => (definition(chrome, framed, &at)),
        }
        nav.tabs aria-label="Table" {
            @for tab in Tab::of(table.summary.kind) { a href=(tab.href(&at)) aria-current=[(*tab == framed.tab).then_some("page")] { (tab.title()) } }
        }
        (body)
    };
    let place = format!("{} · {}.{}", at.name, at.catalog, at.namespace);
    let title = match framed.title {
        Some(title) => format!("{title} · {place}"),
        None if framed.tab == Tab::Columns => place,
        None => format!("{} · {place}", framed.tab.title()),
    };
    let head = Head {
        title: &title,
        section: Some(Section::Catalog),
        error: framed.error.is_some(),
        refresh: false,
    };
    document(chrome, &head, &content)
}

fn notices(chrome: &Chrome, table: &Table) -> Markup {
    html! {
        @if let Some(since) = table.missing_since {
            p.callout.warn { (icon(Icon::Warning)) "Its files were gone when a crawl last looked, " (ago(chrome.now, since)) ". What is known about it is kept." }
        }
        @if table.restricted {
            p.callout { "You see some of the columns of this table. The others are not shared with you." }
        }
    }
}

/// What machines say: `Parquet · v14 · 41.2 M rows · 3 files · crawled 6 h ago`.
fn technical(chrome: &Chrome, table: &Table) -> Markup {
    let it = &table.summary;
    html! {
        p.muted.technical {
            (it.kind) " · " (it.format) " · v" (it.version) " · "
            @if it.kind != TableKind::View {
                @match it.rows { Some(rows) => { (compact(rows)) " rows" }, None => "rows not counted" }
                " · " (plural(it.files, "file", "files")) ", " (bytes(it.bytes)) " · "
            }
            @match (it.kind, table.crawled_at) {
                (TableKind::External, Some(at)) => { "crawled " (ago(chrome.now, at)) }
                (TableKind::External, None) => "never crawled",
                _ => { "changed " (ago(chrome.now, it.updated_at)) }
            }
            @if table.protected { " · protected from being dropped" }
            @if let Some(location) = &table.location { br; code { (location) } }
        }
    }
}

fn facts(chrome: &Chrome, table: &Table) -> Markup {
    let documented = table
        .columns
        .iter()
        .filter(|column| column.annotations.get(Attribute::Definition).is_some())
        .count();
    let person = |attribute, none: &str| match table.summary.annotations.get(attribute) {
        Some(it) => {
            html! { (it.value.as_deref().unwrap_or_default()) " " (provenance(chrome.now, it)) }
        }
        None => html! { span.none { (none) } },
    };
    html! {
        dl.facts {
            (fact("Owner", &person(Attribute::Owner, "No owner")))
            (fact("Steward", &person(Attribute::Steward, "No steward")))
            (fact("Sensitivity", &classified(table)))
            (fact("Documented", &html! { (count(as_count(documented))) " of " (plural(as_count(table.columns.len()), "column", "columns")) }))
        }
    }
}

/// The table's own sensitivity or the highest of its columns, whichever is higher.
fn classified(table: &Table) -> Markup {
    let own = table
        .summary
        .annotations
        .get(Attribute::Sensitivity)
        .and_then(level);
    let highest = table
        .columns
        .iter()
        .filter_map(|column| column.annotations.get(Attribute::Sensitivity))
        .filter_map(level)
        .max();
    html! {
        @match own.max(highest) {
            None => (unclassified()),
            Some(shown) => {
                (sensitivity(shown.as_str()))
                @if own != Some(shown) { " " span.by { "highest of its columns" } }
            }
        }
    }
}

fn level(annotation: &Annotation) -> Option<Sensitivity> {
    annotation
        .value
        .as_deref()
        .and_then(|value| Sensitivity::parse(value).ok())
}

fn definition(chrome: &Chrome, framed: &Framed<'_>, at: &TableAt) -> Markup {
    html! {
        p.definition {
            @match framed.table.summary.annotations.get(Attribute::Definition) {
                Some(it) => { (lines(it.value.as_deref().unwrap_or_default())) " " (provenance(chrome.now, it)) }
                None => span.none { "No definition" }
            }
            @if framed.annotate {
                " " a.edit href={ (links::query(&at.href(), &[("edit", "table")])) "#edit-table" } {
                    "Edit" span.vh { " owner, steward, sensitivity and definition of " (at.name) }
                }
            }
        }
    }
}

/// Lengths of lists in memory, as the figures take them.
fn as_count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
