#!/usr/bin/env python3
"""What the Iceberg face costs, beside what its Postgres can do.

load       warm loadTable of a 5 kB document at 16 connections, in alternating rounds with pgbench selecting by key the same text
           as a row of 5 kB, and the row that Weir keeps (`iceberg_metadata`, compressed)
commits    commits a second with one and with 16 writers, and the statements of a commit
lists      a list of 10,000 tables, for who may see 100 of them and for who sees all
snapshots  loadTable of a table with 9,000 snapshots, `refs` and `all`, beside a small one
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from catalog import Catalog, Json, Ready, Weir, path_of
from database import Database, program, since
from management import Management
from requests_raw import create, new_snapshot, schema, set_ref
from writers import TABLE, measure

CONNECTIONS = 16
COLUMNS = 62  # Make a document of 5 kB.
TABLES, VISIBLE = 10_000, 100
SNAPSHOTS, IN_ONE_COMMIT = 9_000, 1_000
SETTLE_SECONDS = 1.5  # Postgres publishes its counters about once a second.


@dataclass
class Bench:
    weir: Weir
    ready: Ready
    catalog: Catalog
    database: Database
    seconds: float
    rounds: int

    def url(self, table: str, query: str = "") -> str:
        return f"{self.ready.iceberg}/v1/{self.ready.warehouse}{path_of(table)}{query}"

    def scratch(self, name: str, text: str) -> Path:
        path = self.weir.directory / name
        path.write_text(text)
        return path


@dataclass
class Load:
    """What wrk saw."""

    rate: float
    p50: str
    p99: str
    requests: int
    failed: int


def wrk(bench: Bench, url: str, connections: int, seconds: float) -> Load:
    header = f"authorization: Bearer {bench.catalog.token}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-H", header, url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def find(pattern: str) -> str:
        found = re.search(pattern, told)
        return found[1] if found else "0"

    failed = int(find(r"Non-2xx or 3xx responses: (\d+)"))
    return Load(
        float(find(r"Requests/sec:\s+([\d.]+)")),
        find(r"50%\s+(\S+)"),
        find(r"99%\s+(\S+)"),
        int(find(r"(\d+) requests in")),
        failed,
    )


def load(bench: Bench) -> None:
    table = bench.catalog.new_table("bench", "warm", schema=schema(COLUMNS))
    _, body = bench.catalog.call("GET", path_of(table))
    bench.database.ask("CREATE DATABASE bench")
    text = body.decode().replace("'", "''")
    bench.database.ask(
        "CREATE TABLE document (id bigint PRIMARY KEY, body text NOT NULL); ALTER TABLE document ALTER body SET STORAGE EXTERNAL",
        "bench",
    )
    insert = bench.scratch(
        "insert.sql",
        f"INSERT INTO document SELECT i, '{text}' FROM generate_series(1, 1000) i; VACUUM ANALYZE document;",
    )
    subprocess.run(
        [program("psql"), "-Xq", "-d", "bench", "-f", str(insert)], env=bench.database.environment, check=True
    )
    row = bench.scratch("row.sql", "SELECT body FROM document WHERE id = 500;\n")
    number = Management.sign_in(bench.ready, "admin").table(*table.split("."))["id"]
    sql = f"SELECT metadata_location, metadata FROM iceberg_metadata WHERE table_id = '{number}'"
    assert bench.database.ask(f"SELECT count(*) FROM ({sql}) one") == "1"
    kept = bench.scratch("kept.sql", sql + ";\n")
    print(f"load: a document of {len(body)} bytes, {CONNECTIONS} connections")
    wrk(bench, bench.url(table), CONNECTIONS, 2)
    ratios = []
    for number in range(1, bench.rounds + 1):
        plain = bench.database.selects_a_second(row, CONNECTIONS, bench.seconds, "bench")
        time.sleep(SETTLE_SECONDS)
        before = bench.database.transactions()
        seen = wrk(bench, bench.url(table), CONNECTIONS, bench.seconds)
        time.sleep(SETTLE_SECONDS)
        sent = (bench.database.transactions() - before) / max(seen.requests, 1)
        packed = bench.database.selects_a_second(kept, CONNECTIONS, bench.seconds, "weir")
        ratios.append(seen.rate / plain)
        print(
            f"  round {number}: loadTable {seen.rate:7.0f}/s  p99 {seen.p99:>8}  5 kB row {plain:7.0f}/s  ratio {ratios[-1]:.2f}"
            f"  kept row {packed:7.0f}/s  ratio {seen.rate / packed:.2f}  transactions/request {sent:.3f}  failed {seen.failed}"
        )
    print(f"  median ratio {statistics.median(ratios):.2f}")


def commits(bench: Bench) -> None:
    """Ends with a restart: statements are counted by an extension that Postgres has to be started with."""
    bench.catalog.new_table(*TABLE.split("."))
    print("commits:")
    for writers in (1, CONNECTIONS):
        bench.catalog.must("DELETE", path_of(TABLE))
        bench.catalog.new_table(*TABLE.split("."))
        tally, took = measure(bench.ready, bench.catalog, writers, min(writers, 2), bench.seconds * 2)
        done = len(tally.acknowledged)
        print(
            f"  {writers:2} writers: {done / took:5.0f} commits/s, {tally.conflicts} conflicts, {len(tally.errors)} errors"
        )
    bench.database.count_statements()
    for name, work in (("commit", lambda: _commit(bench)), ("warm load", lambda: bench.catalog.load(TABLE))):
        for _ in range(20):
            work()
        before = bench.database.statements()
        for _ in range(200):
            work()
        sent = since(before, bench.database.statements())
        print(f"  statements of a {name}: {sum(sent.values()) / 200:.2f}")
        for query, calls in list(sent.items())[:10]:
            print(f"    {calls / 200:6.2f}  {query[:90]}")


def _commit(bench: Bench) -> None:
    change: Json = {
        "requirements": [],
        "updates": [{"action": "set-properties", "updates": {"at": str(time.time_ns())}}],
    }
    bench.catalog.must("POST", path_of(TABLE), change)


def lists(bench: Bench) -> None:
    bench.catalog.new_table("bench_list", "table_00000")
    begun = time.monotonic()
    _in_threads(
        bench,
        range(1, TABLES),
        lambda catalog, number: catalog.must("POST", "/namespaces/bench_list/tables", create(f"table_{number:05}")),
    )
    print(f"lists: {TABLES} tables, made in {time.monotonic() - begun:.0f} s")
    admin = Management.sign_in(bench.ready, "admin")
    some = admin.create_service("bench_some")
    for number in range(0, TABLES, TABLES // VISIBLE):
        admin.grant(some.name, ["SELECT"], "bench_list", f"table_{number:05}")
    bench.database.ask("ANALYZE")
    who = {"all": bench.catalog, "some": Catalog.sign_in(bench.ready, some)}
    for query in ("", "?pageToken=&pageSize=100"):
        _list(who, query)


def _list(who: dict[str, Catalog], query: str) -> None:
    """In turns, so that what else the machine does falls on both."""
    times: dict[str, list[float]] = {name: [] for name in who}
    rows = {}
    for _ in range(100):
        for name, catalog in who.items():
            begun = time.monotonic()
            rows[name] = len(catalog.must("GET", f"/namespaces/bench_list/tables{query}")["identifiers"])
            times[name].append(time.monotonic() - begun)
    for name, count in rows.items():
        median = statistics.median(times[name]) * 1000
        print(
            f"  sees {name:4} {query or 'whole':26} {count:6} rows in {median:7.2f} ms: {median / max(count, 1) * 1000:7.1f} µs a row"
        )


def _in_threads(bench: Bench, numbers: range, work: object) -> None:
    """Runs `work(catalog, number)` for all numbers, over as many connections as the benches use."""
    failed: list[Exception] = []

    def run(share: range) -> None:
        catalog = Catalog(bench.ready.iceberg, bench.ready.warehouse, bench.catalog.token)
        try:
            for number in share:
                work(catalog, number)  # type: ignore[operator]
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(numbers[index::CONNECTIONS],)) for index in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def snapshots(bench: Bench) -> None:
    many, few = bench.catalog.new_table("bench", "many"), bench.catalog.new_table("bench", "few")
    for table, count in ((many, SNAPSHOTS), (few, 1)):
        for start in range(0, count, IN_ONE_COMMIT):
            bench.catalog.must(
                "POST", path_of(table), _chain(bench.catalog.load(table, "refs"), min(IN_ONE_COMMIT, count - start))
            )
    print(f"snapshots: {SNAPSHOTS} and 1")
    for name, table, query in (
        ("1", few, "?snapshots=all"),
        (f"{SNAPSHOTS}, refs", many, "?snapshots=refs"),
        (f"{SNAPSHOTS}, all", many, "?snapshots=all"),
    ):
        _, body = bench.catalog.call("GET", path_of(table) + query)
        one, full = (
            wrk(bench, bench.url(table, query), connections, bench.seconds) for connections in (1, CONNECTIONS)
        )
        print(
            f"  {name:12} {len(body):9} bytes  one connection p50 {one.p50:>8} p99 {one.p99:>8}  {CONNECTIONS} connections {full.rate:7.0f}/s p99 {full.p99:>8}"
        )


def _chain(metadata: Json, count: int) -> Json:
    """A commit that adds so many snapshots, each the child of the one before; main points to the last."""
    updates: list[Json] = []
    parent: int | None = None
    for index in range(count):
        snapshot = new_snapshot(metadata, 1, parent=parent) | {
            "sequence-number": metadata["last-sequence-number"] + index + 1
        }
        parent = snapshot["snapshot-id"]
        updates.append({"action": "add-snapshot", "snapshot": snapshot})
    assert parent is not None
    return {"requirements": [], "updates": [*updates, set_ref("main", parent)]}


PARTS = {"load": load, "snapshots": snapshots, "lists": lists, "commits": commits}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seconds", type=float, default=5.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    weir = Weir.fresh()
    try:
        ready = weir.start()
        catalog = Catalog.sign_in(ready, ready.principals["spark"])
        bench = Bench(weir, ready, catalog, Database(weir), asked.seconds, asked.rounds)
        for name, part in PARTS.items():
            if name in (asked.parts or PARTS):
                part(bench)
    finally:
        weir.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
