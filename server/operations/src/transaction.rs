//! Commits to several tables that are made together or not at all.

use std::collections::BTreeSet;
use weir_core::authz::verbs::{Commit, CreateTable};
use weir_core::idempotency::Idempotency;
use weir_core::name::TableIdent;
use weir_core::principal::Caller;
use weir_core::{Error, Result};
use weir_db::Write;
use weir_db::resolve::Target;

use crate::Weir;
use crate::idempotency::once;
use crate::table::CommitRequest;
use crate::table::commit::{Carried, Stored, evaluate, remember};
use crate::table::create::{insert, staged};

const OPERATION: &str = "transaction.commit";

/// The most tables that one transaction touches.
const MAX_TABLES: usize = 100;

/// Errors: as a commit to each of the tables; none of them is changed then.
pub async fn commit(
    weir: &Weir,
    caller: &Caller,
    mut requests: Vec<CommitRequest>,
    key: Option<&Idempotency>,
) -> Result<()> {
    let names: BTreeSet<&TableIdent> = requests.iter().map(|request| &request.ident).collect();
    if names.len() != requests.len() || requests.len() > MAX_TABLES {
        return Err(Error::invalid(
            "table-changes",
            format!("A transaction names each table once, and at most {MAX_TABLES} of them."),
        ));
    }
    // One order for everybody, so that two transactions do not wait for each other.
    requests.sort_by(|a, b| a.ident.cmp(&b.ident));
    let act = carry_out(weir, caller, requests, key);
    once(weir, caller, key, act, std::future::ready(Ok(()))).await
}

/// The write of the table before, whatever it was decided for.
enum Open {
    Commit(Write<Commit>),
    Create(Write<CreateTable>),
}

async fn carry_out(
    weir: &Weir,
    caller: &Caller,
    requests: Vec<CommitRequest>,
    key: Option<&Idempotency>,
) -> Result<()> {
    let mut turns = Vec::new();
    for request in requests.iter().filter(|request| !request.creates()) {
        turns.push(weir.turns.queue(&request.ident).await);
    }
    let _place = weir.turns.place().await;
    let mut open: Option<Open> = None;
    let (mut carried, mut created): (Vec<Carried>, Vec<Stored>) = Default::default();
    for request in &requests {
        open = Some(if request.creates() {
            let write = create_next(weir, caller, open, request).await?;
            let (metadata, store, mut write) = staged(weir, caller, write, request).await?;
            created.push(insert(&mut write, caller, &request.ident, metadata, &store, None).await?);
            Open::Create(write)
        } else {
            let write = commit_next(weir, caller, open, request).await?;
            let change = evaluate(weir, caller, write, request).await?;
            let (write, done) = change.carry().await?;
            carried.extend(done);
            Open::Commit(write)
        });
    }
    match open {
        None => return Ok(()),
        Some(Open::Commit(mut write)) => {
            write.keep_outcome(key);
            write.commit().await?;
        }
        Some(Open::Create(mut write)) => {
            write.keep_outcome(key);
            write.commit().await?;
        }
    }
    created.iter().for_each(|stored| remember(weir, stored));
    carried.into_iter().for_each(|done| done.committed(weir));
    Ok(())
}

async fn commit_next(
    weir: &Weir,
    caller: &Caller,
    open: Option<Open>,
    request: &CommitRequest,
) -> Result<Write<Commit>> {
    let (gate, table) = (&weir.gate, &request.ident);
    match open {
        None => gate.commit(caller, table, OPERATION).await,
        Some(Open::Commit(write)) => gate.then_commit(write, caller, table, OPERATION).await,
        Some(Open::Create(write)) => gate.then_commit(write, caller, table, OPERATION).await,
    }
}

async fn create_next(
    weir: &Weir,
    caller: &Caller,
    open: Option<Open>,
    request: &CommitRequest,
) -> Result<Write<CreateTable>> {
    let (gate, target) = (&weir.gate, Target::Namespace(&request.ident.namespace));
    match open {
        None => gate.write(caller, target, OPERATION).await,
        Some(Open::Commit(write)) => gate.then(write, caller, target, OPERATION).await,
        Some(Open::Create(write)) => gate.then(write, caller, target, OPERATION).await,
    }
}
