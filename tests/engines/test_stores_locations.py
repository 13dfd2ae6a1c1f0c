"""What a storage location is for its whole life: tried, only read, needed, removed."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

import s3_client
from face_lite import Face
from management import Management, Refused
from requests_raw import create
from s3_client import key_of, settings_of
from seaweed import READER, ROOT
from stores_fixtures import EVERYTHING, Store, ceph_has_no_reader
from weir_process import Principal, Ready

_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"pond{next(_numbers)}"


def _open(name: str, ready: Ready, admin: Management, settings: dict[str, Any]) -> Ready:
    """A location, and a catalog in it in which `spark` may do everything."""
    admin.call("POST", "/locations", {"name": name, "url": f"s3://{name}", "settings": settings})
    admin.call("POST", "/catalogs", {"name": name, "location": f"s3://{name}/tables"})
    admin.grant_on("spark", EVERYTHING, catalog=name)
    return Ready(ready.console, ready.management, ready.iceberg, name, ready.principals)


def test_a_folder_is_written_to_read_and_left_as_it_was(admin: Management, name: str, tmp_path: Path) -> None:
    for settings, url in (({}, tmp_path.as_uri()), ({"folder": str(tmp_path)}, f"s3://{name}")):
        admin.call("POST", "/locations", {"name": name, "url": url, "settings": settings})
        admin.call("POST", f"/locations/{name}/validate")
        admin.call("DELETE", f"/locations/{name}")
    assert list(tmp_path.iterdir()) == []
    nowhere = {"folder": str(tmp_path / "none")}
    with pytest.raises(Refused, match="422.*There is no such folder.*folder"):
        admin.call("POST", "/locations", {"name": name, "url": f"s3://{name}", "settings": nowhere})
    # The kernel lets nobody write there, root included.
    with pytest.raises(Refused, match="503.*cannot be written to.*register it to be only read"):
        admin.call("POST", "/locations", {"name": name, "url": "file:///proc/self/task"})
    admin.call("POST", "/locations", {"name": name, "url": "file:///proc/self/task", "settings": {"read_only": True}})
    admin.call("DELETE", f"/locations/{name}")


@ceph_has_no_reader
def test_who_may_only_read_a_store_registers_it_to_be_only_read(store: Store, admin: Management, name: str) -> None:
    s3_client.root(store.endpoint, ROOT).create_bucket(Bucket=name)
    settings = {"endpoint": store.endpoint, "region": "us-east-1", "path_style": True}
    keys = {"access_key_id": READER[0], "secret_access_key": READER[1]}
    body = {"name": name, "url": f"s3://{name}", "settings": settings, "credential": keys}
    with pytest.raises(Refused, match="503.*cannot be written to.*register it to be only read"):
        admin.call("POST", "/locations", body)
    made = admin.call("POST", "/locations", body | {"settings": settings | {"read_only": True}})
    assert made["settings"]["read_only"]
    admin.call("POST", f"/locations/{name}/validate")


def test_what_is_only_read_is_changed_by_nobody(
    ready: Ready, admin: Management, spark: Principal, name: str, tmp_path: Path
) -> None:
    settings = {"folder": str(tmp_path)}
    face = Face.sign_in(_open(name, ready, admin, settings), spark)
    face.call("POST", "/namespaces", {"namespace": ["plans"]})
    made = face.make("plans", "people")
    s3_client.client(settings_of(made)).put_object(Bucket=name, Key=key_of(made, "data/a"), Body=b"x")
    tables = "/namespaces/plans/tables"
    file = face.call("POST", f"{tables}/people/unregister")["metadata-location"]
    for _ in range(2):
        with pytest.raises(Refused, match=f"409.*needed by the catalog `{name}`"):
            admin.call("DELETE", f"/locations/{name}")
        face.call("DELETE", "/namespaces/plans")
        admin.call("DELETE", f"/catalogs/{name}")
        admin.call("DELETE", f"/locations/{name}")
        face = Face.sign_in(_open(name, ready, admin, settings | {"read_only": True}), spark)
        face.call("POST", "/namespaces", {"namespace": ["plans"]})
        admin.grant_on("spark", ["DATA_LOCATION_ACCESS"], location=name)
        face.call("POST", "/namespaces/plans/register", {"name": "people", "metadata-location": file})
        loaded = face.load("plans.people")
        client, where = s3_client.client(settings_of(loaded)), {"Bucket": name, "Key": key_of(loaded, "data/a")}
        assert client.get_object(**where)["Body"].read() == b"x"
        s3_client.refused(client.put_object, **where, Body=b"y")
        s3_client.refused(client.put_object, **where | {"Key": key_of(loaded, "data/b")}, Body=b"y")
        s3_client.refused(client.delete_object, **where)
        change = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
        assert "only read" in face.refused("POST", f"{tables}/people", change, status=403)
        assert "only read" in face.refused("POST", tables, create("more"), status=400)
        staged = create("more") | {"stage-create": True}
        assert "only read" in face.refused("POST", tables, staged, status=400, delegated=True)
        assert "only read" in face.refused("DELETE", f"{tables}/people?purgeRequested=true", status=400)
        assert face.call("POST", f"{tables}/people/unregister")["metadata-location"] == file
    files = {path.name for path in tmp_path.glob("tables/**/*") if path.is_file()}
    assert files == {"a", file.rsplit("/", 1)[1]}


def test_a_location_that_is_removed_serves_nobody(
    ready: Ready, admin: Management, spark: Principal, name: str, tmp_path: Path
) -> None:
    settings = {"folder": str(tmp_path)}
    admin.call("POST", "/locations", {"name": name, "url": f"s3://{name}", "settings": settings})
    admin.grant_on("spark", ["DATA_LOCATION_ACCESS"], location=name)
    face = Face.sign_in(ready, spark)
    face.call("POST", "/namespaces", {"namespace": [name]})
    tables = f"/namespaces/{name}/tables"
    body = create("staged") | {"stage-create": True, "location": f"s3://{name}/staged"}
    staged = face.call("POST", tables, body, delegated=True)
    client, where = s3_client.client(settings_of(staged)), {"Bucket": name, "Key": key_of(staged, "data/a")}
    client.put_object(**where, Body=b"x")
    made = face.make(name, "made", f"s3://{name}/made")
    with pytest.raises(Refused, match=f"409.*needed by the table `s3://{name}/made`"):
        admin.call("DELETE", f"/locations/{name}")
    face.call("POST", f"{tables}/made/unregister")
    with pytest.raises(Refused, match="403"):
        Management.sign_in(ready, "ann").call("DELETE", f"/locations/{name}")
    admin.call("DELETE", f"/locations/{name}")
    s3_client.refused(client.get_object, **where)
    s3_client.refused(s3_client.client(settings_of(made)).list_objects_v2, Bucket=name, Prefix=key_of(made, ""))
    with pytest.raises(Refused, match="404"):
        admin.call("DELETE", f"/locations/{name}")
    assert name not in [one["name"] for one in admin.call("GET", "/locations")["items"]]
    # Whoever had the right on it has none on what has its name now.
    admin.call("POST", "/locations", {"name": name, "url": f"s3://{name}", "settings": settings})
    assert "may place tables on" in face.refused("POST", tables, body, status=400, delegated=True)
