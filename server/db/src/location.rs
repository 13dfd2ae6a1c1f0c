//! Storage locations.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;
use weir_core::authz::{Permit, verbs};
use weir_core::crawl::{StorageLocation, StorageSettings};
use weir_core::id::LocationId;
use weir_core::location::Location;
use weir_core::name::Name;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::privilege::PrivilegeSet;
use weir_core::resource::ResourceKind;
use weir_core::{Error, Result};

use crate::error::map;
use crate::resolve::{expect_kind, members};
use crate::{Db, Write};

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

/// Errors: a location that contains, or lies inside, one that is registered.
pub async fn register(
    write: &mut Write<verbs::RegisterLocation>,
    name: &Name,
    url: &Location,
    settings: &StorageSettings,
) -> Result<StorageLocation> {
    // Two registrations at once could overlap without either seeing the other.
    sqlx::query(LOCK)
        .execute(write.connection())
        .await
        .map_err(map)?;
    let urls: Vec<String> = sqlx::query_scalar(URLS)
        .fetch_all(write.connection())
        .await
        .map_err(map)?;
    for known in urls {
        if Location::parse("url", &known).is_ok_and(|known| known.overlaps(url)) {
            return Err(Error::conflict(format!(
                "This overlaps the location {known}, which is registered already."
            )));
        }
    }
    let location = StorageLocation {
        id: LocationId::new(),
        name: name.to_string(),
        url: url.to_string(),
        settings: settings.clone(),
        created_at: write.now(),
    };
    sqlx::query(INSERT)
        .bind(location.id.as_uuid())
        .bind(&location.name)
        .bind(&location.url)
        .bind(Json(&location.settings))
        .bind(location.created_at)
        .execute(write.connection())
        .await
        .map_err(map)?;
    write.about("location", location.id.as_uuid(), location.name.clone());
    Ok(location)
}

#[derive(FromRow)]
struct LocationRow {
    location_id: Uuid,
    name: String,
    url: String,
    settings: Json<StorageSettings>,
    created_at: DateTime<Utc>,
}

impl From<LocationRow> for StorageLocation {
    fn from(row: LocationRow) -> Self {
        Self {
            id: LocationId::from_uuid(row.location_id),
            name: row.name,
            url: row.url,
            settings: row.settings.0,
            created_at: row.created_at,
        }
    }
}

statements! {
    /// $1 members, $2 now, $3 privileges, $4 after, $5 limit
    LIST = concat!(
        "SELECT l.location_id, l.name, l.url, l.settings, l.created_at FROM storage_location l
         WHERE l.name > $4 AND EXISTS (
             SELECT 1 FROM access_grant g WHERE g.principal_id = ANY($1) AND (g.resource_kind = 'server' OR g.resource_id = l.location_id)
                 AND g.privileges && $3 AND ", valid_grant!("$2"), ")
         ORDER BY l.name LIMIT $5"
    );
    GET = "SELECT location_id, name, url, settings, created_at FROM storage_location WHERE location_id = $1";
    LOCK = "LOCK TABLE storage_location IN SHARE ROW EXCLUSIVE MODE";
    URLS = "SELECT url FROM storage_location";
    INSERT = "INSERT INTO storage_location (location_id, name, url, settings, created_at) VALUES ($1, $2, $3, $4, $5)";
}
