//! Two people wrote at once: both texts side by side, and a form that puts the second on top of the first.

use maud::{Markup, html};
use weir_core::annotation::{Annotation, Attribute};
use weir_core::catalog::{Annotations, Table};

use super::columns::Editing;
use super::draft::{Draft, DraftField};
use crate::components::{Heading, cell, grid, lines, provenance, row_head, sensitivity};
use crate::layout::{Chrome, Head, Section, document};
use crate::links::TableAt;

pub(crate) struct ConflictView {
    pub at: TableAt,
    pub subject: Subject,
    /// What was sent.
    pub draft: Draft,
}

/// What was edited, as it is now.
pub(crate) enum Subject {
    Table(Annotations),
    Column {
        id: String,
        path: String,
        annotations: Annotations,
    },
    /// The column went away while its form was open.
    Gone,
}

impl Subject {
    pub fn of(editing: &Editing, now: &Table) -> Self {
        match editing {
            Editing::Table(_) => Self::Table(now.summary.annotations.clone()),
            Editing::Column(id, _) => {
                now.columns
                    .iter()
                    .find(|column| column.id == *id)
                    .map_or(Self::Gone, |column| Self::Column {
                        id: id.to_string(),
                        path: column.path.clone(),
                        annotations: column.annotations.clone(),
                    })
            }
        }
    }

    fn annotations(&self) -> Option<&Annotations> {
        match self {
            Self::Table(annotations) | Self::Column { annotations, .. } => Some(annotations),
            Self::Gone => None,
        }
    }
}

pub(crate) fn page(chrome: &Chrome, view: &ConflictView) -> Markup {
    let rows = html! { @for field in &view.draft.fields { (row(chrome, view, field)) } };
    let body = html! {
        h1 { "Somebody changed this while you were editing" }
        p {
            "Your change to " (what(view)) " was not saved, because it would have replaced words that you had not seen. \
             Nothing is lost: both are here."
        }
        (grid("Both versions", "conflict", &[Heading::Text("Field"), Heading::Text("When you opened it"), Heading::Text("As it is now"), Heading::Text("Yours")], &rows))
        @match view.subject.annotations() {
            Some(annotations) => (apply(view, &view.draft.rebase(annotations))),
            None => p { "The column is gone, so there is nothing to save this on. Copy what you need, then go " a href=(view.at.href()) { "back to the table" } "." }
        }
        p.muted { "Request id " code { (chrome.request) } }
    };
    let title = format!("Conflict · {}", view.at.name);
    document(
        chrome,
        &Head {
            title: &title,
            section: Some(Section::Catalog),
            error: true,
            ..Head::default()
        },
        &body,
    )
}

fn what(view: &ConflictView) -> Markup {
    html! {
        @match &view.subject {
            Subject::Column { path, .. } => { "column " code { (path) } " of " code { (view.at.name) } }
            Subject::Table(_) => { "table " code { (view.at.name) } }
            Subject::Gone => { "a column of " code { (view.at.name) } }
        }
    }
}

fn row(chrome: &Chrome, view: &ConflictView, field: &DraftField) -> Markup {
    let now: Option<&Annotation> = view
        .subject
        .annotations()
        .and_then(|it| it.get(field.attribute));
    let theirs = now.and_then(|it| it.value.as_deref()).unwrap_or_default();
    html! {
        tr role="row" {
            (row_head(&html! { (label(field.attribute)) }))
            (cell("When you opened it", &text(field.attribute, &field.was)))
            (cell("As it is now", &html! {
                (text(field.attribute, theirs))
                @if let Some(it) = now { " " (provenance(chrome.now, it)) }
                @if theirs.trim() != field.was.trim() { " " span.tag { "changed" } }
            }))
            (cell("Yours", &html! { (text(field.attribute, &field.now)) @if field.touched() { " " span.tag { "changed" } } }))
        }
    }
}

/// Yours on top of what is there now, still open to a last word.
fn apply(view: &ConflictView, rebased: &Draft) -> Markup {
    let (action, back) = match &view.subject {
        Subject::Column { id, .. } => (
            view.at.verb(&format!("columns/{id}")),
            format!("{}#c-{id}", view.at.href()),
        ),
        Subject::Table(_) | Subject::Gone => (view.at.verb("annotate"), view.at.href()),
    };
    html! {
        form.panel.stack method="post" action=(action) {
            h2 { "Put yours on top" }
            p.muted { "Fields that you had not touched stay as they are now. Change anything before you save." }
            (rebased.hidden())
            @for field in &rebased.fields { (rebased.control(field.attribute, None, None)) }
            div.actions { button.primary { "Save mine on top" } a.button href=(back) data-cancel { "Keep what is there" } }
        }
    }
}

fn text(attribute: Attribute, value: &str) -> Markup {
    match (attribute, value) {
        (_, "") => html! { span.none { "empty" } },
        (Attribute::Sensitivity, value) => sensitivity(value),
        (_, value) => lines(value),
    }
}

fn label(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Owner => "Owner",
        Attribute::Steward => "Steward",
        Attribute::Definition => "Business definition",
        Attribute::Sensitivity => "Sensitivity",
    }
}
