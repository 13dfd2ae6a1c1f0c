"""A crawl of a store that takes pages to list: every object is seen, and seen once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import s3_client
from management import Management
from seaweed import BUCKET, ROOT
from stores_fixtures import Store
from weir_process import Ready

DAYS, FILES = 60, 45
TIMEOUT_SECONDS = 120


def _run(admin: Management, crawler: str) -> dict[str, Any]:
    run = admin.call("POST", f"/crawlers/{crawler}/runs")["id"]
    ends = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < ends:
        seen: dict[str, Any] = admin.call("GET", f"/crawlers/{crawler}/runs/{run}")
        if seen["state"] not in ("queued", "running"):
            return seen
        time.sleep(0.2)
    raise AssertionError(f"the run did not end: {seen}")


def test_a_lake_of_several_pages_is_crawled_whole(store: Store, ocean: Ready, admin: Management) -> None:
    root = s3_client.root(store.endpoint, ROOT)
    keys = [f"landed/events/day={day:03}/{file:03}.csv" for day in range(DAYS) for file in range(FILES)]
    # SeaweedFS lists these after `events/`, and by their bytes they come before it.
    keys += [f"landed/events-eu/{file:04}.csv" for file in range(1200)]
    with ThreadPoolExecutor(8) as pool:
        put = pool.map(lambda key: root.put_object(Bucket=BUCKET, Key=key, Body=b"id,name\n1,a\n"), keys)
        assert len(list(put)) == len(keys)
    admin.call("POST", "/catalogs/ocean/namespaces", {"name": "landed"})
    crawler = {"name": "landed", "location": "ocean", "prefix": "landed", "catalog": "ocean", "namespace": "landed"}
    admin.call("POST", "/crawlers", crawler)
    first = _run(admin, "landed")
    assert first["state"] == "succeeded", first
    counts = first["counts"]
    assert (counts["objects"], counts["bytes"], counts["tables"]) == (len(keys), 12 * len(keys), 2)
    assert counts["partitions_added"] == DAYS
    again = _run(admin, "landed")["counts"]
    assert again["objects"] == len(keys) and again["versions"] == 0 and again["partitions_added"] == 0
