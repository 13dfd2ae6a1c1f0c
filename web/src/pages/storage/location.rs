//! One storage location: what is known of it, a button that tries it, and a form that replaces its credential.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};
use weir_core::name::Name;
use weir_core::page::{MAX_LIMIT, PageRequest};
use weir_core::storage::StorageLocation;
use weir_core::{Error, Result};
use weir_operations::location;

use super::credential_form::{self, CredentialDraft, typed};
use super::location_form::mendable;
use super::{WHO_MAY, credential, reached_by};
use crate::components::{Crumb, ago, crumbs, error_summary, fact, zone};
use crate::failure::{self, Reply};
use crate::form::{FieldError, Shape, Submission};
use crate::layout::{Chrome, Done, Head, Section, document};
use crate::links::At;
use crate::pages::name;
use crate::redirect::see_other;
use crate::session::Viewer;
use crate::{Console, links};

pub(crate) struct LocationView {
    pub location: StorageLocation,
    pub has_gateway: bool,
    /// May the viewer try it and replace its credential?
    pub may_register: bool,
    /// As it was typed into the form of a credential.
    pub draft: CredentialDraft,
    pub error: Option<FieldError>,
}

pub(crate) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    At(text): At<String>,
) -> Reply {
    let view = load(&console, &viewer, &name(&text)?).await?;
    Ok(page(&viewer.chrome, &view)?.into_response())
}

async fn load(console: &Console, viewer: &Viewer, name: &Name) -> Result<LocationView> {
    Ok(LocationView {
        location: find(console, viewer, name).await?,
        has_gateway: console.weir.gateway_endpoint().is_some(),
        may_register: location::may_register(&console.weir, &viewer.caller).await?,
        draft: CredentialDraft::default(),
        error: None,
    })
}

/// The location of that name among those that the viewer sees.
async fn find(console: &Console, viewer: &Viewer, name: &Name) -> Result<StorageLocation> {
    let mut request = PageRequest::first(MAX_LIMIT);
    loop {
        let page = location::list(&console.weir, &viewer.caller, &request).await?;
        let found = page.items.into_iter().find(|it| it.name == name.as_str());
        match (found, page.next) {
            (Some(found), _) => return Ok(found),
            (None, Some(next)) => request = PageRequest::new(Some(MAX_LIMIT), Some(next))?,
            (None, None) => return Err(Error::not_found("There is no such location.")),
        }
    }
}

pub(crate) async fn validate(
    State(console): State<Console>,
    At(text): At<String>,
    sent: Submission,
) -> Reply {
    let name = name(&text)?;
    sent.fields(&Shape::BUTTON)?;
    match location::validate(&console.weir, &sent.viewer.caller, &name).await {
        Ok(()) => Ok(to(&name, Done::LocationTried)),
        Err(error) => {
            refused(
                &console,
                &sent.viewer,
                &name,
                CredentialDraft::default(),
                error,
            )
            .await
        }
    }
}

pub(crate) async fn rotate(
    State(console): State<Console>,
    At(text): At<String>,
    sent: Submission,
) -> Reply {
    let name = name(&text)?;
    let fields = sent.fields(&credential_form::SHAPE)?;
    let needed = |credential: Option<_>| {
        let missing = || Error::invalid("access_key_id", "Type the new credential.");
        credential.ok_or_else(missing)
    };
    let replaced = match typed(&fields).and_then(needed) {
        Ok(new) => location::rotate(&console.weir, &sent.viewer.caller, &name, &new).await,
        Err(error) => Err(error),
    };
    match replaced {
        Ok(()) => Ok(to(&name, Done::CredentialReplaced)),
        Err(error) => {
            let draft = CredentialDraft::read(&fields);
            refused(&console, &sent.viewer, &name, draft, error).await
        }
    }
}

pub(crate) async fn remove(
    State(console): State<Console>,
    At(text): At<String>,
    sent: Submission,
) -> Reply {
    let name = name(&text)?;
    sent.fields(&Shape::BUTTON)?;
    match location::unregister(&console.weir, &sent.viewer.caller, &name).await {
        Ok(()) => {
            let pairs = [("done", Done::LocationRemoved.as_str())];
            Ok(see_other(&links::query("/storage", &pairs)))
        }
        Err(error) => {
            let draft = CredentialDraft::default();
            refused(&console, &sent.viewer, &name, draft, error).await
        }
    }
}

