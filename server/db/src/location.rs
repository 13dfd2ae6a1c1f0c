//! Storage locations.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;
use weir_core::authz::{Permit, verbs};
use weir_core::delivery::Claim;
use weir_core::id::LocationId;
use weir_core::location::Location;
use weir_core::name::Name;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::privilege::PrivilegeSet;
use weir_core::resource::{Resource, ResourceKind};
use weir_core::storage::{Place, Sealed, StorageLocation, StorageSettings, Zone};
use weir_core::{Error, Result};

use crate::error::map;
use crate::resolve::{expect_kind, members};
use crate::{Db, Write, grant, place, secret};

/// The locations that the caller may describe. `describing` are the privileges that let it.
pub async fn list(
    db: &Db,
    caller: &Caller,
    describing: PrivilegeSet,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<StorageLocation>> {
    let rows: Vec<LocationRow> = sqlx::query_as(LIST)
        .bind(members(caller))
        .bind(now)
        .bind(describing.names())
        .bind(page.after().unwrap_or_default())
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(Page::cut(
        rows.into_iter().map(StorageLocation::from).collect(),
        page,
        |location| location.name.clone(),
    ))
}

pub async fn get(db: &Db, permit: &Permit<verbs::UseLocation>) -> Result<StorageLocation> {
    let id = expect_kind(permit.object(), ResourceKind::Location)?;
    let row: LocationRow = sqlx::query_as(GET)
        .bind(id)
        .fetch_one(db.pool())
        .await
        .map_err(map)?;
    Ok(row.into())
}

/// A location about to be registered.
#[derive(Debug)]
pub struct NewLocation<'a> {
    pub url: &'a Location,
    pub settings: &'a StorageSettings,
    pub zone: Option<Zone>,
    pub secret: Option<&'a Sealed>,
}

/// Errors: a location that contains, or lies inside, one that is registered, be it by its URL or by what that stands for.
pub async fn register(
    write: &mut Write<verbs::RegisterLocation>,
    name: &Name,
    new: &NewLocation<'_>,
) -> Result<StorageLocation> {
    // Two registrations at once could overlap without either seeing the other.
    sqlx::query(LOCK)
        .execute(write.connection())
        .await
        .map_err(map)?;
    let known: Vec<(String, Json<StorageSettings>)> = sqlx::query_as(URLS)
        .fetch_all(write.connection())
        .await
        .map_err(map)?;
    let behind = new.settings.behind(new.url)?;
    for (known, Json(settings)) in known {
        let at = Location::parse("url", &known)?;
        if at.overlaps(new.url) || settings.behind(&at)?.overlaps(&behind) {
            return Err(Error::conflict(format!(
                "This overlaps the location {known}, which is registered already."
            )));
        }
    }
    if let Some(sealed) = new.secret {
        let now = write.now();
        secret::keep(write.connection(), sealed, now).await?;
    }
    let location = StorageLocation {
        id: LocationId::new(),
        name: name.to_string(),
        url: new.url.to_string(),
        settings: new.settings.clone(),
        zone: new.zone,
        has_credential: new.secret.is_some(),
        created_at: write.now(),
    };
    sqlx::query(INSERT)
        .bind(location.id.as_uuid())
        .bind(&location.name)
        .bind(&location.url)
        .bind(Json(&location.settings))
        .bind(location.created_at)
        .bind(location.zone.map(Zone::as_str))
        .bind(new.secret.map(|sealed| sealed.id))
        .execute(write.connection())
        .await
        .map_err(map)?;
    write.about("location", location.id.as_uuid(), location.name.clone());
    Ok(location)
}

/// Keeps another credential for the location of that name. The one before is forgotten.
pub async fn set_secret(
    write: &mut Write<verbs::RegisterLocation>,
    name: &Name,
    sealed: &Sealed,
) -> Result<()> {
    let now = write.now();
    secret::keep(write.connection(), sealed, now).await?;
    let changed: Option<Uuid> = sqlx::query_scalar(SET_SECRET)
        .bind(name.as_str())
        .bind(sealed.id)
        .fetch_optional(write.connection())
        .await
        .map_err(map)?;
    let id = changed
        .ok_or_else(|| Error::not_found(format!("There is no storage location `{name}`.")))?;
    write.about("location", id, name.to_string());
    Ok(())
}

