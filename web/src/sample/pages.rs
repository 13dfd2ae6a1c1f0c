//! Every page from sample values, in the states that matter.

use std::collections::BTreeMap;

use maud::Markup;
use weir_core::annotation::Attribute;
use weir_core::audit::Outcome;
use weir_core::catalog::Table;
use weir_core::crawl::RunState;
use weir_core::grant::ColumnSet;
use weir_core::id::FieldId;
use weir_core::page::Page;
use weir_core::resource::ResourceKind;
use weir_core::storage::{StorageLocation, StorageSettings, Zone};
use weir_operations::delivery::tally::Counts;
use weir_operations::delivery::{LiveCredential, Outliving};

use crate::form::FieldError;
use crate::layout::{Chrome, Done};
use crate::pages::storage::credential_form::CredentialDraft;
use crate::pages::storage::location_form::LocationDraft;
use crate::pages::storage::{self, location, new};
use crate::pages::table::access::{self, AccessView};
use crate::pages::table::columns::{self, ColumnsView, Editing};
use crate::pages::table::conflict::{self, ConflictView, Subject};
use crate::pages::table::draft::{self, Draft};
use crate::pages::table::grant_form::GrantDraft;
use crate::pages::table::grants::{self, RevokeView};
use crate::pages::table::outliving::{self, OutlivingView};
use crate::pages::table::partitions::{self, PartitionsView};
use crate::pages::table::versions::{self, VersionsView};
use crate::pages::{
    audit, catalog, crawler, crawlers, credentials, error, login, namespace, run, start,
};
use crate::sample::{self, HOSTILE};

