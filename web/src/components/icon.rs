//! The icons: a few strokes each, inline, hidden from screen readers. Text always stands beside them.

use maud::{Markup, PreEscaped, html};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Icon {
    Warning,
    Folder,
    Table,
}

pub(crate) fn icon(icon: Icon) -> Markup {
    let strokes = match icon {
        Icon::Warning => r#"<path d="M8 1.8 15 14H1z"/><path d="M8 6v4M8 12v.4"/>"#,
        Icon::Folder => r#"<path d="M1.5 3.5h4.6l1.6 1.8h6.8v7.7h-13z"/>"#,
        Icon::Table => r#"<path d="M1.5 2.5h13v11h-13zM1.5 6.2h13M6 6.2v7.3"/>"#,
    };
    html! {
        svg.icon aria-hidden="true" viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor"
            stroke-width="1.3" stroke-linejoin="round" stroke-linecap="round" { (PreEscaped(strokes)) }
    }
}
