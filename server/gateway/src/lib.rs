//! The S3-compatible gateway: how engines reach the files of one table where the store itself makes no credentials.
//!
//! A request carries an access key of ours, a signature by the secret that follows from it, and the session token that says
//! what it is good for: objects below one prefix, to read, to add or to change. Nothing reaches the store before
//! [`weir_core::delivery::scope`] has compared bucket, key and prefix with that. What the protocol knows beyond objects (owners,
//! tags, versions, policies) is not here.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::too_many_lines
    )
)]

mod arrival;
mod body;
mod door;
mod fault;
mod front;
mod list;
mod object;
mod operations;
mod patient;
mod query;
mod serve;
mod upload;

#[cfg(test)]
mod tests;

pub use door::{Door, Pass};
pub use front::{Front, GatewayConfig};
pub use serve::serve;

/// The gateway of a catalog: what [`serve`] answers with.
pub fn service(weir: weir_operations::Weir, config: &GatewayConfig) -> Front {
    Front::new(Door::of(weir), config)
}
