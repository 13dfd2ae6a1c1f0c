"""What was staged or left at a place is nobody's once another table lay there: over a store, and over the gateway."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

import s3_client
from face_lite import Face
from management import Management
from requests_raw import commit_of_staged, create
from s3_client import key_of, settings_of
from weir_process import Principal, Ready

_numbers = itertools.count(1)


@pytest.fixture
def face(lake: Ready, spark: Principal) -> Face:
    return Face.sign_in(lake, spark)


@pytest.fixture
def space(face: Face) -> str:
    name = f"left{next(_numbers)}"
    face.call("POST", "/namespaces", {"namespace": [name]})
    return name


@pytest.fixture
def clever(lake: Ready, there: Management, stranger: Principal, space: str) -> Face:
    """Somebody who may make tables in the namespace, and sees none of the others'."""
    there.grant_on(stranger.name, ["CREATE_TABLE"], catalog=lake.warehouse, namespace=space)
    return Face.sign_in(lake, stranger)


def _bucket(loaded: dict[str, Any]) -> str:
    return str(loaded["metadata"]["location"]).removeprefix("s3://").split("/")[0]


def test_who_staged_a_table_gets_at_nothing_that_came_after(face: Face, clever: Face, space: str) -> None:
    tables = f"/namespaces/{space}/tables"
    staged = clever.call("POST", tables, create("own") | {"stage-create": True}, delegated=True)
    first, location = settings_of(staged), staged["metadata"]["location"]
    s3_client.client(first).put_object(Bucket=_bucket(staged), Key=key_of(staged, "data/a"), Body=b"x")
    assert clever.call("GET", f"{tables}/own/credentials")["storage-credentials"]
    # It lies under another name than it was staged as, so that the old name stays free.
    clever.call("POST", f"{tables}/made", commit_of_staged(staged["metadata"]))
    clever.refused("GET", f"{tables}/own/credentials", status=404)
    face.call("POST", f"{tables}/made/unregister")
    clever.refused("GET", f"{tables}/own/credentials", status=404)
    again = create("own") | {"stage-create": True, "location": location}
    assert "Files lie here already" in clever.refused("POST", tables, again, status=400, delegated=True)
    if first["s3.access-key-id"].startswith("WEIR"):
        client = s3_client.client(first)
        s3_client.refused(client.get_object, Bucket=_bucket(staged), Key=key_of(staged, "data/a"))
        s3_client.refused(client.put_object, Bucket=_bucket(staged), Key=key_of(staged, "data/b"), Body=b"y")


def test_two_names_that_are_staged_at_one_place_are_both_known(face: Face, space: str) -> None:
    tables = f"/namespaces/{space}/tables"
    root = face.call("POST", tables, create("any") | {"stage-create": True})["metadata"]["location"].rsplit("/", 1)[0]
    for name in ("first", "second"):
        staged = create(name) | {"stage-create": True, "location": f"{root}/one"}
        told = face.call("POST", tables, staged, delegated=True)
        if "storage-credentials" in told:
            assert face.call("GET", f"{tables}/{name}/credentials")["storage-credentials"]


def test_a_file_takes_over_no_more_than_the_place_that_was_left(
    face: Face, clever: Face, there: Management, lake: Ready, stranger: Principal, space: str
) -> None:
    tables = f"/namespaces/{space}/tables"
    there.grant_on(stranger.name, ["SELECT", "INSERT", "DROP"], catalog=lake.warehouse, namespace=space)
    some = face.call("POST", tables, create("any") | {"stage-create": True})
    around = some["metadata"]["location"].rsplit("/", 1)[0] + "/inner"
    mine = clever.make(space, "mine", f"{around}/x")
    text = json.dumps(mine["metadata"] | {"location": around})
    key = key_of(mine, "metadata/wide.metadata.json")
    s3_client.client(settings_of(mine)).put_object(Bucket=_bucket(mine), Key=key, Body=text.encode())
    clever.call("POST", f"{tables}/mine/unregister")
    wide = {"name": "wide", "metadata-location": f"{around}/x/metadata/wide.metadata.json"}
    told = clever.refused("POST", f"/namespaces/{space}/register", wide, status=403)
    assert "DATA_LOCATION_ACCESS" in told
    own = {"name": "own", "metadata-location": mine["metadata-location"]}
    assert clever.call("POST", f"/namespaces/{space}/register", own)["metadata"]["location"] == f"{around}/x"


def test_the_folder_of_a_namespace_inside_is_for_the_tables_of_that(
    face: Face, clever: Face, there: Management, lake: Ready, stranger: Principal, space: str
) -> None:
    tables = f"/namespaces/{space}/tables"
    there.grant_on(stranger.name, ["SELECT", "INSERT", "DROP"], catalog=lake.warehouse, namespace=space)
    some = face.call("POST", tables, create("any") | {"stage-create": True})
    child = some["metadata"]["location"].rsplit("/", 1)[0] + "/child"
    before = clever.make(space, "before", f"{child}/before")
    clever.call("POST", f"{tables}/before/unregister")
    face.call("POST", "/namespaces", {"namespace": [space, "child"]})
    for place in (child, f"{child}/inner"):
        for more in ({}, {"stage-create": True}):
            told = clever.refused("POST", tables, create("mine") | {"location": place} | more, status=400)
            assert "a namespace inside this one" in told
    back = {"name": "before", "metadata-location": before["metadata-location"]}
    assert "a namespace inside this one" in clever.refused("POST", f"/namespaces/{space}/register", back, status=400)
    assert clever.make(space, "mine", f"{child}ren")["metadata"]["location"] == f"{child}ren"
    assert face.make(f"{space}%1Fchild", "own")["metadata"]["location"].startswith(f"{child}/own-")
    assert clever.make(f"{space}%1Fchild", "theirs", f"{child}/theirs")["metadata"]["location"] == f"{child}/theirs"
