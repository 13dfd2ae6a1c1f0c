//! Values for the tests of pages, hostile ones among them. Time stands still at 2026-11-23 14:00 UTC.

pub(crate) mod pages;

use chrono::{DateTime, TimeDelta, Utc};
use weir_core::annotation::{Annotation, Attribute};
use weir_core::audit::{AuditEvent, Outcome};
use weir_core::catalog::{
    Annotations, Catalog, Column, Format, Namespace, Origin, Partition, SchemaVersion, Table,
    TableKind, TableSummary, VersionChange,
};
use weir_core::crawl::{
    ChangeKind, Crawler, RunChange, RunCounts, RunProblem, RunReport, RunState, RunSummary, Trigger,
};
use weir_core::grant::{ColumnSet, Grant, GrantFact};
use weir_core::id::{
    AuditEventId, CatalogId, CrawlerId, FieldId, GrantId, LocationId, NamespaceId, PrincipalId,
    RequestId, RunId, TableId,
};
use weir_core::page::Page;
use weir_core::principal::PrincipalKind;
use weir_core::privilege::{Privilege, PrivilegeSet};
use weir_core::resource::{Resource, ResourceKind};
use weir_core::schema::{DataType, Field, Schema};
use weir_core::storage::{StorageLocation, StorageSettings};
use weir_operations::delivery::LiveCredential;

use crate::layout::Chrome;

pub(crate) const HOSTILE: &str =
    "\"><script>alert(1)</script><img src=x onerror='alert(2)'>\n{{7*7}} &amp; javascript:alert(3)";

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_442_400, 0).unwrap()
}

pub(crate) fn chrome() -> Chrome {
    let mut chrome = Chrome::anonymous(id(1), now());
    chrome.viewer = Some("a.jensen".into());
    chrome.audit = true;
    chrome
}

/// The same id every time.
pub(crate) fn id<T: std::str::FromStr<Err = weir_core::Error>>(number: u32) -> T {
    format!("0192f0c1-0000-7000-8000-{number:012}")
        .parse()
        .unwrap()
}

pub(crate) fn hours_ago(hours: i64) -> DateTime<Utc> {
    now() - TimeDelta::hours(hours)
}

pub(crate) fn page<T>(items: Vec<T>) -> Page<T> {
    Page { items, next: None }
}

pub(crate) fn annotations(version: i64, values: &[(Attribute, &str)]) -> Annotations {
    let value = |(attribute, value): &(Attribute, &str)| Annotation {
        attribute: *attribute,
        value: Some((*value).to_owned()),
        edited_by: "A. Jensen".into(),
        edited_at: hours_ago(72),
    };
    Annotations {
        version,
        values: values.iter().map(value).collect(),
    }
}

pub(crate) fn catalog() -> Catalog {
    Catalog {
        id: id::<CatalogId>(10),
        name: "lake".into(),
        location: None,
        created_at: hours_ago(400),
    }
}

pub(crate) fn namespace() -> Namespace {
    Namespace {
        id: id::<NamespaceId>(11),
        catalog: "lake".into(),
        path: vec!["sales".into(), "emea".into()],
        properties: std::collections::BTreeMap::new(),
        created_at: hours_ago(300),
        annotations: annotations(
            1,
            &[
                (Attribute::Owner, "sales-data"),
                (Attribute::Definition, HOSTILE),
            ],
        ),
    }
}

pub(crate) fn column(
    id: i32,
    path: &str,
    data_type: DataType,
    values: &[(Attribute, &str)],
) -> Column {
    Column {
        id: FieldId(id),
        parent: None,
        path: path.to_owned(),
        name: path.rsplit('.').next().unwrap().to_owned(),
        depth: path.matches('.').count(),
        data_type,
        required: false,
        partition_key: false,
        doc: None,
        annotations: annotations(i64::from(!values.is_empty()), values),
    }
}

pub(crate) fn table() -> Table {
    let city = Field::inferred("city", DataType::String).with_id(4);
    let mut columns = vec![
        column(
            1,
            "order_id",
            DataType::Long,
            &[
                (Attribute::Definition, "Identifier assigned by the shop"),
                (Attribute::Sensitivity, "public"),
            ],
        ),
        column(
            2,
            "net_amount",
            DataType::Decimal {
                precision: 18,
                scale: 2,
            },
            &[(Attribute::Sensitivity, "confidential")],
        ),
        column(3, "address", DataType::Struct(vec![city]), &[]),
        column(
            4,
            "address.city",
            DataType::String,
            &[(Attribute::Definition, HOSTILE)],
        ),
        Column {
            name: "<b>bold</b>".into(),
            ..column(
                5,
                "<b>bold</b>",
                DataType::String,
                &[(Attribute::Sensitivity, "restricted")],
            )
        },
        column(
            6,
            "year",
            DataType::Int,
            &[(Attribute::Sensitivity, "internal")],
        ),
    ];
    columns[0].required = true;
    columns[1].doc = Some("amt, net <em>of</em> discount".into());
    columns[5].partition_key = true;
    Table {
        summary: summary(),
        catalog: "lake".into(),
        namespace: vec!["sales".into(), "emea".into()],
        location: Some("s3://lake/sales/orders".into()),
        created_at: hours_ago(300),
        columns,
        restricted: false,
        protected: false,
        missing_since: None,
        crawled_at: Some(hours_ago(6)),
    }
}

pub(crate) fn summary() -> TableSummary {
    TableSummary {
        id: id::<TableId>(12),
        name: "orders".into(),
        kind: TableKind::External,
        format: Format::Parquet,
        version: 14,
        rows: Some(41_260_000),
        bytes: 7_400_000_000,
        files: 312,
        updated_at: hours_ago(6),
        annotations: annotations(
            2,
            &[
                (Attribute::Owner, "sales-data"),
                (Attribute::Sensitivity, "internal"),
                (
                    Attribute::Definition,
                    "One row per order.\nReturns are elsewhere.",
                ),
            ],
        ),
    }
}

