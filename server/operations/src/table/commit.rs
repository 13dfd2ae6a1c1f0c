//! Commits: everything happens while the table is locked. The requirements are checked against what is there, the new
//! metadata file is written, and then pointer, audit row, event and schema version change in one transaction. So nothing is
//! decided on what another commit replaced, and a file that no commit followed is all that a crash can leave.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use weir_core::authz::Facts;
use weir_core::authz::verbs::{Alter, Commit, Delete, Describe, Insert};
use weir_core::catalog::{Origin, TableKind};
use weir_core::grant::ColumnScope;
use weir_core::id::TableId;
use weir_core::idempotency::Idempotency;
use weir_core::location::Location;
use weir_core::name::TableIdent;
use weir_core::principal::{Caller, Presumed};
use weir_core::schema::{diff, flatten, max_field_id};
use weir_core::{Error, Result};
use weir_db::iceberg::{self, Swap};
use weir_db::resolve::Target;
use weir_db::{Write, table};
use weir_iceberg::{Base, Class, TableMetadata, TableRequirement, TableUpdate};
use weir_storage::Store;

use super::create::create_committed;
use super::document::{Document, pack_table, unpack};
use super::load::open;
use super::place::{check_paths, place_known};
use crate::Weir;
use crate::idempotency::once;
use weir_db::iceberg::Snapshots;

const OPERATION: &str = "table.commit";

/// What a client wants to become of one table.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    pub ident: TableIdent,
    pub requirements: Vec<TableRequirement>,
    pub updates: Vec<TableUpdate>,
}

impl CommitRequest {
    /// Does it make the table, as the last step of a staged creation?
    pub(crate) fn creates(&self) -> bool {
        self.requirements
            .iter()
            .any(|requirement| matches!(requirement, TableRequirement::AssertCreate))
    }
}

/// Applies the updates if the requirements hold.
///
/// Errors: `Conflict` when a requirement does not hold or a snapshot was made on what is not current any more; `Invalid` for
/// what the metadata's rules refuse; `Internal` when it is not known whether it was committed.
pub async fn commit(
    weir: &Weir,
    caller: &Caller,
    request: CommitRequest,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let ident = request.ident.clone();
    let act = async {
        if request.creates() {
            return create_committed(weir, caller, &request, key).await;
        }
        let arrived = Instant::now();
        let _turn = weir.turns.take(&request.ident).await;
        if let Some(became) = weir.turns.committed_since(&request.ident, arrived)
            && let Err(broken) = weir_iceberg::check(&request.requirements, &became)
        {
            // A commit during the wait broke a requirement: the lock would tell no more. Who may know that is asked first.
            let target = Target::Table(&request.ident);
            weir.gate.read::<Commit>(caller, target, OPERATION).await?;
            return Err(broken);
        }
        let write = weir.gate.commit(caller, &request.ident, OPERATION).await?;
        let change = evaluate(weir, caller, write, &request).await?;
        change.finish(weir, caller, &request.ident, key).await
    };
    once(weir, caller, key, act, current(weir, caller, &ident)).await
}

/// As [`commit`], with a statement less, for a caller who is presumed. `None` where nothing happened because this takes a
/// caller who is known: the table is to be made, others commit to it, or the directory changed.
pub async fn commit_presumed(
    weir: &Weir,
    presumed: &Presumed,
    request: &CommitRequest,
) -> Result<Option<Arc<Document>>> {
    if request.creates() {
        return Ok(None);
    }
    let Some(_turn) = weir.turns.take_now(&request.ident) else {
        return Ok(None);
    };
    let confirmed = weir
        .gate
        .commit_presumed(presumed, &request.ident, OPERATION);
    let Some((caller, write)) = confirmed.await? else {
        return Ok(None);
    };
    let change = evaluate(weir, caller, write, request).await?;
    let done = change.finish(weir, caller, &request.ident, None).await?;
    Ok(Some(done))
}

/// What a replayed request answers: the table as it is now.
pub(crate) async fn current(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
) -> Result<Arc<Document>> {
    open(
        weir,
        caller,
        ident,
        TableKind::Iceberg,
        Snapshots::All,
        OPERATION,
    )
    .await
}

/// A commit that is decided, evaluated, and written to storage; only the transaction is still open.
pub(crate) struct Change {
    write: Write<Commit>,
    /// The current metadata, and what takes its place where anything changed.
    before: Stored,
    after: Option<(Swap, Stored)>,
    store: Store,
}

/// Metadata with the text that its file has.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) location: String,
    /// Stands for the content, in caches and entity tags.
    pub(crate) identity: String,
    pub(crate) text: Bytes,
    pub(crate) metadata: Arc<TableMetadata>,
}

impl Stored {
    /// As the committer may see it.
    pub(crate) fn document_for(
        &self,
        weir: &Weir,
        caller: &Caller,
        facts: &Facts,
    ) -> Result<Arc<Document>> {
        if weir.gate.reads_all(caller, facts)? {
            return Ok(self.document());
        }
        let scope = weir.gate.reach::<Describe>(caller, facts)?;
        let scope = scope.unwrap_or(ColumnScope::NONE);
        let document = Document::restricted(&self.identity, &self.text, Snapshots::All, &scope)?;
        Ok(Arc::new(document))
    }

