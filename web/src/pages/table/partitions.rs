//! The partitions of a table.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::catalog::{Partition, Table};
use weir_core::page::Page;
use weir_operations::table;

use super::{Framed, Tab, TablePath, frame};
use crate::Console;
use crate::components::{
    Heading, ago, bytes, cell, compact, count, empty, grid, number_cell, pager, row_head,
};
use crate::failure::Reply;
use crate::form::Asked;
use crate::layout::Chrome;
use crate::links::At;
use crate::links::TableAt;
use crate::pages::if_permitted;
use crate::session::Viewer;

pub(crate) struct PartitionsView {
    pub table: Table,
    /// Absent when the keys would show values of columns that the viewer may not see.
    pub partitions: Option<Page<Partition>>,
    pub after: Option<String>,
}

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At(path): At<TablePath>,
    asked: Asked,
) -> Reply {
    let (ident, request) = (path.ident()?, asked.page()?);
    let view = PartitionsView {
        table: table::describe(&console.weir, &viewer.caller, &ident).await?,
        partitions: if_permitted(
            table::partitions(&console.weir, &viewer.caller, &ident, &request).await,
        )?,
        after: request.after().map(str::to_owned),
    };
    Ok(page(&viewer.chrome, &view).into_response())
}

const HEADINGS: [Heading; 6] = [
    Heading::Text("Partition"),
    Heading::Number("Rows"),
    Heading::Number("Files"),
    Heading::Number("Size"),
    Heading::Text("First seen"),
    Heading::Text("Changed"),
];

pub(crate) fn page(chrome: &Chrome, view: &PartitionsView) -> Markup {
    let base = TableAt::of(&view.table).verb("partitions");
    let body = html! {
        @match &view.partitions {
            None => (empty("Partitions are not shown to you.", &html! { "Their names hold values of columns that are not shared with you." })),
            Some(page) if page.items.is_empty() => {
                (empty("Not partitioned.", &html! { "Folders named " code { "key=value" } " become partitions when a crawler finds them." }))
            }
            Some(page) => {
                (grid("Partitions", "", &HEADINGS, &html! { @for partition in &page.items { (row(chrome, partition)) } }))
                (pager(&base, &[], view.after.as_deref(), page.next.as_deref()))
            }
        }
    };
    let framed = Framed {
        table: &view.table,
        tab: Tab::Partitions,
        title: None,
        annotate: false,
        error: None,
        editor: None,
    };
    frame(chrome, &framed, &html! {}, &body)
}

fn row(chrome: &Chrome, partition: &Partition) -> Markup {
    html! {
        tr role="row" {
            (row_head(&html! { code { (partition.key) } }))
            (number_cell("Rows", &html! { @match partition.rows { Some(rows) => (compact(rows)), None => span.none { "not counted" } } }))
            (number_cell("Files", &html! { (count(partition.files)) }))
            (number_cell("Size", &bytes(partition.bytes)))
            (cell("First seen", &ago(chrome.now, partition.first_seen_at)))
            (cell("Changed", &ago(chrome.now, partition.changed_at)))
        }
    }
}
