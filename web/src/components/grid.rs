//! Tables. Rows turn into cards where the container is narrow, which takes the table's meaning from some browsers:
//! hence the explicit roles, and each cell's heading repeated on the cell.

use maud::{Markup, html};

/// What stands above a column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heading {
    Text(&'static str),
    Number(&'static str),
    /// Links and buttons; the heading is there for screen readers only.
    Actions,
}

/// A table in a region that scrolls by itself.
pub(crate) fn grid(label: &str, class: &str, headings: &[Heading], rows: &Markup) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label=(label) {
            table class={ "grid " (class) } role="table" {
                thead role="rowgroup" {
                    tr role="row" {
                        @for heading in headings {
                            @match heading {
                                Heading::Text(text) => th role="columnheader" scope="col" { (text) },
                                Heading::Number(text) => th.num role="columnheader" scope="col" { (text) },
                                Heading::Actions => th role="columnheader" scope="col" { span.vh { "Actions" } },
                            }
                        }
                    }
                }
                tbody role="rowgroup" { (rows) }
            }
        }
    }
}

/// The cell that names its row.
pub(crate) fn row_head(content: &Markup) -> Markup {
    html! { th role="rowheader" scope="row" { (content) } }
}

pub(crate) fn cell(label: &str, content: &Markup) -> Markup {
    cell_class("", label, content)
}

pub(crate) fn number_cell(label: &str, content: &Markup) -> Markup {
    cell_class("num", label, content)
}

pub(crate) fn cell_class(class: &str, label: &str, content: &Markup) -> Markup {
    html! { td class=[(!class.is_empty()).then_some(class)] role="cell" data-label=(label) { div { (content) } } }
}
