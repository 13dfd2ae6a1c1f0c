//! Saving what people say about a table or a column. A stale form loses nothing: see the conflict page.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use weir_core::id::FieldId;
use weir_core::{Error, ErrorKind, Result};
use weir_operations::{column, table};

use super::TablePath;
use super::columns::{self, Editing};
use super::conflict::{self, ConflictView, Subject};
use super::draft::{COLUMN, COLUMN_SHAPE, Draft, TABLE, TABLE_SHAPE};
use crate::Console;
use crate::failure::Reply;
use crate::form::{FieldError, Submission};
use crate::layout::Done;
use crate::links;
use crate::links::At;
use crate::redirect::see_other;
use crate::session::Viewer;

/// The id at the end of a column's path.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ColumnPath {
    field_id: String,
}

impl ColumnPath {
    fn id(&self) -> Result<FieldId> {
        let id = self.field_id.parse().map(FieldId);
        id.map_err(|_| Error::not_found("A column is named by its number."))
    }
}

pub(crate) async fn save_table(
    State(console): State<Console>,
    At(path): At<TablePath>,
    sent: Submission,
) -> Reply {
    let ident = path.ident()?;
    let draft = Draft::read(&sent.fields(&TABLE_SHAPE)?, TABLE)?;
    if !draft.touched() {
        return Ok(back(&path, Done::Unchanged, ""));
    }
    match table::annotate(&console.weir, &sent.viewer.caller, &ident, &draft.edit()).await {
        Ok(_) => Ok(back(&path, Done::Saved, "")),
        Err(error) => refused(&console, &sent.viewer, &path, Editing::Table(draft), error).await,
    }
}

pub(crate) async fn save_column(
    State(console): State<Console>,
    At(path): At<TablePath>,
    At(column): At<ColumnPath>,
    sent: Submission,
) -> Reply {
    let ident = path.ident()?;
    let (id, viewer) = (column.id()?, &sent.viewer);
    let draft = Draft::read(&sent.fields(&COLUMN_SHAPE)?, COLUMN)?;
    let anchor = format!("#c-{id}");
    if !draft.touched() {
        return Ok(back(&path, Done::Unchanged, &anchor));
    }
    let edit = draft.edit();
    match column::annotate(&console.weir, &viewer.caller, &ident, id, &edit).await {
        Ok(_) => Ok(back(&path, Done::Saved, &anchor)),
        Err(error) => refused(&console, viewer, &path, Editing::Column(id, draft), error).await,
    }
}

/// An address that only takes a form leads whoever follows it to the page with the form.
pub(crate) async fn to_table(At(path): At<TablePath>) -> Reply {
    path.ident()?;
    Ok(see_other(&path.at().href()))
}

fn back(path: &TablePath, done: Done, anchor: &str) -> axum::response::Response {
    let to = links::query(&path.at().href(), &[("done", done.as_str())]);
    see_other(&format!("{to}{anchor}"))
}

/// A stale form gets both texts side by side. Any other refusal that concerns what was typed brings it back as it was.
async fn refused(
    console: &Console,
    viewer: &Viewer,
    path: &TablePath,
    editing: Editing,
    error: Error,
) -> Reply {
    let (status, at_field) = match error.kind() {
        ErrorKind::Conflict => (StatusCode::CONFLICT, None),
        ErrorKind::Denied | ErrorKind::NotFound => (
            StatusCode::FORBIDDEN,
            Some(FieldError::new("definition", error.public_message())),
        ),
        _ => match FieldError::of(&error, editing.field_names()) {
            Some(at_field) => (StatusCode::UNPROCESSABLE_ENTITY, Some(at_field)),
            None => return Err(error.into()),
        },
    };
    let mut view = columns::load(console, viewer, path).await?;
    let subject = Subject::of(&editing, &view.table);
    let (Some(at_field), false) = (at_field, matches!(subject, Subject::Gone)) else {
        let view = ConflictView {
            subject,
            at: path.at(),
            draft: editing.into_draft(),
        };
        return Ok((StatusCode::CONFLICT, conflict::page(&viewer.chrome, &view)).into_response());
    };
    if let Editing::Table(_) = editing {
        view.people = columns::directory(console, viewer).await?;
    }
    view.editing = Some(editing);
    view.error = Some(at_field);
    Ok((status, columns::page(&viewer.chrome, &view)).into_response())
}

impl Editing {
    fn into_draft(self) -> Draft {
        match self {
            Self::Table(draft) | Self::Column(_, draft) => draft,
        }
    }

    fn field_names(&self) -> &'static [&'static str] {
        match self {
            Self::Table(_) => &["owner", "steward", "definition", "sensitivity"],
            Self::Column(..) => &["definition", "sensitivity"],
        }
    }
}
