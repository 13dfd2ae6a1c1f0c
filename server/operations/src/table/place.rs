//! Where tables may lie. Every location that a client names is checked here before anything is written or handed out.

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use std::time::Duration;
use uuid::Uuid;
use weir_core::authz::{Facts, Verb, verbs};
use weir_core::location::{Location, Scheme};
use weir_core::name::{Name, NamespaceIdent, NamespacePath, TableIdent};
use weir_core::principal::Caller;
use weir_core::storage::Place;
use weir_core::{Error, ErrorKind, Result};
use weir_db::Write;
use weir_db::place;
use weir_db::resolve::Target;
use weir_db::staged::{self, Ground};
use weir_iceberg::TableMetadata;
use weir_storage::Store;

use crate::{Weir, delivery};

/// How long a store may take to say whether anything lies somewhere.
const LISTING_PATIENCE: Duration = Duration::from_secs(10);

/// A place for a table, and the store that it lies in.
pub(crate) struct Placed {
    pub(crate) location: Location,
    pub(crate) store: Store,
    pub(crate) place: Place,
}

/// A place that is free for a new table.
pub(crate) struct NewPlace {
    pub(crate) placed: Placed,
    /// The right to use the storage location, where it took that.
    pub(crate) right: Option<Right>,
}

/// A caller's right to use a storage location as it likes.
pub(crate) struct Right {
    /// When it ends, where it does.
    pub(crate) until: Option<DateTime<Utc>>,
}

/// The place of a new table or view: where the client asks for it, or below the catalog's own.
///
/// Errors: a location that the caller may not use, that another table has, that lies around or inside another's or in the folder of
/// a namespace inside this one, or where files lie already.
pub(crate) async fn place_new<P: Verb>(
    weir: &Weir,
    caller: &Caller,
    write: &mut Write<P>,
    ident: &TableIdent,
    asked: Option<&str>,
) -> Result<NewPlace> {
    let asked = asked.filter(|asked| !asked.is_empty());
    let own = own_folder(write, &ident.namespace).await?;
    let location = match asked {
        Some(asked) => Location::parse("location", asked)?,
        None => default_location(own.as_ref(), ident)?,
    };
    let (store, place, mut right) = store_of(weir, caller, write, own.as_ref(), &location).await?;
    if place.settings.read_only {
        let message = "This lies in a storage location that is registered to be only read, so no table is made here.";
        return Err(Error::invalid("location", message));
    }
    let is_asked_for = asked.is_some() && right.is_none();
    // Before the lock on places, which others wait for. Who writes here meanwhile has the place, or stages here.
    let has_files = is_asked_for && holds_files(&store, &location).await?;
    check_free(write, &location).await?;
    if is_asked_for {
        let inner = is_inner(caller, write, ident, own.as_ref(), &location).await?;
        let objection = match inner {
            None if has_files => is_others(caller, write, &location).await?,
            inner => inner,
        };
        right = overruled(weir, caller, write, &location, objection).await?;
    }
    let placed = Placed {
        location,
        store,
        place,
    };
    Ok(NewPlace { placed, right })
}

/// What stands against a place for a table, in words for whoever asked for it. Who may use the storage location as it likes
/// may have it still.
type Objection = Option<&'static str>;

/// The right to use the storage location, where it takes that.
async fn overruled<P: Verb>(
    weir: &Weir,
    caller: &Caller,
    write: &mut Write<P>,
    location: &Location,
    objection: Objection,
) -> Result<Option<Right>> {
    let Some(why) = objection else {
        return Ok(None);
    };
    let right = right_to(weir, caller, write, location).await?;
    right
        .map(Some)
        .ok_or_else(|| Error::invalid("location", why))
}

/// Does it lie in the namespace's part of the catalog's place?
fn is_own(own: Option<&Location>, location: &Location) -> bool {
    own.is_some_and(|own| location != own && location.is_under(own))
}

/// The namespace's part of the catalog's place; none where the catalog has no place of its own.
async fn own_folder<P: Verb>(
    write: &mut Write<P>,
    namespace: &NamespaceIdent,
) -> Result<Option<Location>> {
    let Some(root) = place::catalog_root(write).await? else {
        return Ok(None);
    };
    let mut folder = Location::parse("location", &root)?;
    for level in namespace.path.levels() {
        folder = folder.join(level.as_str())?;
    }
    Ok(Some(folder))
}

