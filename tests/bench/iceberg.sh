#!/usr/bin/env bash
# The load bench of the Iceberg face, on a demo of its own; iceberg.py says what it measures.
#   WEIR_BIN=target/release/weir bash tests/bench/iceberg.sh [load|commits|lists|snapshots…] [--seconds 5] [--rounds 3]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for tool in wrk psql python3; do
    command -v "$tool" >/dev/null || { echo "The bench needs $tool (Debian: apt-get install wrk postgresql python3)." >&2; exit 1; }
done
WEIR_BIN=${WEIR_BIN:-$here/../../target/release/weir}
[ -x "$WEIR_BIN" ] || { echo "There is no $WEIR_BIN. Build it (cargo build --release --bin weir), or name another with WEIR_BIN." >&2; exit 1; }
export WEIR_BIN PYTHONDONTWRITEBYTECODE=1
exec python3 "$here/iceberg.py" "$@"
