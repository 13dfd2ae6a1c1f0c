#!/usr/bin/env bash
# Runs every test: Rust's, the browser journeys, then real engines. The last line is the sum of all; any failure is a failing exit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"

say() { printf '%s\n' "$*" >&2; }

for tool in cargo node npm python3 openssl; do
    command -v "$tool" >/dev/null || { say "The tests need $tool: install Rust (https://rustup.rs), Node.js 20 or newer, Python 3.11 or newer and OpenSSL."; exit 1; }
done

need_browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then return 0; fi
    done
    if ! command -v apt-get >/dev/null; then
        say "The browser tests need Chromium or Google Chrome: install one, then run this again."
        return 1
    fi
    say "No browser is installed; installing chromium."
    local root=()
    if [ "$(id -u)" -ne 0 ]; then root=(sudo); fi
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
}

bash server/need-postgres.sh
need_browser
if [ ! tests/browser/node_modules/.package-lock.json -nt tests/browser/package-lock.json ]; then
    npm ci --prefix tests/browser --no-audit --no-fund
fi

# Microsoft's emulator of Azure's storage, beside what is built, for the next clone too.
azurite=$CARGO_TARGET_DIR/azurite-3.35.0
if [ ! -e "$azurite/node_modules/azurite/package.json" ]; then
    npm install --prefix "$azurite" --no-save --no-audit --no-fund azurite@3.35.0
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Runs a suite, shows and keeps what it prints, and goes on whatever comes of it.
broken=0
suite() {
    local name=$1
    shift
    if ! "$@" 2>&1 | tee "$out/$name"; then
        broken=1
        # A suite that fails before its first summary still counts as a failure.
        grep -qE '^test result: FAILED|^(#|ℹ) (fail|cancelled) [1-9]|^[0-9]+ passed, [1-9][0-9]* failed' "$out/$name" || echo "broken 1" >>"$out/$name"
    fi
}

# shellcheck disable=SC2317 # called through suite
browser() {
    cargo build --bin weir && WEIR_BIN="$CARGO_TARGET_DIR/debug/weir" node --test --test-reporter=spec tests/browser/*.test.mjs
}

# shellcheck disable=SC2317 # called through suite
azure() {
    AZURITE="$azurite/node_modules/azurite" cargo test -p weir-storage --test azurite -- --ignored
}

# shellcheck disable=SC2317 # called through suite
engines() {
    cargo build --bin weir && AZURITE="$azurite/node_modules/azurite" WEIR_BIN="$CARGO_TARGET_DIR/debug/weir" bash tests/engines/run.sh
}

suite rust cargo test --workspace --no-fail-fast
suite azure azure
suite browser browser
suite engines engines

awk '
    /^test result:/ { passed += $4; failed += $6 }
    ($1 == "#" || $1 == "ℹ") && NF == 3 && $2 == "pass" { passed += $3 }
    ($1 == "#" || $1 == "ℹ") && NF == 3 && ($2 == "fail" || $2 == "cancelled") { failed += $3 }
    /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { passed += $1; failed += $3 }
    $1 == "broken" && NF == 2 { failed += $2 }
    END { printf "%d passed, %d failed\n", passed, failed }
' "$out/rust" "$out/azure" "$out/browser" "$out/engines"
exit "$broken"