/// The page again, which says what failed. Who does not see the location gets the error's own page.
async fn refused(
    console: &Console,
    viewer: &Viewer,
    name: &Name,
    draft: CredentialDraft,
    error: Error,
) -> Reply {
    let Some(shown) = mendable(&error, credential_form::FIELDS) else {
        return Err(error.into());
    };
    let Ok(mut view) = load(console, viewer, name).await else {
        return Err(error.into());
    };
    failure::log(&viewer.chrome, &error);
    view.draft = draft;
    view.error = Some(shown);
    let page = page(&viewer.chrome, &view)?;
    Ok((failure::status_of_form(&error), page).into_response())
}

/// An address that only takes a form leads whoever follows it to the page with the form.
pub(crate) async fn to_location(At(text): At<String>) -> Reply {
    Ok(see_other(&links::location(name(&text)?.as_str())))
}

fn to(name: &Name, done: Done) -> axum::response::Response {
    let pairs = [("done", done.as_str())];
    see_other(&links::query(&links::location(name.as_str()), &pairs))
}

pub(crate) fn page(chrome: &Chrome, view: &LocationView) -> Result<Markup> {
    let (location, error) = (&view.location, view.error.as_ref());
    let href = links::location(&location.name);
    let reached_by = reached_by(location, view.has_gateway)?;
    let body = html! {
        (error_summary(error))
        (crumbs(&[Crumb { text: "Storage", href: "/storage".into() }], &location.name))
        div.title {
            h1 { code { (location.name) } }
            @if view.may_register {
                form method="post" action={ (href) "/-/validate" } { button { "Try again" } }
            }
        }
        dl.facts {
            (fact("URL", &html! { code { (location.url) } }))
            (fact("Zone", &zone(location.zone)))
            (fact("Engines reach it by", &html! { (reached_by) }))
            (fact("Credential", &credential(location)))
            (fact("Added", &ago(chrome.now, location.created_at)))
        }
        @let settings = settings(location);
        @if !settings.is_empty() {
            h2 { "Settings" }
            dl.facts { @for (label, value) in &settings { (fact(label, &html! { code { (value) } })) } }
        }
        @if view.may_register && has_kept_credential(location) {
            form.panel.stack method="post" action={ (href) "/-/rotate" } {
                h2 { "Replace the credential" }
                p.hint { "The new one is tried before it is kept, sealed. The one before is forgotten. Neither is ever shown." }
                (credential_form::inputs(&view.draft, error))
                div.actions { button.primary { "Replace the credential" } }
            }
        }
        @if view.may_register {
            form.panel.stack method="post" action={ (href) "/-/remove" } {
                h2 { "Remove the location" }
                p.hint { "Its credential and the grants on it go, and its files stay. It must be needed by no crawler, no catalog and no table; a dropped table counts until it is forgotten." }
                div.actions { button.danger { "Remove the location" } }
            }
        }
        @if !view.may_register { p.muted { (WHO_MAY) } }
    };
    let title = format!("{} · Storage", location.name);
    let head = Head {
        title: &title,
        section: Some(Section::Storage),
        error: error.is_some(),
        refresh: false,
    };
    Ok(document(chrome, &head, &body))
}

/// May a credential be kept for it? A folder needs none, and one of the configuration is replaced there.
fn has_kept_credential(location: &StorageLocation) -> bool {
    let settings = &location.settings;
    !location.url.starts_with("file:") && settings.folder.is_none() && settings.credential.is_none()
}

/// What was set for the store. None of it is secret.
fn settings(location: &StorageLocation) -> Vec<(&'static str, &str)> {
    let settings = &location.settings;
    let style = settings.path_style.then_some("in the path");
    let by_role = settings.assume_role.then_some("by this role");
    let namespace = settings.hierarchical.then_some("hierarchical");
    let use_of_it = settings.read_only.then_some("only read");
    [
        ("Files", use_of_it),
        ("Endpoint", settings.endpoint.as_deref()),
        ("Region", settings.region.as_deref()),
        ("Bucket", style),
        ("Namespace of the account", namespace),
        ("Role", settings.role.as_deref()),
        ("Weir itself", by_role),
        ("External id", settings.external_id.as_deref()),
        ("STS endpoint", settings.sts_endpoint.as_deref()),
        ("KMS key", settings.kms_key.as_deref()),
        ("Folder", settings.folder.as_deref()),
        ("Stands for", settings.stands_for.as_deref()),
    ]
    .into_iter()
    .filter_map(|(label, value)| value.map(|value| (label, value)))
    .collect()
}
