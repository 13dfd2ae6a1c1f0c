"""What `weir demo` prints can be pasted, each part of it as it stands, and works."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import duckdb
import pytest

import duckdb_client
from weir_process import Weir

LAST = "Ctrl-C stops everything"


@pytest.fixture(scope="module")
def printed() -> Iterator[str]:
    """What a demo that runs said when it was ready."""
    weir = Weir.fresh()
    command = [weir.program, "demo", "--data-dir", str(weir.data), "--listen", "127.0.0.1:0"]
    with (weir.directory / "log").open("wb") as log:
        child = subprocess.Popen(command, cwd=weir.directory, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line)
            if LAST in line:
                break
        yield "".join(lines)
    finally:
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
        weir.remove()


def _part(printed: str, title: str) -> str:
    """The indented lines under a title."""
    below = printed.split(f"\n  {title}", 1)[1].split("\n", 1)[1]
    lines = []
    for line in below.splitlines():
        if line.strip() and not line.startswith("    "):
            break
        lines.append(line)
    return textwrap.dedent("\n".join(lines))


def test_the_shell_part_shows_two_columns(printed: str) -> None:
    script = "set -euo pipefail\n" + _part(printed, "Try it: give ann two columns")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    _, ends = json.JSONDecoder().raw_decode(done.stdout)
    table = json.loads(done.stdout[ends:])
    assert table["restricted"] is True and len(table["columns"]) == 2 and "location" not in table


def test_the_parts_for_engines_write_and_read(printed: str) -> None:
    python = _part(printed, "Try it with an engine") + "\nprint(lake.load_table('sales.orders').scan().to_arrow().num_rows)"
    done = subprocess.run([sys.executable, "-c", python], capture_output=True, text=True, timeout=120, cwd="/")
    assert (done.stdout, done.returncode) == ("2\n", 0), done.stderr
    sql = _part(printed, "Or in DuckDB, from any directory").strip()
    load, rest = sql.split("\n", 1)
    assert load == "LOAD httpfs; LOAD iceberg;"
    # The extensions come from wheels here: nothing is downloaded.
    connection = duckdb.connect(":memory:")
    duckdb_client.load_extensions(connection)
    assert sorted(connection.execute(rest).fetchall()) == [(1, "a"), (2, "b")]