/// Forgets the location of that name, its credential and the grants on it. What lies there stays.
///
/// Errors: `Conflict`, naming a crawler, a catalog or a table that needs it; dropped tables do until they are forgotten.
pub async fn unregister(
    write: &mut Write<verbs::RegisterLocation>,
    name: &Name,
) -> Result<StorageLocation> {
    let found: Option<LocationRow> = sqlx::query_as(LOCKED)
        .bind(name.as_str())
        .fetch_optional(write.connection())
        .await
        .map_err(map)?;
    let found: StorageLocation = found
        .ok_or_else(|| Error::not_found(format!("There is no storage location `{name}`.")))?
        .into();
    let url = Location::parse("url", &found.url)?;
    // So that nobody places a table meanwhile.
    place::lock(write).await?;
    let needed: Option<(String, String)> = sqlx::query_as(NEEDED_BY)
        .bind(found.id.as_uuid())
        .bind(&found.url)
        .bind(place::inside(&url))
        .fetch_optional(write.connection())
        .await
        .map_err(map)?;
    if let Some((by, which)) = needed {
        let hint = match by.as_str() {
            "table" => " A dropped one counts until it is forgotten.",
            _ => "",
        };
        return Err(Error::conflict(format!(
            "This location is needed by the {by} `{which}`.{hint}"
        )));
    }
    sqlx::query(DELETE)
        .bind(found.id.as_uuid())
        .execute(write.connection())
        .await
        .map_err(map)?;
    let resource = Resource::new(ResourceKind::Location, found.id.as_uuid());
    grant::revoke_all_on(write, resource).await?;
    write.about("location", found.id.as_uuid(), found.name.clone());
    Ok(found)
}

/// The location of that name as opening it needs.
pub async fn place(
    db: &Db,
    _: &Permit<verbs::RegisterLocation>,
    name: &Name,
) -> Result<Option<Place>> {
    let place: Option<Json<Place>> = sqlx::query_scalar(PLACE)
        .bind(name.as_str())
        .fetch_optional(db.pool())
        .await
        .map_err(map)?;
    Ok(place.map(|Json(place)| place))
}

/// The location of a claim of the gateway, which was made by a permit.
pub async fn place_of_claim(db: &Db, claim: &Claim) -> Result<Option<Place>> {
    let place: Option<Json<Place>> = sqlx::query_scalar(PLACE_BY_ID)
        .bind(claim.location.as_uuid())
        .fetch_optional(db.pool())
        .await
        .map_err(map)?;
    Ok(place.map(|Json(place)| place))
}

#[derive(FromRow)]
struct LocationRow {
    location_id: Uuid,
    name: String,
    url: String,
    settings: Json<StorageSettings>,
    zone: Option<String>,
    has_credential: bool,
    created_at: DateTime<Utc>,
}

impl From<LocationRow> for StorageLocation {
    fn from(row: LocationRow) -> Self {
        Self {
            id: LocationId::from_uuid(row.location_id),
            name: row.name,
            url: row.url,
            settings: row.settings.0,
            zone: row.zone.and_then(|zone| Zone::parse(&zone).ok()),
            has_credential: row.has_credential,
            created_at: row.created_at,
        }
    }
}

statements! {
    /// $1 members, $2 now, $3 privileges, $4 after, $5 limit
    LIST = concat!(
        "SELECT l.location_id, l.name, l.url, l.settings, l.zone, l.secret_id IS NOT NULL AS has_credential, l.created_at FROM storage_location l
         WHERE l.name > $4 AND EXISTS (
             SELECT 1 FROM access_grant g WHERE g.principal_id = ANY($1) AND (g.resource_kind = 'server' OR g.resource_id = l.location_id)
                 AND g.privileges && $3 AND ", valid_grant!("$2"), ")
         ORDER BY l.name LIMIT $5"
    );
    GET = "SELECT location_id, name, url, settings, zone, secret_id IS NOT NULL AS has_credential, created_at FROM storage_location WHERE location_id = $1";
    LOCK = "LOCK TABLE storage_location IN SHARE ROW EXCLUSIVE MODE";
    URLS = "SELECT url, settings FROM storage_location";
    PLACE = concat!("SELECT ", place!(), " FROM storage_location s WHERE s.name = $1");
    PLACE_BY_ID = concat!("SELECT ", place!(), " FROM storage_location s WHERE s.location_id = $1");
    /// $1 name, $2 secret
    LOCKED = "SELECT location_id, name, url, settings, zone, secret_id IS NOT NULL AS has_credential, created_at FROM storage_location WHERE name = $1 FOR UPDATE";
    /// $1 location, $2 its URL, $3 the pattern of all below
    NEEDED_BY = "(SELECT 'crawler' AS by, name AS which FROM crawler WHERE location_id = $1 LIMIT 1)
         UNION ALL (SELECT 'catalog', name FROM catalog WHERE location = $2 OR location LIKE $3 LIMIT 1)
         UNION ALL (SELECT 'table', location FROM lake_table WHERE location = $2 OR location LIKE $3 LIMIT 1)
         LIMIT 1";
    DELETE = "WITH gone AS (DELETE FROM storage_location WHERE location_id = $1 RETURNING secret_id)
         DELETE FROM secret x USING gone WHERE x.secret_id = gone.secret_id";
    SET_SECRET = "WITH was AS (SELECT location_id, secret_id FROM storage_location WHERE name = $1 FOR UPDATE),
             now AS (UPDATE storage_location l SET secret_id = $2 FROM was WHERE l.location_id = was.location_id RETURNING l.location_id),
             gone AS (DELETE FROM secret x USING was WHERE x.secret_id = was.secret_id)
         SELECT location_id FROM now";
    INSERT = "INSERT INTO storage_location (location_id, name, url, settings, created_at, zone, secret_id) VALUES ($1, $2, $3, $4, $5, $6, $7)";
}
