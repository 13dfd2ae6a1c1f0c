//! Loading the metadata of a table or view: one statement, or none where nothing changed since it was read last.

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, OnceLock};
use uuid::Uuid;
use weir_core::authz::verbs::{Describe, Select};
use weir_core::authz::{Facts, Permit};
use weir_core::catalog::TableKind;
use weir_core::grant::ColumnScope;
use weir_core::id::PrincipalId;
use weir_core::name::TableIdent;
use weir_core::principal::{Caller, Tick};
use weir_core::{ErrorKind, Result};
use weir_db::Db;
use weir_db::freshness::Freshness;
use weir_db::iceberg::{self, Lies, SealedMetadata, Snapshots};
use weir_db::resolve::Target;

use weir_iceberg::TableMetadata;

use super::document::{Document, unpack};
use crate::Weir;
use crate::delivery::{self, Credential, Way};

/// What a load leads to.
#[derive(Debug)]
pub enum Loaded {
    /// The client has it already.
    NotModified { etag: String },
    /// And what its files are reached with, where that was asked for and can be.
    Found(Arc<Document>, Option<Arc<Credential>>),
}

/// A table as a client asks for it.
#[derive(Debug, Clone, Copy)]
pub struct LoadRequest<'a> {
    pub ident: &'a TableIdent,
    pub snapshots: Snapshots,
    /// The header's value.
    pub if_none_match: Option<&'a str>,
    pub way: Way,
}

/// The current metadata of a table, cut to the columns that the caller may see, and what its files are reached with.
///
/// Errors: `NotFound` for what does not exist, may not be seen, or is no Iceberg table; `Unavailable` where a credential is
/// due and its store makes none.
pub async fn load(weir: &Weir, caller: &Caller, request: LoadRequest<'_>) -> Result<Loaded> {
    let LoadRequest {
        ident, snapshots, ..
    } = request;
    let kind = TableKind::Iceberg;
    let opened = opened(weir, caller, ident, kind, snapshots, "table.load").await?;
    let credential = match request.way != Way::Unaided && opened.whole {
        true => match deliver(weir, caller, ident, &opened.fresh).await {
            // Clients ask for a credential without being told to, and may have another way to the files.
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            delivered => delivered?,
        },
        false => None,
    };
    let credential = credential.filter(|credential| credential.serves(request.way));
    let tag = |etag: &str| tag_with(etag, credential.as_deref(), request.way);
    let etag = opened.document.etag.as_deref().map(tag);
    let asked = |etag: &String| {
        let header = request.if_none_match;
        header.is_some_and(|header| names(header, etag))
    };
    Ok(match etag.filter(asked) {
        Some(etag) => Loaded::NotModified { etag },
        None => Loaded::Found(opened.document, credential),
    })
}

/// The tag of an answer with a credential in it: another for another credential, so that nobody is left with one that is
/// over because the metadata stayed as it was.
pub fn tag_with(etag: &str, credential: Option<&Credential>, way: Way) -> String {
    let bare = etag.trim_end_matches('"');
    match (credential, way) {
        (None, _) | (_, Way::Unaided) => etag.to_owned(),
        (Some(credential), Way::Credential) => {
            format!("{bare}-{:x}\"", credential.expires_at.timestamp_micros())
        }
        (Some(credential), Way::Signing) => {
            // Another for another address to send requests to.
            let mut address = Sha256::new();
            for (name, value) in credential.told(way) {
                address.update(format!("{name}={}\n", value.expose_secret()));
            }
            let digest = address.finalize();
            let short = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
            format!("{bare}-{}\"", short.collect::<String>())
        }
    }
}

/// What the files of a table are reached with: what [`load`] hands out, for a client whose credential runs out.
///
/// Errors: as [`load`]; `Denied` for who may not read every column.
pub async fn credential(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
) -> Result<Option<Arc<Credential>>> {
    let key = Key::new(ident, TableKind::Iceberg, Snapshots::All, caller);
    let read = weir.documents.read(&weir.db, &key, caller, weir.now());
    deliver(weir, caller, ident, &read.await?).await
}

async fn deliver(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    read: &Fresh,
) -> Result<Option<Arc<Credential>>> {
    let target = Target::Table(ident);
    let permit = weir
        .gate
        .judge::<Select>(caller, target, &read.facts, "table.vend")
        .await?;
    let lies = read.read.sealed.lies(&permit)?;
    delivery::credential(weir, caller, ident, &read.facts, &permit, lies).await
}

