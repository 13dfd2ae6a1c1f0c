//! The columns of a table, and its own words: read, and edited in place.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::annotation::Attribute;
use weir_core::catalog::Table;
use weir_core::id::FieldId;
use weir_core::page::PageRequest;
use weir_operations::{principal, table};

use super::draft::{self, Draft};
use super::{Framed, Tab, TablePath, column_row, frame};
use crate::Console;
use crate::components::{Heading, empty, error_summary, grid, people};
use crate::failure::Reply;
use crate::form::{Asked, FieldError};
use crate::layout::Chrome;
use crate::links::At;
use crate::links::TableAt;
use crate::session::Viewer;

pub(crate) struct ColumnsView {
    pub table: Table,
    pub annotate: bool,
    pub editing: Option<Editing>,
    pub error: Option<FieldError>,
    /// Names to suggest as owner or steward, for those who may read the directory.
    pub people: Vec<String>,
}

/// What is open for editing, and what stands in its form.
#[derive(Debug, Clone)]
pub(crate) enum Editing {
    Table(Draft),
    Column(FieldId, Draft),
}

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At(path): At<TablePath>,
    asked: Asked,
) -> Reply {
    let mut view = load(&console, &viewer, &path).await?;
    view.editing = asked
        .text("edit")
        .filter(|_| view.annotate)
        .and_then(|what| open(&view.table, what));
    if let Some(Editing::Table(_)) = view.editing {
        view.people = directory(&console, &viewer).await?;
    }
    Ok(page(&viewer.chrome, &view).into_response())
}

/// The page as it is when nothing is being edited.
pub(super) async fn load(
    console: &Console,
    viewer: &Viewer,
    path: &TablePath,
) -> weir_core::Result<ColumnsView> {
    let ident = path.ident()?;
    Ok(ColumnsView {
        table: table::describe(&console.weir, &viewer.caller, &ident).await?,
        annotate: table::capabilities(&console.weir, &viewer.caller, &ident)
            .await?
            .annotate,
        editing: None,
        error: None,
        people: Vec::new(),
    })
}

/// `table`, or a column's id; anything else opens nothing.
fn open(table: &Table, what: &str) -> Option<Editing> {
    if what == "table" {
        return Some(Editing::Table(Draft::open(
            &table.summary.annotations,
            draft::TABLE,
        )));
    }
    let id = FieldId(what.parse().ok()?);
    let column = table.columns.iter().find(|column| column.id == id)?;
    Some(Editing::Column(
        id,
        Draft::open(&column.annotations, draft::COLUMN),
    ))
}

/// Names from the directory to suggest; none for who may not read it.
pub(super) async fn directory(
    console: &Console,
    viewer: &Viewer,
) -> weir_core::Result<Vec<String>> {
    if !principal::may_list(&console.weir, &viewer.caller).await? {
        return Ok(Vec::new());
    }
    let principals =
        principal::list(&console.weir, &viewer.caller, &PageRequest::first(200)).await?;
    Ok(principals
        .items
        .into_iter()
        .filter(|it| !it.disabled)
        .map(|it| it.name)
        .collect())
}

const HEADINGS: [Heading; 5] = [
    Heading::Text("Column"),
    Heading::Text("Type"),
    Heading::Text("Sensitivity"),
    Heading::Text("Business definition"),
    Heading::Actions,
];

pub(crate) fn page(chrome: &Chrome, view: &ColumnsView) -> Markup {
    let at = TableAt::of(&view.table);
    let error = view.error.as_ref();
    let editor = match &view.editing {
        Some(Editing::Table(draft)) => Some(table_form(&at, draft, view)),
        _ => None,
    };
    let rows = html! { @for column in &view.table.columns { (column_row::row(chrome, view, &at, column)) } };
    let body = html! {
        @if let Some(Editing::Column(id, draft)) = &view.editing {
            form #edit method="post" action=(at.verb(&format!("columns/{id}"))) { (draft.hidden()) }
        }
        @if view.table.columns.is_empty() {
            (empty("No columns that you can see.", &html! { "Nothing has written a schema yet, or no column is shared with you." }))
        } @else { (grid("Columns", "columns", headings(view), &rows)) }
    };
    let framed = Framed {
        table: &view.table,
        tab: Tab::Columns,
        title: None,
        annotate: view.annotate,
        error,
        editor,
    };
    frame(chrome, &framed, &error_summary(error), &body)
}

/// Without somebody who may edit there is no column of actions.
fn headings(view: &ColumnsView) -> &'static [Heading] {
    if view.annotate {
        &HEADINGS
    } else {
        HEADINGS.split_last().map_or(&[], |(_, rest)| rest)
    }
}

fn table_form(at: &TableAt, draft: &Draft, view: &ColumnsView) -> Markup {
    let error = view.error.as_ref();
    html! {
        form #edit-table .panel.stack method="post" action=(at.verb("annotate")) {
            h2 { "Edit " code { (at.name) } }
            (draft.hidden())
            (people("people", &view.people))
            div.pair { (draft.control(Attribute::Owner, None, error)) (draft.control(Attribute::Steward, None, error)) }
            (draft.control(Attribute::Sensitivity, None, error))
            (draft.control(Attribute::Definition, None, error))
            div.actions { button.primary { "Save" } a.button href=(at.href()) data-cancel { "Cancel" } }
        }
    }
}
