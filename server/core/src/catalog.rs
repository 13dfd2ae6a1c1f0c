//! What a caller reads of catalogs, namespaces and tables. Values of these types have already been cut to what the caller
//! may see; nothing below removes anything any more.

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

use crate::annotation::Annotation;
use crate::id::{CatalogId, FieldId, NamespaceId, TableId};
use crate::principal::words;
use crate::schema::{DataType, Schema, SchemaChange};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    pub id: CatalogId,
    pub name: String,
    /// Where new tables are placed, by URL; none for a catalog of crawled tables only.
    pub location: Option<String>,
    pub created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    pub id: NamespaceId,
    pub catalog: String,
    /// One entry a level.
    pub path: Vec<String>,
    /// What engines keep beside it. Not people's words.
    pub properties: BTreeMap<String, String>,
    pub created_at: DateTime<Utc>,
    pub annotations: Annotations,
}

words! {
    pub enum TableKind("kind") {
        /// Files that a crawler found and describes.
        External => "external",
        /// A table whose metadata Weir keeps: Weir is its catalog.
        Iceberg => "iceberg",
        /// A query with a name, kept for engines.
        View => "view",
    }
}

words! {
    pub enum Format("format") {
        Parquet => "parquet",
        Csv => "csv",
        JsonLines => "jsonl",
        Avro => "avro",
        Orc => "orc",
        /// What a view is made of.
        Sql => "sql",
    }
}

words! {
    /// Who made a schema version.
    pub enum Origin("origin") {
        Crawl => "crawl",
        Engine => "engine",
        Person => "person",
    }
}

/// What people wrote about one object, and the version an edit must name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Annotations {
    /// Rises with every edit; 0 when nobody wrote anything yet.
    pub version: i64,
    pub values: Vec<Annotation>,
}

impl Annotations {
    /// The current value with its author, unless it was cleared.
    pub fn get(&self, attribute: crate::annotation::Attribute) -> Option<&Annotation> {
        self.values
            .iter()
            .find(|annotation| annotation.attribute == attribute && annotation.value.is_some())
    }
}

/// A table as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSummary {
    pub id: TableId,
    pub name: String,
    pub kind: TableKind,
    pub format: Format,
    pub version: i32,
    /// Unknown for text formats, whose rows are not counted.
    pub rows: Option<i64>,
    pub bytes: i64,
    pub files: i64,
    pub updated_at: DateTime<Utc>,
    pub annotations: Annotations,
}

/// A table as its describer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub summary: TableSummary,
    pub catalog: String,
    pub namespace: Vec<String>,
    /// Absent when the caller sees only some columns: where the files lie is part of what a restriction withholds.
    pub location: Option<String>,
    pub created_at: DateTime<Utc>,
    pub columns: Vec<Column>,
    /// Are there columns that the caller may not see? How many is not told.
    pub restricted: bool,
    /// Is it refused to drop it?
    pub protected: bool,
    /// The last run that found the table gone from its storage, if it was.
    pub missing_since: Option<DateTime<Utc>>,
    /// The last crawl that looked at the table.
    pub crawled_at: Option<DateTime<Utc>>,
}

/// A column at any depth, with what people wrote about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub id: FieldId,
    pub parent: Option<FieldId>,
    /// Names from the top-level column down, joined by dots.
    pub path: String,
    pub name: String,
    pub depth: usize,
    pub data_type: DataType,
    pub required: bool,
    /// Is the value taken from the folder's name (`key=value`) and not from the file?
    pub partition_key: bool,
    /// What the source says.
    pub doc: Option<String>,
    pub annotations: Annotations,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaVersion {
    pub number: i32,
    pub schema: Schema,
    pub changes: Vec<VersionChange>,
    pub origin: Origin,
    /// The crawler, engine or person that made it.
    pub made_by: String,
    pub created_at: DateTime<Utc>,
}

/// One line of a version's diff, as it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct VersionChange {
    pub kind: String,
    /// Absent for a new order of columns.
    pub field_id: Option<FieldId>,
    /// `+ discount string`
    pub line: String,
    pub safe: bool,
}

impl From<&SchemaChange> for VersionChange {
    fn from(change: &SchemaChange) -> Self {
        Self {
            kind: change.kind().to_owned(),
            field_id: change.field_id(),
            line: change.to_string(),
            safe: change.is_safe(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// `year=2024/month=01`
    pub key: String,
    pub values: Vec<String>,
    pub files: i64,
    pub bytes: i64,
    pub rows: Option<i64>,
    pub first_seen_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
}
