//! What is known about a manifest or a file, held against a filter.

use std::ops::Not;

use weir_core::schema::DataType;

use super::op::{Bounds, Domain, Op, Presence};
use super::project::project;
use super::{Leaf, Node};
use crate::scan::file::{ByField, DataFile, FileContent};
use crate::scan::manifest::Entry;
use crate::scan::manifest_list::{FieldSummary, ManifestFile};
use crate::scan::spec::{Spec, SpecField};

/// A filter for the files of one partition spec. Made by [`super::Filter::for_spec`].
#[derive(Debug)]
pub struct Pruner {
    spec_id: i32,
    node: Tree,
}

#[derive(Debug)]
enum Tree {
    Constant(bool),
    Unknown,
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    Leaf(Box<Tested>),
}

/// A predicate with what it says about partitions.
#[derive(Debug)]
struct Tested {
    leaf: Leaf,
    partitions: Vec<OnPartition>,
}

/// A predicate on a partition field. `None` where the field says nothing about it.
#[derive(Debug)]
struct OnPartition {
    /// Place in the spec.
    index: usize,
    field: i32,
    data_type: DataType,
    holds: Option<Vec<Op>>,
    fails: Option<Vec<Op>>,
}

/// Could a row satisfy a predicate; could one fail it?
#[derive(Debug, Clone, Copy)]
struct Possible {
    holds: bool,
    fails: bool,
}

impl Possible {
    const ANY: Self = Self {
        holds: true,
        fails: true,
    };

    fn constant(constant: bool) -> Self {
        Self {
            holds: constant,
            fails: !constant,
        }
    }

    fn narrow(&mut self, domain: &Domain, holds: Option<&[Op]>, fails: Option<&[Op]>) {
        let any = |ops: Option<&[Op]>| ops.is_none_or(|ops| ops.iter().any(|op| domain.may(op)));
        self.holds &= any(holds);
        self.fails &= any(fails);
    }
}

impl Not for Possible {
    type Output = Self;
    fn not(self) -> Self {
        Self {
            holds: self.fails,
            fails: self.holds,
        }
    }
}

impl Pruner {
    pub(super) fn new(node: &Node, spec: &Spec) -> Self {
        Self {
            spec_id: spec.id,
            node: prepare(node, spec),
        }
    }

    /// Could a live file of the manifest have a row that the filter lets through? By the list's summaries of partitions; for
    /// manifests of deletes as well, whose partitions are those of the rows they delete.
    pub fn may_match_manifest(&self, manifest: &ManifestFile) -> bool {
        evaluate(&self.node, &|tested| {
            let mut possible = Possible::ANY;
            for partition in self.partitions(tested, manifest.spec_id) {
                if let Some(summary) = manifest.partitions.get(partition.index) {
                    let domain = of_summary(summary, &partition.data_type);
                    possible.narrow(
                        &domain,
                        partition.holds.as_deref(),
                        partition.fails.as_deref(),
                    );
                }
            }
            possible
        })
        .holds
    }

    /// Could the file have a row that the filter lets through? By its partition, and for data files by counts and bounds.
    /// Those of a delete file are about what it deletes, and are left alone.
    pub fn may_match_file(&self, entry: &Entry) -> bool {
        let file = &entry.file;
        let is_data = file.content == FileContent::Data;
        if is_data && file.record_count == 0 {
            return false;
        }
        evaluate(&self.node, &|tested| {
            let mut possible = Possible::ANY;
            for partition in self.partitions(tested, entry.spec_id) {
                if let Some(stored) = file.partition.get(partition.field) {
                    let domain = Domain::of_partition(stored, &partition.data_type);
                    possible.narrow(
                        &domain,
                        partition.holds.as_deref(),
                        partition.fails.as_deref(),
                    );
                }
            }
            let leaf = &tested.leaf;
            if is_data && leaf.transform.is_none() {
                let domain = of_column(file, leaf.field, &leaf.data_type);
                possible.narrow(&domain, Some(&leaf.holds), Some(&leaf.fails));
            }
            possible
        })
        .holds
    }

    /// What the predicate says about partitions of a spec: nothing, where it is not the spec that this was made for.
    fn partitions<'t>(&self, tested: &'t Tested, spec_id: i32) -> &'t [OnPartition] {
        if spec_id == self.spec_id {
            &tested.partitions
        } else {
            &[]
        }
    }
}

