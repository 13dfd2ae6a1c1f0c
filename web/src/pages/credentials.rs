//! What engines hold now to reach files with: whose it is, for which table, until when. Never a credential itself.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::page::Page;
use weir_operations::delivery::{self, LiveCredential};

use crate::components::{Heading, cell, empty, exact_time, grid, pager, row_head};
use crate::failure::Reply;
use crate::form::Asked;
use crate::layout::{Chrome, Head, Section, document};
use crate::session::Viewer;
use crate::{Console, links};

pub(crate) struct CredentialsView {
    pub live: Page<LiveCredential>,
    pub after: Option<String>,
}

pub(crate) async fn show(State(console): State<Console>, viewer: Viewer, asked: Asked) -> Reply {
    let request = asked.page()?;
    let view = CredentialsView {
        live: delivery::live(&console.weir, &viewer.caller, &request).await?,
        after: request.after().map(str::to_owned),
    };
    Ok(page(&viewer.chrome, &view).into_response())
}

const HEADINGS: [Heading; 6] = [
    Heading::Text("Who"),
    Heading::Text("Table"),
    Heading::Text("May"),
    Heading::Text("Made by"),
    Heading::Text("Since"),
    Heading::Text("Until"),
];

pub(crate) fn page(chrome: &Chrome, view: &CredentialsView) -> Markup {
    let rows = html! { @for one in &view.live.items { (row(one)) } };
    let body = html! {
        h1 { "Credentials" }
        p.muted { "What engines hold now to reach files with. Each is for the files of one table, and so for all of its columns." }
        @if view.live.items.is_empty() {
            (empty("No credential is live.", &html! { "An engine gets one when it loads a table that it may read as a whole, and it lasts an hour, or as long as the configuration says." }))
        } @else {
            (grid("Credentials", "credentials", &HEADINGS, &rows))
            (pager("/credentials", &[], view.after.as_deref(), view.live.next.as_deref()))
        }
    };
    document(
        chrome,
        &Head {
            title: "Credentials",
            section: Some(Section::Credentials),
            ..Head::default()
        },
        &body,
    )
}

fn row(one: &LiveCredential) -> Markup {
    html! {
        tr role="row" {
            (row_head(&html! { (one.principal) }))
            (cell("Table", &table(one)))
            (cell("May", &html! { (access(one)) }))
            (cell("Made by", &made_by(one)))
            (cell("Since", &exact_time(one.issued_at)))
            (cell("Until", &exact_time(one.expires_at)))
        }
    }
}

fn table(one: &LiveCredential) -> Markup {
    html! {
        @match links::object("table", &one.table_name) {
            Some(href) => a href=(href) { code { (one.table_name) } },
            None => code { (one.table_name) },
        }
        @if one.table_id.is_none() { " " span.tag { "staged" } }
    }
}

/// A word that is none of ours is shown as it is.
pub(super) fn access(one: &LiveCredential) -> &str {
    match one.access.as_str() {
        "read" => "read files",
        "add" => "read and add files",
        "change" => "read, add, change and delete files",
        other => other,
    }
}

/// Who made it, and with it whether anybody can end it before its time.
pub(super) fn made_by(one: &LiveCredential) -> Markup {
    html! {
        @match one.delivery.as_str() {
            "store" => { "the store" span.source { "nobody can take it back" } }
            "gateway" => { "the gateway" span.source { "ends with the grant" } }
            other => (other),
        }
    }
}