/// Is there such an Iceberg table, as far as the caller may know?
pub async fn exists(weir: &Weir, caller: &Caller, ident: &TableIdent) -> Result<()> {
    exists_as(weir, caller, ident, TableKind::Iceberg, "table.exists").await
}

pub(crate) async fn exists_as(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    kind: TableKind,
    operation: &str,
) -> Result<()> {
    let key = Key::new(ident, kind, Snapshots::Refs, caller);
    let read = weir
        .documents
        .read(&weir.db, &key, caller, weir.now())
        .await?;
    weir.gate
        .judge::<Describe>(caller, Target::Table(ident), &read.facts, operation)
        .await?;
    weir.documents.keep(key, &read);
    Ok(())
}

/// The document that the caller's permit opens. The first of a minute leaves an audit row before it is given out.
pub(crate) async fn open(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    kind: TableKind,
    snapshots: Snapshots,
    operation: &str,
) -> Result<Arc<Document>> {
    let opened = opened(weir, caller, ident, kind, snapshots, operation).await?;
    Ok(opened.document)
}

/// A document, and what it was opened by.
struct OpenedDocument {
    document: Arc<Document>,
    fresh: Fresh,
    /// May the caller read every column?
    whole: bool,
}

async fn opened(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    kind: TableKind,
    snapshots: Snapshots,
    operation: &str,
) -> Result<OpenedDocument> {
    let key = Key::new(ident, kind, snapshots, caller);
    let read = weir
        .documents
        .read(&weir.db, &key, caller, weir.now())
        .await?;
    let permit = weir
        .gate
        .judge::<Describe>(caller, Target::Table(ident), &read.facts, operation)
        .await?;
    let whole = weir.gate.reads_all(caller, &read.facts)?;
    if kind == TableKind::View && !whole {
        let message =
            "A view's text could show more than you may read. Ask for SELECT on all of it.";
        return weir
            .gate
            .refuse(caller, Target::Table(ident), operation, message)
            .await;
    }
    let document = weir.documents.open(&read, &permit, snapshots, whole)?;
    weir.documents.keep(key, &read);
    weir.reads
        .note(weir, caller, ident, &permit, operation)
        .await?;
    Ok(OpenedDocument {
        document,
        fresh: read,
        whole,
    })
}

/// An Iceberg table whose rows may be read.
pub(crate) struct Selected {
    pub(crate) permit: Permit<Select>,
    pub(crate) metadata: Arc<TableMetadata>,
    pub(crate) lies: Lies,
}

/// The permit to read an Iceberg table's rows, its metadata, and where it lies.
pub(crate) async fn select(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    operation: &str,
) -> Result<Selected> {
    let key = Key::new(ident, TableKind::Iceberg, Snapshots::All, caller);
    let fresh = weir
        .documents
        .read(&weir.db, &key, caller, weir.now())
        .await?;
    let permit = weir
        .gate
        .judge::<Select>(caller, Target::Table(ident), &fresh.facts, operation)
        .await?;
    let stored = fresh.read.sealed.open(&permit)?;
    let metadata = match weir.metadata.get(&stored.identity()) {
        Some(known) => known.metadata,
        None => Arc::new(TableMetadata::parse(&unpack(stored)?)?),
    };
    weir.documents.keep(key, &fresh);
    weir.reads
        .note(weir, caller, ident, &permit, operation)
        .await?;
    let lies = fresh.read.sealed.lies(&permit)?.clone();
    Ok(Selected {
        permit,
        metadata,
        lies,
    })
}

/// As [`open`] on a table, for a caller who needs to see all of it.
pub(crate) async fn unrestricted(
    weir: &Weir,
    caller: &Caller,
    ident: &TableIdent,
    operation: &str,
) -> Result<Arc<Document>> {
    let document = open(
        weir,
        caller,
        ident,
        TableKind::Iceberg,
        Snapshots::All,
        operation,
    )
    .await?;
    if document.metadata_location.is_none() {
        let message =
            "This hands over all of the table's metadata, and takes SELECT on all of its columns.";
        let target = Target::Table(ident);
        return weir.gate.refuse(caller, target, operation, message).await;
    }
    Ok(document)
}

/// Does an If-None-Match header name this tag? Weakly compared (RFC 9110, 13.1.2).
fn names(header: &str, etag: &str) -> bool {
    header.trim() == "*"
        || header
            .split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

/// What a kept read is found by. Grants are to principals, so the key has the caller's closure and not the caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    ident: TableIdent,
    kind: TableKind,
    snapshots: Snapshots,
    member_of: Vec<PrincipalId>,
}

