//! Catalogs.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;
use weir_core::Result;
use weir_core::authz::{Permit, verbs};
use weir_core::catalog::Catalog;
use weir_core::id::CatalogId;
use weir_core::location::Location;
use weir_core::name::Name;
use weir_core::page::{Page, PageRequest};
use weir_core::principal::Caller;
use weir_core::resource::{Resource, ResourceKind};

use crate::error::map;
use crate::resolve::{expect_kind, members};
use crate::{Db, Write};

/// The catalogs that the caller holds something on, above, or inside.
pub async fn list(
    db: &Db,
    caller: &Caller,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<Catalog>> {
    let rows: Vec<CatalogRow> = sqlx::query_as(LIST)
        .bind(members(caller))
        .bind(now)
        .bind(page.after().unwrap_or_default())
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(Page::cut(
        rows.into_iter().map(Catalog::from).collect(),
        page,
        |catalog| catalog.name.clone(),
    ))
}

pub async fn get(db: &Db, permit: &Permit<verbs::Browse>) -> Result<Catalog> {
    let id = expect_kind(permit.object(), ResourceKind::Catalog)?;
    let row: CatalogRow = sqlx::query_as(GET)
        .bind(id)
        .fetch_one(db.pool())
        .await
        .map_err(map)?;
    Ok(row.into())
}

/// `location` is where its tables will be placed.
pub async fn create(
    write: &mut Write<verbs::CreateCatalog>,
    name: &Name,
    location: Option<&Location>,
) -> Result<Catalog> {
    let catalog = Catalog {
        id: CatalogId::new(),
        name: name.to_string(),
        location: location.map(ToString::to_string),
        created_at: write.now(),
    };
    sqlx::query(INSERT)
        .bind(catalog.id.as_uuid())
        .bind(&catalog.name)
        .bind(&catalog.location)
        .bind(catalog.created_at)
        .execute(write.connection())
        .await
        .map_err(map)?;
    write.about("catalog", catalog.id.as_uuid(), catalog.name.clone());
    Ok(catalog)
}

/// Errors: there are namespaces in it.
pub async fn drop_empty(write: &mut Write<verbs::Drop>) -> Result<()> {
    let id = expect_kind(write.permit().object(), ResourceKind::Catalog)?;
    sqlx::query(DELETE)
        .bind(id)
        .execute(write.connection())
        .await
        .map_err(map)?;
    crate::grant::revoke_all_on(write, Resource::new(ResourceKind::Catalog, id)).await
}

#[derive(FromRow)]
struct CatalogRow {
    catalog_id: Uuid,
    name: String,
    location: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<CatalogRow> for Catalog {
    fn from(row: CatalogRow) -> Self {
        Self {
            id: CatalogId::from_uuid(row.catalog_id),
            name: row.name,
            location: row.location,
            created_at: row.created_at,
        }
    }
}

statements! {
    /// $1 members, $2 now, $3 after, $4 limit
    LIST = concat!(
        "SELECT c.catalog_id, c.name, c.location, c.created_at FROM catalog c
         WHERE c.name > $3 AND EXISTS (
             SELECT 1 FROM access_grant g WHERE g.principal_id = ANY($1)
                 AND (g.resource_kind = 'server' OR g.resource_id = c.catalog_id OR c.catalog_id = ANY(g.container_ids)) AND ",
        valid_grant!("$2"), ")
         ORDER BY c.name LIMIT $4"
    );
    GET = "SELECT catalog_id, name, location, created_at FROM catalog WHERE catalog_id = $1";
    INSERT = "INSERT INTO catalog (catalog_id, name, location, created_at) VALUES ($1, $2, $3, $4)";
    DELETE = "DELETE FROM catalog WHERE catalog_id = $1";
}
