#!/usr/bin/env python3
"""64 writers append to one table as fast as they can; then every acknowledged append must be there, once, in one line.

    WEIR_BIN=target/release/weir python3 tests/bench/writers.py [--writers 64] [--processes 4] [--seconds 30]

Exits 1 when an update was lost, a sequence number is there twice, or the rows do not add up.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import threading
import time
from dataclasses import dataclass, field

from catalog import Catalog, Json, Ready, Unanswered, Weir, append, path_of, wrong_with

TABLE = "bench.writers"
PAUSE_SECONDS = 0.05


@dataclass
class Tally:
    """What one writer saw. `acknowledged`: the rows of each snapshot that was told to be committed."""

    acknowledged: dict[int, int] = field(default_factory=dict)
    unknown: dict[int, int] = field(default_factory=dict)
    conflicts: int = 0
    slowed: int = 0
    errors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.acknowledged |= other.acknowledged
        self.unknown |= other.unknown
        self.conflicts += other.conflicts
        self.slowed += other.slowed
        self.errors += other.errors
        self.seconds += other.seconds


def write(catalog: Catalog, until: float, seed: int) -> Tally:
    """Appends until the time is over, and loads the table again after each conflict."""
    tally, chance = Tally(), random.Random(seed)
    metadata = catalog.load(TABLE, "refs")
    while time.monotonic() < until:
        rows = chance.randint(1, 1000)
        body = append(metadata, rows)
        number = body["updates"][0]["snapshot"]["snapshot-id"]
        begun = time.monotonic()
        try:
            status, text = catalog.call("POST", path_of(TABLE), body)
        except Unanswered:
            tally.unknown[number] = rows
            metadata = catalog.load(TABLE, "refs")
            continue
        _count(tally, status, text, number, rows, time.monotonic() - begun)
        if status == 200:
            metadata = _trimmed(text)
            continue
        if status == 429:
            time.sleep(chance.random() * PAUSE_SECONDS)
        metadata = catalog.load(TABLE, "refs")
    return tally


def _count(tally: Tally, status: int, text: bytes, number: int, rows: int, seconds: float) -> None:
    match status:
        case 200:
            tally.acknowledged[number] = rows
            tally.seconds.append(seconds)
        case 409:
            tally.conflicts += 1
        case 429 | 503:
            tally.slowed += 1
        case 500 | 502 | 504:
            tally.unknown[number] = rows
        case _:
            tally.errors.append(f"{status} {text[:200]!r}")


def _trimmed(text: bytes) -> Json:
    """What the next append needs of an answer."""
    names = (
        "table-uuid",
        "location",
        "last-sequence-number",
        "last-updated-ms",
        "current-schema-id",
        "current-snapshot-id",
    )
    metadata = json.loads(text)["metadata"]
    return {name: metadata.get(name) for name in names}


def process(ready: Ready, token: str, until: float, threads: int, number: int) -> Tally:
    tallies: list[Tally] = []

    def run(seed: int) -> None:
        tallies.append(write(Catalog(ready.iceberg, ready.warehouse, token), until, seed))

    workers = [threading.Thread(target=run, args=(number * 1000 + index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    whole = Tally()
    if len(tallies) < threads:
        whole.errors.append(f"{threads - len(tallies)} writers ended early")
    for tally in tallies:
        whole.add(tally)
    return whole


def measure(ready: Ready, catalog: Catalog, writers: int, processes: int, seconds: float) -> tuple[Tally, float]:
    """Lets them write, and gives what they saw and how long it took."""
    begun = time.monotonic()
    until = begun + seconds
    share = [writers // processes + (index < writers % processes) for index in range(processes)]
    # Monotonic time is one for all processes of a machine.
    jobs = [(ready, catalog.token, until, threads, number) for number, threads in enumerate(share) if threads]
    with multiprocessing.get_context("spawn").Pool(len(jobs)) as pool:
        tallies = pool.starmap(process, jobs)
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole, time.monotonic() - begun


def report(tally: Tally, took: float, metadata: Json) -> list[str]:
    """Prints the figures and gives back what is wrong."""
    done = len(tally.acknowledged)
    wait = sorted(tally.seconds) or [0.0]
    tries = done + tally.conflicts
    print(
        f"{done} commits in {took:.1f} s: {done / took:.0f}/s, 409 {tally.conflicts / max(tries, 1):.1%} of {tries} tries,"
        f" 429 {tally.slowed}, unknown {len(tally.unknown)},"
        f" p50 {wait[len(wait) // 2] * 1000:.0f} ms, p99 {wait[int(len(wait) * 0.99)] * 1000:.0f} ms"
    )
    wrong = wrong_with(metadata, tally.acknowledged) + sorted(set(tally.errors))[:10]
    landed = {number: rows for number, rows in tally.unknown.items() if number in _numbers(metadata)}
    expected = sum(tally.acknowledged.values()) + sum(landed.values())
    rows = sum(int(snapshot["summary"]["added-records"]) for snapshot in metadata.get("snapshots", []))
    if rows != expected:
        wrong.append(f"{rows} rows are there, {expected} were written")
    return wrong


def _numbers(metadata: Json) -> set[int]:
    return {snapshot["snapshot-id"] for snapshot in metadata.get("snapshots", [])}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=64)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30.0)
    asked = parser.parse_args()
    weir = Weir.fresh()
    try:
        ready = weir.start()
        catalog = Catalog.sign_in(ready, ready.principals["spark"])
        catalog.new_table(*TABLE.split("."))
        tally, took = measure(ready, catalog, asked.writers, asked.processes, asked.seconds)
        wrong = report(tally, took, catalog.load(TABLE))
    finally:
        weir.remove()
    print("\n".join(wrong) or "every acknowledged commit is there, once")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
