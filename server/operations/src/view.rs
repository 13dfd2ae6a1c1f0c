//! Views: queries with a name, kept for engines. They share the names of tables and are rows of the same kind.

use bytes::Bytes;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;
use weir_core::authz::verbs::{Alter, Commit, CreateTable, Drop};
use weir_core::catalog::{Format, Origin, TableKind};
use weir_core::id::TableId;
use weir_core::idempotency::Idempotency;
use weir_core::location::Location;
use weir_core::name::TableIdent;
use weir_core::principal::Caller;
use weir_core::schema::{Schema, diff, max_field_id};
use weir_core::{Error, Result};
use weir_db::iceberg::{self, NewIceberg, Snapshots};
use weir_db::resolve::Target;
use weir_db::{Write, place, table as rows};
use weir_iceberg::view::{self, NewView, ViewMetadata, ViewRequirement, ViewUpdate};
use weir_storage::Store;

use crate::Weir;
use crate::idempotency::once;
use crate::table::RegisterRequest;
use crate::table::commit::put;
use crate::table::document::{Document, MAX_METADATA_BYTES, pack_view, unpack};
use crate::table::load::{exists_as, open};
use crate::table::place::{
    NOT_YOURS, NewPlace, place_known, place_new, place_registered, store_for, taken_over,
};
use crate::table::register::{no_metadata, unzip};
use crate::table::remove::expect;

/// A view as a client asks for it. The parts that the metadata's own rules read are JSON still.
#[derive(Debug)]
pub struct CreateRequest {
    pub ident: TableIdent,
    pub location: Option<String>,
    pub schema: Box<RawValue>,
    pub view_version: Box<RawValue>,
    pub properties: BTreeMap<String, String>,
}

/// What a client wants to become of one view.
#[derive(Debug)]
pub struct CommitRequest {
    pub ident: TableIdent,
    pub requirements: Vec<ViewRequirement>,
    pub updates: Vec<ViewUpdate>,
}

pub async fn load(weir: &Weir, caller: &Caller, ident: &TableIdent) -> Result<Arc<Document>> {
    open(
        weir,
        caller,
        ident,
        TableKind::View,
        Snapshots::All,
        "view.load",
    )
    .await
}

pub async fn exists(weir: &Weir, caller: &Caller, ident: &TableIdent) -> Result<()> {
    exists_as(weir, caller, ident, TableKind::View, "view.exists").await
}

/// Errors: `AlreadyExists` for a name that a table or a view has.
pub async fn create(
    weir: &Weir,
    caller: &Caller,
    request: CreateRequest,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let ident = request.ident.clone();
    let act = async {
        let _place = weir.turns.place().await;
        let mut write = begin(weir, caller, &request.ident, "view.create").await?;
        let asked = request.location.as_deref();
        let NewPlace { placed, .. } =
            place_new(weir, caller, &mut write, &request.ident, asked).await?;
        let metadata = view::create(NewView {
            uuid: Uuid::now_v7(),
            location: placed.location.to_string(),
            schema: request.schema,
            view_version: request.view_version,
            properties: request.properties,
            now_ms: write.now().timestamp_millis(),
        })?;
        let file = metadata.next_metadata_location(None);
        check_own(&file, &placed.location)?;
        let text = Bytes::from(metadata.to_json()?);
        insert(&mut write, caller, &ident, &metadata, &file, &text).await?;
        put(&placed.store, &file, text.clone()).await?;
        finish(write, key, &file, text).await
    };
    once(weir, caller, key, act, load(weir, caller, &ident)).await
}

/// Takes over a view from a metadata file, as it is.
pub async fn register(
    weir: &Weir,
    caller: &Caller,
    request: RegisterRequest,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let ident = request.ident;
    let file = request.metadata_location;
    let act = async {
        let _place = weir.turns.place().await;
        let mut write = begin(weir, caller, &ident, "view.register").await?;
        let at = Location::parse("metadata-location", &file)?;
        let store = store_for(weir, caller, &mut write, &ident, &at).await?;
        write.record(json!({ "metadata_location": file }));
        let Some(takes) = taken_over(weir, caller, &mut write, &at).await? else {
            return weir.gate.refuse_after(write, NOT_YOURS).await;
        };
        let (text, metadata) = read(&store, &at).await?;
        let own = Location::parse("location", metadata.location())?;
        if !at.is_under(&own) || at == own {
            return Err(Error::invalid(
                "metadata-location",
                "This file does not lie in the location that it names.",
            ));
        }
        if !takes.includes(&own) {
            return weir.gate.refuse_after(write, NOT_YOURS).await;
        }
        place_registered(weir, caller, &mut write, &ident, &own).await?;
        insert(&mut write, caller, &ident, &metadata, &file, &text).await?;
        finish(write, key, &file, text).await
    };
    once(weir, caller, key, act, load(weir, caller, &ident)).await
}

async fn read(store: &Store, file: &Location) -> Result<(Bytes, ViewMetadata)> {
    let content = store.read_whole(file, MAX_METADATA_BYTES).await;
    let content = content.map_err(|error| match error.kind() {
        weir_core::ErrorKind::NotFound => {
            Error::invalid("metadata-location", "There is no such file.")
        }
        _ => error,
    })?;
    let text = unzip(content)?;
    let metadata = ViewMetadata::parse(&text).map_err(|_| no_metadata())?;
    weir_iceberg::check_properties(metadata.properties())?;
    Ok((text, metadata))
}

async fn begin(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    operation: &str,
) -> Result<Write<CreateTable>> {
    let target = Target::Namespace(&ident.namespace);
    let mut write = weir.gate.write(caller, target, operation).await?;
    iceberg::check_free(&mut write, &ident.name).await?;
    Ok(write)
}

