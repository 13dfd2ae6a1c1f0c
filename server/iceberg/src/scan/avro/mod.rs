//! Avro object container files, as far as Iceberg's manifests need them (Avro specification 1.11; Iceberg table spec, Appendix A).
//!
//! Manifests come from whoever writes the table, so nothing in one is believed: every length is checked against the bytes at
//! hand before anything is allocated, blocks are inflated up to a limit, and a malformed file is an error. The reader of the
//! crate `apache-avro` is not used, though it writes the files of the tests: it inflates without a limit, panics on names that
//! it does not like, and cannot tell a UUID kept in a string from one kept in sixteen bytes.
//!
//! Values are pulled field by field, in the writer's order; what nobody asks for is skipped and costs nothing.

mod codec;
mod container;
mod cursor;
mod read;
mod shape;

pub(super) use container::Container;
pub(super) use cursor::Cursor;
pub(super) use read::Reader;
pub(super) use shape::{FieldShape, Shape};

use weir_core::Error;

/// An error about a file that is not what it should be. `problem` never quotes the file.
pub(super) fn malformed(problem: &str) -> Error {
    Error::invalid(
        "manifest",
        format!("A manifest of the table cannot be read: {problem}."),
    )
}
