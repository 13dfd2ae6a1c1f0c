#!/usr/bin/env bash
# Runs real engines and plain HTTP against a weir of their own: PyIceberg, DuckDB, the contract and made-up requests.
# The last line is the sum; any failure is a failing exit.
#   WEIR_BIN=target/debug/weir bash tests/engines/run.sh [family…] [-- options of pytest]
# Families: pyiceberg duckdb contract schemathesis stores gateway java daft. Each has a server, and a folder of Python packages that is kept and made
# anew when its requirements change.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf '%s\n' "$*" >&2; }

WEIR_BIN=${WEIR_BIN:-$here/../../target/debug/weir}
[ -x "$WEIR_BIN" ] || { say "There is no $WEIR_BIN. Build it (cargo build --bin weir), or name another with WEIR_BIN."; exit 1; }
WEIR_BIN=$(cd "$(dirname "$WEIR_BIN")" && pwd)/$(basename "$WEIR_BIN")
export WEIR_BIN PYTHONDONTWRITEBYTECODE=1 PYICEBERG_HOME=/nonexistent

python=${PYTHON:-python3}
"$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { say "The engine suites need Python 3.11 or newer with venv (Debian: apt-get install python3-venv)."; exit 1; }

# The folder of a family's packages. A note in it says what it was made of.
packages() {
    local family=$1 venv=$here/.venv-$1 wanted
    wanted="$("$python" -V) $(cksum <"$here/requirements-$family.txt")"
    if [ "$(cat "$venv/made-of" 2>/dev/null)" != "$wanted" ]; then
        say "Installing the packages of $family."
        rm -rf "$venv"
        if "$python" -m uv --version >/dev/null 2>&1; then
            "$python" -m uv venv -q --python "$(command -v "$python")" "$venv"
            "$python" -m uv pip install -q --python "$venv/bin/python" -r "$here/requirements-$family.txt"
        else
            "$python" -m venv "$venv"
            "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements-$family.txt"
        fi
        printf '%s\n' "$wanted" >"$venv/made-of"
    fi
}

need_java() {
    local version
    version=$(javac -version 2>&1 | sed -nE 's/^javac ([0-9]+).*/\1/p')
    if command -v mvn >/dev/null && [ "${version:-0}" -ge 17 ]; then return 0; fi
    if ! command -v apt-get >/dev/null; then
        say "The Java suite needs a JDK of 17 or newer, and Maven: install them, then run this again."
        return 1
    fi
    say "Installing a JDK and Maven."
    local root=()
    if [ "$(id -u)" -ne 0 ]; then root=(sudo); fi
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends default-jdk-headless maven
}

families=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    families+=("$1")
    shift
done
[ $# -eq 0 ] || shift
[ ${#families[@]} -gt 0 ] || families=(pyiceberg duckdb contract schemathesis stores gateway java daft)

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
broken=0
cd "$here"
for family in "${families[@]}"; do
    venv=$family
    [ "$family" != schemathesis ] || venv=contract
    [ "$family" != gateway ] && [ "$family" != java ] || venv=stores
    files=(test_"$family"*.py)
    [ -e "${files[0]}" ] || { say "There is no family $family."; exit 1; }
    if [ "$family" = java ] && ! need_java; then
        broken=1
        echo "broken 1" >"$out/$family"
        continue
    fi
    packages "$venv"
    say "== $family"
    # Exit 5 says that the options left no test, which is no failure of the suite.
    code=0
    ".venv-$venv/bin/python" -m pytest "${files[@]}" "$@" 2>&1 | tee "$out/$family" || code=${PIPESTATUS[0]}
    if [ "$code" -ne 0 ] && [ "$code" -ne 5 ]; then
        broken=1
        grep -qE '[0-9]+ (failed|errors?).* in [0-9.]+s' "$out/$family" || echo "broken 1" >>"$out/$family"
    fi
done

awk '
    /[0-9]+ (passed|failed|errors?|skipped|deselected).* in [0-9.]+s/ { for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) passed += $(i - 1)
        if ($i ~ /^(failed|errors?)/) failed += $(i - 1)
        if ($i ~ /^(skipped|xfailed)/) skipped += $(i - 1) } }
    $1 == "broken" && NF == 2 { failed += $2 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }
' "$out"/*
exit "$broken"
