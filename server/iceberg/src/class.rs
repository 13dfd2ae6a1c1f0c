//! What a commit does to a table, by the privilege that it takes.

use std::collections::{BTreeSet, HashMap};

use crate::metadata::TableMetadata;
use crate::raw::Text;
use crate::snapshot::{MAIN, Snapshot, SnapshotRef};
use crate::update::{SetSnapshotRefUpdate, TableUpdate};

/// Which privilege a part of a commit takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Rows are added, or files written anew.
    Append,
    /// Rows are taken away, or what leads to them.
    Delete,
    /// The table itself becomes another.
    Alter,
}

/// Everything that `updates` do to `base`. Updates that change nothing count for nothing.
///
/// A client says itself what a snapshot does, and no manifest is read here. What can be seen is held against it: a branch
/// that does not go on from where it was has lost rows, whatever its snapshots are called.
pub fn classes(updates: &[TableUpdate], base: Option<&TableMetadata>) -> BTreeSet<Class> {
    let mut seen = Seen::default();
    updates.iter().for_each(|update| seen.update(update, base));
    seen.classes
}

#[derive(Default)]
struct Seen {
    classes: BTreeSet<Class>,
    added: HashMap<i64, Snapshot>,
    /// Where refs point after the updates so far; `None` for those that are gone.
    refs: HashMap<String, Option<i64>>,
}

impl Seen {
    fn update(&mut self, update: &TableUpdate, base: Option<&TableMetadata>) {
        use TableUpdate as U;
        let alters = match update {
            U::AddSnapshot(it) => {
                self.add(it.snapshot.clone().into());
                return;
            }
            U::SetSnapshotRef(it) => {
                self.set_ref(it, base);
                return;
            }
            U::RemoveSnapshots(it) => {
                if !it.snapshot_ids.is_empty() {
                    self.classes.insert(Class::Delete);
                }
                return;
            }
            U::RemoveSnapshotRef(it) => {
                if self.head(&it.ref_name, base).is_some() {
                    self.classes.insert(Class::Delete);
                }
                self.refs.insert(it.ref_name.clone(), None);
                return;
            }
            U::AssignUuid(it) => base.is_none_or(|base| base.uuid() != it.uuid),
            U::UpgradeFormatVersion(it) => {
                base.is_none_or(|base| i32::from(base.format_version()) != it.format_version)
            }
            U::SetCurrentSchema(it) => {
                base.is_none_or(|base| base.current_schema_id() != it.schema_id)
            }
            U::SetDefaultSpec(it) => base.is_none_or(|base| base.default_spec_id != it.spec_id),
            U::SetDefaultSortOrder(it) => {
                base.is_none_or(|base| base.default_sort_order_id != it.sort_order_id)
            }
            U::SetLocation(it) => base.is_none_or(|base| base.location() != it.location),
            U::SetProperties(it) => it.updates.iter().any(|(name, value)| {
                base.is_none_or(|base| base.properties().get(name) != Some(value))
            }),
            U::RemoveProperties(it) => {
                let known =
                    |name: &String| base.is_some_and(|base| base.properties().contains_key(name));
                it.removals.iter().any(known)
            }
            U::AddSchema(_)
            | U::AddSpec(_)
            | U::AddSortOrder(_)
            | U::SetStatistics(_)
            | U::RemoveStatistics(_)
            | U::SetPartitionStatistics(_)
            | U::RemovePartitionStatistics(_)
            | U::RemovePartitionSpecs(_)
            | U::RemoveSchemas(_)
            | U::AddEncryptionKey(_)
            | U::RemoveEncryptionKey(_) => true,
        };
        if alters {
            self.classes.insert(Class::Alter);
        }
    }

    fn add(&mut self, json: Text) {
        // What cannot be read is refused by the commit.
        let Ok(snapshot) = Snapshot::parse(json) else {
            return;
        };
        self.count(&snapshot);
        self.added.insert(snapshot.id(), snapshot);
    }

    fn count(&mut self, snapshot: &Snapshot) {
        let takes = |key: &str| {
            let count = snapshot.summary(key);
            count.is_some_and(|count| count.parse::<i64>() != Ok(0))
        };
        match snapshot.operation() {
            Some("replace") => {
                self.classes.insert(Class::Append);
            }
            Some("append") if !takes("deleted-data-files") && !takes("deleted-records") => {
                self.classes.insert(Class::Append);
            }
            Some("delete") => {
                self.classes.insert(Class::Delete);
            }
            _ => self.classes.extend([Class::Append, Class::Delete]),
        }
    }

    fn head(&self, name: &str, base: Option<&TableMetadata>) -> Option<i64> {
        match self.refs.get(name) {
            Some(known) => *known,
            None => base?.reference(name).map(SnapshotRef::snapshot_id),
        }
    }

    fn set_ref(&mut self, update: &SetSnapshotRefUpdate, base: Option<&TableMetadata>) {
        let (name, new) = (update.ref_name.as_str(), update.snapshot_id);
        let old = self.head(name, base);
        self.refs.insert(name.to_owned(), Some(new));
        match old {
            // Only how long it is kept may differ.
            Some(old) if old == new => {
                let same = base
                    .and_then(|base| base.reference(name))
                    .is_some_and(|to| {
                        to.snapshot_id() == new
                            && SnapshotRef::parse_head(&update.reference).as_ref() == Some(&to.head)
                    });
                if !same {
                    self.classes.insert(Class::Alter);
                }
            }
            Some(old) => self.advance(old, new, base),
            None if self.added.contains_key(&new) => {}
            None if name == MAIN => self.classes.extend([Class::Append]),
            None => {
                self.classes.insert(Class::Alter);
            }
        }
    }

    /// From `old` to `new`: everything in between counts, and if `new` does not come of `old`, rows are lost.
    fn advance(&mut self, old: i64, new: i64, base: Option<&TableMetadata>) {
        // As nearly every commit does.
        if self
            .added
            .get(&new)
            .is_some_and(|snapshot| snapshot.parent() == Some(old))
        {
            return;
        }
        let known: HashMap<i64, &Snapshot> = base
            .into_iter()
            .flat_map(TableMetadata::snapshots)
            .map(|snapshot| (snapshot.id(), snapshot))
            .collect();
        let mut passed = Vec::new();
        let mut at = new;
        // A chain of parents is no longer than there are snapshots, unless it runs in a circle.
        for _ in 0..=known.len() + self.added.len() {
            if at == old {
                passed.iter().for_each(|snapshot| self.count(snapshot));
                return;
            }
            let snapshot = self.added.get(&at).or_else(|| known.get(&at).copied());
            let Some(snapshot) = snapshot.cloned() else {
                break;
            };
            let Some(parent) = snapshot.parent() else {
                break;
            };
            passed.push(snapshot);
            at = parent;
        }
        self.classes.insert(Class::Delete);
    }
}
