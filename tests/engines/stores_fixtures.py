"""An S3 store with STS, and a catalog whose tables lie in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import s3_client
from management import Management
from seaweed import BUCKET, CATALOG, ROLE, ROOT, Seaweed
from weir_process import Ready, Weir

LIFETIME_SECONDS = 10


@pytest.fixture(scope="session")
def store() -> Iterator[Seaweed]:
    seaweed = Seaweed.start()
    try:
        s3_client.root(seaweed.endpoint, ROOT).create_bucket(Bucket=BUCKET)
        yield seaweed
    finally:
        seaweed.stop()


@pytest.fixture(scope="session")
def ocean(store: Seaweed, ready: Ready, admin: Management) -> Ready:
    """A catalog whose tables lie in the store; `spark` may do everything in it."""
    settings = {"endpoint": store.endpoint, "region": "us-east-1", "path_style": True, "role": ROLE}
    keys = {"access_key_id": CATALOG[0], "secret_access_key": CATALOG[1]}
    location = {"name": "ocean", "url": f"s3://{BUCKET}", "settings": settings, "credential": keys, "zone": "curated"}
    made = admin.call("POST", "/locations", location)
    assert made["has_credential"] and "secret" not in str(made)
    admin.call("POST", "/catalogs", {"name": "ocean", "location": f"s3://{BUCKET}/ocean"})
    rights = ["CREATE_NAMESPACE", "CREATE_TABLE", "SELECT", "INSERT", "DELETE", "ALTER", "DROP"]
    admin.grant_on("spark", rights, catalog="ocean")
    admin.grant_on("spark", ["DATA_LOCATION_ACCESS"], location="ocean")
    return Ready(ready.console, ready.management, ready.iceberg, "ocean", ready.principals)


@pytest.fixture
def brief() -> Iterator[Weir]:
    """A demo whose credentials last ten seconds."""
    weir = Weir.fresh(environment={"WEIR__CREDENTIALS__LIFETIME_SECONDS": str(LIFETIME_SECONDS)})
    try:
        weir.start()
        yield weir
    finally:
        weir.remove()
