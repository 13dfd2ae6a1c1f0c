#!/usr/bin/env bash
# Makes sure that a PostgreSQL server, 15 or newer, is installed. Weir makes and runs its own cluster with it: no service is needed.
set -euo pipefail

installed() {
    local program major
    for program in "$(command -v postgres || true)" "$(pg_config --bindir 2>/dev/null || true)/postgres" \
        {/usr/lib/postgresql/*,/usr/pgsql-*,/usr/local/pgsql,/opt/homebrew/opt/postgresql*,/usr/local/opt/postgresql*}/bin/postgres; do
        [ -x "$program" ] || continue
        major=$("$program" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
        if [ "$major" -ge 15 ]; then return 0; fi
    done
    return 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

installed && exit 0
echo "PostgreSQL 15 or newer is not installed; installing the distribution's package." >&2
if command -v apt-get >/dev/null; then
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql
elif command -v dnf >/dev/null; then
    as_root dnf install -y -q postgresql-server
elif command -v brew >/dev/null; then
    brew install --quiet postgresql@17
fi
installed && exit 0
echo "Install a PostgreSQL server, version 15 or newer (see https://www.postgresql.org/download/), then run this again." >&2
exit 1
