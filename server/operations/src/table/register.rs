//! Taking over a table from the metadata file that another catalog left.

use bytes::Bytes;
use serde_json::json;
use std::io::Read as _;
use std::sync::Arc;
use weir_core::authz::verbs::{Alter, CreateTable, Delete, Insert};
use weir_core::catalog::TableKind;
use weir_core::idempotency::Idempotency;
use weir_core::location::Location;
use weir_core::name::TableIdent;
use weir_core::principal::Caller;
use weir_core::{Error, ErrorKind, Result};
use weir_db::iceberg;
use weir_db::resolve::Target;
use weir_iceberg::TableMetadata;
use weir_storage::Store;

use super::commit::{Stored, base, check_columns, current, remember};
use super::create::insert;
use super::document::{Document, MAX_METADATA_BYTES, pack_table};
use super::place::{NOT_YOURS, check_paths, place_known, place_registered, store_for, taken_over};
use crate::Weir;
use crate::idempotency::once;

const OPERATION: &str = "table.register";

/// A metadata file to be taken over as it is.
#[derive(Debug)]
pub struct RegisterRequest {
    pub ident: TableIdent,
    pub metadata_location: String,
    /// Take the place of a table of this name that lies in the same location.
    pub overwrite: bool,
}

/// Errors: `AlreadyExists`; `Denied` for a file that another left; `Invalid` for a file that is no table's metadata, or that names paths outside the table's place.
pub async fn register(
    weir: &Weir,
    caller: &Caller,
    request: RegisterRequest,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let ident = request.ident.clone();
    let act = async {
        if request.overwrite {
            match replace(weir, caller, &request, key).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                done => return done,
            }
        }
        add(weir, caller, &request, key).await
    };
    once(weir, caller, key, act, current(weir, caller, &ident)).await
}

async fn add(
    weir: &Weir,
    caller: &Caller,
    request: &RegisterRequest,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let ident = &request.ident;
    let _place = weir.turns.place().await;
    let mut write = weir
        .gate
        .write::<CreateTable>(caller, Target::Namespace(&ident.namespace), OPERATION)
        .await?;
    iceberg::check_free(&mut write, &ident.name).await?;
    let file = Location::parse("metadata-location", &request.metadata_location)?;
    let store = store_for(weir, caller, &mut write, ident, &file).await?;
    write.record(json!({ "metadata_location": request.metadata_location }));
    let Some(takes) = taken_over(weir, caller, &mut write, &file).await? else {
        return weir.gate.refuse_after(write, NOT_YOURS).await;
    };
    let (text, metadata) = read(&store, &file).await?;
    let location = own_place(&metadata, &file)?;
    if !takes.includes(&location) {
        return weir.gate.refuse_after(write, NOT_YOURS).await;
    }
    place_registered(weir, caller, &mut write, ident, &location).await?;
    let taken = Some((request.metadata_location.clone(), text));
    let stored = insert(&mut write, caller, ident, metadata, &store, taken).await?;
    write.keep_outcome(key);
    write.commit().await?;
    remember(weir, &stored);
    Ok(stored.document())
}

/// The same table from another of its metadata files.
async fn replace(
    weir: &Weir,
    caller: &Caller,
    request: &RegisterRequest,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let ident = &request.ident;
    let _turn = weir.turns.take(ident).await;
    let mut write = weir.gate.commit(caller, ident, OPERATION).await?;
    let may = weir.gate.reads_all(caller, write.facts())?
        && weir.gate.would::<Insert>(caller, write.facts())?
        && weir.gate.would::<Delete>(caller, write.facts())?
        && weir.gate.would::<Alter>(caller, write.facts())?;
    if !may {
        let message = "Registering a table anew takes SELECT on all columns, INSERT, DELETE and ALTER: it may change all of it.";
        return weir.gate.refuse_after(write, message).await;
    }
    let locked = write.locked()?.clone();
    if locked.kind != TableKind::Iceberg {
        return Err(Error::already_exists("A view has this name."));
    }
    let placed = place_known(weir, &locked.location, locked.storage.as_ref())?;
    let file = Location::parse("metadata-location", &request.metadata_location)?;
    if !file.is_under(&placed.location) {
        return Err(Error::invalid(
            "metadata-location",
            "This file does not lie in the location of the table that it shall replace.",
        ));
    }
    let before = base(weir, &mut write).await?;
    let (text, metadata) = read(&placed.store, &file).await?;
    if own_place(&metadata, &file)? != placed.location {
        return Err(Error::invalid(
            "metadata-location",
            "This metadata is of a table in another location.",
        ));
    }
    // A column's id is never given again, or its grants would be of another column.
    if metadata.uuid() != before.metadata.uuid()
        || metadata.last_column_id() < before.metadata.last_column_id()
    {
        return Err(Error::invalid(
            "metadata-location",
            "This metadata is of another table, or from before columns were added to this one.",
        ));
    }
    check_columns(&before.metadata, &metadata)?;
    let swap = pack_table(request.metadata_location.clone(), &text, &metadata)?;
    let stored = Stored {
        identity: iceberg::identity(&request.metadata_location, write.now()),
        location: request.metadata_location.clone(),
        text,
        metadata: Arc::new(metadata),
    };
    super::commit::keep_schema(&mut write, caller, &before.metadata, &stored.metadata).await?;
    write.record(json!({ "metadata_location": stored.location, "overwrite": true }));
    write.keep_outcome(key);
    let facts = write.facts().clone();
    iceberg::commit(write, &swap).await?;
    remember(weir, &stored);
    stored.document_for(weir, caller, &facts)
}

/// The place that the metadata claims; the file and every path in it must lie there.
fn own_place(metadata: &TableMetadata, file: &Location) -> Result<Location> {
    let location = Location::parse("location", metadata.location())?;
    if !file.is_under(&location) || *file == location {
        return Err(Error::invalid(
            "metadata-location",
            "This file does not lie in the location that it names.",
        ));
    }
    check_paths(metadata, None, &location)?;
    Ok(location)
}

/// Errors say nothing of what the file holds: it need not be the caller's.
async fn read(store: &Store, file: &Location) -> Result<(Bytes, TableMetadata)> {
    let (text, metadata) = read_text(store, file).await?;
    let metadata = metadata.map_err(|_: Error| no_metadata())?;
    weir_iceberg::check_properties(metadata.properties())?;
    Ok((text, metadata))
}

async fn read_text(store: &Store, file: &Location) -> Result<(Bytes, Result<TableMetadata>)> {
    let content = store
        .read_whole(file, MAX_METADATA_BYTES)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::invalid("metadata-location", "There is no such file."),
            _ => error,
        })?;
    let text = unzip(content)?;
    let metadata = TableMetadata::parse(&text);
    Ok((text, metadata))
}

pub(crate) fn unzip(content: Bytes) -> Result<Bytes> {
    if !content.starts_with(&[0x1f, 0x8b]) {
        return Ok(content);
    }
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&content[..])
        .take(MAX_METADATA_BYTES)
        .read_to_end(&mut text)
        .map_err(|_| no_metadata())?;
    Ok(text.into())
}

pub(crate) fn no_metadata() -> Error {
    Error::invalid(
        "metadata-location",
        "This file is no Iceberg metadata that this version can read.",
    )
}