async fn insert(
    write: &mut Write<CreateTable>,
    caller: &Caller,
    ident: &TableIdent,
    metadata: &ViewMetadata,
    file: &str,
    text: &[u8],
) -> Result<()> {
    let schema = metadata.current_schema()?;
    let id = TableId::new();
    let new = NewIceberg {
        id,
        name: &ident.name,
        kind: TableKind::View,
        format: Format::Sql,
        location: &Location::parse("location", metadata.location())?,
        last_field: max_field_id(&schema),
        first: &pack_view(file.to_owned(), text, metadata)?,
    };
    iceberg::create(write, &new).await?;
    let changes = diff(&Schema::default(), &schema);
    let (origin, by) = (Origin::Engine, caller.name.as_str());
    rows::add_version(write, id, 1, &schema, &changes, origin, by).await?;
    write.about("view", id.as_uuid(), ident.to_string());
    write.record(json!({ "metadata_location": file }));
    Ok(())
}

async fn finish(
    mut write: Write<CreateTable>,
    key: Option<&Idempotency>,
    file: &str,
    text: Bytes,
) -> Result<Arc<Document>> {
    write.keep_outcome(key);
    let identity = iceberg::identity(file, write.now());
    write.commit().await?;
    Ok(Arc::new(Document::whole(
        file,
        &identity,
        text,
        Snapshots::All,
    )))
}

/// Applies the updates if the requirements hold. Errors: as [`crate::table::commit()`].
pub async fn replace(
    weir: &Weir,
    caller: &Caller,
    request: CommitRequest,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let ident = request.ident.clone();
    let act = async {
        let _turn = weir.turns.take(&request.ident).await;
        let write = weir
            .gate
            .commit(caller, &request.ident, "view.commit")
            .await?;
        if !weir.gate.would::<Alter>(caller, write.facts())? {
            let message = "You may write to this, but not change what it is (ALTER).";
            return weir.gate.refuse_after(write, message).await;
        }
        if !weir.gate.reads_all(caller, write.facts())? {
            let message = "Replacing a view shows its text, and takes SELECT on all of it.";
            return weir.gate.refuse_after(write, message).await;
        }
        evaluate(weir, caller, write, &request, key).await
    };
    once(weir, caller, key, act, load(weir, caller, &ident)).await
}

async fn evaluate(
    weir: &Weir,
    caller: &Caller,
    mut write: Write<Commit>,
    request: &CommitRequest,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let locked = write.locked()?.clone();
    if locked.kind != TableKind::View {
        return Err(Error::not_found("There is no such view."));
    }
    let text = unpack(&iceberg::metadata(&mut write).await?)?;
    let before = ViewMetadata::parse(&text)?;
    let now = write.now().timestamp_millis();
    let outcome = view::commit(&before, &request.requirements, &request.updates, now)?;
    write.keep_outcome(key);
    if !outcome.changed {
        write.commit().await?;
        let identity = iceberg::identity(&locked.metadata_location, locked.changed_at);
        let document = Document::whole(&locked.metadata_location, &identity, text, Snapshots::All);
        return Ok(Arc::new(document));
    }
    let after = outcome.metadata;
    if after.location() != before.location() {
        return Err(Error::invalid("location", "A view stays where it lies."));
    }
    let placed = place_known(weir, &locked.location, locked.storage.as_ref())?;
    let file = after.next_metadata_location(Some(&locked.metadata_location));
    check_own(&file, &placed.location)?;
    let text = Bytes::from(after.to_json()?);
    keep_schema(&mut write, caller, &before, &after).await?;
    put(&placed.store, &file, text.clone()).await?;
    write.record(json!({ "metadata_location": file }));
    let swap = pack_view(file.clone(), &text, &after)?;
    let identity = iceberg::identity(&file, write.now());
    iceberg::commit(write, &swap).await?;
    Ok(Arc::new(Document::whole(
        &file,
        &identity,
        text,
        Snapshots::All,
    )))
}

/// A view's files lie in its own place, whatever its properties say.
fn check_own(file: &str, place: &Location) -> Result<()> {
    let own = Location::parse("location", file).is_ok_and(|file| file.is_under(place));
    own.then_some(()).ok_or_else(|| {
        Error::invalid(
            "write.metadata.path",
            "This path does not lie in the view's own location.",
        )
    })
}

async fn keep_schema(
    write: &mut Write<Commit>,
    caller: &Caller,
    before: &ViewMetadata,
    after: &ViewMetadata,
) -> Result<()> {
    let schema = after.current_schema()?;
    let changes = diff(&before.current_schema()?, &schema);
    if changes.is_empty() {
        return Ok(());
    }
    let locked = write.locked()?.clone();
    let (number, last) = (
        locked.version + 1,
        locked.last_field.max(max_field_id(&schema)),
    );
    let id = TableId::from_uuid(write.permit().object().id);
    iceberg::set_version(write, number, last, &locked.location).await?;
    let (origin, by) = (Origin::Engine, caller.name.as_str());
    rows::add_version(write, id, number, &schema, &changes, origin, by).await
}

/// Drops the view with everything that hangs on it; its metadata files stay.
pub async fn drop(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    key: Option<&Idempotency>,
) -> Result<()> {
    let act = async {
        let mut write = weir
            .gate
            .write::<Drop>(caller, Target::Table(ident), "view.drop")
            .await?;
        expect(&mut write, ident, TableKind::View).await?;
        if weir.gate.reads_all(caller, write.facts())? {
            place::leave(&mut write, caller.principal).await?;
        }
        rows::remove(&mut write).await?;
        write.keep_outcome(key);
        write.commit().await
    };
    once(weir, caller, key, act, std::future::ready(Ok(()))).await
}
