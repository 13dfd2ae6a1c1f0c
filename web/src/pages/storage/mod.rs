//! The storage locations: where the lake lies, and what engines reach it with.

pub(crate) mod credential_form;
pub(crate) mod location;
pub(crate) mod location_form;
pub(crate) mod new;

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::Result;
use weir_core::delivery::{self, Access, Delivery, delivery};
use weir_core::location::{Location, Scheme};
use weir_core::page::Page;
use weir_core::storage::{Place, StorageLocation};

use weir_operations::delivery::tally::Counts;

use crate::components::{Heading, bytes, cell, count, empty, grid, pager, plural, row_head, zone};
use crate::failure::Reply;
use crate::form::Asked;
use crate::layout::{Chrome, Head, Section, document};
use crate::session::Viewer;
use crate::{Console, links};

pub(crate) struct StorageView {
    pub locations: Page<StorageLocation>,
    pub after: Option<String>,
    /// Where engines find the gateway, where there is one.
    pub gateway: Option<String>,
    /// What the gateway of this server did since it started.
    pub counts: Option<Counts>,
    /// May the viewer add locations?
    pub may_register: bool,
}

pub(crate) async fn show(State(console): State<Console>, viewer: Viewer, asked: Asked) -> Reply {
    let request = asked.page()?;
    let weir = &console.weir;
    let view = StorageView {
        locations: weir_operations::location::list(weir, &viewer.caller, &request).await?,
        after: request.after().map(str::to_owned),
        gateway: weir.gateway_endpoint().map(str::to_owned),
        counts: weir.gateway_tally().map(|tally| tally.counts()),
        may_register: weir_operations::location::may_register(weir, &viewer.caller).await?,
    };
    Ok(page(&viewer.chrome, &view)?.into_response())
}

const HEADINGS: [Heading; 5] = [
    Heading::Text("Location"),
    Heading::Text("URL"),
    Heading::Text("Zone"),
    Heading::Text("Reached by"),
    Heading::Text("Credential"),
];

pub(crate) fn page(chrome: &Chrome, view: &StorageView) -> Result<Markup> {
    let has_gateway = view.gateway.is_some();
    let rows: Result<Vec<Markup>> = view
        .locations
        .items
        .iter()
        .map(|location| row(location, has_gateway))
        .collect();
    let rows = rows?;
    let body = html! {
        div.title {
            h1 { "Storage" }
            @if view.may_register { a.button href=(links::NEW_LOCATION) { "Add a location" } }
        }
        (gateway(view.gateway.as_deref(), view.counts.as_ref().filter(|_| view.may_register)))
        @if rows.is_empty() {
            (empty("No storage locations that you can see.", &html! {
                "A location is a bucket or a folder where files lie. "
                @if view.may_register {
                    a href=(links::NEW_LOCATION) { "Add one" } ", then create a crawler that looks there, or place tables on it."
                }
            }))
        } @else {
            (grid("Storage locations", "locations", &HEADINGS, &html! { @for row in &rows { (row) } }))
            (pager("/storage", &[], view.after.as_deref(), view.locations.next.as_deref()))
        }
        @if !view.may_register { p.muted { (WHO_MAY) } }
    };
    let head = Head {
        title: "Storage",
        section: Some(Section::Storage),
        ..Head::default()
    };
    Ok(document(chrome, &head, &body))
}

/// Whom to ask for what the page offers.
pub(super) const WHO_MAY: &str = "Adding a location, trying it, replacing its credential and removing it take ALL on the server.";

fn row(location: &StorageLocation, has_gateway: bool) -> Result<Markup> {
    Ok(html! {
        tr role="row" {
            (row_head(&html! { a href=(links::location(&location.name)) { code { (location.name) } } }))
            (cell("URL", &html! { code { (location.url) } }))
            (cell("Zone", &zone(location.zone)))
            (cell("Reached by", &html! { (reached_by(location, has_gateway)?) }))
            (cell("Credential", &credential(location)))
        }
    })
}

fn gateway(endpoint: Option<&str>, counts: Option<&Counts>) -> Markup {
    let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
    html! {
        @match endpoint {
            Some(endpoint) => p.callout {
                "The gateway is on. Engines are told its address, " code { (endpoint) } ", with their credentials."
                @if let Some(done) = counts {
                    " Since this server started it answered " (plural(number(done.requests), "request", "requests"))
                    " and refused " (count(number(done.refused))) " of them; " (count(number(done.failed))) " failed. It sent "
                    (bytes(number(done.sent_bytes))) " and received " (bytes(number(done.received_bytes))) "."
                }
            },
            None => p.callout.warn {
                "There is no gateway, so engines need credentials of their own wherever a location names no role. To turn it on, set "
                code { "gateway.listen" } " in the configuration."
            },
        }
    }
}

/// What an engine that may read a whole table at this location is given to read it with, in words.
pub(super) fn reached_by(location: &StorageLocation, has_gateway: bool) -> Result<&'static str> {
    let url = Location::parse("url", &location.url)?;
    let place = Place::new(&url, location.settings.clone());
    let asked = delivery::Asked {
        place: &place,
        prefix: &url,
        reads_all: true,
        access: Access::Read,
        left: None,
        has_gateway,
    };
    Ok(match delivery(&asked) {
        Delivery::Store => "short-lived credentials of the store",
        Delivery::Gateway => "the gateway",
        Delivery::Unaided if url.scheme() == Scheme::File => "their own path",
        Delivery::Unaided if place.settings.stands_for_other() => "nothing: it needs the gateway",
        Delivery::Unaided => "credentials of their own",
        Delivery::Refused => "nothing",
    })
}

/// What Weir itself reaches the location with.
pub(super) fn credential(location: &StorageLocation) -> Markup {
    html! {
        @match (&location.settings.credential, location.has_credential) {
            (_, true) => "kept, sealed",
            (Some(name), false) => { code { (name) } " of the configuration" }
            (None, false) => span.none { "none kept" },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn how_engines_reach_a_location_is_told_in_words() {
        let words = |url: &str, role: bool, folder: bool, has_gateway| {
            let mut location = sample::location("lake", url);
            location.settings.role = role.then(|| "arn:aws:iam::1:role/lake".to_owned());
            location.settings.folder = folder.then(|| "/srv/lake".to_owned());
            reached_by(&location, has_gateway).unwrap()
        };
        let short_lived = "short-lived credentials of the store";
        assert_eq!(words("s3://lake", true, false, true), short_lived);
        assert_eq!(words("s3://lake", true, false, false), short_lived);
        assert_eq!(words("s3://lake", false, false, true), "the gateway");
        assert_eq!(words("s3://lake", true, true, true), "the gateway");
        let own = words("s3://lake", false, false, false);
        assert_eq!(own, "credentials of their own");
        let none = words("s3://lake", false, true, false);
        assert_eq!(none, "nothing: it needs the gateway");
        assert_eq!(words("file:///lake", false, false, true), "their own path");
    }
}
