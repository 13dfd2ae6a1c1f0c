//! Creating and changing views (REST catalog document, "Replace a view"; the rules of the reference implementation's
//! metadata builder).

use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;
use weir_core::{Error, Result};

use super::{LogEntry, Version, ViewMetadata, ViewRequirement, ViewUpdate, check_version};
use crate::properties::check_properties;
use crate::raw::{Object, Text, text};
use crate::schema::{SchemaEntry, check, same};

/// What stands for the last that was added in the same request.
const LAST_ADDED: i32 = -1;
/// A view is not bound to a version of the table format: it may have every type.
const ALL_TYPES: u8 = 3;

const HISTORY: &str = "version.history.num-entries";
const HISTORY_DEFAULT: usize = 10;
const DROP_DIALECT: &str = "replace.drop-dialect.allowed";

/// A view as it is asked for.
#[derive(Debug)]
pub struct NewView {
    pub uuid: Uuid,
    pub location: String,
    pub schema: Box<RawValue>,
    pub view_version: Box<RawValue>,
    pub properties: BTreeMap<String, String>,
    /// Milliseconds since 1970.
    pub now_ms: i64,
}

/// What a commit leads to.
#[derive(Debug, Clone)]
pub struct Committed {
    pub metadata: ViewMetadata,
    /// Is it another than the base? If not, there is nothing to write.
    pub changed: bool,
}

/// The metadata of a new view with one version.
///
/// Errors: `invalid` for a schema or version that cannot be, or a property that may not be set.
pub fn create(new: NewView) -> Result<ViewMetadata> {
    check_properties(&new.properties)?;
    if new.location.is_empty() {
        return Err(Error::invalid("location", "A location is not empty."));
    }
    let members = [
        ("view-uuid", text(&new.uuid)?),
        ("format-version", text(&1)?),
        ("location", text(&new.location)?),
        ("schemas", text(&[(); 0])?),
        ("current-version-id", text(&LAST_ADDED)?),
        ("versions", text(&[(); 0])?),
        ("version-log", text(&[(); 0])?),
        ("properties", text(&new.properties)?),
    ];
    let metadata = ViewMetadata {
        members: members
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text))
            .collect(),
        uuid: new.uuid,
        location: new.location,
        current_version_id: LAST_ADDED,
        versions: Vec::new(),
        log: Vec::new(),
        schemas: Vec::new(),
        properties: new.properties,
    };
    let mut draft = Draft::new(metadata, new.now_ms);
    draft.add_schema(&new.schema)?;
    let mut version = Object::parse("view-version", &new.view_version)?;
    version.set("schema-id", text(&draft.last_schema)?);
    draft.add_version(version.text()?)?;
    draft.set_current(LAST_ADDED)?;
    Ok(draft.finish(None)?.metadata)
}

/// Applies `updates` to the view if every requirement holds for it.
///
/// Errors: `conflict` for a requirement that does not hold; `invalid` for everything that is wrong in itself.
pub fn commit(
    base: &ViewMetadata,
    requirements: &[ViewRequirement],
    updates: &[ViewUpdate],
    now_ms: i64,
) -> Result<Committed> {
    requirements
        .iter()
        .try_for_each(|requirement| requirement.check(base))?;
    let mut draft = Draft::new(base.clone(), now_ms);
    for update in updates {
        draft.apply(update)?;
    }
    draft.finish(Some(base))
}

struct Draft {
    metadata: ViewMetadata,
    now_ms: i64,
    changed: bool,
    last_schema: Option<i32>,
    last_version: Option<i32>,
    added: HashSet<i32>,
}

impl Draft {
    fn new(metadata: ViewMetadata, now_ms: i64) -> Self {
        Self {
            metadata,
            now_ms,
            changed: false,
            last_schema: None,
            last_version: None,
            added: HashSet::new(),
        }
    }

