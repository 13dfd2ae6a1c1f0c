//! Creating tables: at once, or staged and then committed.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;
use weir_core::authz::Facts;
use weir_core::authz::verbs::CreateTable;
use weir_core::catalog::{Format, Origin, TableKind};
use weir_core::id::TableId;
use weir_core::idempotency::Idempotency;
use weir_core::location::Location;
use weir_core::name::TableIdent;
use weir_core::principal::Caller;
use weir_core::schema::{Schema, diff, max_field_id};
use weir_core::storage::Place;
use weir_core::{ErrorKind, Result};
use weir_db::iceberg::{self, NewIceberg};
use weir_db::resolve::Target;
use weir_db::staged::NewStaged;
use weir_db::{Write, table};
use weir_iceberg::{NewTable, TableMetadata};
use weir_storage::Store;

use super::commit::{CommitRequest, Stored, current, put, remember};
use super::document::{Document, pack_table};
use super::load::credential;
use super::place::{NewPlace, check_paths, check_unstaged, place_new};
use crate::Weir;
use crate::delivery::{self, Credential, Staged, Way};
use crate::idempotency::once;

const OPERATION: &str = "table.create";
const STAGING: &str = "table.stage";

/// A table that is not committed by then is not known any more, and its files are nobody's.
pub(crate) const STAGED_FOR: TimeDelta = TimeDelta::days(30);

/// A table as a client asks for it. The parts that the metadata's own rules read are JSON still.
#[derive(Debug)]
pub struct CreateRequest {
    pub ident: TableIdent,
    pub schema: Box<RawValue>,
    /// A folder of its own below the catalog's location when absent.
    pub location: Option<String>,
    pub partition_spec: Option<Box<RawValue>>,
    pub write_order: Option<Box<RawValue>>,
    pub properties: BTreeMap<String, String>,
    /// Only keep a place for the table, and say what it would be; a commit makes it.
    pub stage: bool,
    pub way: Way,
}

/// Creates a table, or says what it would be.
///
/// Errors: `AlreadyExists` for a name that a table or a view has; `NotFound` for the namespace; `Invalid` for a schema or a
/// location that cannot be.
pub async fn create(
    weir: &Weir,
    caller: &Caller,
    request: CreateRequest,
    key: Option<&Idempotency>,
) -> Result<(Arc<Document>, Option<Arc<Credential>>)> {
    let ident = request.ident.clone();
    let (stage, way) = (request.stage, request.way);
    // What is staged is in the way of no second request of the same caller.
    let key = key.filter(|_| !stage);
    let act = carry_out(weir, caller, request, key);
    let again = async { current(weir, caller, &ident).await.map(Created::Made) };
    match once(weir, caller, key, act, again).await? {
        Created::Made(document) => {
            let credential = credential_of_new(weir, caller, &ident, way).await?;
            Ok((document, credential))
        }
        Created::Staged {
            document,
            location,
            place,
            is_made_up,
            until,
        } => {
            if way == Way::Unaided {
                return Ok((document, None));
            }
            let staged = Staged {
                ident: &ident,
                location: &location,
                place: &place,
                is_made_up,
                until,
            };
            let credential = delivery::staged(weir, caller, &staged).await?;
            let credential = credential.filter(|credential| credential.serves(way));
            Ok((document, credential))
        }
    }
}

/// A credential for a table that was just made, where its maker takes one and may read it.
pub async fn credential_of_new(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    way: Way,
) -> Result<Option<Arc<Credential>>> {
    if way == Way::Unaided {
        return Ok(None);
    }
    match credential(weir, caller, ident).await {
        Err(error) if matches!(error.kind(), ErrorKind::Denied | ErrorKind::NotFound) => Ok(None),
        // The table is there: an error would have it made again. A load says what is the matter with the store.
        Err(error) => {
            tracing::warn!(?error, "a table was made, and no credential for it");
            Ok(None)
        }
        Ok(credential) => Ok(credential.filter(|credential| credential.serves(way))),
    }
}

async fn carry_out(
    weir: &Weir,
    caller: &Caller,
    request: CreateRequest,
    key: Option<&Idempotency>,
) -> Result<Created> {
    let ident = request.ident;
    let asked = request.location.as_deref();
    let operation = if request.stage { STAGING } else { OPERATION };
    let _place = weir.turns.place().await;
    let mut write = weir
        .gate
        .write::<CreateTable>(caller, Target::Namespace(&ident.namespace), operation)
        .await?;
    iceberg::check_free(&mut write, &ident.name).await?;
    let NewPlace { placed, right } = place_new(weir, caller, &mut write, &ident, asked).await?;
    let metadata = weir_iceberg::create(NewTable {
        uuid: Uuid::now_v7(),
        location: placed.location.to_string(),
        schema: request.schema,
        partition_spec: request.partition_spec,
        write_order: request.write_order,
        properties: request.properties,
        now_ms: write.now().timestamp_millis(),
    })?;
    check_paths(&metadata, None, &placed.location)?;
    if request.stage {
        let is_made_up = asked.is_none_or(str::is_empty);
        if !is_made_up {
            check_unstaged(&mut write, caller, &placed.location).await?;
        }
        // The client writes its files before the table is there, and some make no folders on a local file system.
        for folder in ["metadata", "data"] {
            placed
                .store
                .make_folder(&placed.location.join(folder)?)
                .await?;
        }
        let document = Arc::new(Document::staged(metadata.to_json()?));
        let (location, place) = (placed.location, Box::new(placed.place));
        let new = NewStaged {
            ident: &ident,
            location: &location,
            is_made_up,
            by_right: right.is_some(),
        };
        let may = |facts: &Facts| weir.gate.would::<CreateTable>(caller, facts);
        let ends = [
            delivery::ends(write.facts(), may)?,
            right.and_then(|right| right.until),
        ];
        let until = ends.into_iter().flatten().min();
        weir_db::staged::stage(&mut write, caller.principal, &new).await?;
        write.record(json!({ "table": ident.name, "location": location }));
        write.commit().await?;
        return Ok(Created::Staged {
            document,
            location,
            place,
            is_made_up,
            until,
        });
    }
    let made = make(weir, caller, write, &ident, metadata, &placed.store, key).await?;
    Ok(Created::Made(made))
}

