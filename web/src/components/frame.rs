//! Where a page stands among the others, and the pieces around its content.

use maud::{Markup, html};

use crate::links;

/// One step of the path to a page.
pub(crate) struct Crumb<'a> {
    pub text: &'a str,
    pub href: String,
}

/// The path above a page; the page itself is its heading.
pub(crate) fn crumbs(above: &[Crumb<'_>], here: &str) -> Markup {
    html! {
        nav.crumbs aria-label="Breadcrumb" {
            ol {
                @for crumb in above { li { a href=(crumb.href) { (crumb.text) } } }
                li { span aria-current="page" { (here) } }
            }
        }
    }
}

/// One pair of the facts under a heading.
pub(crate) fn fact(label: &str, value: &Markup) -> Markup {
    html! { div { dt { (label) } dd { (value) } } }
}

/// What an empty list says: that it is empty, and what would fill it.
pub(crate) fn empty(title: &str, advice: &Markup) -> Markup {
    html! { div.empty { p.lead { (title) } p.muted { (advice) } } }
}

/// Text that a person wrote, as plain text with its line breaks.
pub(crate) fn lines(text: &str) -> Markup {
    html! { span.prose { (text) } }
}

/// Keyset paging: to the first page and to the next one. `pairs` are the filters that the pages share.
pub(crate) fn pager(
    base: &str,
    pairs: &[(&str, &str)],
    after: Option<&str>,
    next: Option<&str>,
) -> Markup {
    html! {
        @if after.is_some() || next.is_some() {
            nav.pager aria-label="Pages" {
                @if after.is_some() { a href=(links::query(base, pairs)) { "First page" } }
                @if let Some(cursor) = next {
                    a rel="next" href=(links::query(base, &[pairs, &[("after", cursor)]].concat())) { "Next page" }
                } @else { span.muted { "End of the list" } }
            }
        }
    }
}