/// `root/namespace/…/table-0192f0c1`: readable, and never the place of a table of the same name before or after it.
fn default_location(own: Option<&Location>, ident: &TableIdent) -> Result<Location> {
    let own = own.ok_or_else(|| no_root(&ident.namespace))?;
    let id = Uuid::new_v4().simple().to_string();
    let short = id.get(..12).unwrap_or(&id);
    own.join(&format!("{}-{short}", ident.name))
}

async fn check_free<P: Verb>(write: &mut Write<P>, location: &Location) -> Result<()> {
    if place::is_occupied(write, location, None).await? {
        return Err(Error::invalid(
            "location",
            "Another table lies here, around it, or inside it; a dropped one keeps its place until its time is over. Choose a folder of its own, or leave the location out.",
        ));
    }
    Ok(())
}

/// The folder of a namespace inside this one lies in this one's: a table there would take the place of those of others.
async fn is_inner<P: Verb>(
    caller: &Caller,
    write: &mut Write<P>,
    ident: &TableIdent,
    own: Option<&Location>,
    location: &Location,
) -> Result<Objection> {
    let below = own.and_then(|own| location.below(own));
    let Some(next) = below.and_then(<[String]>::first) else {
        return Ok(None);
    };
    let levels = ident.namespace.path.levels().iter().map(Name::as_str);
    let Ok(path) = NamespacePath::from_levels("namespace", levels.chain([next.as_str()])) else {
        return Ok(None);
    };
    let inner = NamespaceIdent {
        catalog: ident.namespace.catalog.clone(),
        path,
    };
    let facts = write.facts_about(Target::Namespace(&inner), caller).await?;
    Ok(facts.object.is_some().then_some(
        "This is the folder of a namespace inside this one, for its own tables. Choose another folder, or leave the location out.",
    ))
}

/// Is there anything below a location?
///
/// Errors: `Unavailable` for a store that does not say so soon: a transaction waits for it.
async fn holds_files(store: &Store, location: &Location) -> Result<bool> {
    let first = async { store.list(location).next().await };
    let first = tokio::time::timeout(LISTING_PATIENCE, first).await;
    match first.map_err(|_| Error::unavailable("The storage did not answer in time."))? {
        None => Ok(false),
        Some(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(false),
        Some(Err(error)) => Err(error),
        Some(Ok(_)) => Ok(true),
    }
}

/// Files that lie where no table does may be those of a table that was forgotten: whoever makes one there would read them.
/// So they must be the caller's own, of a table that it staged where there were none.
async fn is_others<P: Verb>(
    caller: &Caller,
    write: &mut Write<P>,
    location: &Location,
) -> Result<Objection> {
    if staged::ground_in(write, caller.principal, location).await? == Some(Ground::Free) {
        return Ok(None);
    }
    Ok(Some(
        "Files lie here already. Choose a folder without any, leave the location out, or ask for DATA_LOCATION_ACCESS on the storage location.",
    ))
}

/// Another principal that stages a table here would write among the files, and could read them.
pub(crate) async fn check_unstaged<P: Verb>(
    write: &mut Write<P>,
    caller: &Caller,
    location: &Location,
) -> Result<()> {
    if staged::is_staged_by_others(write, caller.principal, location).await? {
        return Err(Error::invalid(
            "location",
            "Somebody else stages a table here, around it, or inside it. Choose a folder of its own, or leave the location out.",
        ));
    }
    Ok(())
}

fn no_root(namespace: &NamespaceIdent) -> Error {
    Error::invalid(
        "location",
        format!(
            "The catalog `{}` has no location of its own. Name one for the table, in a registered storage location.",
            namespace.catalog
        ),
    )
}

/// The store that holds `location`, where the caller may place tables: in the namespace's part of the catalog's place, so that
/// nobody takes the place of tables of other namespaces, or on a storage location that it holds DATA_LOCATION_ACCESS on: that
/// right is told then.
async fn store_of<P: Verb>(
    weir: &Weir,
    caller: &Caller,
    write: &mut Write<P>,
    own: Option<&Location>,
    location: &Location,
) -> Result<(Store, Place, Option<Right>)> {
    let unknown = || {
        Error::invalid(
            "location",
            "This lies in no storage location that is registered and that you may place tables on.",
        )
    };
    let (name, place) = place::place(write, location).await?.ok_or_else(unknown)?;
    let mut right = None;
    if !is_own(own, location) {
        right = right_on(weir, caller, write, &name).await?;
        let is_root = Location::parse("location", &place.url)? == *location;
        // One table may have a container of Azure for itself: elsewhere no credential there is for one table.
        let is_container = location.scheme() == Scheme::Abfss && location.segments().is_empty();
        if right.is_none() || is_root && !is_container {
            return Err(unknown());
        }
    }
    Ok((open(weir, &place)?, place, right))
}

pub(crate) fn open(weir: &Weir, place: &Place) -> Result<Store> {
    weir.stores.open(place)
}

/// The store and the place of a table that is there.
pub(crate) fn place_known(weir: &Weir, location: &str, place: Option<&Place>) -> Result<Placed> {
    let place = place.ok_or_else(|| {
        Error::unavailable("The storage location of this table is not registered any more.")
    })?;
    Ok(Placed {
        location: Location::parse("location", location)?,
        store: open(weir, place)?,
        place: place.clone(),
    })
}

/// Every path that `metadata` names and `before` did not must lie inside the table's own place.
pub(crate) fn check_paths(
    metadata: &TableMetadata,
    before: Option<&TableMetadata>,
    place: &Location,
) -> Result<()> {
    for (what, path) in metadata.locations_beyond(before) {
        let inside = Location::parse(what, &path).is_ok_and(|at| at.is_under(place));
        if !inside {
            return Err(Error::invalid(
                what,
                "This path does not lie in the table's own location.",
            ));
        }
    }
    Ok(())
}

/// The store of a metadata file that a client names. Nothing of it is read where it lies in a table's place: that table need
/// not be the caller's.
pub(crate) async fn store_for<P: Verb>(
    weir: &Weir,
    caller: &Caller,
    write: &mut Write<P>,
    ident: &TableIdent,
    file: &Location,
) -> Result<Store> {
    let own = own_folder(write, &ident.namespace).await?;
    let (store, ..) = store_of(weir, caller, write, own.as_ref(), file).await?;
    check_free(write, file).await?;
    Ok(store)
}

pub(crate) const NOT_YOURS: &str = "Whose table this file is of, Weir does not know. Registering it takes DATA_LOCATION_ACCESS on the storage location; or whoever unregistered the table registers it.";

/// What the caller may take over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Whatever lies there: the place is the caller's to use as it likes.
    Anything,
    /// What the caller took out of the catalog itself, and so knew all of.
    What(Location),
}

