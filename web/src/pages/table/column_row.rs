//! One column's row, read or edited.

use maud::{Markup, html};
use weir_core::annotation::{Annotation, Attribute};
use weir_core::catalog::Column;
use weir_core::schema::DataType;

use super::columns::{ColumnsView, Editing};
use super::draft::Draft;
use crate::components::{cell, cell_class, lines, provenance, row_head, sensitivity, unclassified};
use crate::layout::Chrome;
use crate::links::{self, TableAt};

pub(super) fn row(chrome: &Chrome, view: &ColumnsView, at: &TableAt, column: &Column) -> Markup {
    let edited = match &view.editing {
        Some(Editing::Column(id, draft)) if *id == column.id => Some(draft),
        _ => None,
    };
    html! {
        tr role="row" id={ "c-" (column.id) } class=[edited.map(|_| "editing")] {
            (row_head(&name(column)))
            (cell_class("type", "Type", &html! { code { (short_type(&column.data_type)) } @if column.required { " " span.tag { "required" } } }))
            @match edited {
                Some(draft) => (editor(view, at, column, draft)),
                None => (words(chrome, view, at, column)),
            }
        }
    }
}

/// The full path, the part above muted, indented by depth.
fn name(column: &Column) -> Markup {
    let above = column
        .path
        .strip_suffix(column.name.as_str())
        .unwrap_or_default();
    html! {
        span.{ "d" (column.depth.min(6)) } {
            code { @if !above.is_empty() { span.muted { (above) } } (column.name) }
            @if column.partition_key { " " span.tag { "partition key" } }
        }
    }
}

/// A struct's fields have rows of their own below it.
fn short_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(_) => "struct".to_owned(),
        DataType::List(_) => "list".to_owned(),
        DataType::Map(..) => "map".to_owned(),
        primitive => primitive.to_string(),
    }
}

fn words(chrome: &Chrome, view: &ColumnsView, at: &TableAt, column: &Column) -> Markup {
    let value = |attribute| column.annotations.get(attribute);
    html! {
        (cell_class("sens", "Sensitivity", &html! {
            @match value(Attribute::Sensitivity) { Some(it) => (sensitivity(it.value.as_deref().unwrap_or_default())), None => (unclassified()) }
        }))
        (cell_class("def", "Business definition", &definition(chrome, column, value(Attribute::Definition))))
        @if view.annotate {
            (cell_class("act", "", &html! {
                a.edit href={ (links::query(&at.href(), &[("edit", &column.id.to_string())])) "#c-" (column.id) } {
                    "Edit" span.vh { " " (column.path) }
                }
            }))
        }
    }
}

fn definition(chrome: &Chrome, column: &Column, written: Option<&Annotation>) -> Markup {
    html! {
        @match written {
            Some(it) => { (lines(it.value.as_deref().unwrap_or_default())) " " (provenance(chrome.now, it)) }
            None => span.none { "No definition" }
        }
        (source_comment(column))
    }
}

/// Told apart from what people wrote, and never in its place.
fn source_comment(column: &Column) -> Markup {
    html! {
        @if let Some(doc) = &column.doc { span.source { span.tag { "source comment" } " " (lines(doc)) } }
    }
}

fn editor(view: &ColumnsView, at: &TableAt, column: &Column, draft: &Draft) -> Markup {
    let error = view.error.as_ref();
    html! {
        (cell_class("sens", "", &draft.control(Attribute::Sensitivity, Some("edit"), error)))
        (cell_class("def", "", &html! { (draft.control(Attribute::Definition, Some("edit"), error)) (source_comment(column)) }))
        (cell("", &html! {
            div.actions {
                button.primary form="edit" { "Save" span.vh { " " (column.path) } }
                a.button href={ (at.href()) "#c-" (column.id) } data-cancel { "Cancel" }
            }
        }))
    }
}
