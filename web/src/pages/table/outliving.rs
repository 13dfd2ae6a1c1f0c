//! What a revoked grant leaves behind: credentials that a store made while it held.

use maud::{Markup, html};
use weir_operations::delivery::{LiveCredential, Outliving};

use crate::components::{Crumb, Heading, cell, crumbs, exact_time, grid, row_head};
use crate::layout::{Chrome, Head, Section, document};
use crate::links::{self, TableAt};
use crate::pages::credentials::access;

pub(crate) struct OutlivingView {
    pub at: TableAt,
    /// At least one.
    pub outliving: Outliving,
}

const HEADINGS: [Heading; 4] = [
    Heading::Text("Who"),
    Heading::Text("Table"),
    Heading::Text("May"),
    Heading::Text("Until"),
];

/// Names the table and does not describe it: whoever ended a grant may have ended the one that showed it to them.
pub(crate) fn page(chrome: &Chrome, view: &OutlivingView) -> Markup {
    let at = &view.at;
    let above = [
        Crumb {
            text: &at.catalog,
            href: links::catalog(&at.catalog),
        },
        Crumb {
            text: &at.namespace,
            href: links::namespace(&at.catalog, &at.namespace),
        },
        Crumb {
            text: &at.name,
            href: at.href(),
        },
        Crumb {
            text: "Access",
            href: at.verb("access"),
        },
    ];
    let rows = html! { @for one in &view.outliving.credentials { (row(one)) } };
    let body = html! {
        (crumbs(&above, "Grant ended"))
        h1 { "This grant ended" }
        p { "These credentials were made by the store before, and no store takes them back:" }
        (grid("Credentials that outlive the grant", "", &HEADINGS, &rows))
        @if view.outliving.is_cut { p { "There are more of them, which end sooner." } }
        p.muted {
            "Whoever holds one reaches the files until then, unless the role that it was made from loses its rights at the store itself."
        }
        p { a href=(at.verb("access")) { "Back to the access of the table" } }
    };
    document(
        chrome,
        &Head {
            title: "Grant ended",
            section: Some(Section::Catalog),
            ..Head::default()
        },
        &body,
    )
}

fn row(one: &LiveCredential) -> Markup {
    html! {
        tr role="row" {
            (row_head(&html! { (one.principal) }))
            (cell("Table", &html! { code { (one.table_name) } }))
            (cell("May", &html! { (access(one)) }))
            (cell("Until", &exact_time(one.expires_at)))
        }
    }
}
