//! `weir`: the server and its commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir::cli::run()
}
