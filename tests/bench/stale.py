#!/usr/bin/env python3
"""Loads race commits and revocations on two replicas: no answer may be older than what was acknowledged before it was asked for.

    WEIR_BIN=target/release/weir python3 tests/bench/stale.py [--loads 100000]
    python3 tests/bench/stale.py URL_A URL_B --credentials DATA_DIR/demo-credentials.json

Without addresses it starts both replicas, on one Postgres. Exits 1 when an answer was stale.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from catalog import Catalog, Principal, Ready, Weir, path_of
from management import Management
from wire import Connection

NAMESPACE = "bench_stale"
LANES = 4
LOADERS = 24
PAUSE_SECONDS = 0.004
_COUNTER = re.compile(rb'"counter": ?"(\d+)"')


@dataclass
class Lane:
    """A table that one writer counts up, and the grant on it that is made and revoked."""

    table: str
    acknowledged: int = 0
    # The writer of grants: `granted` is what was acknowledged last; `changes` counts requests begun and acknowledged.
    granted: bool = False
    changes: int = 0


@dataclass
class Race:
    """Everybody who takes part."""

    replicas: list[str]
    prefix: str
    engine: str
    reader: str
    admin: str
    reader_name: str
    lanes: list[Lane]
    loads: int
    done: int = 0
    commits: int = 0
    turns: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.done >= self.loads or bool(self.failed)

    def path(self, lane: Lane) -> str:
        return f"/iceberg/v1/{self.prefix}{path_of(lane.table)}"

    def connections(self) -> list[Connection]:
        return [Connection(origin) for origin in self.replicas]


async def write(race: Race, lane: Lane, chance: random.Random) -> None:
    """Counts the lane's property up, each time through another replica."""
    connections = race.connections()
    while not race.over:
        number = lane.acknowledged + 1
        change = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"counter": str(number)}}]}
        answer = await chance.choice(connections).send(
            "POST", race.path(lane), race.engine, json.dumps(change).encode()
        )
        if answer.status == 200:
            lane.acknowledged = number
            race.commits += 1
        elif answer.status not in (409, 429):
            race.failed.append(f"commit: {answer.status} {answer.body[:200]!r}")
        await asyncio.sleep(chance.random() * PAUSE_SECONDS)


async def grant(race: Race, lane: Lane, chance: random.Random) -> None:
    """Grants and revokes in turn, each through another replica."""
    connections = race.connections()
    namespace, table = lane.table.split(".")
    target = {"catalog": race.prefix, "namespace": namespace, "table": table}
    wish = json.dumps({"principal": race.reader_name, "privileges": ["SELECT"], "on": target}).encode()
    while not race.over:
        lane.changes += 1
        answer = await chance.choice(connections).send("POST", "/api/v1/grants", race.admin, wish)
        if answer.status != 201:
            race.failed.append(f"grant: {answer.status} {answer.body[:200]!r}")
            return
        lane.granted, lane.changes = True, lane.changes + 1
        await asyncio.sleep(chance.random() * PAUSE_SECONDS * 4)
        lane.changes += 1
        number = json.loads(answer.body)["id"]
        answer = await chance.choice(connections).send("DELETE", f"/api/v1/grants/{quote(number)}", race.admin)
        if answer.status != 204:
            race.failed.append(f"revoke: {answer.status} {answer.body[:200]!r}")
            return
        lane.granted, lane.changes = False, lane.changes + 1
        race.turns += 1
        await asyncio.sleep(chance.random() * PAUSE_SECONDS * 4)


async def load(race: Race, chance: random.Random, number: int) -> None:
    """Loads until enough was loaded. Every third loader is the one whose grant comes and goes."""
    connections, known = race.connections(), dict[str, tuple[bytes, int]]()
    reads = number % 3 == 0
    while not race.over:
        lane = chance.choice(race.lanes)
        floor, granted, changes = lane.acknowledged, lane.granted, lane.changes
        etag, counter = known.get(lane.table, (b"", 0)) if chance.random() < 0.5 else (b"", 0)
        extra = b"if-none-match: " + etag + b"\r\n" if etag else b""
        token = race.reader if reads else race.engine
        connection = chance.choice(connections)
        answer = await connection.send("GET", race.path(lane) + "?snapshots=refs", token, extra=extra)
        race.done += 1
        race.outcomes[f"{'reader' if reads else 'engine'} {answer.status}"] += 1
        where = f"{connection.port} {lane.table}"
        if answer.status == 200:
            found = _COUNTER.search(answer.body)
            counter = int(found[1]) if found else 0
            if answer.etag:
                known[lane.table] = (answer.etag, counter)
        elif answer.status not in (304, 404) or (answer.status == 404 and not reads):
            race.failed.append(f"load: {answer.status} {answer.body[:200]!r}")
            return
        if answer.status != 404 and counter < floor:
            race.stale.append(f"{where}: {answer.status} with {counter}, and {floor} was acknowledged before")
        settled = reads and lane.changes == changes and changes % 2 == 0
        if settled and granted == (answer.status == 404):
            race.stale.append(f"{where}: {answer.status}, and it was {'granted' if granted else 'revoked'} before")