pub(crate) fn versions() -> Vec<SchemaVersion> {
    let change = |kind: &str, line: &str, safe| VersionChange {
        kind: kind.into(),
        field_id: None,
        line: line.into(),
        safe,
    };
    let version = |number, origin, changes| SchemaVersion {
        number,
        schema: Schema::new(vec![Field::inferred("order_id", DataType::Long).with_id(1)]),
        changes,
        origin,
        made_by: "sales-s3".into(),
        created_at: hours_ago(6),
    };
    vec![
        version(
            14,
            Origin::Crawl,
            vec![
                change("added", "+ discount <i>string</i>", true),
                change("retyped", "~ qty int → long", true),
                change("removed", "- channel string", false),
            ],
        ),
        version(13, Origin::Person, vec![]),
    ]
}

pub(crate) fn partition() -> Partition {
    Partition {
        key: "year=2024/month=<01>".into(),
        values: vec!["2024".into(), "<01>".into()],
        files: 12,
        bytes: 1_300_000,
        rows: Some(88_000),
        first_seen_at: hours_ago(200),
        changed_at: hours_ago(6),
    }
}

pub(crate) fn grant(number: u32, kind: ResourceKind, name: &str, columns: ColumnSet) -> Grant {
    Grant {
        fact: GrantFact {
            id: id::<GrantId>(number),
            principal: id::<PrincipalId>(21),
            resource: Resource::new(kind, id::<TableId>(12)),
            privileges: PrivilegeSet::from_iter([Privilege::Describe, Privilege::Select]),
            columns,
            grantable: false,
            valid_from: None,
            valid_until: Some(now() + TimeDelta::days(30)),
        },
        principal_name: "analysts".into(),
        principal_kind: PrincipalKind::Group,
        resource_name: name.into(),
        reason: Some("Q4 <reporting>".into()),
        created_by: "a.jensen".into(),
        created_at: hours_ago(50),
    }
}

pub(crate) fn run(number: u32, state: RunState) -> RunSummary {
    let over = state.is_over();
    RunSummary {
        id: id::<RunId>(number),
        state,
        trigger: Trigger::Schedule,
        requested_by: "scheduler".into(),
        queued_at: hours_ago(12),
        started_at: over.then(|| hours_ago(12)),
        finished_at: over.then(|| hours_ago(12) + TimeDelta::seconds(424)),
        counts: RunCounts {
            objects: 18_204,
            bytes: 7_400_000_000,
            tables: 31,
            tables_created: 1,
            versions: 2,
            problems: 1,
            partitions_added: 12,
            ..RunCounts::default()
        },
        error: None,
    }
}

pub(crate) fn crawler() -> Crawler {
    Crawler {
        id: id::<CrawlerId>(31),
        name: "sales-s3".into(),
        location: "lake-bucket".into(),
        prefix: "sales".into(),
        catalog: "lake".into(),
        namespace: vec!["sales".into(), "emea".into()],
        schedule: Some("0 2 * * *".into()),
        time_zone: "Europe/Copenhagen".into(),
        enabled: true,
        next_run_at: Some(now() + TimeDelta::hours(11)),
        version: 3,
        last_run: Some(run(41, RunState::Warnings)),
    }
}

pub(crate) fn report(state: RunState) -> RunReport {
    let change = |table: &str, kind, version, lines: &[&str]| RunChange {
        table_id: id::<TableId>(12),
        table: table.into(),
        kind,
        version,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    };
    RunReport {
        crawler: "sales-s3".into(),
        run: run(41, state),
        changes: vec![
            change(
                "lake.sales.emea.orders",
                ChangeKind::SchemaChanged,
                Some(14),
                &["+ discount string", "~ qty int → long", "- channel string"],
            ),
            change("lake.sales.emea.returns", ChangeKind::Missing, None, &[]),
        ],
        problems: vec![RunProblem {
            path: "s3://lake/sales/<part>.parquet".into(),
            cause: "The file ends before its footer.".into(),
            table_id: None,
        }],
        hidden: 2,
    }
}

pub(crate) fn location(name: &str, url: &str) -> StorageLocation {
    StorageLocation {
        id: id::<LocationId>(71),
        name: name.into(),
        url: url.into(),
        settings: StorageSettings::default(),
        zone: None,
        has_credential: false,
        created_at: hours_ago(400),
    }
}

/// Made by a store, or by the gateway.
pub(crate) fn live(number: u32, delivery: &str) -> LiveCredential {
    LiveCredential {
        credential_id: id::<TableId>(number).as_uuid(),
        principal: "spark".into(),
        table_id: Some(id::<TableId>(12).as_uuid()),
        table_name: "lake.sales.emea.orders".into(),
        delivery: delivery.into(),
        access: "change".into(),
        issued_at: hours_ago(0) - TimeDelta::minutes(20),
        expires_at: now() + TimeDelta::minutes(40),
    }
}

pub(crate) fn event(outcome: Outcome) -> AuditEvent {
    AuditEvent {
        id: id::<AuditEventId>(51),
        at: hours_ago(1),
        principal: Some(id::<PrincipalId>(21)),
        principal_name: "a.jensen".into(),
        action: "grant.create".into(),
        object_kind: "table".into(),
        object_name: "lake.sales.emea.orders".into(),
        outcome,
        determined_by: vec![id::<GrantId>(61)],
        detail: serde_json::json!({"reason": "</pre><script>alert(1)</script>"}),
        request_id: id::<RequestId>(2).to_string(),
        face: "console".into(),
    }
}
