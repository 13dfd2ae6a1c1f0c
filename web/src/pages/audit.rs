//! Who did what, and who was refused what.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use maud::{Markup, html};
use weir_core::audit::{AuditEvent, AuditFilter, Outcome};
use weir_core::page::Page;
use weir_core::{Error, Result};
use weir_operations::audit;

use crate::components::{
    Choice, Heading, Input, cell, empty, error_summary, exact_time, grid, outcome, pager, row_head,
    select, text_input,
};
use crate::failure::Reply;
use crate::form::{Asked, FieldError};
use crate::layout::{Chrome, Head, Section, document};
use crate::session::Viewer;
use crate::{Console, links};

const FIELDS: [&str; 6] = ["principal", "action", "object", "outcome", "from", "until"];

#[derive(Debug, Default)]
pub(crate) struct AuditView {
    /// The filter as it was typed, in the order of the form.
    pub typed: Vec<(&'static str, String)>,
    pub after: Option<String>,
    /// Absent when the filter cannot be read.
    pub events: Option<Page<AuditEvent>>,
    pub error: Option<FieldError>,
}

pub(crate) async fn show(State(console): State<Console>, viewer: Viewer, asked: Asked) -> Reply {
    let request = asked.page()?;
    let mut view = AuditView {
        typed: FIELDS
            .iter()
            .map(|name| (*name, asked.text(name).unwrap_or_default().to_owned()))
            .collect(),
        after: request.after().map(str::to_owned),
        ..AuditView::default()
    };
    match filter(&asked) {
        Ok(filter) => {
            view.events = Some(audit::list(&console.weir, &viewer.caller, &filter, &request).await?)
        }
        Err(error) => view.error = FieldError::of(&error, &FIELDS),
    }
    let status = if view.error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    Ok((status, page(&viewer.chrome, &view)).into_response())
}

/// Errors: an outcome that is none, a day that is none.
fn filter(asked: &Asked) -> Result<AuditFilter> {
    let text = |name| asked.text(name).map(str::to_owned);
    let day = |name: &str| {
        let parse = |text| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map_err(|_| Error::invalid(name, "Write a day as 2026-11-23."))
        };
        asked
            .text(name)
            .map(parse)
            .transpose()
            .map(|day| day.map(|day| day.and_time(NaiveTime::MIN).and_utc()))
    };
    Ok(AuditFilter {
        principal: text("principal"),
        action: text("action"),
        object: text("object"),
        outcome: asked.text("outcome").map(Outcome::parse).transpose()?,
        from: day("from")?,
        until: day("until")?.and_then(|day| day.checked_add_signed(TimeDelta::days(1))),
    })
}

pub(crate) fn page(chrome: &Chrome, view: &AuditView) -> Markup {
    let error = view.error.as_ref();
    let typed: Vec<(&str, &str)> = view
        .typed
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let body = html! {
        (error_summary(error))
        h1 { "Audit" }
        (filter_form(&typed, error))
        @if let Some(events) = &view.events {
            @if events.items.is_empty() {
                (empty("Nothing matches.", &html! { "Widen the filter, or " a href="/audit" { "show everything" } "." }))
            } @else {
                (grid("Audit events", "audit", &[Heading::Text("When"), Heading::Text("Who"), Heading::Text("Did"), Heading::Text("To"), Heading::Text("Outcome"), Heading::Text("Details")], &html! { @for event in &events.items { (row(event)) } }))
                (pager("/audit", &typed, view.after.as_deref(), events.next.as_deref()))
            }
        }
    };
    document(
        chrome,
        &Head {
            title: "Audit",
            section: Some(Section::Audit),
            error: error.is_some(),
            refresh: false,
        },
        &body,
    )
}

fn filter_form(typed: &[(&str, &str)], error: Option<&FieldError>) -> Markup {
    let value = |name: &str| {
        typed
            .iter()
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| *value)
    };
    let text = |name, label| text_input(&Input::text(name, label, value(name)), error);
    let day = |name, label| {
        text_input(
            &Input {
                kind: "date",
                ..Input::text(name, label, value(name))
            },
            error,
        )
    };
    let outcomes = [
        Choice {
            value: "",
            text: "Any",
        },
        Choice {
            value: "ok",
            text: "OK",
        },
        Choice {
            value: "denied",
            text: "Denied",
        },
    ];
    html! {
        form.filter method="get" action="/audit" {
            (text("principal", "Who"))
            (text("action", "Action"))
            (text("object", "Object contains"))
            (select("outcome", "Outcome", value("outcome"), &outcomes, None, error))
            (day("from", "From (UTC)"))
            (day("until", "Until (UTC)"))
            div.actions { button { "Filter" } @if typed.iter().any(|(_, value)| !value.is_empty()) { a.button href="/audit" { "Clear" } } }
        }
    }
}

fn row(event: &AuditEvent) -> Markup {
    html! {
        tr role="row" id={ "e-" (event.id) } {
            (row_head(&exact_time(event.at)))
            (cell("Who", &html! {
                a href=(links::query("/audit", &[("principal", &event.principal_name)])) { (event.principal_name) }
                @if event.principal.is_none() { " " span.tag.warn { "not identified" } }
            }))
            (cell("Did", &html! { code { (event.action) } }))
            (cell("To", &html! {
                (event.object_kind) " "
                @match links::object(&event.object_kind, &event.object_name) {
                    Some(href) => a href=(href) { code { (event.object_name) } },
                    None => code { (event.object_name) },
                }
            }))
            (cell("Outcome", &outcome(event.outcome)))
            (cell("Details", &details(event)))
        }
    }
}

fn details(event: &AuditEvent) -> Markup {
    html! {
        details {
            summary { "via " (event.face) }
            dl.small {
                div { dt { "Request" } dd { code { (event.request_id) } } }
                @if !event.determined_by.is_empty() {
                    div { dt { "By grant" } dd { @for grant in &event.determined_by { code { (grant) } " " } } }
                }
                @if !event.detail.is_null() { div { dt { "Change" } dd { pre { (format!("{:#}", event.detail)) } } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_its_last_day() {
        let filter = filter(&Asked::of(&[
            ("outcome", "denied"),
            ("until", "2026-11-23"),
            ("action", " "),
        ]))
        .unwrap();
        assert_eq!(filter.outcome, Some(Outcome::Denied));
        assert_eq!(
            filter.until.unwrap().to_rfc3339(),
            "2026-11-24T00:00:00+00:00"
        );
        assert_eq!(filter.action, None);
    }

    #[test]
    fn a_filter_that_cannot_be_read_names_its_field() {
        for (name, value) in [
            ("outcome", "maybe"),
            ("from", "yesterday"),
            ("until", "2026-02-31"),
        ] {
            assert_eq!(
                filter(&Asked::of(&[(name, value)])).unwrap_err().field(),
                Some(name)
            );
        }
    }
}
