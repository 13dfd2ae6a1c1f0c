//! Applying a commit: every requirement first, then the updates in their order, then what follows from all of them together
//! (REST catalog document, "Commit updates to a table"; the rules of the reference implementation's metadata builder).

mod finish;
mod schema;
mod snapshot;

pub(crate) use finish::sound;
pub(crate) use schema::spec_fields;

use uuid::Uuid;
use weir_core::{Error, Result};

use crate::metadata::{Member, SUPPORTED, TableMetadata};
use crate::properties::{check_properties, check_reserved};
use crate::raw::text;
use crate::snapshot::{EncryptionKey, Statistics};
use crate::update::{TableRequirement, TableUpdate};

/// What a commit is made on.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    pub metadata: &'a TableMetadata,
    /// Of the file that holds it; it goes into the log of metadata files.
    pub location: &'a str,
}

/// What a commit leads to.
#[derive(Debug, Clone)]
pub struct Committed {
    pub metadata: TableMetadata,
    /// Is it another than the base? If not, there is nothing to write.
    pub changed: bool,
}

/// Do all of the requirements hold for a table that exists? Errors: `conflict` for the first that does not.
pub fn check(requirements: &[TableRequirement], metadata: &TableMetadata) -> Result<()> {
    requirements
        .iter()
        .try_for_each(|requirement| requirement.check(Some(metadata)))
}

/// The version of a table that does not ask for one.
pub(crate) const DEFAULT_VERSION: u8 = 2;

/// The id that stands for what was added last in the same request.
const LAST_ADDED: i32 = -1;

/// Applies `updates` to the table if every requirement holds for it. Without a base the table does not exist, and the
/// updates make it (the last step of a staged creation). `now_ms` is in milliseconds since 1970.
///
/// Errors: `conflict` for a requirement that does not hold, and for a snapshot whose sequence number or first row id another
/// commit has overtaken, which a client may try again on the current table; `invalid` for everything that is wrong in itself.
pub fn commit(
    base: Option<Base<'_>>,
    requirements: &[TableRequirement],
    updates: &[TableUpdate],
    now_ms: i64,
) -> Result<Committed> {
    let creates = |it: &TableRequirement| matches!(it, TableRequirement::AssertCreate);
    if requirements.len() > 1 && requirements.iter().any(creates) {
        return Err(Error::invalid(
            "requirements",
            "`assert-create` stands alone: a table that does not exist meets no other requirement.",
        ));
    }
    if base.is_none() && !requirements.iter().any(creates) {
        return Err(crate::update::failed("the table does not exist."));
    }
    for requirement in requirements {
        requirement.check(base.map(|base| base.metadata))?;
    }
    let mut draft = match base {
        Some(base) => Draft::new(base.metadata.clone(), Some(base), now_ms),
        None => Draft::new(
            TableMetadata::empty(initial_version(updates)?),
            None,
            now_ms,
        ),
    };
    for update in updates {
        draft.apply(update)?;
    }
    draft.finish()
}

/// A table starts in the version that its creation asks for.
fn initial_version(updates: &[TableUpdate]) -> Result<u8> {
    let asked = updates.iter().find_map(|update| match update {
        TableUpdate::UpgradeFormatVersion(it) => Some(it.format_version),
        _ => None,
    });
    asked.map_or(Ok(DEFAULT_VERSION), supported)
}

pub(crate) fn supported(version: i32) -> Result<u8> {
    u8::try_from(version)
        .ok()
        .filter(|version| SUPPORTED.contains(version))
        .ok_or_else(|| {
            Error::invalid(
                "format-version",
                format!("Version {version} of the table format is not supported."),
            )
        })
}

/// Metadata while updates are applied to it.
struct Draft<'a> {
    metadata: TableMetadata,
    base: Option<Base<'a>>,
    now_ms: i64,
    changed: bool,
    last_schema: Option<i32>,
    last_spec: Option<i32>,
    last_order: Option<i32>,
    /// Ids of the snapshots that this request adds.
    added: Vec<i64>,
    removed_snapshots: bool,
    /// When it was updated, as the latest of its new snapshots says.
    updated_ms: Option<i64>,
    /// Do the default spec and order have to be checked against the current schema?
    unchecked: bool,
}

impl<'a> Draft<'a> {
    fn new(metadata: TableMetadata, base: Option<Base<'a>>, now_ms: i64) -> Self {
        Self {
            metadata,
            base,
            now_ms,
            changed: base.is_none(),
            last_schema: None,
            last_spec: None,
            last_order: None,
            added: Vec::new(),
            removed_snapshots: false,
            updated_ms: None,
            unchecked: base.is_none(),
        }
    }

    fn apply(&mut self, update: &TableUpdate) -> Result<()> {
        use TableUpdate as U;
        match update {
            U::AssignUuid(it) => self.assign_uuid(it.uuid),
            U::UpgradeFormatVersion(it) => self.upgrade(supported(it.format_version)?),
            U::AddSchema(it) => self.add_schema(&it.schema, it.last_column_id),
            U::SetCurrentSchema(it) => self.set_current_schema(it.schema_id),
            U::RemoveSchemas(it) => self.remove_schemas(&it.schema_ids),
            U::AddSpec(it) => self.add_spec(&it.spec),
            U::SetDefaultSpec(it) => self.set_default_spec(it.spec_id),
            U::RemovePartitionSpecs(it) => self.remove_specs(&it.spec_ids),
            U::AddSortOrder(it) => self.add_order(&it.sort_order),
            U::SetDefaultSortOrder(it) => self.set_default_order(it.sort_order_id),
            U::AddSnapshot(it) => self.add_snapshot(&it.snapshot),
            U::SetSnapshotRef(it) => self.set_ref(&it.ref_name, it.reference.text()?),
            U::RemoveSnapshotRef(it) => {
                self.remove_ref(&it.ref_name);
                Ok(())
            }
            U::RemoveSnapshots(it) => {
                self.remove_snapshots(&it.snapshot_ids);
                Ok(())
            }
            U::SetLocation(it) => self.set_location(&it.location),
            U::SetProperties(it) => self.set_properties(&it.updates),
            U::RemoveProperties(it) => {
                self.remove_properties(&it.removals);
                Ok(())
            }
            other => self.apply_upkeep(other),
        }
    }