impl Takes {
    /// Is a table that lies at `location` by its own account one of these? A file may say that it lies in a place around its own.
    pub(crate) fn includes(&self, location: &Location) -> bool {
        match self {
            Self::Anything => true,
            Self::What(left) => left == location,
        }
    }
}

/// What the caller may take over by a metadata file that lies in no table's place; none where it is another's.
pub(crate) async fn taken_over<P: Verb>(
    weir: &Weir,
    caller: &Caller,
    write: &mut Write<P>,
    file: &Location,
) -> Result<Option<Takes>> {
    if right_to(weir, caller, write, file).await?.is_some() {
        return Ok(Some(Takes::Anything));
    }
    let left = place::left_by(write, caller.principal, file).await?;
    Ok(left.map(Takes::What))
}

/// The caller's right to use the storage location that holds `location` as it likes.
async fn right_to<P: Verb>(
    weir: &Weir,
    caller: &Caller,
    write: &mut Write<P>,
    location: &Location,
) -> Result<Option<Right>> {
    // It may be unregistered by now.
    match place::place(write, location).await? {
        None => Ok(None),
        Some((name, _)) => right_on(weir, caller, write, &name).await,
    }
}

/// The caller's right to use the storage location of this name as it likes.
async fn right_on<P: Verb>(
    weir: &Weir,
    caller: &Caller,
    write: &mut Write<P>,
    name: &Name,
) -> Result<Option<Right>> {
    let facts = write.facts_about(Target::Location(name), caller).await?;
    let may = |facts: &Facts| weir.gate.would::<verbs::UseLocation>(caller, facts);
    let until = delivery::ends(&facts, may)?;
    Ok(may(&facts)?.then_some(Right { until }))
}

/// May a table that is registered from its metadata lie where it says, and is that free?
pub(crate) async fn place_registered<P: Verb>(
    weir: &Weir,
    caller: &Caller,
    write: &mut Write<P>,
    ident: &TableIdent,
    location: &Location,
) -> Result<()> {
    let own = own_folder(write, &ident.namespace).await?;
    store_of(weir, caller, write, own.as_ref(), location).await?;
    check_free(write, location).await?;
    let objection = is_inner(caller, write, ident, own.as_ref(), location).await?;
    overruled(weir, caller, write, location, objection)
        .await
        .map(drop)
}
