//! Where tables lie: which places are taken, and which storage location holds one.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::types::Json;
use uuid::Uuid;
use weir_core::Result;
use weir_core::authz::{Verb, verbs};
use weir_core::id::{PrincipalId, TableId};
use weir_core::location::Location;
use weir_core::name::Name;
use weir_core::resource::ResourceKind;
use weir_core::storage::Place;

use crate::error::map;
use crate::json::corrupt;
use crate::{Db, Write};

/// Is some table, dropped ones included, at this location, above it, or below it? `but` is not counted.
pub async fn is_occupied<P: Verb>(
    write: &mut Write<P>,
    location: &Location,
    but: Option<TableId>,
) -> Result<bool> {
    lock(write).await?;
    sqlx::query_scalar(IS_OCCUPIED)
        .bind(above(location))
        .bind(inside(location))
        .bind(but.map(TableId::as_uuid))
        .fetch_one(write.connection())
        .await
        .map_err(map)
}

/// Two tables placed at once could overlap without either seeing the other.
pub(crate) async fn lock<P: Verb>(write: &mut Write<P>) -> Result<()> {
    sqlx::query(LOCK_PLACES)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// A location and all above it.
pub(crate) fn above(location: &Location) -> Vec<String> {
    let mut above = Vec::new();
    let mut at = location.to_string();
    while let Some((parent, last)) = at.rsplit_once('/') {
        above.push(at.clone());
        if last.is_empty() || parent.ends_with('/') {
            break;
        }
        at = parent.to_owned();
    }
    above
}

/// The pattern of all below a location.
pub(crate) fn inside(location: &Location) -> String {
    format!("{}/%", escape_like(&location.to_string()))
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

/// What lies at a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupied {
    Free,
    /// By just this table.
    By(TableId),
    /// A table lies around it or inside it.
    Otherwise,
}

/// What lies where a credential reaches, dropped tables included.
pub async fn occupied(db: &Db, prefix: &Location) -> Result<Occupied> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(OVERLAPPING)
        .bind(above(prefix))
        .bind(inside(prefix))
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let exactly = prefix.to_string();
    Ok(match rows.as_slice() {
        [] => Occupied::Free,
        [(id, location)] if *location == exactly => Occupied::By(TableId::from_uuid(*id)),
        _ => Occupied::Otherwise,
    })
}

/// Keeps who takes the table or view of the permit out of the catalog: it knew all of it, so it may take it over again.
pub async fn leave(write: &mut Write<verbs::Drop>, who: PrincipalId) -> Result<()> {
    let (table, now) = (write.permit().object().id, write.now());
    sqlx::query(LEAVE)
        .bind(table)
        .bind(who.as_uuid())
        .bind(now)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// The place that `file` lies in where `who` took a table or view out of the catalog, and no other has lain there since.
pub async fn left_by<P: Verb>(
    write: &mut Write<P>,
    who: PrincipalId,
    file: &Location,
) -> Result<Option<Location>> {
    let left: Option<String> = sqlx::query_scalar(LEFT_BY)
        .bind(above(file))
        .bind(who.as_uuid())
        .fetch_optional(write.connection())
        .await
        .map_err(map)?;
    left.map(|left| Location::parse("location", &left))
        .transpose()
        .map_err(|error| corrupt("a place").source(error))
}

/// Forgets who left a place before `before`.
pub async fn sweep_left(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    db.sweep(SWEEP_LEFT, before).await
}

/// The registered storage location that holds `location`, with its id and name, for a decision on it.
pub async fn place<P: Verb>(
    write: &mut Write<P>,
    location: &Location,
) -> Result<Option<(Name, Place)>> {
    let row = sqlx::query(PLACE)
        .bind(location.to_string())
        .fetch_optional(write.connection())
        .await
        .map_err(map)?;
    row.map(|row| {
        let name: String = row.try_get("name").map_err(map)?;
        let Json(place) = row.try_get::<Json<Place>, _>("place").map_err(map)?;
        Ok((
            Name::parse("location", &name).map_err(|error| corrupt("a name").source(error))?,
            place,
        ))
    })
    .transpose()
}

/// The catalog's own place for tables, of the namespace that the permit is for.
pub async fn catalog_root<P: Verb>(write: &mut Write<P>) -> Result<Option<String>> {
    let catalog = write
        .permit()
        .chain()
        .iter()
        .find(|link| link.kind == ResourceKind::Catalog)
        .map(|link| link.id);
    sqlx::query_scalar(CATALOG_ROOT)
        .bind(catalog)
        .fetch_one(write.connection())
        .await
        .map_err(map)
}

statements! {
    LOCK_PLACES = "SELECT pg_advisory_xact_lock(hashtext('lake_table.location'))";

    /// $1 it and all above it, $2 the pattern of all below it, $3 a table that does not count
    IS_OCCUPIED = "SELECT EXISTS (SELECT 1 FROM lake_table WHERE location = ANY($1) AND table_id IS DISTINCT FROM $3)
            OR EXISTS (SELECT 1 FROM lake_table WHERE location LIKE $2 AND table_id IS DISTINCT FROM $3)";

    /// $1 table, $2 principal, $3 now
    LEAVE = "INSERT INTO left_place (location, principal_id, left_at)
         SELECT location, $2, $3 FROM lake_table WHERE table_id = $1
         ON CONFLICT ON CONSTRAINT left_place_pkey DO UPDATE SET left_at = EXCLUDED.left_at";

    /// $1 the file and all above it, $2 principal
    LEFT_BY = "SELECT location FROM left_place WHERE location = ANY($1) AND principal_id = $2 ORDER BY length(location) DESC LIMIT 1";

    SWEEP_LEFT = "DELETE FROM left_place WHERE left_at < $1";

    PLACE = concat!("SELECT s.name, ", place!(), " AS place FROM storage_location s WHERE ", holds!("$1"), " LIMIT 1");

    /// $1 it and all above it, $2 the pattern of all below it
    OVERLAPPING = "(SELECT table_id, location FROM lake_table WHERE location = ANY($1) LIMIT 2)
         UNION ALL (SELECT table_id, location FROM lake_table WHERE location LIKE $2 LIMIT 1)";

    CATALOG_ROOT = "SELECT location FROM catalog WHERE catalog_id = $1";
}
