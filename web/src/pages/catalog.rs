//! A catalog: its namespaces.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::annotation::Attribute;
use weir_core::catalog::{Catalog, Namespace};
use weir_core::page::Page;
use weir_operations::{catalog, namespace};

use super::name;
use crate::components::{
    Crumb, Heading, Icon, ago, cell, crumbs, empty, grid, icon, lines, pager, row_head,
};
use crate::failure::Reply;
use crate::form::Asked;
use crate::layout::{Chrome, Head, Section, document};
use crate::links::At;
use crate::session::Viewer;
use crate::{Console, links};

pub(crate) struct CatalogView {
    pub catalog: Catalog,
    pub namespaces: Page<Namespace>,
    pub after: Option<String>,
}

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At(catalog): At<String>,
    asked: Asked,
) -> Reply {
    let (name, request) = (name(&catalog)?, asked.page()?);
    let view = CatalogView {
        catalog: catalog::get(&console.weir, &viewer.caller, &name).await?,
        namespaces: namespace::list(&console.weir, &viewer.caller, &name, &request).await?,
        after: request.after().map(str::to_owned),
    };
    Ok(page(&viewer.chrome, &view).into_response())
}

pub(crate) fn page(chrome: &Chrome, view: &CatalogView) -> Markup {
    let name = &view.catalog.name;
    let rows = html! { @for namespace in &view.namespaces.items { (row(chrome, namespace)) } };
    let body = html! {
        (crumbs(&[Crumb { text: "Catalogs", href: "/".into() }], name))
        h1 { code { (name) } }
        p.muted { "Catalog · created " (ago(chrome.now, view.catalog.created_at)) }
        @if view.namespaces.items.is_empty() {
            (empty("No namespaces here that you can see.", &html! { "A crawler makes one when it first runs: " a href="/crawlers" { "Crawlers" } "." }))
        } @else {
            (grid("Namespaces", "", &[Heading::Text("Namespace"), Heading::Text("Owner"), Heading::Text("Definition"), Heading::Text("Created")], &rows))
            (pager(&links::catalog(name), &[], view.after.as_deref(), view.namespaces.next.as_deref()))
        }
    };
    document(
        chrome,
        &Head {
            title: name,
            section: Some(Section::Catalog),
            ..Head::default()
        },
        &body,
    )
}

fn row(chrome: &Chrome, namespace: &Namespace) -> Markup {
    let path = namespace.path.join(".");
    let owner = namespace.annotations.get(Attribute::Owner);
    let definition = namespace.annotations.get(Attribute::Definition);
    html! {
        tr role="row" {
            (row_head(&html! { a href=(links::namespace(&namespace.catalog, &path)) { (icon(Icon::Folder)) code { (path) } } }))
            (cell("Owner", &html! { @match owner.and_then(|it| it.value.as_deref()) { Some(owner) => (owner), None => span.none { "No owner" } } }))
            (cell("Definition", &html! {
                @match definition.and_then(|it| it.value.as_deref()) { Some(text) => (lines(text)), None => span.none { "No definition" } }
            }))
            (cell("Created", &ago(chrome.now, namespace.created_at)))
        }
    }
}
