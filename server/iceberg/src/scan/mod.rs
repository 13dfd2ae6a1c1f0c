//! Server-side scan planning, the pure part: from the bytes of manifest lists and manifests, and a client's filter, to the
//! tasks of the protocol. Whoever reads the bytes also decides whether their paths may be read.
//!
//! Invariants: a file that has a row which the filter lets through is never left out; nothing in a file's bytes makes this
//! panic or take memory without bound; what a caller may not see is neither asked about (see [`Filter::bind`]) nor answered
//! (see [`Tasks`]).
//!
//! Not here: residual filters, splitting of files, manifests that a version 1 snapshot names itself without a list.
//!
//! Specifications: Iceberg table spec (versions 1 to 3), expressions spec, REST catalog document.

mod apply;
mod avro;
mod columns;
mod deletes;
mod expression;
mod file;
mod filter;
mod json;
mod manifest;
mod manifest_list;
mod request;
mod spec;
mod tasks;
mod value;

pub use columns::resolve;
pub use expression::{Argument, Comparison, Expression, Literal, Operand, Reference, Test};
pub use file::{ByField, DataFile, FileContent, FileFormat};
pub use filter::{Filter, Pruner};
pub use manifest::{Entry, Status, each_entry, manifest};
pub use manifest_list::{FieldSummary, ManifestContent, ManifestFile, manifest_list};
pub use request::{PlanRequest, Snapshots};
pub use spec::{Spec, SpecField};
pub use tasks::{Tasks, tasks_json};
pub use value::Stored;

#[cfg(test)]
mod tests;
