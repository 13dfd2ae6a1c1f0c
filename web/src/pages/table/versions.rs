//! The schema versions of a table, newest first, each with what it changed.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::catalog::{Origin, SchemaVersion, Table};
use weir_core::page::Page;
use weir_operations::table;

use super::{Framed, Tab, TablePath, as_count, frame};
use crate::Console;
use crate::components::{ago, change_line, empty, pager, plural};
use crate::failure::Reply;
use crate::form::Asked;
use crate::layout::Chrome;
use crate::links::At;
use crate::links::TableAt;
use crate::session::Viewer;

pub(crate) struct VersionsView {
    pub table: Table,
    pub versions: Page<SchemaVersion>,
    pub after: Option<String>,
}

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At(path): At<TablePath>,
    asked: Asked,
) -> Reply {
    let (ident, request) = (path.ident()?, asked.page()?);
    let view = VersionsView {
        table: table::describe(&console.weir, &viewer.caller, &ident).await?,
        versions: table::versions(&console.weir, &viewer.caller, &ident, &request).await?,
        after: request.after().map(str::to_owned),
    };
    Ok(page(&viewer.chrome, &view).into_response())
}

pub(crate) fn page(chrome: &Chrome, view: &VersionsView) -> Markup {
    let base = TableAt::of(&view.table).verb("versions");
    let body = html! {
        @if view.versions.items.is_empty() {
            (empty("No versions.", &html! { "The first crawl or commit makes one." }))
        } @else {
            ol.timeline { @for version in &view.versions.items { (entry(chrome, version)) } }
            (pager(&base, &[], view.after.as_deref(), view.versions.next.as_deref()))
        }
    };
    let framed = Framed {
        table: &view.table,
        tab: Tab::Versions,
        title: None,
        annotate: false,
        error: None,
        editor: None,
    };
    frame(chrome, &framed, &html! {}, &body)
}

fn entry(chrome: &Chrome, version: &SchemaVersion) -> Markup {
    let by = match version.origin {
        Origin::Crawl => "crawler",
        Origin::Engine => "engine",
        Origin::Person => "person",
    };
    html! {
        li id={ "v-" (version.number) } {
            h2 { "Version " (version.number) }
            p.muted {
                (by) " " (version.made_by) ", " (ago(chrome.now, version.created_at)) " · "
                (plural(as_count(version.schema.fields.len()), "top-level column", "top-level columns"))
            }
            @if version.changes.is_empty() { p.muted { "Nothing to compare it with." } } @else {
                ul.changes {
                    @for change in &version.changes {
                        li {
                            (change_line(&change.line))
                            @if !change.safe { " " span.tag.warn { "breaks readers" } }
                        }
                    }
                }
            }
        }
    }
}
