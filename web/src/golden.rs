//! Every page as it is rendered from sample values, and what must hold of all of them.

use std::collections::BTreeSet;

use weir_core::id::FieldId;

use crate::assets::{SCRIPT, STYLE};
use crate::pages::table::columns;
use crate::sample::{self, pages};

#[test]
fn pages_look_as_recorded() {
    for (name, page) in pages::all() {
        // One tag a line, and without the hashes that change with every line of style.
        let html = page
            .into_string()
            .replace(&STYLE.path(), "/assets/app.css")
            .replace(&SCRIPT.path(), "/assets/app.js");
        insta::assert_snapshot!(name, html.replace("><", ">\n<"));
    }
}

#[test]
fn no_page_lets_markup_in_or_carries_styles() {
    for (name, page) in pages::all() {
        let html = page.into_string();
        assert_eq!(
            html.matches("<script").count(),
            1,
            "{name} has a script that is not ours"
        );
        for tag in html
            .split('<')
            .skip(1)
            .map(|rest| rest.split('>').next().unwrap())
        {
            // Text between quotes out of the way, what is left are the names of the tag and its attributes.
            let bare: String = tag.split('"').step_by(2).collect();
            let foreign = |word: &&str| {
                matches!(
                    *word,
                    "style=" | "img" | "b" | "i" | "em" | "part" | "reporting"
                ) || word.starts_with("on")
            };
            let ours = matches!(bare.as_str(), "b" | "/b" | "b aria-hidden=");
            assert!(
                ours || !bare.split_whitespace().any(|word| foreign(&word)),
                "{name} lets in <{tag}>"
            );
        }
        let scripted = |value: &&str| value.starts_with("javascript:");
        assert!(
            !values(&html, "=\"").iter().any(scripted),
            "{name} links to a script"
        );
        assert!(
            !html.contains("<b>bold"),
            "{name} lets a column's name in as markup"
        );
    }
}

#[test]
fn every_page_has_one_heading_its_own_ids_and_labels() {
    for (name, page) in pages::all() {
        let html = page.into_string();
        assert_eq!(html.matches("<h1>").count(), 1, "{name} has not one h1");
        let ids: Vec<&str> = values(&html, " id=\"");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name} repeats an id: {ids:?}");
        for attribute in [
            " for=\"",
            " aria-describedby=\"",
            " aria-labelledby=\"",
            " list=\"",
            " form=\"",
        ] {
            for target in values(&html, attribute)
                .into_iter()
                .flat_map(|it| it.split(' '))
            {
                assert!(
                    unique.contains(target) || target == "people",
                    "{name}: {attribute}{target} points nowhere"
                );
            }
        }
    }
}

#[test]
fn titles_tell_pages_apart() {
    let pages = pages::all();
    let title = |name: &str| {
        let html = pages[name].clone().into_string();
        html.split("<title>")
            .nth(1)
            .unwrap()
            .split("</title>")
            .next()
            .unwrap()
            .to_owned()
    };
    let names = [
        "login",
        "start",
        "catalog",
        "namespace",
        "columns",
        "versions",
        "partitions",
        "access",
        "crawlers",
        "crawler",
        "run",
        "storage",
        "location",
        "location_new",
        "credentials",
        "revoke_outlived",
        "audit",
        "not_found",
    ];
    let titles: BTreeSet<String> = names.iter().map(|name| title(name)).collect();
    assert_eq!(titles.len(), names.len(), "{titles:?}");
    assert!(title("columns_editing_column").starts_with("Error: "));
    assert!(title("login_refused").starts_with("Error: "));
}

#[test]
fn a_table_of_two_hundred_columns_stays_within_its_budget() {
    let mut view = pages::columns_view(true);
    let column = view.table.columns[0].clone();
    view.table.columns = (1..=200)
        .map(|id| weir_core::catalog::Column {
            id: FieldId(id),
            ..column.clone()
        })
        .collect();
    let bytes = columns::page(&sample::chrome(), &view).into_string().len();
    assert!(bytes <= 240_000, "{bytes} bytes");
}

fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    html.split(attribute)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}
