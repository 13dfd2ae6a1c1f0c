//! A namespace: its facts and its tables.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::annotation::Attribute;
use weir_core::catalog::{Namespace, TableSummary};
use weir_core::page::Page;
use weir_operations::{namespace, table};

use super::namespace_ident;
use crate::Console;
use crate::components::{
    Crumb, Heading, Icon, ago, bytes, cell, compact, crumbs, empty, fact, grid, icon, lines,
    number_cell, pager, provenance, row_head, sensitivity, unclassified,
};
use crate::failure::Reply;
use crate::form::Asked;
use crate::layout::{Chrome, Head, Section, document};
use crate::links::At;
use crate::links::{self, TableAt};
use crate::session::Viewer;

pub(crate) struct NamespaceView {
    pub namespace: Namespace,
    pub tables: Page<TableSummary>,
    pub after: Option<String>,
}

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At((catalog, path)): At<(String, String)>,
    asked: Asked,
) -> Reply {
    let (ident, request) = (namespace_ident(&catalog, &path)?, asked.page()?);
    let view = NamespaceView {
        namespace: namespace::get(&console.weir, &viewer.caller, &ident).await?,
        tables: table::list(&console.weir, &viewer.caller, &ident, &request).await?,
        after: request.after().map(str::to_owned),
    };
    Ok(page(&viewer.chrome, &view).into_response())
}

const HEADINGS: [Heading; 8] = [
    Heading::Text("Table"),
    Heading::Text("Sensitivity"),
    Heading::Text("Owner"),
    Heading::Text("Definition"),
    Heading::Text("Format"),
    Heading::Number("Rows"),
    Heading::Number("Size"),
    Heading::Text("Changed"),
];

pub(crate) fn page(chrome: &Chrome, view: &NamespaceView) -> Markup {
    let (catalog, path) = (&view.namespace.catalog, view.namespace.path.join("."));
    let above = [
        Crumb {
            text: "Catalogs",
            href: "/".into(),
        },
        Crumb {
            text: catalog,
            href: links::catalog(catalog),
        },
    ];
    let rows = html! { @for table in &view.tables.items { (row(chrome, catalog, &path, table)) } };
    let body = html! {
        (crumbs(&above, &path))
        h1 { code { (path) } }
        (about(chrome, &view.namespace))
        @if view.tables.items.is_empty() {
            (empty("No tables here that you can see.", &html! { "Point a crawler here: " a href="/crawlers" { "Crawlers" } "." }))
        } @else {
            (grid("Tables", "tables", &HEADINGS, &rows))
            (pager(&links::namespace(catalog, &path), &[], view.after.as_deref(), view.tables.next.as_deref()))
        }
    };
    let title = format!("{path} · {catalog}");
    document(
        chrome,
        &Head {
            title: &title,
            section: Some(Section::Catalog),
            ..Head::default()
        },
        &body,
    )
}

fn about(chrome: &Chrome, namespace: &Namespace) -> Markup {
    let value = |attribute| namespace.annotations.get(attribute);
    html! {
        p.muted { "Namespace · created " (ago(chrome.now, namespace.created_at)) }
        dl.facts {
            @for (label, attribute) in [("Owner", Attribute::Owner), ("Steward", Attribute::Steward)] {
                @if let Some(it) = value(attribute) { (fact(label, &html! { (it.value.as_deref().unwrap_or_default()) })) }
            }
            @if let Some(it) = value(Attribute::Sensitivity) { (fact("Sensitivity", &sensitivity(it.value.as_deref().unwrap_or_default()))) }
        }
        @if let Some(it) = value(Attribute::Definition) {
            p { (lines(it.value.as_deref().unwrap_or_default())) " " (provenance(chrome.now, it)) }
        }
    }
}

fn row(chrome: &Chrome, catalog: &str, path: &str, table: &TableSummary) -> Markup {
    let at = TableAt {
        catalog: catalog.into(),
        namespace: path.into(),
        name: table.name.clone(),
    };
    let value = |attribute| {
        table
            .annotations
            .get(attribute)
            .and_then(|it| it.value.as_deref())
    };
    html! {
        tr role="row" {
            (row_head(&html! { a href=(at.href()) { (icon(Icon::Table)) code { (table.name) } } }))
            (cell("Sensitivity", &html! { @match value(Attribute::Sensitivity) { Some(it) => (sensitivity(it)), None => (unclassified()) } }))
            (cell("Owner", &html! { @match value(Attribute::Owner) { Some(it) => (it), None => span.none { "No owner" } } }))
            (cell("Definition", &html! { @match value(Attribute::Definition) { Some(it) => (lines(it)), None => span.none { "No definition" } } }))
            (cell("Format", &html! { (table.format) " v" (table.version) }))
            (number_cell("Rows", &html! { @match table.rows { Some(rows) => (compact(rows)), None => span.none { "not counted" } } }))
            (number_cell("Size", &bytes(table.bytes)))
            (cell("Changed", &ago(chrome.now, table.updated_at)))
        }
    }
}
