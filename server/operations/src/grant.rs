//! Grants.

use chrono::{DateTime, Utc};
use serde_json::json;
use weir_core::authz::verbs::{Describe, ManageGrants};
use weir_core::grant::{ColumnSet, Grant, NewGrant};
use weir_core::id::{FieldId, GrantId};
use weir_core::name::{Name, NamespaceIdent, PrincipalName, TableIdent};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::privilege::PrivilegeSet;
use weir_core::resource::ResourceKind;
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::vended::{self, Outliving};
use weir_db::{Write, directory, grant, table};

use crate::Weir;

/// What a grant is on, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantTarget {
    Server,
    Catalog(Name),
    Namespace(NamespaceIdent),
    Table(TableIdent),
    Location(Name),
    Crawler(Name),
}

impl GrantTarget {
    fn target(&self) -> Target<'_> {
        match self {
            Self::Server => Target::Server,
            Self::Catalog(name) => Target::Catalog(name),
            Self::Namespace(ident) => Target::Namespace(ident),
            Self::Table(ident) => Target::Table(ident),
            Self::Location(name) => Target::Location(name),
            Self::Crawler(name) => Target::Crawler(name),
        }
    }

    fn kind(&self) -> ResourceKind {
        self.target().kind()
    }
}

/// A grant to be made, with its principal by name.
#[derive(Debug, Clone)]
pub struct GrantRequest {
    pub principal: PrincipalName,
    pub privileges: PrivilegeSet,
    pub columns: ColumnSet,
    pub grantable: bool,
    pub valid_from: Option<DateTime<Utc>>,
    pub valid_until: Option<DateTime<Utc>>,
    pub reason: Option<String>,
}

/// Errors: `Invalid` for a principal or column that is not there and for what [`NewGrant::check`] refuses; `Denied` for who
/// would hand on more than it holds.
pub async fn create(
    weir: &Weir,
    caller: &Caller,
    on: &GrantTarget,
    request: GrantRequest,
) -> Result<Grant> {
    let mut write = weir
        .gate
        .write::<ManageGrants>(caller, on.target(), "grant.create")
        .await?;
    let principal = directory::find(&mut write, request.principal.as_str())
        .await?
        .filter(|principal| !principal.disabled);
    let principal = principal.ok_or_else(|| {
        Error::invalid(
            "principal",
            "Nobody of this name is known here, or the principal is disabled.",
        )
    })?;
    let new = NewGrant {
        principal: principal.id,
        privileges: request.privileges,
        columns: request.columns,
        grantable: request.grantable,
        valid_from: request.valid_from,
        valid_until: request.valid_until,
        reason: request.reason,
    };
    new.check(on.kind(), write.now())?;
    // Before anything is said of the columns: whether an id exists is not for who could not grant it.
    if write
        .permit()
        .grantable()
        .is_some_and(|held| !new.is_within(held))
    {
        return weir.gate.refuse_after(write, "You may hand on only what your own grants let you: these privileges, these columns, this long.").await;
    }
    check_columns(&mut write, &new.columns).await?;
    let id = grant::create(&mut write, &new).await?;
    write.record(json!({
        "grant_id": id, "principal": principal.name, "privileges": new.privileges, "columns": new.columns, "grantable": new.grantable,
        "valid_from": new.valid_from, "valid_until": new.valid_until, "reason": new.reason,
    }));
    write.commit().await?;
    get(weir, caller, id).await
}

async fn check_columns(write: &mut Write<ManageGrants>, columns: &ColumnSet) -> Result<()> {
    for id in columns.field_ids() {
        if !table::has_column(write, FieldId(id)).await? {
            return Err(Error::invalid(
                "columns",
                format!("The table has no column with the id {id}."),
            ));
        }
    }
    Ok(())
}

/// One grant, for who manages grants on the object that it is on.
pub async fn get(weir: &Weir, caller: &Caller, id: GrantId) -> Result<Grant> {
    let permit = weir
        .gate
        .read::<ManageGrants>(caller, Target::Grant(id), "grant.get")
        .await?;
    grant::get(&weir.db, &permit, id).await
}

/// Ends a grant. It holds nowhere from the next request on, but for credentials that a store made: no store takes those back.
/// Returns the ones that may outlive the grant, each with its end.
pub async fn revoke(weir: &Weir, caller: &Caller, id: GrantId) -> Result<Outliving> {
    let mut write = weir
        .gate
        .write::<ManageGrants>(caller, Target::Grant(id), "grant.revoke")
        .await?;
    let held = grant::get_in(&mut write, id).await?;
    if write.permit().grantable().is_some() {
        return weir
            .gate
            .refuse_after(
                write,
                "You may hand on what you hold, but ending grants needs MANAGE_GRANTS.",
            )
            .await;
    }
    grant::revoke(&mut write, id).await?;
    let object = held.fact.resource.id;
    let outliving = vended::outliving(&mut write, held.fact.principal, object).await?;
    write.about(
        held.fact.resource.kind.as_str(),
        held.fact.resource.id,
        held.resource_name,
    );
    write.record(json!({ "grant_id": id, "principal": held.principal_name, "privileges": held.fact.privileges, "columns": held.fact.columns,
        "outlived_by": outliving.ids() }));
    write.commit().await?;
    Ok(outliving)
}

/// Who reaches a table, and by what: all grants for who manages them, the caller's own for everybody else.
pub async fn on_table(weir: &Weir, caller: &Caller, ident: &TableIdent) -> Result<Vec<Grant>> {
    let target = Target::Table(ident);
    let own = weir
        .gate
        .read::<Describe>(caller, target, "grant.list")
        .await?;
    if weir.gate.may::<ManageGrants>(caller, target).await? {
        let permit = weir
            .gate
            .read::<ManageGrants>(caller, target, "grant.list")
            .await?;
        if permit.grantable().is_none() {
            return grant::reaching(&weir.db, &permit, weir.now()).await;
        }
    }
    grant::own(&weir.db, &own, weir.now()).await
}

/// The grants on an object and on everything inside it, the newest first; to one principal where `to` is given.
pub async fn list(
    weir: &Weir,
    caller: &Caller,
    on: &GrantTarget,
    to: Option<&PrincipalName>,
    page: &PageRequest,
) -> Result<Page<Grant>> {
    let permit = weir
        .gate
        .read::<ManageGrants>(caller, on.target(), "grant.list")
        .await?;
    if permit.grantable().is_some() {
        return weir
            .gate
            .refuse(
                caller,
                on.target(),
                "grant.list",
                "You may hand on what you hold, but listing grants needs MANAGE_GRANTS.",
            )
            .await;
    }
    grant::list(
        &weir.db,
        &permit,
        to.map(PrincipalName::as_str),
        weir.now(),
        page,
    )
    .await
}
