//! All crawlers.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::crawl::Crawler;
use weir_core::page::Page;
use weir_operations::crawler;

use crate::components::{Heading, ago, cell, empty, grid, pager, row_head, run_state};
use crate::failure::Reply;
use crate::form::Asked;
use crate::layout::{Chrome, Head, Section, document};
use crate::session::Viewer;
use crate::{Console, links};

pub(crate) struct CrawlersView {
    pub crawlers: Page<Crawler>,
    pub after: Option<String>,
}

pub(crate) async fn show(State(console): State<Console>, viewer: Viewer, asked: Asked) -> Reply {
    let request = asked.page()?;
    let view = CrawlersView {
        crawlers: crawler::list(&console.weir, &viewer.caller, &request).await?,
        after: request.after().map(str::to_owned),
    };
    Ok(page(&viewer.chrome, &view).into_response())
}

pub(crate) fn page(chrome: &Chrome, view: &CrawlersView) -> Markup {
    let rows = html! { @for crawler in &view.crawlers.items { (row(chrome, crawler)) } };
    let body = html! {
        h1 { "Crawlers" }
        @if view.crawlers.items.is_empty() {
            (empty("No crawlers that you can see.", &html! {
                "A crawler looks into a registered storage location and describes the tables that it finds there."
            }))
        } @else {
            (grid("Crawlers", "", &[Heading::Text("Crawler"), Heading::Text("Looks in"), Heading::Text("Writes to"), Heading::Text("Schedule"), Heading::Text("Last run"), Heading::Text("Next run")], &rows))
            (pager("/crawlers", &[], view.after.as_deref(), view.crawlers.next.as_deref()))
        }
    };
    document(
        chrome,
        &Head {
            title: "Crawlers",
            section: Some(Section::Crawlers),
            ..Head::default()
        },
        &body,
    )
}

fn row(chrome: &Chrome, crawler: &Crawler) -> Markup {
    html! {
        tr role="row" {
            (row_head(&html! { a href=(links::crawler(&crawler.name)) { code { (crawler.name) } } }))
            (cell("Looks in", &source(crawler)))
            (cell("Writes to", &target(crawler)))
            (cell("Schedule", &schedule(crawler)))
            (cell("Last run", &html! {
                @match &crawler.last_run {
                    None => span.none { "never ran" },
                    Some(run) => {
                        (run_state(run.state)) " "
                        a href=(links::run(&crawler.name, run.id)) { (ago(chrome.now, run.finished_at.unwrap_or(run.queued_at))) }
                    }
                }
            }))
            (cell("Next run", &next(chrome, crawler)))
        }
    }
}

/// `sales-bucket/raw/`
pub(super) fn source(crawler: &Crawler) -> Markup {
    html! { code { (crawler.location) @if !crawler.prefix.is_empty() { "/" (crawler.prefix) } } }
}

pub(super) fn target(crawler: &Crawler) -> Markup {
    let path = crawler.namespace.join(".");
    html! { a href=(links::namespace(&crawler.catalog, &path)) { code { (crawler.catalog) "." (path) } } }
}

pub(super) fn schedule(crawler: &Crawler) -> Markup {
    html! {
        @match &crawler.schedule {
            Some(cron) => { code { (cron) } " " span.muted { (crawler.time_zone) } }
            None => span.none { "on demand" }
        }
        @if !crawler.enabled { " " span.tag.warn { "paused" } }
    }
}

pub(super) fn next(chrome: &Chrome, crawler: &Crawler) -> Markup {
    html! { @match crawler.next_run_at { Some(at) => (ago(chrome.now, at)), None => span.none { "none planned" } } }
}
