//! Wire protocols. Each face parses, calls one operation, renders; none decides anything.
//!
//! So far there is one: the management API. Its document is generated from the code below.

mod management;

pub use management::{ApiState, document, router};
