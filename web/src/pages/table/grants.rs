//! Granting and revoking on a table.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use maud::{Markup, html};
use serde::Deserialize;
use weir_core::catalog::Table;
use weir_core::grant::Grant;
use weir_core::id::GrantId;
use weir_core::page::PageRequest;
use weir_core::{Error, ErrorKind, Result};
use weir_operations::grant::GrantTarget;
use weir_operations::{grant, table};

use super::access::{self, columns, kind, origin, privileges, until};
use super::grant_form::{FIELDS, GrantDraft, SHAPE};
use super::outliving::{self, OutlivingView};
use super::{Framed, Tab, TablePath, frame};
use crate::Console;
use crate::components::fact;
use crate::failure::Reply;
use crate::form::{FieldError, Shape, Submission};
use crate::layout::{Chrome, Done};
use crate::links::At;
use crate::links::{self, TableAt};
use crate::pages::unknown;
use crate::redirect::see_other;
use crate::session::Viewer;

/// The id in a grant's path.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GrantPath {
    grant_id: String,
}

impl GrantPath {
    fn id(&self) -> Result<GrantId> {
        self.grant_id.parse().map_err(unknown)
    }
}

pub(crate) async fn create(
    State(console): State<Console>,
    At(path): At<TablePath>,
    sent: Submission,
) -> Reply {
    let ident = path.ident()?;
    let draft = GrantDraft::read(&sent.fields(&SHAPE)?);
    let made = match draft.request() {
        Ok(request) => grant::create(
            &console.weir,
            &sent.viewer.caller,
            &GrantTarget::Table(ident),
            request,
        )
        .await
        .map(|_| ()),
        Err(error) => Err(error),
    };
    match made {
        Ok(()) => Ok(to_access(&path, Done::Granted)),
        Err(error) => refused(&console, &sent.viewer, &path, draft, error).await,
    }
}

/// What can be mended, by another grant if need be, comes back beside its field with everything that was typed.
async fn refused(
    console: &Console,
    viewer: &Viewer,
    path: &TablePath,
    draft: GrantDraft,
    error: Error,
) -> Reply {
    let (status, at_field) = match error.kind() {
        ErrorKind::Denied => (
            StatusCode::FORBIDDEN,
            Some(FieldError::new("privileges", error.public_message())),
        ),
        ErrorKind::AlreadyExists => (
            StatusCode::CONFLICT,
            Some(FieldError::new("principal", error.public_message())),
        ),
        _ => (
            StatusCode::UNPROCESSABLE_ENTITY,
            FieldError::of(&error, FIELDS),
        ),
    };
    let Some(at_field) = at_field else {
        return Err(error.into());
    };
    let mut view = access::load(console, viewer, path, &PageRequest::new(None, None)?).await?;
    view.draft = draft;
    view.error = Some(at_field);
    Ok((status, access::page(&viewer.chrome, &view)).into_response())
}

pub(crate) async fn confirm(
    State(console): State<Console>,
    viewer: Viewer,
    At(path): At<TablePath>,
    At(grant): At<GrantPath>,
) -> Reply {
    let (ident, id) = (path.ident()?, grant.id()?);
    let table = table::describe(&console.weir, &viewer.caller, &ident).await?;
    let grant = grant::get(&console.weir, &viewer.caller, id).await?;
    on(&table, &grant)?;
    Ok(confirm_page(&viewer.chrome, &RevokeView { table, grant }).into_response())
}

/// Answers with a page, and not with the way to one, when the grant is outlived: only this answer knows by what.
pub(crate) async fn revoke(
    State(console): State<Console>,
    At(path): At<TablePath>,
    At(grant): At<GrantPath>,
    sent: Submission,
) -> Reply {
    path.ident()?;
    sent.fields(&Shape::BUTTON)?;
    let outliving = grant::revoke(&console.weir, &sent.viewer.caller, grant.id()?).await?;
    if outliving.credentials.is_empty() {
        return Ok(to_access(&path, Done::Revoked));
    }
    let view = OutlivingView {
        at: path.at(),
        outliving,
    };
    Ok(outliving::page(&sent.viewer.chrome, &view).into_response())
}

/// An address that only takes a form leads whoever follows it to the page with the form.
pub(crate) async fn to_form(At(path): At<TablePath>) -> Reply {
    path.ident()?;
    Ok(see_other(&path.at().verb("access")))
}

fn on(table: &Table, grant: &Grant) -> Result<()> {
    if grant.fact.resource.id == table.summary.id.as_uuid() {
        Ok(())
    } else {
        Err(Error::not_found("The grant is on something else."))
    }
}

fn to_access(path: &TablePath, done: Done) -> axum::response::Response {
    see_other(&links::query(
        &path.at().verb("access"),
        &[("done", done.as_str())],
    ))
}

pub(crate) struct RevokeView {
    pub table: Table,
    pub grant: Grant,
}

pub(crate) fn confirm_page(chrome: &Chrome, view: &RevokeView) -> Markup {
    let (grant, at) = (&view.grant, TableAt::of(&view.table));
    let body = html! {
        div.panel.stack {
            h2 { "Revoke this grant from " (grant.principal_name) "?" }
            dl.facts {
                (fact("Who", &html! { (grant.principal_name) " " span.tag { (kind(grant.principal_kind)) } }))
                (fact("May", &privileges(grant)))
                (fact("Columns", &columns(&view.table, &grant.fact.columns)))
                (fact("On", &origin(grant)))
                (fact("Until", &until(chrome, grant)))
            }
            p { "It ends with the next request of every engine. Access by other grants stays." }
            form.actions method="post" action=(at.verb(&format!("grants/{}/revoke", grant.fact.id))) {
                button.danger { "Revoke from " (grant.principal_name) }
                a.button href=(at.verb("access")) data-cancel { "Keep it" }
            }
        }
    };
    let framed = Framed {
        table: &view.table,
        tab: Tab::Access,
        title: Some("Revoke a grant"),
        annotate: false,
        error: None,
        editor: None,
    };
    frame(chrome, &framed, &html! {}, &body)
}
