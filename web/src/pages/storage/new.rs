//! Adding a storage location.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::Error;
use weir_operations::location;

use super::credential_form::typed;
use super::location_form::{self, LocationDraft, SHAPE};
use crate::components::{Crumb, crumbs, error_summary};
use crate::failure::{self, Reply};
use crate::form::{FieldError, Submission};
use crate::layout::{Chrome, Done, Head, Section, document};
use crate::redirect::see_other;
use crate::session::Viewer;
use crate::{Console, links};

#[derive(Debug, Default)]
pub(crate) struct NewLocationView {
    pub draft: LocationDraft,
    pub error: Option<FieldError>,
}

pub(crate) async fn show(viewer: Viewer) -> Reply {
    Ok(page(&viewer.chrome, &NewLocationView::default()).into_response())
}

pub(crate) async fn create(State(console): State<Console>, sent: Submission) -> Reply {
    let fields = sent.fields(&SHAPE)?;
    let draft = LocationDraft::read(&fields);
    let new = typed(&fields).and_then(|credential| draft.registration(credential));
    let registered = match new {
        Ok(new) => location::register(&console.weir, &sent.viewer.caller, new).await,
        Err(error) => Err(error),
    };
    match registered {
        Ok(_) => {
            let done = Done::LocationAdded.as_str();
            Ok(see_other(&links::query("/storage", &[("done", done)])))
        }
        Err(error) => refused(&sent.viewer.chrome, draft, error),
    }
}

/// The form again, with what was typed but the secret.
fn refused(chrome: &Chrome, draft: LocationDraft, error: Error) -> Reply {
    let Some(shown) = draft.mendable(&error) else {
        return Err(error.into());
    };
    failure::log(chrome, &error);
    let view = NewLocationView {
        draft,
        error: Some(shown),
    };
    Ok((failure::status_of_form(&error), page(chrome, &view)).into_response())
}

pub(crate) fn page(chrome: &Chrome, view: &NewLocationView) -> Markup {
    let error = view.error.as_ref();
    let body = html! {
        (error_summary(error))
        (crumbs(&[Crumb { text: "Storage", href: "/storage".into() }], "Add a location"))
        h1 { "Add a storage location" }
        p.muted {
            "Before it is added, Weir lists it, and writes, reads and deletes a small object there, unless it is only read. " (super::WHO_MAY)
        }
        (location_form::form(&view.draft, error))
    };
    document(
        chrome,
        &Head {
            title: "Add a storage location",
            section: Some(Section::Storage),
            error: error.is_some(),
            refresh: false,
        },
        &body,
    )
}