/// What a creation led to.
enum Created {
    Made(Arc<Document>),
    Staged {
        document: Arc<Document>,
        location: Location,
        place: Box<Place>,
        is_made_up: bool,
        /// When the first of the maker's grants ends.
        until: Option<DateTime<Utc>>,
    },
}

/// The last step of a staged creation: the table is what the updates make of nothing.
pub(crate) async fn create_committed(
    weir: &Weir,
    caller: &Caller,
    request: &CommitRequest,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let _place = weir.turns.place().await;
    let write = weir
        .gate
        .write::<CreateTable>(
            caller,
            Target::Namespace(&request.ident.namespace),
            OPERATION,
        )
        .await?;
    let (metadata, store, write) = staged(weir, caller, write, request).await?;
    make(weir, caller, write, &request.ident, metadata, &store, key).await
}

/// What the updates of a staged creation make, and the store that it lies in.
pub(crate) async fn staged(
    weir: &Weir,
    caller: &Caller,
    mut write: Write<CreateTable>,
    request: &CommitRequest,
) -> Result<(TableMetadata, Store, Write<CreateTable>)> {
    iceberg::check_free(&mut write, &request.ident.name)
        .await
        .map_err(|_| weir_core::Error::conflict("Requirement failed: the table exists already."))?;
    let outcome = weir_iceberg::commit(
        None,
        &request.requirements,
        &request.updates,
        write.now().timestamp_millis(),
    )?;
    let location = outcome.metadata.location().to_owned();
    let new = place_new(weir, caller, &mut write, &request.ident, Some(&location)).await?;
    check_paths(&outcome.metadata, None, &new.placed.location)?;
    Ok((outcome.metadata, new.placed.store, write))
}

async fn make(
    weir: &Weir,
    caller: &Caller,
    mut write: Write<CreateTable>,
    ident: &TableIdent,
    metadata: TableMetadata,
    store: &Store,
    key: Option<&Idempotency>,
) -> Result<Arc<Document>> {
    let stored = insert(&mut write, caller, ident, metadata, store, None).await?;
    write.keep_outcome(key);
    write.commit().await?;
    remember(weir, &stored);
    Ok(stored.document())
}

/// Writes the rows of a new table and then its first file, or takes over the file that is there.
pub(crate) async fn insert(
    write: &mut Write<CreateTable>,
    caller: &Caller,
    ident: &TableIdent,
    metadata: TableMetadata,
    store: &Store,
    registered: Option<(String, bytes::Bytes)>,
) -> Result<Stored> {
    let (location, text) = match &registered {
        Some((location, text)) => (location.clone(), text.clone()),
        None => (
            metadata.next_metadata_location(None),
            metadata.to_json()?.into(),
        ),
    };
    let swap = pack_table(location.clone(), &text, &metadata)?;
    let schema = metadata.current_schema()?;
    let id = TableId::new();
    let new = NewIceberg {
        id,
        name: &ident.name,
        kind: TableKind::Iceberg,
        format: format_of(&metadata),
        location: &Location::parse("location", metadata.location())?,
        last_field: max_field_id(&schema),
        first: &swap,
    };
    iceberg::create(write, &new).await?;
    let changes = diff(&Schema::default(), &schema);
    table::add_version(
        write,
        id,
        1,
        &schema,
        &changes,
        Origin::Engine,
        &caller.name,
    )
    .await?;
    write.about("table", id.as_uuid(), ident.to_string());
    write.record(json!({ "location": metadata.location(), "metadata_location": location }));
    if registered.is_none() {
        put(store, &location, text.clone()).await?;
    }
    Ok(Stored {
        identity: iceberg::identity(&location, write.now()),
        location,
        text,
        metadata: Arc::new(metadata),
    })
}

/// The format that engines write its files in (table property `write.format.default`).
fn format_of(metadata: &TableMetadata) -> Format {
    match metadata
        .properties()
        .get("write.format.default")
        .map(|format| format.to_ascii_lowercase())
        .as_deref()
    {
        Some("avro") => Format::Avro,
        Some("orc") => Format::Orc,
        _ => Format::Parquet,
    }
}
