//! The audit trail: appended to by every change and refusal, read by auditors, changed by nobody.

use chrono::{DateTime, Utc};
use sea_query::{Alias, Expr, ExprTrait, Iden, LikeExpr, Order, PostgresQueryBuilder, Query};
use sea_query_sqlx::SqlxBinder;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use uuid::Uuid;
use weir_core::Result;
use weir_core::audit::{AuditEvent, AuditFilter, Outcome};
use weir_core::authz::{Permit, verbs};
use weir_core::id::{AuditEventId, GrantId, PrincipalId, RequestId};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::{Caller, Face};

use crate::Db;
use crate::error::map;
use crate::json::word;

/// An audit row about to be written.
#[derive(Debug, Clone)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub principal: Option<PrincipalId>,
    pub principal_name: String,
    pub action: String,
    pub object_kind: String,
    pub object_id: Option<Uuid>,
    pub object_name: String,
    pub detail: serde_json::Value,
    pub request: RequestId,
    pub face: Face,
    outcome: Outcome,
    determined_by: Vec<GrantId>,
    /// An object that changed beside the one that the row is about.
    also: Option<Uuid>,
}

impl Entry {
    pub fn by(
        caller: &Caller,
        action: impl Into<String>,
        object_kind: &str,
        object_name: impl Into<String>,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            at,
            principal: Some(caller.principal),
            principal_name: caller.name.clone(),
            action: action.into(),
            object_kind: object_kind.to_owned(),
            object_id: None,
            object_name: object_name.into(),
            detail: serde_json::Value::Object(serde_json::Map::new()),
            request: caller.request,
            face: caller.face,
            outcome: Outcome::Ok,
            determined_by: Vec::new(),
            also: None,
        }
    }

    /// Somebody who could not be identified. `name` is what was claimed.
    pub fn anonymous(
        name: &str,
        action: &str,
        request: RequestId,
        face: Face,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            at,
            principal: None,
            principal_name: name.chars().filter(|c| !c.is_control()).take(255).collect(),
            action: action.to_owned(),
            object_kind: "session".to_owned(),
            object_id: None,
            object_name: String::new(),
            detail: serde_json::Value::Object(serde_json::Map::new()),
            request,
            face,
            outcome: Outcome::Denied,
            determined_by: Vec::new(),
            also: None,
        }
    }

    /// What the server does of itself, with nobody asking.
    pub fn system(
        action: &str,
        object_kind: &str,
        object_name: &str,
        request: RequestId,
        face: Face,
        at: DateTime<Utc>,
    ) -> Self {
        let mut entry = Self::anonymous("weir", action, request, face, at);
        entry.object_kind = object_kind.to_owned();
        entry.object_name = object_name.to_owned();
        entry.outcome = Outcome::Ok;
        entry
    }

    #[must_use]
    pub fn on(mut self, id: Uuid) -> Self {
        self.object_id = Some(id);
        self
    }

    #[must_use]
    pub(crate) fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    #[must_use]
    pub(crate) fn determined_by(mut self, grants: &[GrantId]) -> Self {
        self.determined_by = grants.to_vec();
        self
    }
}

