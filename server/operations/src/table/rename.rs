//! Another name, in the same namespace or another one of the catalog. Everything that is bound to the table goes with it.

use serde_json::json;
use weir_core::authz::verbs::{Alter, CreateTable, Drop};
use weir_core::catalog::TableKind;
use weir_core::id::TableId;
use weir_core::idempotency::Idempotency;
use weir_core::name::TableIdent;
use weir_core::principal::Caller;
use weir_core::{Error, Result};
use weir_db::resolve::Target;
use weir_db::{Write, dropped, iceberg};

use super::remove::expect;
use crate::Weir;
use crate::idempotency::once;

/// Errors: `NotFound` for the table or the namespace it shall go to; `AlreadyExists` for a name that a table or view has.
pub async fn rename(
    weir: &Weir,
    caller: &Caller,
    from: &TableIdent,
    to: &TableIdent,
    kind: TableKind,
    key: Option<&Idempotency>,
) -> Result<()> {
    if from.namespace.catalog != to.namespace.catalog {
        return Err(Error::invalid(
            "destination",
            "A table stays in its catalog.",
        ));
    }
    let operation = format!("{}.rename", noun(kind));
    let act = async {
        let mut write = weir
            .gate
            .write::<Alter>(caller, Target::Table(from), &operation)
            .await?;
        expect(&mut write, from, kind).await?;
        if from.namespace != to.namespace {
            write = may_leave(weir, caller, write).await?;
        }
        let id = TableId::from_uuid(write.permit().object().id);
        write.record(json!({ "to": to.to_string() }));
        let mut write = weir
            .gate
            .then::<Alter, CreateTable>(write, caller, Target::Namespace(&to.namespace), &operation)
            .await?;
        if from != to {
            iceberg::check_free(&mut write, &to.name).await?;
            iceberg::rename(&mut write, id, &to.name).await?;
        }
        write.about(noun(kind), id.as_uuid(), to.to_string());
        write.record(json!({ "from": from.to_string() }));
        write.keep_outcome(key);
        write.commit().await
    };
    once(weir, caller, key, act, std::future::ready(Ok(()))).await
}

/// In another namespace other grants hold: whoever takes a table there takes it away from here, and could open all of it there.
async fn may_leave(weir: &Weir, caller: &Caller, mut write: Write<Alter>) -> Result<Write<Alter>> {
    let reads_all = weir.gate.reads_all(caller, write.facts())?;
    if !reads_all || !weir.gate.would::<Drop>(caller, write.facts())? {
        let message = "Moving it to another namespace takes DROP, and SELECT on all columns.";
        return weir.gate.refuse_after(write, message).await;
    }
    if dropped::is_protected(&mut write).await? {
        let message = "It is protected from being dropped, and so from leaving its namespace.";
        return weir.gate.refuse_after(write, message).await;
    }
    Ok(write)
}

pub(crate) const fn noun(kind: TableKind) -> &'static str {
    match kind {
        TableKind::View => "view",
        TableKind::External | TableKind::Iceberg => "table",
    }
}
