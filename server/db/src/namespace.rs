//! Namespaces.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;
use weir_core::authz::{Permit, verbs};
use weir_core::catalog::{Annotations, Namespace};
use weir_core::id::{FieldId, NamespaceId};
use weir_core::name::NamespaceIdent;
use weir_core::page::{Page, PageRequest};
use weir_core::resource::{Resource, ResourceKind};
use weir_core::{Error, Result};

use crate::error::map;
use crate::json::{AnnotationJson, AnnotationsByField};
use crate::resolve::expect_kind;
use crate::{Db, Write};

/// The namespaces of a catalog, at every level, that the caller holds something on, above, or inside.
pub async fn list(
    db: &Db,
    permit: &Permit<verbs::Browse>,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<Namespace>> {
    let catalog = expect_kind(permit.object(), ResourceKind::Catalog)?;
    let after: Vec<String> = page
        .after()
        .map(|cursor| cursor.split('.').map(str::to_owned).collect())
        .unwrap_or_default();
    let members: Vec<Uuid> = permit.member_of().iter().map(|id| id.as_uuid()).collect();
    let rows: Vec<NamespaceRow> = sqlx::query_as(LIST)
        .bind(members)
        .bind(now)
        .bind(catalog)
        .bind(after)
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(Page::cut(
        rows.into_iter().map(Namespace::from).collect(),
        page,
        |namespace| namespace.path.join("."),
    ))
}

pub async fn get(db: &Db, permit: &Permit<verbs::Browse>) -> Result<Namespace> {
    let id = expect_kind(permit.object(), ResourceKind::Namespace)?;
    let row: NamespaceRow = sqlx::query_as(GET)
        .bind(id)
        .fetch_one(db.pool())
        .await
        .map_err(map)?;
    Ok(row.into())
}

/// Creates a namespace in the container that the permit is for: a catalog, or the namespace one level up.
pub async fn create(
    write: &mut Write<verbs::CreateNamespace>,
    ident: &NamespaceIdent,
    properties: BTreeMap<String, String>,
) -> Result<Namespace> {
    let (id, now) = (NamespaceId::new(), write.now());
    let chain = write.permit().chain().to_vec();
    let parent = chain
        .first()
        .filter(|container| container.kind == ResourceKind::Namespace)
        .map(|container| container.id);
    let catalog = chain
        .iter()
        .find(|container| container.kind == ResourceKind::Catalog)
        .map(|container| container.id);
    let catalog =
        catalog.ok_or_else(|| Error::internal("A namespace was to be made outside a catalog"))?;
    let above = chain
        .iter()
        .filter(|container| container.kind == ResourceKind::Namespace)
        .map(|container| container.id);
    let ancestors: Vec<Uuid> = std::iter::once(id.as_uuid()).chain(above).collect();
    sqlx::query(INSERT)
        .bind(id.as_uuid())
        .bind(catalog)
        .bind(parent)
        .bind(ident.path.to_strings())
        .bind(ancestors)
        .bind(now)
        .bind(Json(&properties))
        .execute(write.connection())
        .await
        .map_err(map)?;
    write.about("namespace", id.as_uuid(), ident.to_string());
    Ok(Namespace {
        id,
        catalog: ident.catalog.to_string(),
        path: ident.path.to_strings(),
        properties,
        created_at: now,
        annotations: Annotations::default(),
    })
}

/// The namespaces right below the container of the permit, a catalog or a namespace, that the caller can find something in.
pub async fn children(
    db: &Db,
    permit: &Permit<verbs::Browse>,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<Namespace>> {
    let container = permit.object();
    let members: Vec<Uuid> = permit.member_of().iter().map(|id| id.as_uuid()).collect();
    let chain: Vec<Uuid> = permit.chain().iter().map(|link| link.id).collect();
    let rows: Vec<NamespaceRow> = sqlx::query_as(CHILDREN)
        .bind(members)
        .bind(now)
        .bind(container.id)
        .bind(container.kind == ResourceKind::Namespace)
        .bind(chain)
        .bind(page.after().unwrap_or_default())
        .bind(page.fetch())
        .fetch_all(db.pool())
        .await
        .map_err(map)?;
    Ok(Page::cut(
        rows.into_iter().map(Namespace::from).collect(),
        page,
        |namespace| namespace.path.last().cloned().unwrap_or_default(),
    ))
}

/// The properties of the namespace that is being written.
pub async fn properties(write: &mut Write<verbs::Alter>) -> Result<BTreeMap<String, String>> {
    let id = expect_kind(write.permit().object(), ResourceKind::Namespace)?;
    let Json(properties) = sqlx::query_scalar(PROPERTIES)
        .bind(id)
        .fetch_one(write.connection())
        .await
        .map_err(map)?;
    Ok(properties)
}

pub async fn set_properties(
    write: &mut Write<verbs::Alter>,
    properties: &BTreeMap<String, String>,
) -> Result<()> {
    let id = expect_kind(write.permit().object(), ResourceKind::Namespace)?;
    sqlx::query(SET_PROPERTIES)
        .bind(id)
        .bind(Json(properties))
        .execute(write.connection())
        .await
        .map(drop)
        .map_err(map)
}

/// Errors: there are tables, namespaces or a crawler's target in it.
pub async fn drop_empty(write: &mut Write<verbs::Drop>) -> Result<()> {
    let id = expect_kind(write.permit().object(), ResourceKind::Namespace)?;
    sqlx::query(DELETE)
        .bind(id)
        .execute(write.connection())
        .await
        .map_err(map)?;
    crate::annotation::remove_all(write, id).await?;
    crate::grant::revoke_all_on(write, Resource::new(ResourceKind::Namespace, id)).await
}

#[derive(FromRow)]
struct NamespaceRow {
    namespace_id: Uuid,
    catalog: String,
    path: Vec<String>,
    properties: Json<BTreeMap<String, String>>,
    created_at: DateTime<Utc>,
    annotations: Json<Vec<AnnotationJson>>,
}

impl From<NamespaceRow> for Namespace {
    fn from(row: NamespaceRow) -> Self {
        Self {
            id: NamespaceId::from_uuid(row.namespace_id),
            catalog: row.catalog,
            path: row.path,
            properties: row.properties.0,
            created_at: row.created_at,
            annotations: row
                .annotations
                .0
                .into_iter()
                .collect::<AnnotationsByField>()
                .take(FieldId::UNASSIGNED),
        }
    }
}

statements! {
    /// $1 members, $2 now, $3 catalog, $4 after, $5 limit
    LIST = concat!(
        "WITH held AS (
             SELECT g.resource_id, g.container_ids FROM access_grant g WHERE g.principal_id = ANY($1) AND ", valid_grant!("$2"), "
         ), everywhere AS (
             SELECT EXISTS (SELECT 1 FROM held WHERE resource_id IN ($3, '00000000-0000-0000-0000-000000000000')) AS yes
         ), inside AS (
             SELECT DISTINCT unnest(container_ids) AS id FROM held
         )
         SELECT n.namespace_id, c.name AS catalog, n.path, n.properties, n.created_at, ", annotations_of!("n.namespace_id"), " AS annotations
         FROM namespace n JOIN catalog c USING (catalog_id)
         WHERE n.catalog_id = $3 AND n.path > $4
             AND ((SELECT yes FROM everywhere) OR n.ancestor_ids && ARRAY(SELECT resource_id FROM held) OR n.namespace_id IN (SELECT id FROM inside))
         ORDER BY n.path LIMIT $5"
    );
    /// $1 members, $2 now, $3 container, $4 is it a namespace, $5 chain, $6 after, $7 limit
    CHILDREN = concat!(
        "WITH held AS (
             SELECT g.resource_id, g.container_ids FROM access_grant g WHERE g.principal_id = ANY($1) AND ", valid_grant!("$2"), "
         ), everywhere AS (
             SELECT EXISTS (SELECT 1 FROM held WHERE resource_id = ANY($5)) AS yes
         ), inside AS (
             SELECT DISTINCT unnest(container_ids) AS id FROM held
         )
         SELECT n.namespace_id, c.name AS catalog, n.path, n.properties, n.created_at, '[]'::json AS annotations
         FROM namespace n JOIN catalog c USING (catalog_id)
         WHERE CASE WHEN $4 THEN n.parent_id = $3 ELSE n.catalog_id = $3 AND n.parent_id IS NULL END
             AND n.path[cardinality(n.path)] > $6
             AND ((SELECT yes FROM everywhere) OR n.namespace_id IN (SELECT resource_id FROM held) OR n.namespace_id IN (SELECT id FROM inside))
         ORDER BY n.path LIMIT $7"
    );
    PROPERTIES = "SELECT properties FROM namespace WHERE namespace_id = $1";
    SET_PROPERTIES = "UPDATE namespace SET properties = $2 WHERE namespace_id = $1";
    GET = concat!(
        "SELECT n.namespace_id, c.name AS catalog, n.path, n.properties, n.created_at, ", annotations_of!("n.namespace_id"), " AS annotations
         FROM namespace n JOIN catalog c USING (catalog_id) WHERE n.namespace_id = $1"
    );
    INSERT = "INSERT INTO namespace (namespace_id, catalog_id, parent_id, path, ancestor_ids, created_at, properties) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    DELETE = "DELETE FROM namespace WHERE namespace_id = $1";
}