    fn apply(&mut self, update: &ViewUpdate) -> Result<()> {
        match update {
            ViewUpdate::AssignUuid(it) if it.uuid == self.metadata.uuid => Ok(()),
            ViewUpdate::AssignUuid(_) => Err(Error::invalid(
                "uuid",
                "The UUID of a view does not change.",
            )),
            ViewUpdate::UpgradeFormatVersion(it) => check_version(it.format_version),
            ViewUpdate::AddSchema(it) => self.add_schema(&it.schema),
            ViewUpdate::AddViewVersion(it) => self.add_version(it.view_version.clone().into()),
            ViewUpdate::SetCurrentViewVersion(it) => self.set_current(it.view_version_id),
            ViewUpdate::SetLocation(it) => self.set_location(&it.location),
            ViewUpdate::SetProperties(it) => {
                check_properties(&it.updates)?;
                let mut properties = self.metadata.properties.clone();
                properties.extend(it.updates.clone());
                self.set_properties(properties)
            }
            ViewUpdate::RemoveProperties(it) => {
                let mut properties = self.metadata.properties.clone();
                properties.retain(|name, _| !it.removals.contains(name));
                self.set_properties(properties)
            }
        }
    }

    fn set_location(&mut self, location: &str) -> Result<()> {
        if location.is_empty() {
            return Err(Error::invalid("location", "A location is not empty."));
        }
        if self.metadata.location != location {
            location.clone_into(&mut self.metadata.location);
            self.metadata.members.set("location", text(location)?);
            self.changed = true;
        }
        Ok(())
    }

    /// Replaces those that differ, each where it stands.
    fn set_properties(&mut self, properties: BTreeMap<String, String>) -> Result<()> {
        if properties == self.metadata.properties {
            return Ok(());
        }
        let mut texts = match self.metadata.members.get("properties") {
            Some(json) if !crate::raw::is_null(json) => Object::parse("properties", json)?,
            _ => Object::default(),
        };
        texts.retain(|name, _| properties.contains_key(name));
        for (name, value) in &properties {
            if self.metadata.properties.get(name) != Some(value) {
                texts.set(name, text(value)?);
            }
        }
        self.metadata.members.set("properties", texts.text()?);
        self.metadata.properties = properties;
        self.changed = true;
        Ok(())
    }

    fn add_schema(&mut self, json: &RawValue) -> Result<()> {
        check(json, ALL_TYPES)?;
        for known in &self.metadata.schemas {
            if same(&known.text, json)? {
                self.last_schema = Some(known.id);
                return Ok(());
            }
        }
        let id = next(self.metadata.schemas.iter().map(|schema| schema.id), 0)?;
        self.metadata.schemas.push(SchemaEntry::numbered(json, id)?);
        self.last_schema = Some(id);
        self.changed = true;
        Ok(())
    }

    /// The same version again is the one that is there.
    fn add_version(&mut self, json: Text) -> Result<()> {
        let mut version = Version::parse(json)?;
        if version.head.schema_id == LAST_ADDED {
            version.head.schema_id = self.last_schema.ok_or_else(|| none_added("schema-id"))?;
        }
        let schema = version.head.schema_id;
        if !self.metadata.schemas.iter().any(|known| known.id == schema) {
            return Err(Error::invalid(
                "schema-id",
                format!("There is no schema {schema}."),
            ));
        }
        let mut dialects = HashSet::new();
        if let Some(twice) = version
            .dialects()
            .find(|dialect| !dialects.insert(dialect.clone()))
        {
            let twice = twice.escape_debug();
            return Err(Error::invalid(
                "representations",
                format!("The dialect `{twice}` is there twice."),
            ));
        }
        if let Some(known) = self
            .metadata
            .versions
            .iter()
            .find(|known| is_same(known, &version))
        {
            self.last_version = Some(known.head.version_id);
            return Ok(());
        }
        let asked = version.head.version_id.max(1);
        let id = next(
            self.metadata.versions.iter().map(|it| it.head.version_id),
            asked,
        )?;
        version.head.version_id = id;
        let mut object = Object::parse("view-version", &version.text)?;
        object.set("version-id", text(&id)?);
        object.set("schema-id", text(&schema)?);
        version.text = object.text()?;
        self.metadata.versions.push(version);
        self.last_version = Some(id);
        self.added.insert(id);
        self.changed = true;
        Ok(())
    }

