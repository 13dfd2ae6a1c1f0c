//! Tables that are staged: their makers write the files first, and commit the table last. A table that comes to lie at such a
//! place, around it or inside it ends that (a trigger). No two principals stage at one place, or one inside the other's.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;
use weir_core::Result;
use weir_core::authz::{Verb, verbs};
use weir_core::id::PrincipalId;
use weir_core::location::Location;
use weir_core::name::{Name, TableIdent};
use weir_core::principal::Caller;
use weir_core::storage::Place;

use crate::error::map;
use crate::json::corrupt;
use crate::place::{above, inside};
use crate::{Db, Write};

/// Where files of a table are written that its maker staged.
#[derive(Debug)]
pub struct StagedPlace {
    pub location: Location,
    pub place: Place,
    /// Was the location made up for it, so that nobody else can know of it?
    pub is_made_up: bool,
}

/// A table that is to be staged.
#[derive(Debug)]
pub struct NewStaged<'a> {
    pub ident: &'a TableIdent,
    pub location: &'a Location,
    /// As in [`StagedPlace`].
    pub is_made_up: bool,
    /// Did the place take the right to use the storage location?
    pub by_right: bool,
}

/// What a principal stages a table at a place by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// The place was free, and nothing lay there.
    Free,
    /// It may use this storage location as it likes. What lies there need not be its own.
    Right(Name),
}

/// Has another principal staged a table at this place, around it or inside it?
pub async fn is_staged_by_others<P: Verb>(
    write: &mut Write<P>,
    who: PrincipalId,
    location: &Location,
) -> Result<bool> {
    sqlx::query_scalar(IS_STAGED_BY_OTHERS)
        .bind(above(location))
        .bind(inside(location))
        .bind(who.as_uuid())
        .fetch_one(write.connection())
        .await
        .map_err(map)
}

/// Keeps that `who` stages a table at a place that is free. At one that was made up, nobody else had staged anything but
/// around it, which is over by that.
pub async fn stage(
    write: &mut Write<verbs::CreateTable>,
    who: PrincipalId,
    new: &NewStaged<'_>,
) -> Result<()> {
    let now = write.now();
    if new.is_made_up {
        sqlx::query(END_AROUND)
            .bind(above(new.location))
            .bind(who.as_uuid())
            .execute(write.connection())
            .await
            .map_err(map)?;
    }
    sqlx::query(STAGE)
        .bind(new.location.to_string())
        .bind(who.as_uuid())
        .bind(new.ident.to_string())
        .bind(new.is_made_up)
        .bind(new.by_right)
        .bind(now)
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// The places of tables that the caller staged under this name and that are not there yet, the newest first.
pub async fn places(db: &Db, caller: &Caller, ident: &TableIdent) -> Result<Vec<StagedPlace>> {
    let rows: Vec<(String, bool, Json<Place>)> = sqlx::query_as(PLACES)
        .bind(caller.principal.as_uuid())
        .bind(ident.to_string())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    let read = |(location, is_made_up, Json(place)): (String, bool, Json<Place>)| {
        Ok(StagedPlace {
            location: Location::parse("location", &location)
                .map_err(|error| corrupt("a place").source(error))?,
            place,
            is_made_up,
        })
    };
    rows.into_iter().map(read).collect()
}

/// By what the principal has staged a table at just this place that is not there yet; none where it did not.
pub async fn ground(db: &Db, who: PrincipalId, location: &Location) -> Result<Option<Ground>> {
    ground_on(db.pool(), who, location).await
}

/// As [`ground`], inside a change.
pub async fn ground_in<P: Verb>(
    write: &mut Write<P>,
    who: PrincipalId,
    location: &Location,
) -> Result<Option<Ground>> {
    ground_on(write.connection(), who, location).await
}

async fn ground_on(
    on: impl PgExecutor<'_>,
    who: PrincipalId,
    location: &Location,
) -> Result<Option<Ground>> {
    let row: Option<(bool, String)> = sqlx::query_as(GROUND)
        .bind(location.to_string())
        .bind(who.as_uuid())
        .fetch_optional(on)
        .await
        .map_err(map)?;
    row.map(|(by_right, name)| {
        if !by_right {
            return Ok(Ground::Free);
        }
        let name = Name::parse("location", &name);
        Ok(Ground::Right(
            name.map_err(|error| corrupt("a name").source(error))?,
        ))
    })
    .transpose()
}

/// Forgets what was staged before `before` and never committed.
pub async fn sweep(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    db.sweep(SWEEP, before).await
}

statements! {
    /// $1 location and all above it, $2 the pattern of all below it, $3 principal
    IS_STAGED_BY_OTHERS = "SELECT EXISTS (SELECT 1 FROM staged_table WHERE location = ANY($1) AND principal_id <> $3)
            OR EXISTS (SELECT 1 FROM staged_table WHERE location LIKE $2 AND principal_id <> $3)";

    /// $1 location and all above it, $2 principal
    END_AROUND = "DELETE FROM staged_table WHERE location = ANY($1) AND principal_id <> $2";

    /// $1 location, $2 principal, $3 name, $4 is it made up, $5 is it by right, $6 now
    STAGE = "INSERT INTO staged_table (location, principal_id, table_name, made_up, by_right, staged_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT staged_table_pkey DO UPDATE SET by_right = EXCLUDED.by_right, staged_at = EXCLUDED.staged_at";

    /// $1 principal, $2 name
    PLACES = concat!(
        "SELECT t.location, t.made_up, ", place!(), " AS place
         FROM staged_table t JOIN storage_location s ON ", holds!("t.location"), "
         WHERE t.principal_id = $1 AND t.table_name = $2
         ORDER BY t.staged_at DESC LIMIT 8"
    );

    /// $1 location, $2 principal; a place that took the right for one table takes it for all.
    GROUND = concat!(
        "SELECT t.by_right AND NOT t.made_up, s.name
         FROM staged_table t JOIN storage_location s ON ", holds!("t.location"), "
         WHERE t.location = $1 AND t.principal_id = $2
         ORDER BY 1 DESC LIMIT 1"
    );

    SWEEP = "DELETE FROM staged_table WHERE staged_at < $1";
}
