//! `weir`: the server and its commands.

use std::process::ExitCode;

/// Requests free on one thread what they took on another, and the C library's allocator makes the threads wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    weir::cli::run()
}
