//! Who did what, who was refused what, by which grant.

use chrono::{DateTime, Utc};

use crate::id::{AuditEventId, GrantId, PrincipalId};
use crate::principal::words;

words! {
    pub enum Outcome("outcome") {
        Ok => "ok",
        Denied => "denied",
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    pub id: AuditEventId,
    pub at: DateTime<Utc>,
    /// Absent when nobody could be identified, as in a failed sign-in.
    pub principal: Option<PrincipalId>,
    pub principal_name: String,
    /// `table.describe`, `grant.create`, `session.sign_in`
    pub action: String,
    pub object_kind: String,
    /// As it was asked for.
    pub object_name: String,
    pub outcome: Outcome,
    pub determined_by: Vec<GrantId>,
    /// What changed, in the terms of the action; no secrets, no row values.
    pub detail: serde_json::Value,
    pub request_id: String,
    pub face: String,
}

/// What an auditor looks for. Absent fields match everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// A principal's name.
    pub principal: Option<String>,
    pub action: Option<String>,
    /// Matches a part of the object's name.
    pub object: Option<String>,
    pub outcome: Option<Outcome>,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}
