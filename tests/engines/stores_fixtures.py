"""An S3 store with STS, and a catalog whose tables lie in it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import s3_client
from ceph import Ceph
from management import Management
from seaweed import BUCKET, CATALOG, ROOT, Seaweed
from weir_process import Ready, Weir

LIFETIME_SECONDS = 10
Store = Seaweed | Ceph
_CEPH = os.environ.get("WEIR_STORE") == "ceph"
EVERYTHING = ["CREATE_NAMESPACE", "CREATE_TABLE", "SELECT", "INSERT", "DELETE", "ALTER", "DROP"]
# What Ceph 16 and its clients do not do between them, whoever made the credential.
ceph_takes_no_chunks = pytest.mark.xfail(_CEPH, reason="Ceph 16 takes no upload in chunks, and PyArrow 26 sends such")
ceph_deletes_no_list = pytest.mark.xfail(
    _CEPH, reason="Ceph 16 deletes a list of objects for who may delete in all of the bucket only"
)
ceph_has_no_reader = pytest.mark.skipif(_CEPH, reason="its users here may write")


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """SeaweedFS, or Ceph where `WEIR_STORE` says so."""
    started: Store = Ceph.start() if _CEPH else Seaweed.start()
    try:
        s3_client.root(started.endpoint, ROOT).create_bucket(Bucket=BUCKET)
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def ocean(store: Store, ready: Ready, admin: Management) -> Ready:
    """A catalog whose tables lie in the store; `spark` may do everything in it."""
    settings = {"endpoint": store.endpoint, "region": "us-east-1", "path_style": True, "role": store.role}
    keys = {"access_key_id": CATALOG[0], "secret_access_key": CATALOG[1]}
    location = {"name": "ocean", "url": f"s3://{BUCKET}", "settings": settings, "credential": keys, "zone": "curated"}
    made = admin.call("POST", "/locations", location)
    assert made["has_credential"] and "secret" not in str(made)
    admin.call("POST", "/catalogs", {"name": "ocean", "location": f"s3://{BUCKET}/ocean"})
    admin.grant_on("spark", EVERYTHING, catalog="ocean")
    admin.grant_on("spark", ["DATA_LOCATION_ACCESS"], location="ocean")
    return Ready(ready.console, ready.management, ready.iceberg, "ocean", ready.principals)


@pytest.fixture(scope="session")
def disk(ready: Ready, admin: Management, tmp_path_factory: pytest.TempPathFactory) -> Ready:
    """A catalog whose tables lie in a folder that engines reach by themselves; `spark` may do everything in it."""
    root = tmp_path_factory.mktemp("disk")
    admin.call("POST", "/locations", {"name": "disk", "url": root.as_uri()})
    admin.call("POST", "/catalogs", {"name": "disk", "location": f"{root.as_uri()}/tables"})
    admin.grant_on("spark", EVERYTHING, catalog="disk")
    return Ready(ready.console, ready.management, ready.iceberg, "disk", ready.principals)


@pytest.fixture(params=["ocean", "demo"])
def lake(request: pytest.FixtureRequest) -> Ready:
    """A catalog over a store that makes credentials, and one over a folder behind the gateway."""
    found: Ready = request.getfixturevalue("ocean" if request.param == "ocean" else "ready")
    return found


@pytest.fixture
def there(admin: Management, lake: Ready) -> Management:
    """The admin, in that catalog."""
    return Management(admin.base, lake.warehouse, admin.token)


@pytest.fixture
def brief() -> Iterator[Weir]:
    """A demo whose credentials last ten seconds."""
    weir = Weir.fresh(environment={"WEIR__CREDENTIALS__LIFETIME_SECONDS": str(LIFETIME_SECONDS)})
    try:
        weir.start()
        yield weir
    finally:
        weir.remove()
