//! What engines reported of their scans and commits.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::catalog::Table;
use weir_core::page::Page;
use weir_operations::table::{self, Figures, Report};

use super::{Framed, Tab, TablePath, frame};
use crate::Console;
use crate::components::{Heading, ago, cell, count, empty, grid, number_cell, pager, row_head};
use crate::failure::Reply;
use crate::form::Asked;
use crate::layout::Chrome;
use crate::links::{At, TableAt};
use crate::pages::if_permitted;
use crate::session::Viewer;

pub(crate) struct ReportsView {
    pub table: Table,
    /// Absent when they would show values of columns that the viewer may not see.
    pub reports: Option<Page<Report>>,
    pub after: Option<String>,
}

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At(path): At<TablePath>,
    asked: Asked,
) -> Reply {
    let (ident, request) = (path.ident()?, asked.page()?);
    let view = ReportsView {
        table: table::describe(&console.weir, &viewer.caller, &ident).await?,
        reports: if_permitted(
            table::metrics(&console.weir, &viewer.caller, &ident, &request).await,
        )?,
        after: request.after().map(str::to_owned),
    };
    Ok(page(&viewer.chrome, &view).into_response())
}

const HEADINGS: [Heading; 6] = [
    Heading::Text("When"),
    Heading::Text("What"),
    Heading::Text("Who"),
    Heading::Number("Files"),
    Heading::Number("Rows"),
    Heading::Number("Took"),
];

pub(crate) fn page(chrome: &Chrome, view: &ReportsView) -> Markup {
    let base = TableAt::of(&view.table).verb("reports");
    let body = html! {
        @match &view.reports {
            None => (empty("Reports are not shown to you.", &html! { "They hold values of columns that are not shared with you." })),
            Some(page) if page.items.is_empty() => {
                (empty("No reports yet.", &html! { "Engines send one for each scan and commit, unless that is switched off in them." }))
            }
            Some(page) => {
                (grid("Reports", "", &HEADINGS, &html! { @for report in &page.items { (row(chrome, report)) } }))
                (pager(&base, &[], view.after.as_deref(), page.next.as_deref()))
            }
        }
    };
    let framed = Framed {
        table: &view.table,
        tab: Tab::Reports,
        title: None,
        annotate: false,
        error: None,
        editor: None,
    };
    frame(chrome, &framed, &html! {}, &body)
}

fn row(chrome: &Chrome, report: &Report) -> Markup {
    let told = Figures::of(report);
    html! {
        tr role="row" {
            (row_head(&ago(chrome.now, report.at)))
            (cell("What", &html! { (told.what) @if let Some(snapshot) = told.snapshot { span.source { "snapshot " code { (snapshot) } } } }))
            (cell("Who", &html! { (report.principal_name) }))
            (number_cell("Files", &figure(told.files)))
            (number_cell("Rows", &figure(told.rows)))
            (number_cell("Took", &html! { @match told.milliseconds { Some(ms) => { (count(ms)) " ms" }, None => span.none { "not told" } } }))
        }
    }
}

fn figure(number: Option<i64>) -> Markup {
    html! { @match number { Some(number) => (count(number)), None => span.none { "not told" } } }
}
