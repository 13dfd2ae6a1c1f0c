//! Proof of identity: passwords, client secrets, and the sessions that follow from them. Only hashes are kept.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;
use weir_core::Result;
use weir_core::id::{PrincipalId, RequestId, SessionId};
use weir_core::principal::{Caller, Face, PrincipalKind, Tick};

use crate::Db;
use crate::audit::{Entry, insert};
use crate::error::map;
use crate::json::word;
use crate::write::move_epochs;

/// A session about to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    pub token_hash: [u8; 32],
    pub principal: PrincipalId,
    pub face: Face,
    pub now: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub ip: Option<&'a str>,
    pub user_agent: Option<&'a str>,
}

/// Who a live session belongs to.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub principal: PrincipalId,
    pub name: String,
    pub kind: PrincipalKind,
    pub member_of: Vec<PrincipalId>,
    pub expires_at: DateTime<Utc>,
}

impl Authenticated {
    pub fn caller(&self, face: Face, request: RequestId, fresh: Option<Tick>) -> Caller {
        Caller {
            principal: self.principal,
            name: self.name.clone(),
            kind: self.kind,
            member_of: self.member_of.clone(),
            face,
            request,
            fresh,
        }
    }
}

/// What a name and a password, or a client id and a secret, are checked against.
#[derive(FromRow)]
pub struct Credential<H> {
    pub principal_id: Uuid,
    pub name: String,
    pub hash: H,
}

impl<H> std::fmt::Debug for Credential<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential of {}", self.principal_id)
    }
}

/// The password hash of a principal who may sign in.
pub async fn password(db: &Db, name: &str) -> Result<Option<Credential<String>>> {
    sqlx::query_as(PASSWORD)
        .bind(name)
        .fetch_optional(db.pool())
        .await
        .map_err(map)
}

/// The secret's hash of a client that was not revoked.
pub async fn client(db: &Db, client_id: &str) -> Result<Option<Credential<Vec<u8>>>> {
    sqlx::query_as(CLIENT)
        .bind(client_id)
        .fetch_optional(db.pool())
        .await
        .map_err(map)
}

/// Begins a session, with its audit row.
pub async fn begin(db: &Db, session: &NewSession<'_>, audit: &Entry) -> Result<()> {
    let mut tx = db.begin().await?;
    sqlx::query(BEGIN)
        .bind(session.token_hash.as_slice())
        .bind(SessionId::new().as_uuid())
        .bind(session.principal.as_uuid())
        .bind(session.face.as_str())
        .bind(session.now)
        .bind(session.expires_at)
        .bind(session.ip)
        .bind(session.user_agent)
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    insert(
        &mut tx,
        &audit.clone().with_outcome(weir_core::audit::Outcome::Ok),
    )
    .await?;
    tx.commit().await.map_err(map)
}

/// The principal behind a token, unless the session ended, idled longer than `idle`, or its principal was disabled.
pub async fn authenticate(
    db: &Db,
    token_hash: &[u8; 32],
    now: DateTime<Utc>,
    idle: TimeDelta,
) -> Result<Option<Authenticated>> {
    let row: Option<AuthenticatedRow> = sqlx::query_as(AUTHENTICATE)
        .bind(token_hash.as_slice())
        .bind(now)
        .bind(now - idle)
        .fetch_optional(db.pool())
        .await
        .map_err(map)?;
    row.map(AuthenticatedRow::into_authenticated).transpose()
}

/// A principal as a background worker acts for it. `None` when it was disabled.
pub async fn caller_of(
    db: &Db,
    principal: PrincipalId,
    face: Face,
    request: RequestId,
) -> Result<Option<Caller>> {
    let row: Option<AuthenticatedRow> = sqlx::query_as(PRINCIPAL)
        .bind(principal.as_uuid())
        .fetch_optional(db.pool())
        .await
        .map_err(map)?;
    Ok(row
        .map(AuthenticatedRow::into_authenticated)
        .transpose()?
        .map(|authenticated| authenticated.caller(face, request, None)))
}

/// Ends a session everywhere, at once.
pub async fn end(db: &Db, token_hash: &[u8; 32], audit: &Entry) -> Result<()> {
    let mut tx = db.begin().await?;
    sqlx::query(END)
        .bind(token_hash.as_slice())
        .execute(&mut *tx)
        .await
        .map_err(map)?;
    insert(
        &mut tx,
        &audit.clone().with_outcome(weir_core::audit::Outcome::Ok),
    )
    .await?;
    move_epochs(&mut tx, false, true).await?;
    tx.commit().await.map_err(map)
}

/// Removes sessions that ended by themselves.
pub async fn sweep(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    db.sweep(SWEEP, now).await
}

#[derive(FromRow)]
struct AuthenticatedRow {
    principal_id: Uuid,
    name: String,
    kind: String,
    member_of: Vec<Uuid>,
    expires_at: DateTime<Utc>,
}

impl AuthenticatedRow {
    fn into_authenticated(self) -> Result<Authenticated> {
        Ok(Authenticated {
            principal: PrincipalId::from_uuid(self.principal_id),
            name: self.name,
            kind: word(PrincipalKind::parse, &self.kind)?,
            member_of: self
                .member_of
                .into_iter()
                .map(PrincipalId::from_uuid)
                .collect(),
            expires_at: self.expires_at,
        })
    }
}

statements! {
    PASSWORD = "SELECT p.principal_id, p.name, l.hash FROM principal p JOIN local_password l USING (principal_id)
         WHERE p.name = $1 AND p.kind = 'user' AND p.disabled_at IS NULL";

    CLIENT = "SELECT p.principal_id, p.name, c.secret_hash AS hash FROM service_client c JOIN principal p USING (principal_id)
         WHERE c.client_id = $1 AND c.revoked_at IS NULL AND p.disabled_at IS NULL";

    BEGIN = "INSERT INTO session (token_hash, session_id, principal_id, face, created_at, last_seen_at, expires_at, ip, user_agent)
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8)";

    /// $1 token, $2 now, $3 seen no longer ago than
    AUTHENTICATE = "WITH RECURSIVE seen AS (
             UPDATE session s SET last_seen_at = $2 FROM principal p
             WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.last_seen_at > $3 AND p.principal_id = s.principal_id AND p.disabled_at IS NULL
             RETURNING s.principal_id, s.expires_at, p.name, p.kind
         ), closure (id) AS (
             SELECT principal_id FROM seen
             UNION
             SELECT m.group_id FROM closure c JOIN membership m ON m.member_id = c.id
                 JOIN principal g ON g.principal_id = m.group_id AND g.disabled_at IS NULL
         )
         SELECT seen.principal_id, seen.name, seen.kind, seen.expires_at, (SELECT array_agg(id) FROM closure) AS member_of
         FROM seen";

    PRINCIPAL = "WITH RECURSIVE closure (id) AS (
             SELECT $1::uuid
             UNION
             SELECT m.group_id FROM closure c JOIN membership m ON m.member_id = c.id
                 JOIN principal g ON g.principal_id = m.group_id AND g.disabled_at IS NULL
         )
         SELECT p.principal_id, p.name, p.kind, '9999-01-01'::timestamptz AS expires_at, (SELECT array_agg(id) FROM closure) AS member_of
         FROM principal p WHERE p.principal_id = $1 AND p.disabled_at IS NULL";

    END = "DELETE FROM session WHERE token_hash = $1";
    SWEEP = "DELETE FROM session WHERE expires_at < $1";
}
