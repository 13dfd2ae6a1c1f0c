//! Who has access to a table, and through which grant; where the viewer may, what engines hold, and a form to grant more.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::catalog::Table;
use weir_core::grant::{ColumnSet, Grant};
use weir_core::id::FieldId;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::PrincipalKind;
use weir_core::resource::ResourceKind;
use weir_operations::delivery::LiveCredential;
use weir_operations::{delivery, grant, table};

use super::columns::directory;
use super::grant_form::{self, GrantDraft};
use super::{Framed, Tab, TablePath, frame};
use crate::Console;
use crate::components::{
    Heading, ago, cell, empty, error_summary, exact_time, grid, pager, row_head,
};
use crate::failure::Reply;
use crate::form::{Asked, FieldError};
use crate::layout::Chrome;
use crate::links::At;
use crate::links::{self, TableAt};
use crate::pages::{credentials, if_permitted};
use crate::session::Viewer;

pub(crate) struct AccessView {
    pub table: Table,
    /// All that reach the table for who manages grants, the viewer's own for everybody else.
    pub grants: Vec<Grant>,
    pub manage: bool,
    pub draft: GrantDraft,
    pub error: Option<FieldError>,
    /// Names to suggest, for those who may read the directory.
    pub people: Vec<String>,
    /// What engines hold now to reach the table's files with, for who manages grants.
    pub reaching: Option<Page<LiveCredential>>,
    pub after: Option<String>,
}

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At(path): At<TablePath>,
    asked: Asked,
) -> Reply {
    let view = load(&console, &viewer, &path, &asked.page()?).await?;
    Ok(page(&viewer.chrome, &view).into_response())
}

pub(super) async fn load(
    console: &Console,
    viewer: &Viewer,
    path: &TablePath,
    request: &PageRequest,
) -> weir_core::Result<AccessView> {
    let ident = path.ident()?;
    let table = table::describe(&console.weir, &viewer.caller, &ident).await?;
    let manage = table::capabilities(&console.weir, &viewer.caller, &ident)
        .await?
        .manage_grants;
    let grants = grant::on_table(&console.weir, &viewer.caller, &ident).await?;
    let (people, reaching) = if manage {
        let live = delivery::reaching(&console.weir, &viewer.caller, &ident, request).await;
        (directory(console, viewer).await?, if_permitted(live)?)
    } else {
        (Vec::new(), None)
    };
    Ok(AccessView {
        table,
        grants,
        manage,
        draft: GrantDraft::default(),
        error: None,
        people,
        reaching,
        after: request.after().map(str::to_owned),
    })
}

const HEADINGS: [Heading; 7] = [
    Heading::Text("Who"),
    Heading::Text("May"),
    Heading::Text("Columns"),
    Heading::Text("From"),
    Heading::Text("Until"),
    Heading::Text("Granted by"),
    Heading::Actions,
];

pub(crate) fn page(chrome: &Chrome, view: &AccessView) -> Markup {
    let at = TableAt::of(&view.table);
    let error = view.error.as_ref();
    let body = html! {
        @if view.grants.is_empty() {
            (empty("No grants to show.", &html! { "No grant, no access: what you see here you see by a role of the server." }))
        } @else {
            p.muted {
                "Grants on this table and on what it lies in. What somebody may do is the sum of them. "
                @if !view.manage { "You see your own; those who manage grants see everybody's." }
            }
            (grid("Grants", "grants", &HEADINGS, &html! { @for grant in &view.grants { (row(chrome, view, &at, grant)) } }))
        }
        @if let Some(live) = &view.reaching { (reaching(&at, live, view.after.as_deref())) }
        @if view.manage { (grant_form::form(&at, view)) } @else { p.muted { "Only those with MANAGE_GRANTS, or a grant that may be passed on, can grant more." } }
    };
    let framed = Framed {
        table: &view.table,
        tab: Tab::Access,
        title: None,
        annotate: false,
        error,
        editor: None,
    };
    frame(chrome, &framed, &error_summary(error), &body)
}

const REACHING: [Heading; 4] = [
    Heading::Text("Who"),
    Heading::Text("May"),
    Heading::Text("Made by"),
    Heading::Text("Until"),
];