impl Key {
    fn new(ident: &TableIdent, kind: TableKind, snapshots: Snapshots, caller: &Caller) -> Self {
        Self {
            ident: ident.clone(),
            kind,
            snapshots,
            member_of: caller.member_of.clone(),
        }
    }
}

/// Metadata that was read, kept while nothing that it rests on changes. What is kept decides nothing: each request is judged
/// anew, and the content still opens only to the permit that comes of it.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    freshness: Freshness,
    reads: Cache<Key, Arc<Read>>,
    /// Cuts, by what they are cut from and the columns.
    restricted: Cache<(String, Snapshots, String), Arc<Document>>,
}

#[derive(Debug)]
pub(crate) struct Read {
    since: Tick,
    pub(crate) facts: Facts,
    sealed: SealedMetadata,
    rests_on: Vec<Uuid>,
    /// Made when it is first opened to somebody who may see all of it.
    whole: OnceLock<Arc<Document>>,
}

impl Documents {
    pub(crate) fn new(freshness: Freshness) -> Self {
        Self {
            freshness,
            reads: Cache::builder()
                .weigher(|_, read: &Arc<Read>| {
                    let whole = read.whole.get().map_or(0, |whole| whole.metadata.len());
                    u32::try_from(1024 + read.sealed.size() + whole).unwrap_or(u32::MAX)
                })
                .max_capacity(256 << 20)
                .build(),
            restricted: Cache::builder()
                .weigher(|_, document: &Arc<Document>| {
                    u32::try_from(512 + document.metadata.len()).unwrap_or(u32::MAX)
                })
                .max_capacity(64 << 20)
                .build(),
        }
    }

    /// The facts about a table and its sealed metadata, as of some moment after the request arrived.
    async fn read(&self, db: &Db, key: &Key, caller: &Caller, now: DateTime<Utc>) -> Result<Fresh> {
        let tick = match caller.fresh {
            Some(tick) => tick,
            None => self.freshness.check().await?,
        };
        if let Some(kept) = self.reads.get(key)
            && self.freshness.objects_since(kept.since, &kept.rests_on)
        {
            let facts = Facts {
                now,
                ..kept.facts.clone()
            };
            let weighed = Some(kept.whole.get().is_some());
            return Ok(Fresh {
                facts,
                read: kept,
                weighed,
            });
        }
        let (facts, sealed) =
            iceberg::sealed(db, &key.ident, key.kind, key.snapshots, caller, now).await?;
        let read = Arc::new(Read {
            since: tick,
            facts: facts.clone(),
            rests_on: sealed.rests_on(),
            sealed,
            whole: OnceLock::new(),
        });
        Ok(Fresh {
            facts,
            read,
            weighed: None,
        })
    }

    /// Keeps what was read, once its reader turned out to be allowed to see it: otherwise the second refusal of what exists
    /// would be faster than that of what does not. Again, once it is larger than it was.
    fn keep(&self, key: Key, fresh: &Fresh) {
        if fresh.weighed != Some(fresh.read.whole.get().is_some()) {
            self.reads.insert(key, fresh.read.clone());
        }
    }

    fn open(
        &self,
        fresh: &Fresh,
        permit: &Permit<Describe>,
        snapshots: Snapshots,
        whole: bool,
    ) -> Result<Arc<Document>> {
        let stored = fresh.read.sealed.open(permit)?;
        if whole && let Some(document) = fresh.read.whole.get() {
            return Ok(document.clone());
        }
        let identity = stored.identity();
        if whole {
            let document = Arc::new(Document::whole(
                &stored.metadata_location,
                &identity,
                unpack(stored)?,
                snapshots,
            ));
            return Ok(fresh.read.whole.get_or_init(|| document).clone());
        }
        let scope: &ColumnScope = permit.columns();
        let key = (identity.clone(), snapshots, format!("{scope:?}"));
        if let Some(document) = self.restricted.get(&key) {
            return Ok(document);
        }
        let document = Document::restricted(&identity, &unpack(stored)?, snapshots, scope)?;
        let document = Arc::new(document);
        self.restricted.insert(key, document.clone());
        Ok(document)
    }
}

/// A read for one request.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) facts: Facts,
    read: Arc<Read>,
    /// Where it comes from what was kept: was it weighed with its whole document?
    weighed: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_header_names_a_tag_alone_in_a_list_weakly_or_by_a_star() {
        for header in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*", " \"a\" "] {
            assert!(names(header, "\"a\""), "{header}");
        }
        assert!(!names("\"ab\"", "\"a\"") && !names("", "\"a\""));
    }
}
