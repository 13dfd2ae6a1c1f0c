//! A filter bound to a schema: which manifests and files cannot have a row that it lets through.
//!
//! For every predicate two questions are asked of what is known about a file: could a row of it satisfy the predicate, and
//! could a row fail it? Negation swaps the answers, so that the two-valued logic of the expressions spec is kept without
//! rewriting anything, and every answer but a proven "no" keeps the file.

mod bind;
mod literal;
mod op;
mod project;
mod prune;

pub use prune::Pruner;

use weir_core::Result;
use weir_core::schema::{DataType, Schema};

use super::expression::Expression;
use super::manifest::Entry;
use super::manifest_list::ManifestFile;
use super::spec::Spec;
use crate::transform::Transform;
use op::Op;

/// An expression whose columns are known. Made by [`Filter::bind`].
#[derive(Debug, Clone)]
pub struct Filter {
    node: Node,
}

#[derive(Debug, Clone)]
enum Node {
    Constant(bool),
    /// A predicate about which nothing can be said, such as one with a function.
    Unknown,
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Leaf(Leaf),
}

/// A predicate on a column, or on a transform of one.
#[derive(Debug, Clone)]
struct Leaf {
    field: i32,
    data_type: DataType,
    /// Only those whose values are certain: `bucket` and `truncate`.
    transform: Option<Transform>,
    /// The predicate holds for a value only if one of these does; there are several where clients may read it differently.
    holds: Vec<Op>,
    /// And fails only if one of these holds.
    fails: Vec<Op>,
}

impl Filter {
    /// Gives every reference its column of `schema`, by name or by id.
    ///
    /// For a caller who may not see all columns, `schema` is the projected one: a reference to anything else is refused just
    /// as one to a column that does not exist, so that planning tells nothing about hidden values.
    ///
    /// Errors: `invalid` for such a reference, for one into a list or map, and where types cannot be compared.
    pub fn bind(expression: &Expression, schema: &Schema, case_sensitive: bool) -> Result<Self> {
        let node = bind::Binder::new(schema, case_sensitive).predicate(expression)?;
        Ok(Self { node })
    }

    /// The filter as predicates on the partitions of one spec. Make it once for many files.
    pub fn for_spec(&self, spec: &Spec) -> Pruner {
        Pruner::new(&self.node, spec)
    }

    /// [`Pruner::may_match_manifest`], for a single manifest.
    pub fn may_match_manifest(&self, manifest: &ManifestFile, spec: &Spec) -> bool {
        self.for_spec(spec).may_match_manifest(manifest)
    }

    /// [`Pruner::may_match_file`], for a single file.
    pub fn may_match_file(&self, entry: &Entry, spec: &Spec) -> bool {
        self.for_spec(spec).may_match_file(entry)
    }
}