    fn set_current(&mut self, id: i32) -> Result<()> {
        let id = match id {
            LAST_ADDED => self
                .last_version
                .ok_or_else(|| none_added("view-version-id"))?,
            id => id,
        };
        if self.metadata.version(id).is_none() {
            return Err(Error::invalid(
                "view-version-id",
                format!("There is no version {id}."),
            ));
        }
        if self.metadata.current_version_id != id {
            self.metadata.current_version_id = id;
            self.changed = true;
        }
        Ok(())
    }

    fn finish(mut self, base: Option<&ViewMetadata>) -> Result<Committed> {
        if !self.changed {
            return Ok(Committed {
                metadata: self.metadata,
                changed: false,
            });
        }
        if let Some(base) = base {
            self.check_dialects(base)?;
        }
        let current = self.metadata.current()?;
        let id = current.head.version_id;
        if base.is_none_or(|base| base.current_version_id != id) {
            let is_new = self.added.contains(&id);
            let when = if is_new {
                current.head.timestamp_ms
            } else {
                self.now_ms
            };
            self.metadata.log.push(LogEntry::new(when, id)?);
        }
        self.forget()?;
        self.metadata.write_versions()?;
        self.metadata.check()?;
        Ok(Committed {
            metadata: self.metadata,
            changed: true,
        })
    }

    /// An engine that could read the view still can, unless the view says that this does not matter.
    fn check_dialects(&self, base: &ViewMetadata) -> Result<()> {
        let allowed = self.metadata.properties.get(DROP_DIALECT);
        if allowed.is_some_and(|allowed| allowed.eq_ignore_ascii_case("true")) {
            return Ok(());
        }
        let now: HashSet<String> = self.metadata.current()?.dialects().collect();
        match base
            .current()?
            .dialects()
            .find(|dialect| !now.contains(dialect))
        {
            None => Ok(()),
            Some(lost) => Err(Error::invalid(
                "representations",
                format!(
                    "The view would lose the dialect `{}` ({DROP_DIALECT}).",
                    lost.escape_debug()
                ),
            )),
        }
    }

    /// Only so many versions are kept, the latest; and of the log what lies after the last that is not.
    fn forget(&mut self) -> Result<()> {
        let limit = match self.metadata.properties.get(HISTORY) {
            None => HISTORY_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| *limit > 0)
                .ok_or_else(|| {
                    Error::invalid("properties", format!("`{HISTORY}` is a number above 0."))
                })?,
        };
        let current = self.metadata.current_version_id;
        let mut latest: Vec<i32> = self
            .metadata
            .versions
            .iter()
            .map(|it| it.head.version_id)
            .collect();
        latest.sort_by_key(|id| {
            (
                *id != current,
                !self.added.contains(id),
                std::cmp::Reverse(*id),
            )
        });
        let fresh = latest
            .iter()
            .filter(|id| **id == current || self.added.contains(id))
            .count();
        let kept: HashSet<i32> = latest.into_iter().take(limit.max(fresh)).collect();
        self.metadata
            .versions
            .retain(|it| kept.contains(&it.head.version_id));
        let log = &mut self.metadata.log;
        if let Some(gap) = log
            .iter()
            .rposition(|entry| !kept.contains(&entry.version_id))
        {
            log.drain(..=gap);
        }
        Ok(())
    }
}

fn none_added(what: &str) -> Error {
    Error::invalid(
        what,
        "-1 stands for the last that was added in this request, and there is none.",
    )
}

/// One more than the highest, and no less than `least`.
fn next(ids: impl Iterator<Item = i32>, least: i32) -> Result<i32> {
    let exhausted = || Error::invalid("metadata", "The view has no numbers left.");
    match ids.max() {
        None => Ok(least),
        Some(last) => Ok(last.checked_add(1).ok_or_else(exhausted)?.max(least)),
    }
}

/// Would both answer the same, whatever their numbers and times?
fn is_same(a: &Version, b: &Version) -> bool {
    let (a, b) = (&a.head, &b.head);
    a.summary == b.summary
        && a.representations == b.representations
        && a.default_catalog == b.default_catalog
        && a.default_namespace == b.default_namespace
        && a.schema_id == b.schema_id
}
