//! Form controls with their labels, and the errors beside them. The id of a control is `f-` and the field's name.

use maud::{Markup, html};

use crate::form::FieldError;

pub(crate) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// A way to choose one of a closed set.
pub(crate) struct Choice<'a> {
    pub value: &'a str,
    pub text: &'a str,
}

/// What is wrong, on top of the page and first in focus, linked to where it can be mended if that is a field.
pub(crate) fn error_summary(error: Option<&FieldError>) -> Markup {
    html! {
        @if let Some(error) = error {
            div.summary role="alert" tabindex="-1" autofocus aria-labelledby="summary-title" {
                @if error.field.is_empty() {
                    // It may come from outside, in the middle of a change: nothing is promised.
                    h2 #summary-title { "There is a problem." }
                    p { (error.message) }
                } @else {
                    h2 #summary-title { "There is a problem. Nothing was changed." }
                    p { a href={ "#f-" (error.field) } { (error.message) } }
                }
            }
        }
    }
}

/// The same text at the field.
pub(crate) fn field_error(error: Option<&FieldError>, name: &str) -> Markup {
    html! {
        @if let Some(error) = at(error, name) {
            p.error id={ "e-" (name) } { span.vh { "Error: " } (error.message) }
        }
    }
}

fn at<'a>(error: Option<&'a FieldError>, name: &str) -> Option<&'a FieldError> {
    error.filter(|error| error.field == name)
}

/// A one-line control of a form.
pub(crate) struct Input<'a> {
    pub name: &'a str,
    pub label: &'a str,
    pub value: &'a str,
    pub hint: &'a str,
    pub kind: &'a str,
    pub autocomplete: &'a str,
    /// The id of a datalist of suggestions.
    pub list: Option<&'a str>,
    pub required: bool,
}

impl<'a> Input<'a> {
    pub fn text(name: &'a str, label: &'a str, value: &'a str) -> Self {
        Self {
            name,
            label,
            value,
            hint: "",
            kind: "text",
            autocomplete: "off",
            list: None,
            required: false,
        }
    }
}

pub(crate) fn text_input(input: &Input<'_>, error: Option<&FieldError>) -> Markup {
    let name = input.name;
    let (wrong, described) = described(error, name, input.hint);
    html! {
        div.field {
            label for={ "f-" (name) } { (input.label) }
            @if !input.hint.is_empty() { p.hint id={ "h-" (name) } { (input.hint) } }
            (field_error(error, name))
            input id={ "f-" (name) } name=(name) type=(input.kind) value=(input.value) autocomplete=(input.autocomplete)
                list=[input.list] required[input.required] spellcheck="false" aria-invalid=[wrong] aria-describedby=[described];
        }
    }
}

/// `form` ties the control to a form elsewhere on the page: a form cannot stand around a table row.
pub(crate) fn text_area(
    name: &str,
    label: &str,
    value: &str,
    form: Option<&str>,
    error: Option<&FieldError>,
) -> Markup {
    let (wrong, described) = described(error, name, "");
    html! {
        div.field {
            label for={ "f-" (name) } { (label) }
            (field_error(error, name))
            // The parser drops one line break after the tag; without this one it would be the person's own.
            textarea id={ "f-" (name) } name=(name) form=[form] rows="4" maxlength="4096" aria-invalid=[wrong]
                aria-describedby=[described] { "\n" (value) }
        }
    }
}

pub(crate) fn select(
    name: &str,
    label: &str,
    value: &str,
    choices: &[Choice<'_>],
    form: Option<&str>,
    error: Option<&FieldError>,
) -> Markup {
    let (wrong, described) = described(error, name, "");
    let known = choices.iter().any(|choice| choice.value == value);
    html! {
        div.field {
            label for={ "f-" (name) } { (label) }
            (field_error(error, name))
            select id={ "f-" (name) } name=(name) form=[form] aria-invalid=[wrong] aria-describedby=[described] {
                @if !known { option value=(value) selected { (value) } }
                @for choice in choices {
                    option value=(choice.value) selected[choice.value == value] { (choice.text) }
                }
            }
        }
    }
}

fn described(
    error: Option<&FieldError>,
    name: &str,
    hint: &str,
) -> (Option<&'static str>, Option<String>) {
    let wrong = at(error, name).is_some();
    let ids: Vec<String> = [(!hint.is_empty(), "h-"), (wrong, "e-")]
        .into_iter()
        .filter(|(there, _)| *there)
        .map(|(_, prefix)| format!("{prefix}{name}"))
        .collect();
    (
        wrong.then_some("true"),
        (!ids.is_empty()).then(|| ids.join(" ")),
    )
}

/// Suggestions of names from the directory, for those who may see it.
pub(crate) fn people(id: &str, names: &[String]) -> Markup {
    html! {
        @if !names.is_empty() {
            datalist id=(id) { @for name in names { option value=(name) {} } }
        }
    }
}
