//! Dropping tables that Weir is the catalog of, putting them back, and giving them away.

use chrono::TimeDelta;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use weir_core::authz::verbs::{Alter, CreateTable, Drop};
use weir_core::catalog::TableKind;
use weir_core::id::{RequestId, TableId};
use weir_core::idempotency::Idempotency;
use weir_core::location::Location;
use weir_core::name::{Name, NamespaceIdent, TableIdent};
use weir_core::page::{Page, PageRequest};
use weir_core::principal::{Caller, Face};
use weir_core::{Error, Result};
use weir_db::dropped::{self, Expired};
use weir_db::iceberg;
use weir_db::resolve::Target;
use weir_db::{Entry, Write, table};

pub use weir_db::dropped::DroppedRow as DroppedTable;

use super::document::{Document, unpack};
use super::load::unrestricted;
use super::place;
use crate::Weir;
use crate::idempotency::once;

/// Drops an Iceberg table. It can be put back for a time; with `purge` its files are deleted when that is over.
///
/// Errors: `Denied` for a protected table; `Invalid` for a purge of a table whose `gc.enabled` is false.
pub async fn drop_iceberg(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    purge: bool,
    key: Option<&Idempotency>,
) -> Result<()> {
    let act = async {
        let mut write = weir
            .gate
            .write::<Drop>(caller, Target::Table(ident), "table.drop")
            .await?;
        expect(&mut write, ident, TableKind::Iceberg).await?;
        if purge {
            check_purge(&mut write).await?;
        }
        withdraw(weir, write, purge, key).await
    };
    once(weir, caller, key, act, std::future::ready(Ok(()))).await
}

/// Takes an Iceberg table out of its namespace, unless it is protected.
pub(crate) async fn withdraw(
    weir: &Weir,
    write: Write<Drop>,
    purge: bool,
    key: Option<&Idempotency>,
) -> Result<()> {
    let mut write = unprotected(weir, write).await?;
    let until = write.now() + weir.settings.undrop;
    dropped::withdraw(&mut write, until, purge).await?;
    write.record(json!({ "purge": purge, "undrop_until": until }));
    write.keep_outcome(key);
    write.commit().await
}

/// Errors: `Invalid` for a table that forbids that its files are deleted, or whose storage location does.
async fn check_purge(write: &mut Write<Drop>) -> Result<()> {
    let stored = iceberg::metadata(write).await?;
    let metadata = weir_iceberg::TableMetadata::parse(&unpack(&stored)?)?;
    let location = Location::parse("location", metadata.location())?;
    let place = weir_db::place::place(write, &location).await?;
    if place.is_some_and(|(_, place)| place.settings.read_only) {
        return Err(Error::invalid(
            "purgeRequested",
            "This table's files lie in a storage location that is registered to be only read. Drop it without purging.",
        ));
    }
    let off = metadata
        .properties()
        .get("gc.enabled")
        .is_some_and(|value| value.eq_ignore_ascii_case("false"));
    if off {
        Err(Error::invalid(
            "purgeRequested",
            "This table's files may not be deleted (its property gc.enabled is false). Drop it without purging.",
        ))
    } else {
        Ok(())
    }
}

/// Errors: a table or view of another kind than the protocol's call is for.
pub(crate) async fn expect<P: weir_core::authz::Verb>(
    write: &mut Write<P>,
    ident: &TableIdent,
    kind: TableKind,
) -> Result<()> {
    if iceberg::kind(write).await? == kind {
        Ok(())
    } else {
        Err(Error::not_found(format!(
            "There is no table `{ident}`, or it is not shared with you."
        )))
    }
}

async fn unprotected(weir: &Weir, mut write: Write<Drop>) -> Result<Write<Drop>> {
    if dropped::is_protected(&mut write).await? {
        return weir
            .gate
            .refuse_after(
                write,
                "This table is protected from being dropped. Whoever may alter it can lift that.",
            )
            .await;
    }
    Ok(write)
}

/// Protects a table from being dropped, or lifts that.
pub async fn protect(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    protected: bool,
) -> Result<()> {
    let mut write = weir
        .gate
        .write::<Alter>(caller, Target::Table(ident), "table.protect")
        .await?;
    dropped::protect(&mut write, protected).await?;
    write.record(json!({ "protected": protected }));
    write.commit().await
}

/// The tables that were dropped from a namespace and can be put back.
pub async fn dropped(
    weir: &Weir,
    caller: &Caller,
    namespace: &NamespaceIdent,
    page: &PageRequest,
) -> Result<Page<DroppedTable>> {
    let permit = weir
        .gate
        .read::<Drop>(caller, Target::Namespace(namespace), "table.list_dropped")
        .await?;
    dropped::dropped(&weir.db, &permit, weir.now(), page).await
}