type Named = (&'static str, Markup);

pub(crate) fn all() -> BTreeMap<&'static str, Markup> {
    [
        signing_in(),
        browsing(),
        columns_pages(),
        table_pages(),
        crawling(),
        storing(),
        others(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn signing_in() -> Vec<Named> {
    let anonymous = Chrome::anonymous(sample::id(1), sample::now());
    let empty = login::LoginView {
        next: "/".into(),
        ..Default::default()
    };
    let refused = login::LoginView {
        name: HOSTILE.into(),
        next: "/audit".into(),
        error: Some(FieldError::new(
            "name",
            "The name or the password is wrong.",
        )),
    };
    let kept = [
        ("definition".to_owned(), HOSTILE.to_owned()),
        ("version".to_owned(), "3".to_owned()),
    ];
    vec![
        ("login", login::page(&anonymous, &empty)),
        ("login_refused", login::page(&anonymous, &refused)),
        (
            "session_ended",
            login::session_ended(&anonymous, "/c/lake/sales/orders/-/annotate", &kept),
        ),
    ]
}

fn browsing() -> Vec<Named> {
    let chrome = sample::chrome();
    let start = |catalogs, crawlers| start::StartView {
        catalogs: sample::page(catalogs),
        after: None,
        crawlers,
    };
    let catalog = catalog::CatalogView {
        catalog: sample::catalog(),
        namespaces: sample::page(vec![sample::namespace()]),
        after: None,
    };
    let tables = Page {
        items: vec![sample::summary()],
        next: Some("orders".into()),
    };
    let namespace = namespace::NamespaceView {
        namespace: sample::namespace(),
        tables,
        after: Some("a".into()),
    };
    vec![
        ("start_empty", start::page(&chrome, &start(vec![], None))),
        (
            "start",
            start::page(
                &chrome,
                &start(vec![sample::catalog()], Some(vec![sample::crawler()])),
            ),
        ),
        ("catalog", catalog::page(&chrome, &catalog)),
        ("namespace", namespace::page(&chrome, &namespace)),
    ]
}

fn columns_pages() -> Vec<Named> {
    let chrome = sample::chrome();
    let saved = Chrome {
        done: Some(Done::Saved),
        ..chrome.clone()
    };
    let table = Table {
        restricted: true,
        location: None,
        missing_since: Some(sample::hours_ago(3)),
        ..sample::table()
    };
    let restricted = ColumnsView {
        table,
        ..columns_view(false)
    };
    vec![
        ("columns", columns::page(&saved, &columns_view(true))),
        ("columns_restricted", columns::page(&chrome, &restricted)),
        ("columns_editing_column", editing_column()),
        ("columns_editing_table", editing_table()),
        ("columns_conflict", conflicting()),
    ]
}

fn table_pages() -> Vec<Named> {
    let chrome = sample::chrome();
    let versions = VersionsView {
        table: sample::table(),
        versions: sample::page(sample::versions()),
        after: None,
    };
    let partitions = |partitions| PartitionsView {
        table: sample::table(),
        partitions,
        after: None,
    };
    let revoke = RevokeView {
        table: sample::table(),
        grant: access_view(true).grants.remove(0),
    };
    vec![
        ("versions", versions::page(&chrome, &versions)),
        (
            "partitions",
            partitions::page(
                &chrome,
                &partitions(Some(sample::page(vec![sample::partition()]))),
            ),
        ),
        (
            "partitions_hidden",
            partitions::page(&chrome, &partitions(None)),
        ),
        ("access", access::page(&chrome, &access_view(true))),
        ("access_own", access::page(&chrome, &access_view(false))),
        ("access_error", granting_wrongly()),
        ("revoke", grants::confirm_page(&chrome, &revoke)),
    ]
}

fn crawling() -> Vec<Named> {
    let chrome = sample::chrome();
    let all = crawlers::CrawlersView {
        crawlers: sample::page(vec![sample::crawler()]),
        after: None,
    };
    vec![
        ("crawlers", crawlers::page(&chrome, &all)),
        ("crawler", crawler_page()),
        (
            "run",
            run::page(&chrome, &sample::report(RunState::Warnings)),
        ),
        (
            "run_running",
            run::page(&chrome, &sample::report(RunState::Running)),
        ),
    ]
}

fn storing() -> Vec<Named> {
    let chrome = sample::chrome();
    let live = vec![
        sample::live(81, "store"),
        LiveCredential {
            table_id: None,
            access: "read".into(),
            ..sample::live(82, "gateway")
        },
        LiveCredential {
            principal: HOSTILE.into(),
            table_name: HOSTILE.into(),
            ..sample::live(83, "a new way")
        },
    ];
    let credentials = |items| credentials::CredentialsView {
        live: sample::page(items),
        after: None,
    };
    let outliving = OutlivingView {
        at: crate::links::TableAt::of(&sample::table()),
        outliving: Outliving {
            credentials: vec![sample::live(81, "store")],
            is_cut: true,
        },
    };
    let new = new::NewLocationView::default();
    vec![
        ("storage", storage_page()),
        ("storage_empty", storage_empty()),
        ("location", location_page(None)),
        ("location_error", location_failed()),
        ("location_new", new::page(&chrome, &new)),
        ("location_new_error", adding_wrongly()),
        (
            "credentials",
            credentials::page(&chrome, &credentials(live)),
        ),
        (
            "credentials_empty",
            credentials::page(&chrome, &credentials(vec![])),
        ),
        ("revoke_outlived", outliving::page(&chrome, &outliving)),
    ]
}

fn others() -> Vec<Named> {
    let anonymous = Chrome::anonymous(sample::id(1), sample::now());
    vec![
        ("audit", audit_page()),
        (
            "not_found",
            error::page(&sample::chrome(), &error::not_found()),
        ),
        (
            "foreign_site",
            error::page(&anonymous, &error::foreign_site()),
        ),
    ]
}

pub(crate) fn columns_view(annotate: bool) -> ColumnsView {
    ColumnsView {
        table: sample::table(),
        annotate,
        editing: None,
        error: None,
        people: vec![],
    }
}

fn typed(
    attributes: &[Attribute],
    annotations: &weir_core::catalog::Annotations,
    definition: &str,
) -> Draft {
    let mut draft = Draft::open(annotations, attributes);
    for field in draft
        .fields
        .iter_mut()
        .filter(|field| field.attribute == Attribute::Definition)
    {
        field.now = definition.into();
    }
    draft
}

fn editing_column() -> Markup {
    let mut view = columns_view(true);
    let draft = typed(draft::COLUMN, &view.table.columns[1].annotations, HOSTILE);
    view.editing = Some(Editing::Column(FieldId(2), draft));
    view.error = Some(FieldError::new(
        "definition",
        "A definition has at most 4096 characters.",
    ));
    columns::page(&sample::chrome(), &view)
}

fn editing_table() -> Markup {
    let mut view = columns_view(true);
    view.editing = Some(Editing::Table(Draft::open(
        &view.table.summary.annotations,
        draft::TABLE,
    )));
    view.people = vec!["a.jensen".into(), HOSTILE.into()];
    columns::page(&sample::chrome(), &view)
}

fn conflicting() -> Markup {
    let table = sample::table();
    let mine = typed(draft::COLUMN, &table.columns[0].annotations, HOSTILE);
    let editing = Editing::Column(FieldId(1), mine.clone());
    let mut now: Table = table;
    now.columns[0].annotations = sample::annotations(
        2,
        &[
            (Attribute::Definition, "The shop's number"),
            (Attribute::Sensitivity, "public"),
        ],
    );
    let view = ConflictView {
        at: crate::links::TableAt::of(&now),
        subject: Subject::of(&editing, &now),
        draft: mine,
    };
    conflict::page(&sample::chrome(), &view)
}

fn access_view(manage: bool) -> AccessView {
    let some = ColumnSet::parse("only", [1, 2, 99]).unwrap();
    AccessView {
        table: sample::table(),
        grants: vec![
            sample::grant(61, ResourceKind::Table, "lake.sales.emea.orders", some),
            sample::grant(
                62,
                ResourceKind::Namespace,
                "lake.sales.emea",
                ColumnSet::All,
            ),
        ],
        manage,
        draft: GrantDraft::default(),
        error: None,
        people: vec!["analysts".into()],
        reaching: manage.then(|| Page {
            items: vec![sample::live(81, "store"), sample::live(82, "gateway")],
            next: Some("cur/sor".into()),
        }),
        after: None,
    }
}

fn granting_wrongly() -> Markup {
    let mut view = access_view(true);
    view.draft = GrantDraft {
        principal: HOSTILE.into(),
        columns: "only".into(),
        field_ids: vec!["2".into()],
        reason: "Q4".into(),
        ..GrantDraft::default()
    };
    view.error = Some(FieldError::new(
        "principal",
        "A principal's name has letters, digits and `. _ - + @` only.",
    ));
    access::page(&sample::chrome(), &view)
}

fn bucket() -> StorageLocation {
    StorageLocation {
        zone: Some(Zone::Curated),
        has_credential: true,
        settings: StorageSettings {
            endpoint: Some("https://store.example".into()),
            region: Some("eu-central-1".into()),
            path_style: true,
            role: Some("arn:aws:iam::1:role/<lake>".into()),
            ..StorageSettings::default()
        },
        ..sample::location("lake-bucket", "s3://lake/curated")
    }
}

fn storage_page() -> Markup {
    let mut landing = sample::location("landing", "s3://landing");
    landing.zone = Some(Zone::Raw);
    landing.settings.credential = Some("landing".into());
    let disk = sample::location("disk", "file:///srv/lake");
    let view = storage::StorageView {
        locations: Page {
            items: vec![disk, bucket(), landing],
            next: Some("landing".into()),
        },
        after: None,
        gateway: Some("http://127.0.0.1:8182".into()),
        counts: Some(Counts {
            requests: 12_345,
            refused: 12,
            failed: 0,
            sent_bytes: 5 << 30,
            received_bytes: 7 << 20,
        }),
        may_register: true,
    };
    storage::page(&sample::chrome(), &view).unwrap()
}

fn storage_empty() -> Markup {
    let view = storage::StorageView {
        locations: sample::page(vec![]),
        after: None,
        gateway: None,
        counts: None,
        may_register: false,
    };
    storage::page(&sample::chrome(), &view).unwrap()
}

fn location_page(error: Option<FieldError>) -> Markup {
    let view = location::LocationView {
        location: bucket(),
        has_gateway: true,
        may_register: true,
        draft: CredentialDraft::default(),
        error,
    };
    location::page(&sample::chrome(), &view).unwrap()
}

fn location_failed() -> Markup {
    let sentence = "The location cannot be listed: `s3://lake/<curated>` does not let Weir in.";
    location_page(Some(FieldError::whole(sentence)))
}

fn adding_wrongly() -> Markup {
    let draft = LocationDraft {
        name: HOSTILE.into(),
        url: "s3://lake".into(),
        zone: "raw".into(),
        path_style: true,
        credential: CredentialDraft {
            id: "AKIA".into(),
            ..CredentialDraft::default()
        },
        ..LocationDraft::default()
    };
    let error = FieldError::new("name", "A name has letters, digits, `_` and `-` only.");
    new::page(
        &sample::chrome(),
        &new::NewLocationView {
            draft,
            error: Some(error),
        },
    )
}

fn audit_page() -> Markup {
    let typed = vec![
        ("principal", "a.jensen".to_owned()),
        ("object", HOSTILE.to_owned()),
    ];
    let events = Page {
        items: vec![sample::event(Outcome::Ok), {
            let mut e = sample::event(Outcome::Denied);
            e.id = sample::id(52);
            e
        }],
        next: Some("cur/sor".into()),
    };
    audit::page(
        &sample::chrome(),
        &audit::AuditView {
            typed,
            after: None,
            events: Some(events),
            error: None,
        },
    )
}

fn crawler_page() -> Markup {
    let states = [
        RunState::Running,
        RunState::Warnings,
        RunState::Failed,
        RunState::Succeeded,
    ];
    let runs = states
        .iter()
        .zip(41..)
        .map(|(state, number)| sample::run(number, *state))
        .collect();
    crawler::page(
        &sample::chrome(),
        &crawler::CrawlerView {
            crawler: sample::crawler(),
            runs: sample::page(runs),
            after: None,
            run: true,
        },
    )
}