fn prepare(node: &Node, spec: &Spec) -> Tree {
    match node {
        Node::Constant(constant) => Tree::Constant(*constant),
        Node::Unknown => Tree::Unknown,
        Node::Not(child) => Tree::Not(Box::new(prepare(child, spec))),
        Node::And(left, right) => Tree::And(
            Box::new(prepare(left, spec)),
            Box::new(prepare(right, spec)),
        ),
        Node::Or(left, right) => Tree::Or(
            Box::new(prepare(left, spec)),
            Box::new(prepare(right, spec)),
        ),
        Node::Leaf(leaf) => Tree::Leaf(Box::new(Tested {
            partitions: spec
                .fields
                .iter()
                .enumerate()
                .filter_map(|(index, field)| on_partition(leaf, index, field))
                .collect(),
            leaf: leaf.clone(),
        })),
    }
}

fn on_partition(leaf: &Leaf, index: usize, field: &SpecField) -> Option<OnPartition> {
    if field.source_ids != [leaf.field] {
        return None;
    }
    let all = |ops: &[Op]| -> Option<Vec<Op>> {
        ops.iter()
            .map(|op| project(op, &field.transform, &leaf.data_type))
            .collect()
    };
    let (data_type, holds, fails) = match &leaf.transform {
        None => (
            field.transform.result_type(&leaf.data_type)?,
            all(&leaf.holds),
            all(&leaf.fails),
        ),
        // The predicate is about the very values that the partition has.
        Some(transform) if *transform == field.transform => (
            leaf.data_type.clone(),
            Some(leaf.holds.clone()),
            Some(leaf.fails.clone()),
        ),
        Some(_) => return None,
    };
    Some(OnPartition {
        index,
        field: field.field_id,
        data_type,
        holds,
        fails,
    })
}

fn evaluate(node: &Tree, test: &dyn Fn(&Tested) -> Possible) -> Possible {
    match node {
        Tree::Constant(constant) => Possible::constant(*constant),
        Tree::Unknown => Possible::ANY,
        Tree::Not(child) => !evaluate(child, test),
        Tree::And(left, right) => {
            let (left, right) = (evaluate(left, test), evaluate(right, test));
            Possible {
                holds: left.holds && right.holds,
                fails: left.fails || right.fails,
            }
        }
        Tree::Or(left, right) => {
            let (left, right) = (evaluate(left, test), evaluate(right, test));
            Possible {
                holds: left.holds || right.holds,
                fails: left.fails && right.fails,
            }
        }
        Tree::Leaf(tested) => test(tested),
    }
}

fn may_be_nan(data_type: &DataType) -> Presence {
    match data_type {
        DataType::Float | DataType::Double => Presence::Maybe,
        _ => Presence::No,
    }
}

/// Absent bounds should mean that there is nothing but nulls and NaNs; not all writers keep to it, so they mean nothing.
fn of_summary(summary: &FieldSummary, data_type: &DataType) -> Domain {
    let nan = match (may_be_nan(data_type), summary.contains_nan) {
        (Presence::Maybe, Some(false)) => Presence::No,
        (Presence::Maybe, Some(true)) => Presence::Yes,
        (nan, _) => nan,
    };
    let mut domain = Domain {
        null: summary.contains_null,
        nan,
        value: true,
        lower: None,
        upper: None,
        bounds: Bounds::of(data_type),
    };
    domain.set_bounds(
        data_type,
        summary.lower_bound.as_deref(),
        summary.upper_bound.as_deref(),
    );
    domain
}

/// Negative counts are old writers' "not known".
fn of_column(file: &DataFile, field: i32, data_type: &DataType) -> Domain {
    let count = |counts: &ByField<i64>| counts.get(field).copied().filter(|count| *count >= 0);
    let nulls = count(&file.null_value_counts);
    let nans = count(&file.nan_value_counts);
    let nan = match (may_be_nan(data_type), nans) {
        (Presence::No, _) | (_, Some(0)) => Presence::No,
        (_, Some(_)) => Presence::Yes,
        (_, None) => Presence::Maybe,
    };
    let absent = nulls.map(|nulls| match nan {
        Presence::Yes => nulls.saturating_add(nans.unwrap_or(0)),
        _ => nulls,
    });
    let only_absent = match (count(&file.value_counts), absent) {
        (Some(values), Some(absent)) => absent >= values,
        _ => false,
    };
    let mut domain = Domain {
        null: nulls != Some(0),
        nan: if only_absent && nans.is_none() {
            Presence::No
        } else {
            nan
        },
        value: !only_absent,
        lower: None,
        upper: None,
        bounds: Bounds::of(data_type),
    };
    domain.set_bounds(
        data_type,
        file.lower_bounds.get(field).map(AsRef::as_ref),
        file.upper_bounds.get(field).map(AsRef::as_ref),
    );
    domain
}
