#!/usr/bin/env python3
"""Eight writers append while the server is killed with -9, ten times. Afterwards every acknowledged commit is there, and what
was not acknowledged is there whole or not at all.

    WEIR_BIN=target/release/weir python3 tests/bench/kill9.py [--kills 10] [--writers 8] [--seconds 3]

Exits 1 when anything is lost, half there, or the metadata that is served is not what its file has.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from catalog import Catalog, Json, Ready, Unanswered, Weir, append, path_of, wrong_with
from writers import Tally, _count, _numbers, _trimmed

TABLES = ("bench.kill_a", "bench.kill_b")
AGAIN_SECONDS = 0.02


class Writer(threading.Thread):
    """Appends until it is told to stop. While nobody answers, it asks again."""

    def __init__(self, ready: Ready, token: str, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.catalog = Catalog(ready.iceberg, ready.warehouse, token)
        self.table = TABLES[seed % len(TABLES)]
        self.chance = random.Random(seed)
        self.stopped = stop
        self.tally = Tally()

    def run(self) -> None:
        metadata: Json | None = None
        while not self.stopped.is_set():
            try:
                metadata = self._once(metadata or self._load())
            except (Unanswered, RuntimeError):
                metadata = None
                time.sleep(AGAIN_SECONDS)

    def _load(self) -> Json:
        return self.catalog.load(self.table, "refs")

    def _once(self, metadata: Json) -> Json | None:
        rows = self.chance.randint(1, 1000)
        body = append(metadata, rows)
        number = body["updates"][0]["snapshot"]["snapshot-id"]
        # Until it is answered, nobody knows.
        self.tally.unknown[number] = rows
        begun = time.monotonic()
        status, text = self.catalog.call("POST", path_of(self.table), body)
        del self.tally.unknown[number]
        _count(self.tally, status, text, number, rows, time.monotonic() - begun)
        return _trimmed(text) if status == 200 else None


def check(weir: Weir, catalog: Catalog, table: str, tallies: list[Tally]) -> list[str]:
    """What is wrong with a table after it all."""
    answer = catalog.must("GET", path_of(table))
    metadata, location = answer["metadata"], answer["metadata-location"]
    acknowledged: dict[int, int] = {}
    known: dict[int, int] = {}
    for tally in tallies:
        acknowledged |= tally.acknowledged
        known |= tally.acknowledged | tally.unknown
    wrong = wrong_with(metadata, acknowledged)
    strange = _numbers(metadata) - set(known)
    if strange:
        wrong.append(f"{len(strange)} snapshots were refused and are there all the same")
    half = [
        one
        for one in metadata.get("snapshots", [])
        if int(one["summary"]["added-records"]) != known.get(one["snapshot-id"])
    ]
    if half:
        wrong.append(f"{len(half)} snapshots are there with other rows")
    path = _file(weir, location)
    if not path.is_file():
        wrong.append(f"the current metadata file {path} is not there")
    elif json.loads(path.read_text()) != metadata:
        wrong.append("the metadata that is served is not what its file has")
    missing = [
        entry["metadata-file"]
        for entry in metadata.get("metadata-log", [])
        if not _file(weir, entry["metadata-file"]).is_file()
    ]
    if missing:
        wrong.append(f"{len(missing)} files of the metadata log are not there")
    return [f"{table}: {one}" for one in wrong]


def _file(weir: Weir, location: str) -> Path:
    """Where the demo's bucket, which is a folder, has it."""
    at = urlsplit(location)
    return weir.data / at.netloc / unquote(at.path).lstrip("/")


def terror(weir: Weir, kills: int, seconds: float, chance: random.Random) -> list[float]:
    """Kills and restarts, and says how long each restart took."""
    restarts = []
    for number in range(kills):
        time.sleep(seconds * (0.3 + 0.7 * chance.random()))
        weir.kill()
        begun = time.monotonic()
        weir.start()
        restarts.append(time.monotonic() - begun)
        print(f"kill {number + 1}: serves again after {restarts[-1]:.1f} s", flush=True)
    time.sleep(seconds)
    return restarts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0, help="the longest time between two kills")
    asked = parser.parse_args()
    weir, stop = Weir.fresh(), threading.Event()
    try:
        ready = weir.start()
        catalog = Catalog.sign_in(ready, ready.principals["spark"])
        tables = [catalog.new_table(*table.split(".")) for table in TABLES]
        writers = [Writer(ready, catalog.token, seed, stop) for seed in range(asked.writers)]
        for writer in writers:
            writer.start()
        terror(weir, asked.kills, asked.seconds, random.Random(9))
        stop.set()
        for writer in writers:
            writer.join(60)
        wrong = [f"{writer.name} does not end" for writer in writers if writer.is_alive()]
        for table in tables:
            tallies = [writer.tally for writer in writers if writer.table == table]
            wrong += check(weir, catalog, table, tallies)
            wrong += sorted({error for tally in tallies for error in tally.errors})[:5]
        acknowledged = sum(len(writer.tally.acknowledged) for writer in writers)
        unknown = sum(len(writer.tally.unknown) for writer in writers)
        print(f"{acknowledged} commits acknowledged, {unknown} unanswered, {asked.kills} kills")
        if not acknowledged:
            wrong.append("nothing was committed")
    finally:
        stop.set()
        weir.remove()
    print("\n".join(wrong) or "every acknowledged commit is there, and nothing is half there")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
