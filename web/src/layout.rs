//! The frame of every page: head, top bar, one flash line, main.

use chrono::{DateTime, Utc};
use maud::{DOCTYPE, Markup, html};
use weir_core::id::RequestId;

use crate::assets;

/// What a page's frame knows besides the page.
#[derive(Debug, Clone)]
pub(crate) struct Chrome {
    /// The name of whoever is signed in.
    pub viewer: Option<String>,
    pub request: RequestId,
    pub now: DateTime<Utc>,
    /// May the viewer read the audit log, and with it who holds credentials?
    pub audit: bool,
    /// What the request before this one did.
    pub done: Option<Done>,
    /// Was this request only a look? Then a failed one can be told to have changed nothing for sure.
    pub reading: bool,
}

impl Chrome {
    pub fn anonymous(request: RequestId, now: DateTime<Utc>) -> Self {
        Self {
            viewer: None,
            audit: false,
            request,
            now,
            done: None,
            reading: true,
        }
    }
}

/// What became of a form, told by the next page. A closed set: the query may name one of these and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Saved,
    Unchanged,
    Granted,
    Revoked,
    AlreadyRunning,
    LocationAdded,
    LocationTried,
    LocationRemoved,
    CredentialReplaced,
    SignedOut,
}

impl Done {
    const ALL: [Self; 10] = [
        Self::Saved,
        Self::Unchanged,
        Self::Granted,
        Self::Revoked,
        Self::AlreadyRunning,
        Self::LocationAdded,
        Self::LocationTried,
        Self::LocationRemoved,
        Self::CredentialReplaced,
        Self::SignedOut,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::Unchanged => "unchanged",
            Self::Granted => "granted",
            Self::Revoked => "revoked",
            Self::AlreadyRunning => "already-running",
            Self::LocationAdded => "location-added",
            Self::LocationTried => "location-tried",
            Self::LocationRemoved => "location-removed",
            Self::CredentialReplaced => "credential-replaced",
            Self::SignedOut => "signed-out",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Saved => "Saved.",
            Self::Unchanged => {
                "Nothing was changed: you sent the form as it was when you opened it."
            }
            Self::Granted => "The grant holds from now on, for the next request of every engine.",
            Self::Revoked => "The grant is revoked. The next request no longer has it.",
            Self::AlreadyRunning => {
                "A run is queued or running already: no second one was started."
            }
            Self::LocationAdded => "The location was tried and added.",
            Self::LocationTried => {
                "The location was tried, and does all that it did when it was added."
            }
            Self::LocationRemoved => "The location is removed. Its files stay where they are.",
            Self::CredentialReplaced => {
                "The new credential was tried and is kept. The one before is forgotten."
            }
            Self::SignedOut => "You are signed out.",
        }
    }

    const fn is_success(self) -> bool {
        !matches!(self, Self::Unchanged | Self::AlreadyRunning)
    }

    /// The `done` of a query string.
    pub fn in_query(query: &str) -> Option<Self> {
        let word = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("done="))?;
        Self::ALL.into_iter().find(|done| done.as_str() == word)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Catalog,
    Crawlers,
    Storage,
    Audit,
    Credentials,
}

/// What a page says about itself.
#[derive(Debug, Default)]
pub(crate) struct Head<'a> {
    /// Unique among the pages; the product's name is added.
    pub title: &'a str,
    pub section: Option<Section>,
    /// A form came back with something to mend.
    pub error: bool,
    /// Load again after two seconds.
    pub refresh: bool,
}

pub(crate) fn document(chrome: &Chrome, head: &Head<'_>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if head.refresh { meta http-equiv="refresh" content="2"; }
                title { @if head.error { "Error: " } (head.title) " – Weir" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(assets::STYLE.path());
                script type="module" src=(assets::SCRIPT.path()) {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                (top(chrome, head.section))
                main #main tabindex="-1" {
                    @if let Some(done) = chrome.done {
                        p.flash role="status" { @if done.is_success() { span aria-hidden="true" { "✓ " } } (done.sentence()) }
                    }
                    (body)
                }
            }
        }
    }
}

fn top(chrome: &Chrome, section: Option<Section>) -> Markup {
    let current = |it| (section == Some(it)).then_some("true");
    html! {
        header.top {
            a.brand href="/" { "Weir" }
            @if let Some(name) = &chrome.viewer {
                nav aria-label="Main" {
                    a href="/" aria-current=[current(Section::Catalog)] { "Catalog" }
                    a href="/crawlers" aria-current=[current(Section::Crawlers)] { "Crawlers" }
                    a href="/storage" aria-current=[current(Section::Storage)] { "Storage" }
                    @if chrome.audit {
                        a href="/audit" aria-current=[current(Section::Audit)] { "Audit" }
                        a href="/credentials" aria-current=[current(Section::Credentials)] { "Credentials" }
                    }
                }
                form.who method="post" action="/logout" {
                    span.muted { span.vh { "Signed in as " } (name) }
                    button.quiet { "Sign out" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_make_a_flash_line() {
        assert_eq!(Done::in_query("edit=3&done=saved"), Some(Done::Saved));
        assert_eq!(Done::in_query("done=<script>"), None);
        assert_eq!(Done::in_query("undone=saved"), None);
    }
}
