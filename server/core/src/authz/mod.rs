//! The one place that decides. Facts come from the grants, the verdict from the policy, and out comes a permit: the only
//! key to the statements of the database crate.

mod decide;
mod facts;
mod permit;
mod policy;
mod verb;

pub use decide::{Denied, decide};
pub use facts::Facts;
pub use permit::Permit;
pub use policy::{Policy, PolicyError};
pub use verb::{Action, Verb, verbs};

#[cfg(test)]
mod tests;
