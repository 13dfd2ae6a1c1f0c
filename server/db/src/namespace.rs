//! Namespaces.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use sqlx::types::Json;
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
        .execute(write.connection())
        .await
        .map_err(map)?;
    write.about("namespace", id.as_uuid(), ident.to_string());
    Ok(Namespace {
        id,
        catalog: ident.catalog.to_string(),
        path: ident.path.to_strings(),
        created_at: now,
        annotations: Annotations::default(),
    })
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
    created_at: DateTime<Utc>,
    annotations: Json<Vec<AnnotationJson>>,
}

impl From<NamespaceRow> for Namespace {
    fn from(row: NamespaceRow) -> Self {
        Self {
            id: NamespaceId::from_uuid(row.namespace_id),
            catalog: row.catalog,
            path: row.path,
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
         SELECT n.namespace_id, c.name AS catalog, n.path, n.created_at, ", annotations_of!("n.namespace_id"), " AS annotations
         FROM namespace n JOIN catalog c USING (catalog_id)
         WHERE n.catalog_id = $3 AND n.path > $4
             AND ((SELECT yes FROM everywhere) OR n.ancestor_ids && ARRAY(SELECT resource_id FROM held) OR n.namespace_id IN (SELECT id FROM inside))
         ORDER BY n.path LIMIT $5"
    );
    GET = concat!(
        "SELECT n.namespace_id, c.name AS catalog, n.path, n.created_at, ", annotations_of!("n.namespace_id"), " AS annotations
         FROM namespace n JOIN catalog c USING (catalog_id) WHERE n.namespace_id = $1"
    );
    INSERT = "INSERT INTO namespace (namespace_id, catalog_id, parent_id, path, ancestor_ids, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
    DELETE = "DELETE FROM namespace WHERE namespace_id = $1";
}
