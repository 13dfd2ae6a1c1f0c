//! The rules of commits, one test each.

mod builder;
mod classes;
mod creation;
mod document;
mod invariants;
mod lossless;
mod refs;
mod requirements;
mod restricted;
mod schemas;
mod snapshots;
mod upkeep;
mod versions;
mod views;
