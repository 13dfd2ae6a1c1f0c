#!/usr/bin/env bash
# Measures describe-table over HTTP, with authentication and authorization, beside `pgbench -S` on the same Postgres at the
# same concurrency, in alternating rounds, and counts statements per request as the database counts them.
#   bash tests/bench.sh [connections] [seconds a round] [rounds]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
connections=${1:-16} seconds=${2:-5} rounds=${3:-3}

bash server/need-postgres.sh
for tool in wrk curl python3; do
    command -v "$tool" >/dev/null || { echo "The bench needs $tool (Debian: apt-get install $tool)." >&2; exit 1; }
done
pgbench=$(command -v pgbench || ls -1 /usr/lib/postgresql/*/bin/pgbench | sort -V | tail -n 1)
psql=$(command -v psql)

cargo build --release --bin weir
dir=$(mktemp -d)
chmod 711 "$dir"
"$CARGO_TARGET_DIR/release/weir" demo --data-dir "$dir/data" --listen 127.0.0.1:0 --print json >"$dir/ready" 2>"$dir/log" &
server=$!
trap 'kill -INT $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 300); do [ -s "$dir/ready" ] && break; kill -0 $server || { cat "$dir/log" >&2; exit 1; }; sleep 0.1; done

field() { python3 -c "import json,sys; d=json.load(open('$dir/ready')); print(eval(sys.argv[1]))" "$1"; }
management=$(field "d['management']")
password=$(field "next(p['password'] for p in d['principals'] if p['name']=='sam')")
token=$(curl -sSf -H 'content-type: application/json' -d "{\"name\":\"sam\",\"password\":\"$password\"}" "$management/tokens" |
    python3 -c "import json,sys; print(json.load(sys.stdin)['token'])")
url="$management/catalogs/lake/namespaces/samples/tables/customers"
curl -sSf -o /dev/null -H "authorization: Bearer $token" "$url"

PGPASSWORD=$(cat "$dir/data/postgres.password")
PGHOST=$dir/data/postgres.run
export PGPASSWORD PGHOST PGUSER=weir
"$psql" -qd weir -c 'CREATE DATABASE bench'
"$pgbench" -i -q -s 10 bench >/dev/null 2>&1

commits() { "$psql" -Atd weir -c "SELECT xact_commit FROM pg_stat_database WHERE datname = 'weir'"; }
load() { wrk -t1 -c"$connections" -d"${1}s" --latency -H "authorization: Bearer $token" "$url"; }

load 2 >/dev/null
for round in $(seq "$rounds"); do
    tps=$("$pgbench" -n -S -M prepared -c "$connections" -j 1 -T "$seconds" bench 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*/\1/p')
    sleep 1.5
    before=$(commits)
    load "$seconds" >"$dir/wrk"
    sleep 1.5
    after=$(commits)
    python3 - "$round" "$tps" "$before" "$after" "$dir/wrk" <<'PY'
import re, sys
round_, tps, before, after, path = sys.argv[1:]
text = open(path).read()
rps = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
requests = int(re.search(r"(\d+) requests in", text)[1])
p99 = re.search(r"99%\s+(\S+)", text)[1]
bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
print(f"round {round_}: describe {rps:9.0f}/s  p99 {p99:>8}  pgbench -S {float(tps):9.0f}/s  ratio {rps / float(tps):.3f}"
      f"  statements/request {(int(after) - int(before)) / requests:.2f}  failed {bad[1] if bad else 0}")
PY
done