    /// The updates that touch neither rows nor what the table looks like.
    fn apply_upkeep(&mut self, update: &TableUpdate) -> Result<()> {
        use TableUpdate as U;
        match update {
            U::SetStatistics(it) => {
                let file = Statistics::parse("statistics", it.statistics.clone().into())?;
                if it.snapshot_id.is_some_and(|id| id != file.snapshot_id) {
                    return Err(Error::invalid(
                        "snapshot-id",
                        "The statistics are of another snapshot than the update says.",
                    ));
                }
                self.set_statistics(Member::Statistics, file);
            }
            U::SetPartitionStatistics(it) => {
                let json = it.partition_statistics.clone().into();
                let file = Statistics::parse("partition-statistics", json)?;
                self.set_statistics(Member::PartitionStatistics, file);
            }
            U::RemoveStatistics(it) => {
                self.remove_statistics(Member::Statistics, &[it.snapshot_id]);
            }
            U::RemovePartitionStatistics(it) => {
                self.remove_statistics(Member::PartitionStatistics, &[it.snapshot_id]);
            }
            U::AddEncryptionKey(it) => {
                self.add_key(EncryptionKey::parse(it.encryption_key.clone().into())?);
            }
            U::RemoveEncryptionKey(it) => self.remove_key(&it.key_id),
            other => {
                // An update that is applied nowhere must not look as if it was.
                let action = other.action();
                return Err(Error::internal(format!("`{action}` is not applied")));
            }
        }
        Ok(())
    }

    fn touch(&mut self, member: Member) {
        self.changed = true;
        self.metadata.touch(member);
    }

    /// Only while the table is made: it is its identity for everybody who has loaded it.
    fn assign_uuid(&mut self, uuid: Uuid) -> Result<()> {
        if uuid == self.metadata.uuid {
            return Ok(());
        }
        if self.base.is_some() || !self.metadata.uuid.is_nil() {
            return Err(Error::invalid(
                "uuid",
                "The UUID of a table does not change.",
            ));
        }
        self.metadata.uuid = uuid;
        self.touch(Member::TableUuid);
        Ok(())
    }

    fn set_location(&mut self, location: &str) -> Result<()> {
        if location.is_empty() {
            return Err(Error::invalid("location", "A location is not empty."));
        }
        if self.metadata.location != location {
            location.clone_into(&mut self.metadata.location);
            self.touch(Member::Location);
        }
        Ok(())
    }

    fn set_properties(
        &mut self,
        updates: &std::collections::BTreeMap<String, String>,
    ) -> Result<()> {
        let mut updates = updates.clone();
        check_properties(&updates)?;
        // While the table is made this one asks for the version, as at an unstaged creation.
        if self.base.is_none()
            && let Some(asked) = updates.remove("format-version")
        {
            let version = parse_version(&asked)?;
            if version > self.metadata.format_version {
                self.upgrade(version)?;
            }
        }
        check_reserved(&updates)?;
        for (name, value) in updates {
            if self.metadata.properties.get(&name) != Some(&value) {
                self.metadata.property_texts.set(&name, text(&value)?);
                self.metadata.properties.insert(name, value);
                self.touch(Member::Properties);
            }
        }
        Ok(())
    }

    fn remove_properties(&mut self, names: &[String]) {
        for name in names {
            if self.metadata.properties.remove(name).is_some() {
                self.metadata.property_texts.remove(name);
                self.touch(Member::Properties);
            }
        }
    }

    fn add_key(&mut self, key: EncryptionKey) {
        let keys = &mut self.metadata.encryption_keys;
        if !keys.iter().any(|known| known.id == key.id) {
            keys.push(key);
            self.touch(Member::EncryptionKeys);
        }
    }

    fn remove_key(&mut self, id: &str) {
        let keys = &mut self.metadata.encryption_keys;
        let before = keys.len();
        keys.retain(|key| key.id != id);
        if keys.len() != before {
            self.touch(Member::EncryptionKeys);
        }
    }

    fn statistics(&mut self, member: &Member) -> &mut Vec<Statistics> {
        match member {
            Member::Statistics => &mut self.metadata.statistics,
            _ => &mut self.metadata.partition_statistics,
        }
    }

    /// One file for each snapshot.
    fn set_statistics(&mut self, member: Member, file: Statistics) {
        let files = self.statistics(&member);
        let old = files
            .iter()
            .position(|known| known.snapshot_id == file.snapshot_id);
        match old.and_then(|at| files.get_mut(at)) {
            Some(old) if old.text.get() == file.text.get() => return,
            Some(old) => *old = file,
            None => files.push(file),
        }
        self.touch(member);
    }

    fn remove_statistics(&mut self, member: Member, snapshots: &[i64]) {
        let files = self.statistics(&member);
        let before = files.len();
        files.retain(|file| !snapshots.contains(&file.snapshot_id));
        if files.len() != before {
            self.touch(member);
        }
    }
}

pub(crate) fn parse_version(asked: &str) -> Result<u8> {
    asked
        .parse()
        .map_err(|_| Error::invalid("format-version", "The format version is a number."))
        .and_then(supported)
}