/// Puts a dropped table back, with its versions, words and grants. `name` gives it another name.
///
/// Errors: `NotFound` when nothing of that id was dropped from here; `AlreadyExists` when the name is taken by now.
pub async fn undrop(
    weir: &Weir,
    caller: &Caller,
    namespace: &NamespaceIdent,
    id: TableId,
    name: Option<&Name>,
) -> Result<String> {
    let mut write = weir
        .gate
        .write::<CreateTable>(caller, Target::Namespace(namespace), "table.undrop")
        .await?;
    // What comes back is not only a table but who may see it, so it takes who may drop it as well.
    if !weir.gate.would::<Drop>(caller, write.facts())? {
        let message = "Putting a table back takes DROP on the namespace as well.";
        return weir.gate.refuse_after(write, message).await;
    }
    let restored = dropped::restore(&mut write, id, name).await?;
    write.about("table", id.as_uuid(), format!("{namespace}.{restored}"));
    write.commit().await?;
    Ok(restored)
}

/// Takes a table out of the catalog and hands over its metadata. Its files stay, and no commit to it succeeds any more.
pub async fn unregister(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let gone = async { Err(Error::not_found("The table was unregistered before.")) };
    let act = async {
        let document = unrestricted(weir, caller, ident, "table.unregister").await?;
        let mut write = weir
            .gate
            .write::<Drop>(caller, Target::Table(ident), "table.unregister")
            .await?;
        expect(&mut write, ident, TableKind::Iceberg).await?;
        let mut write = unprotected(weir, write).await?;
        // Whoever leaves it may take it over again, so it must know all of it now.
        if !weir.gate.reads_all(caller, write.facts())? {
            let message = "Unregistering a table takes SELECT on all of its columns.";
            return weir.gate.refuse_after(write, message).await;
        }
        let current = iceberg::metadata(&mut write).await?;
        if Some(&current.metadata_location) != document.metadata_location.as_ref() {
            return Err(Error::conflict(
                "The table was changed at the same moment. Try again.",
            ));
        }
        weir_db::place::leave(&mut write, caller.principal).await?;
        table::remove(&mut write).await?;
        write.record(json!({ "metadata_location": current.metadata_location }));
        write.keep_outcome(key);
        write.commit().await?;
        Ok(document)
    };
    once(weir, caller, key, act, gone).await
}

/// Tables forgotten in one turn of the upkeep.
const AT_A_TIME: usize = 100;
/// How long a replica has for one table, and when it gives up on it.
const CLAIM: TimeDelta = TimeDelta::minutes(10);
const PATIENCE: Duration = Duration::from_secs(300);

/// Forgets dropped tables whose time is over, and deletes the files of those that were dropped to be purged. Idempotent: what
/// could not be deleted keeps its table, and is tried again.
pub async fn forget_expired(weir: &Weir) -> Result<u64> {
    let mut forgotten = 0;
    for _ in 0..AT_A_TIME {
        let now = weir.now();
        let Some(expired) = dropped::claim_expired(&weir.db, now, now + CLAIM).await? else {
            break;
        };
        if expired.purge_files {
            // Well before the claim ends, or another replica would delete beside this one.
            let deleting = tokio::time::timeout(PATIENCE, purge(weir, &expired)).await;
            let done = deleting.unwrap_or_else(|_| {
                Err(Error::unavailable(
                    "There are more files than one turn deletes.",
                ))
            });
            if let Err(error) = done {
                tracing::warn!(table.id = %expired.table_id, ?error, "files of a dropped table are not all deleted yet");
                continue;
            }
        }
        let entry = Entry::system(
            "table.forget",
            "table",
            &expired.location,
            RequestId::new(),
            Face::Worker,
            weir.now(),
        );
        dropped::forget(&weir.db, expired.table_id, weir.now(), &entry).await?;
        forgotten += 1;
    }
    Ok(forgotten)
}

/// No other table lies in this one's place, so all that is there is this table's.
async fn purge(weir: &Weir, expired: &Expired) -> Result<()> {
    use futures::StreamExt;
    use weir_storage::Listed;
    let own = Location::parse("location", &expired.location)?;
    let Some(place) = &expired.place else {
        return Ok(());
    };
    let store = place::open(weir, &place.0)?;
    let mut listing = store.list(&own);
    while let Some(entry) = listing.next().await {
        match entry {
            Ok(Listed::Object(object)) => match store.delete(&object.location).await {
                // It lies behind a link, and so in another place as well.
                Err(error) if error.kind() == weir_core::ErrorKind::Invalid => {}
                deleted => deleted?,
            },
            Ok(Listed::Refused { .. }) => {}
            Err(error) if error.kind() == weir_core::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
