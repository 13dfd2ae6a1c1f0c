//! Principals: people, groups, services and roles.

use serde_json::json;
use weir_core::authz::verbs::{ManagePrincipals, ReadDirectory};
use weir_core::name::PrincipalName;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::{Caller, HashedClient, HashedPassword, Principal, PrincipalKind};
use weir_core::resource::SERVER_ID;
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::vended::Outliving;
use weir_db::{Write, directory, vended};

use crate::Weir;

/// Principals by name, for who may name them as owners or grant to them.
pub async fn list(weir: &Weir, caller: &Caller, page: &PageRequest) -> Result<Page<Principal>> {
    let permit = weir
        .gate
        .read::<ReadDirectory>(caller, Target::Server, "principal.list")
        .await?;
    directory::list(&weir.db, &permit, page).await
}

/// May the caller look into the directory?
pub async fn may_list(weir: &Weir, caller: &Caller) -> Result<bool> {
    weir.gate.may::<ReadDirectory>(caller, Target::Server).await
}

/// How a new principal proves who it is.
#[derive(Debug)]
pub enum Proof {
    /// A person's password.
    Password(HashedPassword),
    /// A service's client.
    Client(HashedClient),
    /// A group or role, which nobody signs in as.
    None,
}

/// Errors: a proof that does not fit the kind.
pub async fn create(
    weir: &Weir,
    caller: &Caller,
    name: &PrincipalName,
    kind: PrincipalKind,
    proof: Proof,
) -> Result<Principal> {
    let mut write = manage(weir, caller, "principal.create").await?;
    let created = directory::create(&mut write, name, kind).await?;
    match (kind, &proof) {
        (PrincipalKind::User, Proof::Password(hash)) => {
            directory::set_password(&mut write, created.id, hash.as_phc()).await?
        }
        (PrincipalKind::Service, Proof::Client(client)) => {
            directory::add_client(
                &mut write,
                created.id,
                &client.client_id,
                &client.secret_hash,
            )
            .await?;
        }
        (PrincipalKind::Group | PrincipalKind::Role, Proof::None) => {}
        _ => {
            return Err(Error::invalid(
                "kind",
                "A user has a password, a service has a client, a group or role has neither.",
            ));
        }
    }
    write.about("principal", created.id.as_uuid(), created.name.clone());
    write.record(json!({ "kind": kind }));
    write.commit().await?;
    Ok(created)
}

/// Makes `member` belong to a group or role. Errors: it is not a group or role; the two would belong to each other.
pub async fn add_member(
    weir: &Weir,
    caller: &Caller,
    group: &PrincipalName,
    member: &PrincipalName,
) -> Result<()> {
    let mut write = manage(weir, caller, "principal.add_member").await?;
    let (group, member) = pair(&mut write, group, member).await?;
    directory::add_member(&mut write, group.id, member.id).await?;
    write.about("principal", group.id.as_uuid(), group.name);
    write.record(json!({ "member": member.name }));
    write.commit().await
}

/// Ends a membership. Returns the credentials that a store made for the member, which may outlive what it had by the group.
pub async fn remove_member(
    weir: &Weir,
    caller: &Caller,
    group: &PrincipalName,
    member: &PrincipalName,
) -> Result<Outliving> {
    let mut write = manage(weir, caller, "principal.remove_member").await?;
    let (group, member) = pair(&mut write, group, member).await?;
    directory::remove_member(&mut write, group.id, member.id).await?;
    let outliving = vended::outliving(&mut write, member.id, SERVER_ID).await?;
    write.about("principal", group.id.as_uuid(), group.name);
    write.record(json!({ "member": member.name, "outlived_by": outliving.ids() }));
    write.commit().await?;
    Ok(outliving)
}

/// Ends what a principal may do, and its sessions, from the next request on. Returns the credentials that a store made for it,
/// or for members of it: no store takes those back. Errors: the caller itself.
pub async fn disable(weir: &Weir, caller: &Caller, name: &PrincipalName) -> Result<Outliving> {
    let mut write = manage(weir, caller, "principal.disable").await?;
    let principal = known(&mut write, name).await?;
    if principal.id == caller.principal {
        return Err(Error::invalid("name", "You cannot disable yourself."));
    }
    directory::disable(&mut write, principal.id).await?;
    let outliving = vended::outliving(&mut write, principal.id, SERVER_ID).await?;
    write.about("principal", principal.id.as_uuid(), principal.name);
    write.record(json!({ "outlived_by": outliving.ids() }));
    write.commit().await?;
    Ok(outliving)
}

async fn manage(weir: &Weir, caller: &Caller, operation: &str) -> Result<Write<ManagePrincipals>> {
    weir.gate
        .write::<ManagePrincipals>(caller, Target::Server, operation)
        .await
}

async fn known(write: &mut Write<ManagePrincipals>, name: &PrincipalName) -> Result<Principal> {
    directory::find(write, name.as_str())
        .await?
        .ok_or_else(|| Error::not_found(format!("There is no principal `{name}`.")))
}

async fn pair(
    write: &mut Write<ManagePrincipals>,
    group: &PrincipalName,
    member: &PrincipalName,
) -> Result<(Principal, Principal)> {
    let group = known(write, group).await?;
    if !matches!(group.kind, PrincipalKind::Group | PrincipalKind::Role) {
        return Err(Error::invalid(
            "group",
            "Only a group or a role has members.",
        ));
    }
    let member = known(write, member).await?;
    Ok((group, member))
}
