"""Engines that reach the files by themselves and ask for no credential: what they write before a table is there is theirs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import pytest

import s3_client
from face_lite import Face
from management import Management
from requests_raw import commit_of_staged, create
from seaweed import ROOT
from weir_process import Principal, Ready

_numbers = itertools.count(1)
OCCUPIED = "Files lie here already"


@pytest.fixture(params=["disk", "ocean"])
def lake(request: pytest.FixtureRequest) -> Ready:
    """Catalogs over a folder and over a store."""
    found: Ready = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def face(lake: Ready, spark: Principal) -> Face:
    return Face.sign_in(lake, spark)


@pytest.fixture
def space(face: Face) -> str:
    name = f"unaided{next(_numbers)}"
    face.call("POST", "/namespaces", {"namespace": [name]})
    return name


@pytest.fixture
def maker(lake: Ready, there: Management, stranger: Principal, space: str) -> Face:
    """Who may make tables in the namespace, and nothing else."""
    there.grant_on(stranger.name, ["CREATE_TABLE"], catalog=lake.warehouse, namespace=space)
    return Face.sign_in(lake, stranger)


@pytest.fixture
def write(request: pytest.FixtureRequest, lake: Ready) -> Any:
    """Writes a file as an engine does that has the store's own keys, or the folder mounted."""
    if lake.warehouse == "ocean":
        client = s3_client.root(request.getfixturevalue("store").endpoint, ROOT)

        def put(location: str) -> None:
            bucket, key = location.removeprefix("s3://").split("/", 1)
            client.put_object(Bucket=bucket, Key=f"{key}/data/a", Body=b"x")
    else:

        def put(location: str) -> None:
            file = Path(url2pathname(location.removeprefix("file://"))) / "data" / "a"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"x")

    return put


def _folder(face: Face, space: str) -> str:
    """The place of the namespace's tables."""
    some = face.call("POST", f"/namespaces/{space}/tables", create("any") | {"stage-create": True})
    return str(some["metadata"]["location"]).rsplit("/", 1)[0]


def test_a_table_is_made_of_files_that_were_there_before_it(face: Face, maker: Face, space: str, write: Any) -> None:
    tables, folder = f"/namespaces/{space}/tables", _folder(face, space)
    for number, more in enumerate(({}, {"location": ""}, {"location": f"{folder}/chosen"})):
        staged = maker.call("POST", tables, create(f"t{number}") | {"stage-create": True} | more)
        assert "storage-credentials" not in staged
        write(staged["metadata"]["location"])
        made = maker.call("POST", f"{tables}/t{number}", commit_of_staged(staged["metadata"]))
        assert made["metadata"]["location"] == staged["metadata"]["location"]


def test_what_another_wrote_is_not_taken_over(face: Face, maker: Face, space: str, write: Any) -> None:
    tables, folder = f"/namespaces/{space}/tables", _folder(face, space)
    write(f"{folder}/forgotten")
    theirs = face.call("POST", tables, create("theirs") | {"stage-create": True})["metadata"]
    write(theirs["location"])
    for place in (f"{folder}/forgotten", f"{folder}/forgotten/data", theirs["location"]):
        for more in ({}, {"stage-create": True}):
            told = maker.refused("POST", tables, create("mine") | {"location": place} | more, status=400)
            assert OCCUPIED in told
        body = commit_of_staged(theirs | {"location": place})
        assert OCCUPIED in maker.refused("POST", f"{tables}/mine", body, status=400)
    maker.make(space, "mine", f"{folder}/new")
    face.call("POST", f"{tables}/theirs", commit_of_staged(theirs))


def test_what_was_staged_is_nobodys_once_a_table_lay_there(face: Face, maker: Face, space: str, write: Any) -> None:
    tables = f"/namespaces/{space}/tables"
    staged = maker.call("POST", tables, create("own") | {"stage-create": True})["metadata"]
    write(staged["location"])
    maker.call("POST", f"{tables}/own", commit_of_staged(staged))
    face.call("POST", f"{tables}/own/unregister")
    again = create("own") | {"location": staged["location"]}
    assert OCCUPIED in maker.refused("POST", tables, again, status=400)


def test_nobody_stages_where_another_does(face: Face, maker: Face, space: str, write: Any) -> None:
    tables, folder = f"/namespaces/{space}/tables", _folder(face, space)
    for place in (f"{folder}/early", f"{folder}/around/early"):
        maker.call("POST", tables, create("early") | {"stage-create": True, "location": place})
    for place in (f"{folder}/early", f"{folder}/early/data", f"{folder}/around"):
        body = create("late") | {"stage-create": True, "location": place}
        assert "Somebody else stages" in face.refused("POST", tables, body, status=400)
    later = face.call("POST", tables, create("late") | {"stage-create": True, "location": f"{folder}/earlyish"})
    write(later["metadata"]["location"])
    theirs = create("early") | {"stage-create": True, "location": later["metadata"]["location"]}
    assert OCCUPIED in maker.refused("POST", tables, theirs, status=400)
    face.call("POST", f"{tables}/late", commit_of_staged(later["metadata"]))


def test_a_place_that_was_made_up_goes_before_one_around_it_that_was_asked_for(
    face: Face, maker: Face, space: str, write: Any
) -> None:
    tables, folder = f"/namespaces/{space}/tables", _folder(face, space)
    inner = f"/namespaces/{space}%1Fchild/tables"
    early = create("early") | {"stage-create": True, "location": f"{folder}/child"}
    staged = maker.call("POST", tables, early)["metadata"]
    face.call("POST", "/namespaces", {"namespace": [space, "child"]})
    payroll = face.call("POST", inner, create("payroll") | {"stage-create": True})["metadata"]
    assert payroll["location"].startswith(f"{folder}/child/")
    write(payroll["location"])
    maker.refused("POST", f"{tables}/early", commit_of_staged(staged), status=400)
    face.call("POST", f"{inner}/payroll", commit_of_staged(payroll))
