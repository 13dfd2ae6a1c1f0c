//! From a request's credentials to a [`weir_core::principal::Caller`]: passwords, client secrets, sessions.
//!
//! A session's token is 256 random bits, shown once and kept as its SHA-256. Who it belongs to is cached and served only
//! after a freshness check that began after the request arrived, so that signing out, disabling somebody or changing a
//! group holds from the next request on. There is deliberately no decision here about what a caller may do.

mod authenticate;
pub mod client;
pub mod password;
mod sign_in;
mod throttle;
mod token;

pub use authenticate::{Identity, IdentityConfig};
pub use sign_in::{Origin, SignIn, SignInClient, SignedIn};
