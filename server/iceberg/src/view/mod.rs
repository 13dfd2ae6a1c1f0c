//! View metadata (view spec, section "View Metadata"), version 1. As with tables, what a change does not touch is written as
//! it was read.

mod commit;
mod update;

use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use uuid::Uuid;
use weir_core::schema::Schema;
use weir_core::{Error, Result};

use crate::metadata::metadata_location;
use crate::raw::{Members, Object, Text, array, elements, missing, read, text};
use crate::schema::SchemaEntry;
use crate::snapshot::strings;

pub use commit::{Committed, NewView, commit, create};
pub use update::{AssertViewUUID, ViewRequirement, ViewUpdate};

/// The metadata of one view.
#[derive(Clone)]
pub struct ViewMetadata {
    members: Object,
    uuid: Uuid,
    location: String,
    current_version_id: i32,
    versions: Vec<Version>,
    log: Vec<LogEntry>,
    schemas: Vec<SchemaEntry>,
    properties: BTreeMap<String, String>,
}

/// One state of a view's query.
#[derive(Clone)]
struct Version {
    head: VersionHead,
    text: Text,
}

#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VersionHead {
    version_id: i32,
    timestamp_ms: i64,
    schema_id: i32,
    summary: BTreeMap<String, String>,
    representations: Vec<serde_json::Value>,
    default_catalog: Option<String>,
    default_namespace: Vec<String>,
}

#[derive(Clone)]
struct LogEntry {
    version_id: i32,
    text: Text,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LogHead {
    timestamp_ms: i64,
    version_id: i32,
}

impl LogEntry {
    fn parse(text: Text) -> Result<Self> {
        let head: LogHead = read("version-log", &text)?;
        Ok(Self {
            version_id: head.version_id,
            text,
        })
    }

    fn new(timestamp_ms: i64, version_id: i32) -> Result<Self> {
        let text = text(&LogHead {
            timestamp_ms,
            version_id,
        })?;
        Ok(Self { version_id, text })
    }
}

impl Version {
    fn parse(text: Text) -> Result<Self> {
        let head: VersionHead = read("view-version", &text)?;
        for query in &head.representations {
            let word = |name: &str| query.get(name).is_some_and(serde_json::Value::is_string);
            let is_sql = query.get("type").is_some_and(|kind| kind == "sql");
            if !word("type") || (is_sql && !(word("sql") && word("dialect"))) {
                return Err(Error::invalid(
                    "representations",
                    "A representation has a `type`, and one of SQL its `sql` and `dialect`.",
                ));
            }
        }
        Ok(Self { head, text })
    }

    /// The dialects of SQL that it speaks, in lower case, as often as they are there.
    fn dialects(&self) -> impl Iterator<Item = String> {
        self.head
            .representations
            .iter()
            .filter(|query| query.get("type").is_some_and(|kind| kind == "sql"))
            .filter_map(|query| query.get("dialect")?.as_str().map(str::to_lowercase))
    }
}

impl ViewMetadata {
    /// Reads a view's metadata file.
    ///
    /// Errors: `invalid` for what is no JSON object, lacks a member or has one of another type, or refers to a version or
    /// schema that it does not have.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let json = std::str::from_utf8(json)
            .map_err(|_| Error::invalid("metadata", "Metadata is JSON in UTF-8."))?;
        let found = Members::parse("metadata", json)?;
        check_version(found.required("format-version")?)?;
        let list = |name: &str| {
            let json = found.get(name).ok_or_else(|| missing(name))?;
            elements(name, json)
        };
        let parsed = |json: &RawValue| Object::parse("properties", json);
        let properties = found.get("properties").map(parsed).transpose()?;
        let schema = |text: Text| SchemaEntry::parse(text, None);
        let metadata = Self {
            uuid: found.required("view-uuid")?,
            location: found.required("location")?,
            current_version_id: found.required("current-version-id")?,
            versions: list("versions")?
                .into_iter()
                .map(Version::parse)
                .collect::<Result<_>>()?,
            log: list("version-log")?
                .into_iter()
                .map(LogEntry::parse)
                .collect::<Result<_>>()?,
            schemas: list("schemas")?
                .into_iter()
                .map(schema)
                .collect::<Result<_>>()?,
            properties: strings("properties", &properties.unwrap_or_default())?,
            members: found
                .into_iter()
                .map(|(name, json)| (name, json.to_owned().into()))
                .collect(),
        };
        metadata.check()?;
        Ok(metadata)
    }

    fn check(&self) -> Result<()> {
        let (mut versions, mut schemas) = (HashSet::new(), HashSet::new());
        let is_unique = self
            .versions
            .iter()
            .all(|it| versions.insert(it.head.version_id))
            && self.schemas.iter().all(|it| schemas.insert(it.id));
        if !is_unique {
            return Err(Error::invalid(
                "metadata",
                "Two versions or schemas have one number.",
            ));
        }
        let current = self.current()?;
        if !schemas.contains(&current.head.schema_id) {
            return Err(Error::invalid(
                "schema-id",
                "The current version has no schema.",
            ));
        }
        Ok(())
    }

    /// The text of its file.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        Ok(self.members.text()?.get().as_bytes().to_vec())
    }

    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    pub fn location(&self) -> &str {
        &self.location
    }

    pub fn properties(&self) -> &BTreeMap<String, String> {
        &self.properties
    }

    pub fn current_version_id(&self) -> i32 {
        self.current_version_id
    }

    fn current(&self) -> Result<&Version> {
        self.version(self.current_version_id).ok_or_else(|| {
            Error::invalid("current-version-id", "The current version is not there.")
        })
    }

    fn version(&self, id: i32) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| version.head.version_id == id)
    }

    /// The columns of the current version. Errors: `invalid` for a type of a later version.
    pub fn current_schema(&self) -> Result<Schema> {
        let id = self.current()?.head.schema_id;
        let entry = self.schemas.iter().find(|schema| schema.id == id);
        entry.ok_or_else(|| missing("schemas"))?.schema()
    }

    /// As [`crate::TableMetadata::next_metadata_location`].
    pub fn next_metadata_location(&self, previous: Option<&str>) -> String {
        metadata_location(&self.location, &self.properties, previous)
    }

    fn write_versions(&mut self) -> Result<()> {
        self.members
            .set("versions", array(self.versions.iter().map(|it| &it.text))?);
        self.members
            .set("version-log", array(self.log.iter().map(|it| &it.text))?);
        self.members
            .set("schemas", array(self.schemas.iter().map(|it| &it.text))?);
        self.members
            .set("current-version-id", text(&self.current_version_id)?);
        Ok(())
    }
}

fn check_version(version: i32) -> Result<()> {
    if version == 1 {
        return Ok(());
    }
    let message = format!("Version {version} of the view format is not supported.");
    Err(Error::invalid("format-version", message))
}

impl fmt::Debug for ViewMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewMetadata({})", self.uuid)
    }
}