async def run(race: Race) -> float:
    begun = time.monotonic()
    tasks = [asyncio.create_task(load(race, random.Random(number), number)) for number in range(LOADERS)]
    for number, lane in enumerate(race.lanes):
        tasks.append(asyncio.create_task(write(race, lane, random.Random(1000 + number))))
        tasks.append(asyncio.create_task(grant(race, lane, random.Random(2000 + number))))
    await asyncio.gather(*tasks)
    return time.monotonic() - begun


def prepare(ready: Ready, replicas: list[str], loads: int) -> Race:
    """Makes the tables, and the reader whose grants come and go."""
    catalog = Catalog.sign_in(ready, ready.principals["spark"])
    admin = Management.sign_in(ready, "admin")
    reader = admin.create_service(f"reader{time.time_ns()}")
    # A grant that stays, so that only the one on the table comes and goes.
    admin.grant(reader.name, ["SELECT"], "samples", "airlines")
    lanes = []
    stamp = time.time_ns()
    for number in range(LANES):
        properties = {"write.metadata.previous-versions-max": "1", "counter": "0"}
        name = f"lane_{stamp}_{number}"
        lanes.append(Lane(catalog.new_table(NAMESPACE, name, properties=properties)))
    token = Catalog.sign_in(ready, reader).token
    return Race(replicas, ready.warehouse, catalog.token, token, admin.token, reader.name, lanes, loads)


def known(address: str, credentials: Path) -> Ready:
    """What `weir demo` says of itself, from the credentials that it keeps."""
    kept = json.loads(credentials.read_text())
    people = [Principal(kind="user", **person) for person in kept["people"]]
    engines = [Principal(kind="service", **engine) for engine in kept["engines"]]
    origin = address.rstrip("/")
    principals = {one.name: one for one in people + engines}
    return Ready(origin, f"{origin}/api/v1", f"{origin}/iceberg", "lake", principals)


def second(weir: Weir) -> tuple[subprocess.Popen[bytes], str]:
    """Another replica on the Postgres of a demo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    password = (weir.data / "postgres.password").read_text().strip()
    folder = quote(str((weir.data / "postgres.run").resolve()), safe="")
    url = f"postgres://weir:{quote(password, safe='')}@localhost:5432/weir?host={folder}&sslmode=disable"
    environment = {**os.environ, "DATABASE_URL": url, "WEIR__DATABASE__POOL__MAX_CONNECTIONS": "8"}
    environment["WEIR__KEYS__FILE"] = str(weir.data / "master.key")  # What one replica sealed the other must open.
    command = [weir.program, "serve", "--listen", f"127.0.0.1:{port}", "--data-dir", str(weir.directory / "second")]
    log = (weir.directory / "second.log").open("wb")
    child = subprocess.Popen(
        command, env=environment, cwd=weir.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    for _ in range(300):
        if child.poll() is not None:
            raise RuntimeError("the second replica ended: " + (weir.directory / "second.log").read_text()[-2000:])
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return child, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.1)
    child.kill()
    raise RuntimeError("the second replica does not serve")


def report(race: Race, took: float) -> int:
    outcomes = ", ".join(f"{name}: {count}" for name, count in sorted(race.outcomes.items()))
    print(
        f"{race.done} loads in {took:.0f} s ({race.done / took:.0f}/s) beside {race.commits} commits and {race.turns} revocations"
    )
    print(outcomes)
    for line in [*race.failed[:5], *race.stale[:10]]:
        print(line)
    print(f"{len(race.stale)} stale answers")
    return 1 if race.stale or race.failed or not race.commits or not race.turns else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("replicas", nargs="*", metavar="URL")
    parser.add_argument("--credentials", type=Path)
    parser.add_argument("--loads", type=int, default=100_000)
    asked = parser.parse_args()
    if asked.replicas:
        if len(asked.replicas) != 2 or not asked.credentials:
            parser.error("name two replicas, and the credentials of the demo behind them")
        race = prepare(known(asked.replicas[0], asked.credentials), asked.replicas, asked.loads)
        return report(race, asyncio.run(run(race)))
    weir, other = Weir.fresh(), None
    try:
        ready = weir.start()
        other, address = second(weir)
        race = prepare(ready, [ready.console, address], asked.loads)
        return report(race, asyncio.run(run(race)))
    finally:
        if other is not None:
            other.terminate()
            other.wait(30)
        weir.remove()


if __name__ == "__main__":
    sys.exit(main())