impl Entry {
    #[must_use]
    pub(crate) fn also_on(mut self, id: Uuid) -> Self {
        self.also = Some(id);
        self
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(crate) fn grants(&self) -> &[GrantId] {
        &self.determined_by
    }

    /// The objects that changed, for caches.
    pub(crate) fn touched(&self) -> impl Iterator<Item = Uuid> {
        self.object_id.into_iter().chain(self.also)
    }
}

pub(crate) async fn insert(connection: &mut PgConnection, entry: &Entry) -> Result<()> {
    sqlx::query(INSERT)
        .bind(AuditEventId::new().as_uuid())
        .bind(entry.at)
        .bind(entry.principal.map(PrincipalId::as_uuid))
        .bind(&entry.principal_name)
        .bind(&entry.action)
        .bind(&entry.object_kind)
        .bind(entry.object_id)
        .bind(&entry.object_name)
        .bind(entry.outcome.as_str())
        .bind(
            entry
                .determined_by
                .iter()
                .map(|id| id.as_uuid())
                .collect::<Vec<_>>(),
        )
        .bind(Json(&entry.detail))
        .bind(entry.request.as_uuid())
        .bind(entry.face.as_str())
        .execute(connection)
        .await
        .map(drop)
        .map_err(map)
}

/// Writes the row of a refused read, which has no transaction of its own to ride in.
pub async fn refused(db: &Db, entry: Entry) -> Result<()> {
    let mut connection = db.pool().acquire().await.map_err(map)?;
    insert(&mut connection, &entry.with_outcome(Outcome::Denied)).await
}

/// Writes the row of a permitted read, which has no transaction of its own to ride in.
pub async fn noted(db: &Db, entry: Entry, by: &[GrantId]) -> Result<()> {
    let mut connection = db.pool().acquire().await.map_err(map)?;
    let entry = entry.with_outcome(Outcome::Ok).determined_by(by);
    insert(&mut connection, &entry).await
}

/// The newest events first.
pub async fn list(
    db: &Db,
    _: &Permit<verbs::ReadAudit>,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditEvent>> {
    let (sql, values) = list_query(filter, page).build_sqlx(PostgresQueryBuilder);
    // The text comes from sea-query alone; every value of the caller is bound.
    let rows: Vec<EventRow> = sqlx::query_as_with(AssertSqlSafe(sql), values)
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let events = rows
        .into_iter()
        .map(EventRow::into_event)
        .collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(events, page, |event| event.id.to_string()))
}

#[derive(Iden)]
enum AuditEventTable {
    #[iden = "audit_event"]
    Table,
    EventId,
    At,
    PrincipalName,
    Action,
    ObjectName,
    Outcome,
}

fn list_query(filter: &AuditFilter, page: &PageRequest) -> sea_query::SelectStatement {
    use AuditEventTable as E;
    let mut query = Query::select();
    let columns = [
        "event_id",
        "at",
        "principal_id",
        "principal_name",
        "action",
        "object_kind",
        "object_name",
        "outcome",
        "determined_by",
        "detail",
        "request_id",
        "face",
    ];
    query.columns(columns.map(Alias::new)).from(E::Table);
    query.and_where_option(
        filter
            .principal
            .as_ref()
            .map(|name| Expr::col(E::PrincipalName).eq(name.as_str())),
    );
    query.and_where_option(
        filter
            .action
            .as_ref()
            .map(|action| Expr::col(E::Action).eq(action.as_str())),
    );
    query.and_where_option(filter.object.as_ref().map(|part| {
        Expr::col(E::ObjectName)
            .like(LikeExpr::new(format!("%{}%", escape_like(part))).escape('\\'))
    }));
    query.and_where_option(
        filter
            .outcome
            .map(|outcome| Expr::col(E::Outcome).eq(outcome.as_str())),
    );
    query.and_where_option(filter.from.map(|from| Expr::col(E::At).gte(from)));
    query.and_where_option(filter.until.map(|until| Expr::col(E::At).lt(until)));
    query.and_where_option(
        page.after()
            .and_then(|cursor| cursor.parse::<AuditEventId>().ok())
            .map(|id| Expr::col(E::EventId).lt(id.as_uuid())),
    );
    query
        .order_by(E::EventId, Order::Desc)
        .limit(u64::from(page.limit()) + 1);
    query
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

#[derive(FromRow)]
struct EventRow {
    event_id: Uuid,
    at: DateTime<Utc>,
    principal_id: Option<Uuid>,
    principal_name: String,
    action: String,
    object_kind: String,
    object_name: String,
    outcome: String,
    determined_by: Vec<Uuid>,
    detail: Json<serde_json::Value>,
    request_id: Uuid,
    face: String,
}

impl EventRow {
    fn into_event(self) -> Result<AuditEvent> {
        Ok(AuditEvent {
            id: AuditEventId::from_uuid(self.event_id),
            at: self.at,
            principal: self.principal_id.map(PrincipalId::from_uuid),
            principal_name: self.principal_name,
            action: self.action,
            object_kind: self.object_kind,
            object_name: self.object_name,
            outcome: word(Outcome::parse, &self.outcome)?,
            determined_by: self
                .determined_by
                .into_iter()
                .map(GrantId::from_uuid)
                .collect(),
            detail: self.detail.0,
            request_id: self.request_id.to_string(),
            face: self.face,
        })
    }
}

statements! {
    INSERT = "INSERT INTO audit_event (event_id, at, principal_id, principal_name, action, object_kind, object_id, object_name, outcome,
            determined_by, detail, request_id, face)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_bound_and_never_spliced() {
        let hostile = "'; DROP TABLE audit_event; --";
        let filter = AuditFilter {
            principal: Some(hostile.into()),
            action: Some(hostile.into()),
            object: Some("50%_off".into()),
            outcome: Some(Outcome::Denied),
            from: DateTime::from_timestamp(0, 0),
            until: DateTime::from_timestamp(1, 0),
        };
        let page = PageRequest::new(
            Some(10),
            Some(AuditEventId::from_uuid(Uuid::nil()).to_string()),
        )
        .unwrap();
        let (sql, _) = list_query(&filter, &page).build_sqlx(PostgresQueryBuilder);
        assert!(!sql.contains("DROP"));
        insta::assert_snapshot!(sql);
    }
}