    pub(crate) fn document(&self) -> Arc<Document> {
        Arc::new(Document::whole(
            &self.location,
            &self.identity,
            self.text.clone(),
            Snapshots::All,
        ))
    }
}

/// Decides on what the request does, checks it, applies it, and writes the new file.
pub(crate) async fn evaluate(
    weir: &Weir,
    caller: &Caller,
    mut write: Write<Commit>,
    request: &CommitRequest,
) -> Result<Change> {
    let locked = write.locked()?.clone();
    if locked.kind != TableKind::Iceberg {
        return Err(Error::not_found(format!(
            "There is no table `{}`, or it is not shared with you.",
            request.ident
        )));
    }
    let before = base(weir, &mut write).await?;
    let mut write = permit_classes(weir, caller, write, &request.updates, &before.metadata).await?;
    let base = Base {
        metadata: &before.metadata,
        location: &before.location,
    };
    let outcome = weir_iceberg::commit(
        Some(base),
        &request.requirements,
        &request.updates,
        write.now().timestamp_millis(),
    )?;
    let placed = place_known(weir, &locked.location, locked.storage.as_ref())?;
    if !outcome.changed {
        return Ok(Change {
            write,
            before,
            after: None,
            store: placed.store,
        });
    }
    if outcome.metadata.location() != before.metadata.location() {
        return Err(Error::invalid(
            "location",
            "A table stays where it lies: its files would not move with it.",
        ));
    }
    check_paths(&outcome.metadata, Some(&before.metadata), &placed.location)?;
    check_columns(&before.metadata, &outcome.metadata)?;
    let now = write.now();
    let after = write_file(&placed.store, outcome.metadata, Some(&before.location), now).await?;
    let version = keep_schema(&mut write, caller, &before.metadata, &after.1.metadata).await?;
    write.record(json!({
        "metadata_location": after.1.location,
        "updates": request.updates.iter().map(TableUpdate::action).collect::<Vec<_>>(),
        "snapshot_id": after.1.metadata.current_snapshot().map(weir_iceberg::Snapshot::id),
        "schema_version": version,
    }));
    Ok(Change {
        write,
        before,
        after: Some(after),
        store: placed.store,
    })
}

impl Change {
    /// Commits it alone.
    async fn finish(
        self,
        weir: &Weir,
        caller: &Caller,
        ident: &TableIdent,
        key: Option<&Idempotency>,
    ) -> Result<Arc<Document>> {
        let Self {
            mut write,
            before,
            after,
            store,
        } = self;
        write.keep_outcome(key);
        let facts = write.facts().clone();
        match after {
            None => {
                if key.is_some() {
                    write.commit().await?;
                }
                before.document_for(weir, caller, &facts)
            }
            Some((swap, after)) => {
                iceberg::commit(write, &swap).await?;
                let bytes = after.text.len();
                weir.turns.committed(ident, &after.metadata, bytes);
                remember(weir, &after);
                tidy(store, &before, &after);
                after.document_for(weir, caller, &facts)
            }
        }
    }

    /// Writes it into its transaction, which goes on. What is to be done once that is committed comes back.
    pub(crate) async fn carry(self) -> Result<(Write<Commit>, Option<Carried>)> {
        let Self {
            mut write,
            before,
            after,
            store,
        } = self;
        let Some((swap, after)) = after else {
            return Ok((write, None));
        };
        iceberg::swap(&mut write, &swap).await?;
        let carried = Carried {
            store,
            before,
            after,
        };
        Ok((write, Some(carried)))
    }
}

/// A change inside a transaction of several tables.
pub(crate) struct Carried {
    store: Store,
    before: Stored,
    after: Stored,
}

impl Carried {
    pub(crate) fn committed(self, weir: &Weir) {
        remember(weir, &self.after);
        tidy(self.store, &self.before, &self.after);
    }
}

/// The current metadata of the locked table: known from the commit before, or read.
pub(crate) async fn base(weir: &Weir, write: &mut Write<Commit>) -> Result<Stored> {
    let locked = write.locked()?;
    let known = iceberg::identity(&locked.metadata_location, locked.changed_at);
    if let Some(known) = weir.metadata.get(&known) {
        return Ok(known);
    }
    let stored = iceberg::metadata(write).await?;
    let text = unpack(&stored)?;
    let metadata = Arc::new(TableMetadata::parse(&text)?);
    let stored = Stored {
        identity: stored.identity(),
        location: stored.metadata_location,
        text,
        metadata,
    };
    remember(weir, &stored);
    Ok(stored)
}

pub(crate) fn remember(weir: &Weir, stored: &Stored) {
    weir.metadata
        .insert(stored.identity.clone(), stored.clone());
}

