//! One crawler: what it does, how its runs went, and a button to run it now.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::ErrorKind;
use weir_core::crawl::{Crawler, RunState, RunSummary};
use weir_core::page::Page;
use weir_operations::crawler;

use super::crawlers::{next, schedule, source, target};
use super::name;
use crate::components::{
    Crumb, Heading, ago, bytes, cell, compact, count, crumbs, empty, fact, grid, number_cell,
    pager, plural, row_head, run_state,
};
use crate::failure::Reply;
use crate::form::{Asked, Shape, Submission};
use crate::layout::{Chrome, Done, Head, Section, document};
use crate::links::At;
use crate::redirect::see_other;
use crate::session::Viewer;
use crate::{Console, links};

pub(crate) struct CrawlerView {
    pub crawler: Crawler,
    pub runs: Page<RunSummary>,
    pub after: Option<String>,
    /// May the viewer start a run?
    pub run: bool,
}

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At(text): At<String>,
    asked: Asked,
) -> Reply {
    let (name, request) = (name(&text)?, asked.page()?);
    let view = CrawlerView {
        crawler: crawler::get(&console.weir, &viewer.caller, &name).await?,
        runs: crawler::runs(&console.weir, &viewer.caller, &name, &request).await?,
        after: request.after().map(str::to_owned),
        run: crawler::may_start(&console.weir, &viewer.caller, &name).await?,
    };
    Ok(page(&viewer.chrome, &view).into_response())
}

pub(crate) async fn start(
    State(console): State<Console>,
    At(text): At<String>,
    sent: Submission,
) -> Reply {
    let name = name(&text)?;
    sent.fields(&Shape::BUTTON)?;
    match crawler::start(&console.weir, &sent.viewer.caller, &name).await {
        Ok(id) => Ok(see_other(&links::run(name.as_str(), id))),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let done = Done::AlreadyRunning.as_str();
            Ok(see_other(&links::query(
                &links::crawler(name.as_str()),
                &[("done", done)],
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// An address that only takes a form leads whoever follows it to the page with the form.
pub(crate) async fn to_crawler(At(text): At<String>) -> Reply {
    Ok(see_other(&links::crawler(name(&text)?.as_str())))
}

pub(crate) fn page(chrome: &Chrome, view: &CrawlerView) -> Markup {
    let crawler = &view.crawler;
    let href = links::crawler(&crawler.name);
    let body = html! {
        (crumbs(&[Crumb { text: "Crawlers", href: "/crawlers".into() }], &crawler.name))
        div.title {
            h1 { code { (crawler.name) } }
            @if view.run { form method="post" action={ (href) "/-/start" } { button.primary { "Run now" } } }
        }
        dl.facts {
            (fact("Looks in", &source(crawler)))
            (fact("Writes to", &target(crawler)))
            (fact("Schedule", &schedule(crawler)))
            (fact("Next run", &next(chrome, crawler)))
        }
        h2 { "Runs" }
        @if view.runs.items.is_empty() {
            (empty("It has not run yet.", &html! { @if view.run { "Run it now, or wait for its schedule." } @else { "Somebody who may run it can start it." } }))
        } @else {
            @if view.after.is_none() { (strip(&view.runs.items)) }
            (runs(chrome, &crawler.name, &view.runs.items))
            (pager(&href, &[], view.after.as_deref(), view.runs.next.as_deref()))
        }
    };
    let title = format!("{} · Crawlers", crawler.name);
    document(
        chrome,
        &Head {
            title: &title,
            section: Some(Section::Crawlers),
            ..Head::default()
        },
        &body,
    )
}

/// The last runs as bars, oldest first; a bar's height is how many objects the run saw.
fn strip(runs: &[RunSummary]) -> Markup {
    let shown: Vec<&RunSummary> = runs.iter().take(30).collect();
    let most = shown
        .iter()
        .map(|run| run.counts.objects)
        .max()
        .unwrap_or(0)
        .max(1);
    let failed = shown
        .iter()
        .filter(|run| run.state == RunState::Failed)
        .count();
    let label = format!(
        "Objects seen by the last {} runs, oldest first; {failed} failed",
        shown.len()
    );
    html! {
        svg.strip role="img" aria-label=(label) viewBox="0 0 300 36" width="300" height="36" {
            @for (place, run) in shown.iter().rev().enumerate() {
                // In whole pixels: 4 at least, so that an empty run shows.
                @let height = 4 + run.counts.objects.saturating_mul(32) / most;
                rect.(bar(run.state)) x=(place * 10) y=(36 - height) width="8" height=(height) rx="1" {}
            }
        }
    }
}

fn bar(state: RunState) -> &'static str {
    match state {
        RunState::Succeeded => "good",
        RunState::Warnings | RunState::Interrupted => "warn",
        RunState::Failed => "bad",
        RunState::Queued | RunState::Running => "idle",
    }
}

fn runs(chrome: &Chrome, crawler: &str, runs: &[RunSummary]) -> Markup {
    let rows = html! {
        @for run in runs {
            tr role="row" {
                (row_head(&html! { a href=(links::run(crawler, run.id)) { (ago(chrome.now, run.queued_at)) } }))
                (cell("Result", &run_state(run.state)))
                (cell("Started by", &html! { (run.requested_by) " " span.tag { (run.trigger) } }))
                (cell("Took", &html! { (took(run)) }))
                (number_cell("Objects", &compact(run.counts.objects)))
                (number_cell("Read", &bytes(run.counts.bytes)))
                (cell("Changes", &html! { (plural(run.counts.tables_created, "new table", "new tables")) ", " (plural(run.counts.versions, "version", "versions")) }))
                (number_cell("Problems", &html! { (count(run.counts.problems)) }))
            }
        }
    };
    grid(
        "Runs",
        "",
        &[
            Heading::Text("Asked for"),
            Heading::Text("Result"),
            Heading::Text("Started by"),
            Heading::Text("Took"),
            Heading::Number("Objects"),
            Heading::Number("Read"),
            Heading::Text("Changes"),
            Heading::Number("Problems"),
        ],
        &rows,
    )
}

/// `1 min 20 s`
pub(super) fn took(run: &RunSummary) -> String {
    let (Some(from), Some(to)) = (run.started_at, run.finished_at) else {
        return "–".to_owned();
    };
    match (to - from).num_seconds().max(0) {
        0 => "under 1 s".to_owned(),
        s @ 1..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
    }
}
