//! The report of one run: what it saw, what it changed, and what it could not read.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::crawl::{ChangeKind, RunChange, RunProblem, RunReport};
use weir_core::id::RunId;
use weir_operations::crawler;

use super::crawler::took;
use super::{name, unknown};
use crate::components::{
    Crumb, Heading, Icon, ago, bytes, cell, change_line, compact, count, crumbs, exact_time, fact,
    grid, icon, plural, row_head, run_state,
};
use crate::failure::Reply;
use crate::layout::{Chrome, Head, Section, document};
use crate::links::At;
use crate::links::TableAt;
use crate::session::Viewer;
use crate::{Console, links};

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At((text, id)): At<(String, String)>,
) -> Reply {
    let name = name(&text)?;
    let id: RunId = id.parse().map_err(unknown)?;
    let report = crawler::report(&console.weir, &viewer.caller, &name, id).await?;
    Ok(page(&viewer.chrome, &report).into_response())
}

pub(crate) fn page(chrome: &Chrome, report: &RunReport) -> Markup {
    let run = &report.run;
    let above = [
        Crumb {
            text: "Crawlers",
            href: "/crawlers".into(),
        },
        Crumb {
            text: &report.crawler,
            href: links::crawler(&report.crawler),
        },
    ];
    let short = run
        .id
        .to_string()
        .chars()
        .rev()
        .take(8)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect::<String>();
    let body = html! {
        (crumbs(&above, &format!("run {short}")))
        h1 { "Run " code { (short) } }
        p {
            (run_state(run.state)) " " span.muted {
                "asked for by " (run.requested_by) " (" (run.trigger) ") " (ago(chrome.now, run.queued_at)) " · took " (took(run))
            }
        }
        @if !run.state.is_over() {
            p.callout role="status" { "This run is not over. The page loads itself again every two seconds." }
        }
        @if let Some(error) = &run.error { p.callout.bad { (icon(Icon::Warning)) "The run failed: " (error) } }
        (counts(report))
        (changes(report))
        (problems(report))
        @if report.hidden > 0 {
            p.muted { (plural(report.hidden, "change or problem", "changes or problems")) " of tables that you may not see are left out." }
        }
        p.muted { "Started " @match run.started_at { Some(at) => (exact_time(at)), None => "not yet" } " · run id " code { (run.id) } }
    };
    let title = format!("Run {short} · {}", report.crawler);
    document(
        chrome,
        &Head {
            title: &title,
            section: Some(Section::Crawlers),
            refresh: !run.state.is_over(),
            ..Head::default()
        },
        &body,
    )
}

fn counts(report: &RunReport) -> Markup {
    let it = &report.run.counts;
    let number = |number| html! { (count(number)) };
    html! {
        dl.facts {
            (fact("Objects", &compact(it.objects)))
            (fact("Size", &bytes(it.bytes)))
            (fact("Tables", &html! { (count(it.tables)) ", " (count(it.tables_created)) " new" }))
            (fact("New versions", &number(it.versions)))
            (fact("Partitions", &html! { "+" (count(it.partitions_added)) " ~" (count(it.partitions_changed)) " −" (count(it.partitions_removed)) }))
            (fact("Problems", &number(it.problems)))
        }
    }
}

fn changes(report: &RunReport) -> Markup {
    let rows = html! { @for change in &report.changes { (change_row(change)) } };
    html! {
        h2 { "Changes" }
        @if !report.changes.is_empty() { (grid("Changes", "", &[Heading::Text("Table"), Heading::Text("What"), Heading::Text("Changes")], &rows)) }
        @else if report.run.state.is_over() { p.muted { "Nothing changed." } }
        @else { p.muted { "Nothing yet." } }
    }
}

fn change_row(change: &RunChange) -> Markup {
    let what = match change.kind {
        ChangeKind::Created => "New table",
        ChangeKind::SchemaChanged => "Schema changed",
        ChangeKind::FilesChanged => "Files changed",
        ChangeKind::Missing => "Files gone",
        ChangeKind::Returned => "Files are back",
    };
    html! {
        tr role="row" {
            (row_head(&html! {
                @match TableAt::parse(&change.table) {
                    Some(at) => a href=(at.href()) { code { (change.table) } },
                    None => code { (change.table) },
                }
            }))
            (cell("What", &html! { (what) @if let Some(version) = change.version { " " span.tag { "v" (version) } } }))
            (cell("Changes", &html! {
                @if change.lines.is_empty() { span.none { "no change of columns" } } @else {
                    ul.changes { @for line in &change.lines { li { (change_line(line)) } } }
                }
            }))
        }
    }
}

fn problems(report: &RunReport) -> Markup {
    let row = |problem: &RunProblem| {
        html! {
            tr role="row" { (row_head(&html! { code.path { (problem.path) } })) (cell("Cause", &html! { (problem.cause) })) }
        }
    };
    html! {
        @if !report.problems.is_empty() {
            h2 { "Problems" }
            p.muted { "These were left out; everything else was recorded." }
            (grid("Problems", "", &[Heading::Text("Path"), Heading::Text("Cause")], &html! { @for problem in &report.problems { (row(problem)) } }))
        }
    }
}