/// To add rows, to take rows away, and to alter are asked for one by one.
async fn permit_classes(
    weir: &Weir,
    caller: &Caller,
    write: Write<Commit>,
    updates: &[TableUpdate],
    base: &TableMetadata,
) -> Result<Write<Commit>> {
    for class in weir_iceberg::classes(updates, Some(base)) {
        // New rows build on the files that are there, so who may not read those cannot write any.
        let blind = class != Class::Alter && !weir.gate.reads_all(caller, write.facts())?;
        if blind {
            let message = "Writing rows takes SELECT on all columns beside INSERT or DELETE: a commit builds on what is there.";
            return weir.gate.refuse_after(write, message).await;
        }
        let sees = weir.gate.reach::<Describe>(caller, write.facts())?;
        if !sees.is_some_and(|columns| columns.is_all()) {
            let message =
                "You see some columns of this table; a change of its schema would drop the others.";
            return weir.gate.refuse_after(write, message).await;
        }
        let (may, what) = match class {
            Class::Append => (
                weir.gate.would::<Insert>(caller, write.facts())?,
                "add rows to it (INSERT)",
            ),
            Class::Delete => (
                weir.gate.would::<Delete>(caller, write.facts())?,
                "take rows away from it (DELETE)",
            ),
            Class::Alter => (
                weir.gate.would::<Alter>(caller, write.facts())?,
                "change what it is (ALTER)",
            ),
        };
        if !may {
            let message =
                format!("You may write to this table, but not {what}. Ask who manages its grants.");
            return weir.gate.refuse_after(write, &message).await;
        }
    }
    Ok(write)
}

/// Writes the file of new metadata, under a name that was never used.
pub(crate) async fn write_file(
    store: &Store,
    metadata: TableMetadata,
    previous: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(Swap, Stored)> {
    let text = Bytes::from(metadata.to_json()?);
    let location = metadata.next_metadata_location(previous);
    let swap = pack_table(location.clone(), &text, &metadata)?;
    put(store, &location, text.clone()).await?;
    let stored = Stored {
        identity: iceberg::identity(&location, now),
        location,
        text,
        metadata: Arc::new(metadata),
    };
    Ok((swap, stored))
}

/// Writes a metadata file, compressed where its name says so.
pub(crate) async fn put(store: &Store, location: &str, text: Bytes) -> Result<()> {
    let at = Location::parse("location", location)?;
    let content = if location.ends_with(".gz.metadata.json") {
        gzip(&text)?
    } else {
        text
    };
    store.create(&at, content).await
}

fn gzip(text: &[u8]) -> Result<Bytes> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .map(Bytes::from)
        .map_err(|error| Error::internal("Metadata cannot be packed").source(error))
}

/// A column stays in the struct that it is in: grants reach a struct with its parts, and a part alone.
pub(crate) fn check_columns(before: &TableMetadata, after: &TableMetadata) -> Result<()> {
    if before.current_schema_id() == after.current_schema_id() {
        return Ok(());
    }
    let parents: HashMap<_, _> = flatten(&before.current_schema()?)
        .into_iter()
        .map(|column| (column.id, column.parent))
        .collect();
    let moved = flatten(&after.current_schema()?)
        .into_iter()
        .find(|column| {
            parents
                .get(&column.id)
                .is_some_and(|was| *was != column.parent)
        });
    match moved {
        None => Ok(()),
        Some(column) => Err(Error::invalid(
            "schema",
            format!(
                "The column {} cannot move into another struct, or out of its own.",
                column.id
            ),
        )),
    }
}

/// A new version of the schema where the columns changed. Returns its number.
pub(crate) async fn keep_schema(
    write: &mut Write<Commit>,
    caller: &Caller,
    before: &TableMetadata,
    after: &TableMetadata,
) -> Result<Option<i32>> {
    if before.current_schema_id() == after.current_schema_id() {
        return Ok(None);
    }
    let schema = after.current_schema()?;
    let changes = diff(&before.current_schema()?, &schema);
    if changes.is_empty() {
        return Ok(None);
    }
    let locked = write.locked()?;
    let number = locked.version + 1;
    let (last, location) = (
        locked.last_field.max(max_field_id(&schema)),
        locked.location.clone(),
    );
    let id = TableId::from_uuid(write.permit().object().id);
    iceberg::set_version(write, number, last, &location).await?;
    table::add_version(
        write,
        id,
        number,
        &schema,
        &changes,
        Origin::Engine,
        &caller.name,
    )
    .await?;
    Ok(Some(number))
}

/// Deletes the metadata files that fell out of the log, where the table asks for that. What fails stays behind: it costs a
/// little space and nothing else.
fn tidy(store: Store, before: &Stored, after: &Stored) {
    let dropped = after.metadata.expired_metadata_files(&before.metadata);
    if dropped.is_empty() {
        return;
    }
    let own = Location::parse("location", after.metadata.location());
    tokio::spawn(async move {
        let Ok(own) = own else { return };
        for file in dropped {
            let Ok(at) = Location::parse("location", &file) else {
                continue;
            };
            if at.is_under(&own)
                && let Err(error) = store.delete(&at).await
            {
                tracing::debug!(?error, "an old metadata file stays");
            }
        }
    });
}
