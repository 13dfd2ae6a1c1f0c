//! The start page: the catalogs, what to do next, and how the last crawls went.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::catalog::Catalog;
use weir_core::crawl::Crawler;
use weir_core::page::{Page, PageRequest};
use weir_operations::{catalog, crawler};

use super::if_permitted;
use crate::components::{
    Heading, Icon, ago, cell, empty, grid, icon, pager, plural, row_head, run_state,
};
use crate::failure::Reply;
use crate::form::Asked;
use crate::layout::{Chrome, Head, Section, document};
use crate::session::Viewer;
use crate::{Console, links};

pub(crate) struct StartView {
    pub catalogs: Page<Catalog>,
    pub after: Option<String>,
    /// Absent when the viewer may see no crawlers at all.
    pub crawlers: Option<Vec<Crawler>>,
}

pub(crate) async fn show(State(console): State<Console>, viewer: Viewer, asked: Asked) -> Reply {
    let request = asked.page()?;
    let catalogs = catalog::list(&console.weir, &viewer.caller, &request).await?;
    let crawlers = crawler::list(&console.weir, &viewer.caller, &PageRequest::first(20)).await;
    let view = StartView {
        catalogs,
        after: request.after().map(str::to_owned),
        crawlers: if_permitted(crawlers)?.map(|page| page.items),
    };
    Ok(page(&viewer.chrome, &view).into_response())
}

pub(crate) fn page(chrome: &Chrome, view: &StartView) -> Markup {
    let body = html! {
        h1 { "Catalogs" }
        @if view.catalogs.items.is_empty() { (first_steps(view)) } @else {
            ul.list {
                @for catalog in &view.catalogs.items {
                    li {
                        a href=(links::catalog(&catalog.name)) { (icon(Icon::Folder)) code { (catalog.name) } }
                        span.muted { "created " (ago(chrome.now, catalog.created_at)) }
                    }
                }
            }
            (pager("/", &[], view.after.as_deref(), view.catalogs.next.as_deref()))
        }
        @if let Some(crawlers) = &view.crawlers { (recent(chrome, crawlers)) }
    };
    document(
        chrome,
        &Head {
            title: "Catalogs",
            section: Some(Section::Catalog),
            ..Head::default()
        },
        &body,
    )
}

fn first_steps(view: &StartView) -> Markup {
    let crawler = view.crawlers.as_ref().and_then(|crawlers| crawlers.first());
    html! {
        (empty("Nothing is here yet, or nothing is shared with you.", &html! {
            "Looking for something that others can see? Ask them for a grant. Setting up a new server? Three steps:"
        }))
        ol.steps {
            li { b { a href=(links::NEW_LOCATION) { "Add a storage location." } } " Where the files lie: a bucket or a folder, and how to reach it." }
            li {
                b { "Create a crawler." } " It looks there and describes what it finds in a namespace that you choose."
                @if let Some(crawler) = crawler {
                    " There is one: " a href=(links::crawler(&crawler.name)) { code { (crawler.name) } } "."
                }
            }
            li { b { "Run it." } " The tables appear here. Then give them owners and definitions, and grant them." }
        }
    }
}

fn recent(chrome: &Chrome, crawlers: &[Crawler]) -> Markup {
    let mut ran: Vec<_> = crawlers
        .iter()
        .filter_map(|crawler| crawler.last_run.as_ref().map(|run| (crawler, run)))
        .collect();
    ran.sort_by_key(|(_, run)| std::cmp::Reverse(run.queued_at));
    let rows = html! {
        @for (crawler, run) in ran.iter().take(8) {
            tr role="row" {
                (row_head(&html! { a href=(links::crawler(&crawler.name)) { code { (crawler.name) } } }))
                (cell("Result", &run_state(run.state)))
                (cell("When", &html! {
                    a href=(links::run(&crawler.name, run.id)) { (ago(chrome.now, run.finished_at.unwrap_or(run.queued_at))) }
                }))
                (cell("Found", &html! {
                    (plural(run.counts.tables, "table", "tables")) ", " (plural(run.counts.versions, "new version", "new versions"))
                    @if run.counts.problems > 0 { ", " (plural(run.counts.problems, "problem", "problems")) }
                }))
            }
        }
    };
    html! {
        @if !ran.is_empty() {
            h2 { "Last crawls" }
            (grid("Last crawls", "", &[Heading::Text("Crawler"), Heading::Text("Result"), Heading::Text("When"), Heading::Text("Found")], &rows))
        }
    }
}
