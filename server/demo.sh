#!/usr/bin/env bash
# Starts Weir on the sample lake: the console, the engine API, crawled tables and people to sign in as.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v cargo >/dev/null; then
    echo "Building Weir needs Rust 1.95 or newer: install it from https://rustup.rs, then run this again." >&2
    exit 1
fi
if [ -z "${DATABASE_URL:-}" ]; then bash server/need-postgres.sh; fi
exec cargo run --profile demo --bin weir -- demo "$@"