fn reaching(at: &TableAt, live: &Page<LiveCredential>, after: Option<&str>) -> Markup {
    let rows = html! {
        @for one in &live.items {
            tr role="row" {
                (row_head(&html! { (one.principal) }))
                (cell("May", &html! { (credentials::access(one)) }))
                (cell("Made by", &credentials::made_by(one)))
                (cell("Until", &exact_time(one.expires_at)))
            }
        }
    };
    html! {
        h2 { "Credentials that reach it now" }
        @if live.items.is_empty() && after.is_none() {
            p.muted { "No engine holds one." }
        } @else {
            (grid("Credentials that reach the table", "", &REACHING, &rows))
            (pager(&at.verb("access"), &[], after, live.next.as_deref()))
        }
    }
}

fn row(chrome: &Chrome, view: &AccessView, at: &TableAt, grant: &Grant) -> Markup {
    let fact = &grant.fact;
    let direct = fact.resource.kind == ResourceKind::Table;
    html! {
        tr role="row" id={ "g-" (fact.id) } {
            (row_head(&html! { (grant.principal_name) " " span.tag { (kind(grant.principal_kind)) } }))
            (cell("May", &privileges(grant)))
            (cell("Columns", &columns(&view.table, &fact.columns)))
            (cell("From", &origin(grant)))
            (cell("Until", &until(chrome, grant)))
            (cell("Granted by", &html! {
                (grant.created_by) ", " (ago(chrome.now, grant.created_at))
                @if let Some(reason) = &grant.reason { span.source { (reason) } }
            }))
            (cell("", &html! {
                @if view.manage && direct {
                    a.edit href=(at.verb(&format!("grants/{}/revoke", fact.id))) { "Revoke" span.vh { " from " (grant.principal_name) } }
                }
            }))
        }
    }
}

pub(super) fn kind(kind: PrincipalKind) -> &'static str {
    kind.as_str()
}

pub(super) fn privileges(grant: &Grant) -> Markup {
    html! {
        span.words { @for privilege in grant.fact.privileges.iter() { code { (privilege) } " " } }
        @if grant.fact.grantable { span.tag { "may pass it on" } }
    }
}

/// The columns of a grant by name. Those that the viewer does not see are counted and not named.
pub(super) fn columns(table: &Table, set: &ColumnSet) -> Markup {
    let (lead, ids) = match set {
        ColumnSet::All => return html! { "All" },
        ColumnSet::Only(ids) => ("Only ", ids),
        ColumnSet::AllBut(ids) => ("All but ", ids),
    };
    let path = |id: &FieldId| {
        table
            .columns
            .iter()
            .find(|column| column.id == *id)
            .map(|column| column.path.as_str())
    };
    let known: Vec<&str> = ids.iter().filter_map(path).collect();
    let others = ids.len() - known.len();
    html! {
        (lead)
        @for (index, path) in known.iter().enumerate() { @if index > 0 { ", " } code { (path) } }
        @if others > 0 { @if !known.is_empty() { " and " } (others) " that are gone or hidden" }
    }
}

/// Where a grant lies: on the table itself or on something around it.
pub(super) fn origin(grant: &Grant) -> Markup {
    let kind = grant.fact.resource.kind;
    html! {
        @match (kind, links::object(kind.as_str(), &grant.resource_name)) {
            (ResourceKind::Table, _) => "this table",
            (ResourceKind::Server, _) => "the whole server",
            (_, Some(href)) => { (kind) " " a href=(href) { code { (grant.resource_name) } } }
            (_, None) => { (kind) " " code { (grant.resource_name) } }
        }
    }
}

pub(super) fn until(chrome: &Chrome, grant: &Grant) -> Markup {
    let fact = &grant.fact;
    html! {
        @if let Some(from) = fact.valid_from.filter(|from| *from > chrome.now) { "from " (exact_time(from)) br; }
        @match fact.valid_until {
            None => "no end",
            Some(until) if until <= chrome.now => { span.tag.warn { "ended" } " " (exact_time(until)) }
            Some(until) => (exact_time(until)),
        }
    }
}
