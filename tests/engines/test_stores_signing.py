"""Requests that Weir signs for engines which take no credential: over a store, and over the gateway. What is signed reaches one
table, and the keys it is signed with reach nobody."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import quote

import pytest
import requests
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.utils.concurrent import ExecutorFactory

from face_lite import Face
from management import Management
from pyiceberg_client import PEOPLE, ids, people
from requests_raw import create
from s3_client import key_of
from stores_fixtures import ceph_deletes_no_list
from weir_process import Principal, Ready

_numbers = itertools.count(1)


@pytest.fixture
def face(lake: Ready, spark: Principal) -> Face:
    return Face.sign_in(lake, spark)


@pytest.fixture
def space(face: Face) -> str:
    name = f"signing{next(_numbers)}"
    face.call("POST", "/namespaces", {"namespace": [name]})
    return name


def _signing(face: Face, space: str, table: str = "own") -> dict[str, Any]:
    """What a load tells whoever has its requests signed."""
    loaded: dict[str, Any] = face.call("GET", f"/namespaces/{space}/tables/{table}", ways="remote-signing")
    return loaded


def _url(loaded: dict[str, Any], key: str, query: str = "") -> str:
    bucket = loaded["metadata"]["location"].removeprefix("s3://").split("/")[0]
    return f"{loaded['config']['s3.endpoint']}/{bucket}/{quote(key)}{query}"


def _ask(method: str, uri: str, headers: dict[str, str] | None = None, body: str | None = None) -> dict[str, Any]:
    listed = {name: [value] for name, value in (headers or {}).items()}
    asked = {"region": "us-east-1", "method": method, "uri": uri, "headers": listed}
    return asked | ({"body": body} if body is not None else {})


def _sign(face: Face, space: str, asked: dict[str, Any]) -> dict[str, Any]:
    signed: dict[str, Any] = face.call("POST", f"/namespaces/{space}/tables/own/sign", asked)
    return signed


def _send(asked: dict[str, Any], signed: dict[str, Any], content: bytes = b"", **more: str) -> requests.Response:
    headers = {name: ", ".join(values) for name, values in (asked["headers"] | signed["headers"]).items()}
    return requests.request(asked["method"], signed["uri"], headers=headers | more, data=content, timeout=60)


def _catalog(lake: Ready, principal: Principal) -> RestCatalog:
    """PyIceberg of somebody who takes no credentials, and has set nothing else."""
    options = {"header.X-Iceberg-Access-Delegation": "remote-signing"}
    where = {"type": "rest", "uri": lake.iceberg, "warehouse": lake.warehouse, "credential": principal.credential}
    catalog = load_catalog("weir", **where, **options)
    assert isinstance(catalog, RestCatalog)
    return catalog


@pytest.fixture
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyIceberg 0.12 takes its signer out of the client and puts it back whenever a thread opens the file system, which
    threads share: a request of another thread in between goes out unsigned. So users set this where they have many."""
    monkeypatch.setenv("PYICEBERG_MAX_WORKERS", "1")
    monkeypatch.setattr(ExecutorFactory, "_instance", None)


@pytest.mark.usefixtures("one_worker")
def test_a_table_is_made_of_files_that_were_signed_for_before_it_was_there(
    lake: Ready, spark: Principal, space: str
) -> None:
    catalog = _catalog(lake, spark)
    with catalog.create_table_transaction((space, "staged"), schema=PEOPLE.schema) as transaction:
        transaction.append(PEOPLE)
    assert ids(catalog.load_table((space, "staged"))) == [1, 2, 3]


def test_what_is_signed_for_a_staged_table_is_its_makers_and_in_its_place(
    lake: Ready, face: Face, there: Management, stranger: Principal, space: str
) -> None:
    grant = there.grant_on(stranger.name, ["CREATE_TABLE"], catalog=lake.warehouse, namespace=space)
    clever = Face.sign_in(lake, stranger)
    staged = face.call("POST", f"/namespaces/{space}/tables", create("own") | {"stage-create": True}, ways="remote-signing")
    at, put = f"/namespaces/{space}/tables/own/sign", _ask("PUT", _url(staged, key_of(staged, "data/a")))
    assert _send(put, _sign(face, space, put), b"content").status_code == 200
    # Another may stage a table of this name as well, which lies elsewhere.
    clever.refused("POST", at, put, status=404)
    its = clever.call("POST", f"/namespaces/{space}/tables", create("own") | {"stage-create": True}, ways="remote-signing")
    assert its["metadata"]["location"] != staged["metadata"]["location"]
    clever.refused("POST", at, put, status=403)
    # Whoever staged it twice goes on with both.
    again = face.call("POST", f"/namespaces/{space}/tables", create("own") | {"stage-create": True}, ways="remote-signing")
    second = _ask("PUT", _url(again, key_of(again, "data/b")))
    for asked in (put, second):
        assert _send(asked, _sign(face, space, asked), b"content").status_code == 200
    outside = _ask("PUT", _url(staged, key_of(staged, "data/a").replace("/own-", "/other-")))
    face.refused("POST", at, outside, status=403)
    # The next credential for a table that is not there yet is its maker's as well.
    credentials = f"/namespaces/{space}/tables/own/credentials"
    (mine,), (others,) = (
        [one["prefix"] for one in who.call("GET", credentials)["storage-credentials"]] for who in (face, clever)
    )
    assert mine.startswith(again["metadata"]["location"]) and others.startswith(its["metadata"]["location"])
    there.revoke(grant)
    clever.refused("GET", credentials, status=404)


@ceph_deletes_no_list
@pytest.mark.usefixtures("one_worker")
def test_pyiceberg_reads_writes_and_deletes_by_signed_requests(lake: Ready, spark: Principal, space: str) -> None:
    catalog = _catalog(lake, spark)
    table = people(catalog, (space, "people"))
    assert table.io.properties["s3.signer"] == "S3V4RestSigner"
    assert "s3.secret-access-key" not in table.io.properties
    table.append(PEOPLE)
    table.delete("id = 1")
    assert ids(catalog.load_table((space, "people"))) == [2, 2, 3, 3]
    (file, *_) = [task.file.file_path for task in table.scan().plan_files()]
    table.io.delete(file)
    assert not table.io.new_input(file).exists()


def test_a_load_tells_where_requests_are_signed_and_nothing_of_a_key(face: Face, space: str) -> None:
    face.make(space, "own")
    loaded = _signing(face, space)
    config = loaded["config"]
    assert config["s3.remote-signing-enabled"] == "true" and config["s3.endpoint"].startswith("http://")
    assert config["signer.endpoint"] == config["s3.signer.endpoint"]
    assert "storage-credentials" not in loaded and loaded["remote-signing-config"] == {"properties": {}, "headers": {}}
    assert not any("key" in name or "token" in name for name in config)
    both = "remote-signing, vended-credentials"
    assert "storage-credentials" in face.call("GET", f"/namespaces/{space}/tables/own", ways=both)


def test_what_is_signed_is_done_and_nothing_outside_the_table_is_signed(face: Face, space: str) -> None:
    own, other = face.make(space, "own"), face.make(space, "own0")
    loaded = _signing(face, space)
    key = key_of(own, "data/a")
    put = _ask("PUT", _url(loaded, key), {"content-type": "text/plain"})
    assert _send(put, _sign(face, space, put), b"content").status_code == 200
    get = _ask("GET", _url(loaded, key), {"range": "bytes=0-2"})
    answer = _send(get, _sign(face, space, get))
    assert (answer.status_code, answer.content) == (206, b"con")
    outside = f"/namespaces/{space}/tables/own/sign"
    prefix = quote(key_of(other, ""), safe="")
    listing = _url(loaded, "").rstrip("/") + f"?list-type=2&prefix={prefix}"
    for asked in (
        _ask("GET", _url(loaded, key_of(other, "metadata/v1.json"))),
        _ask("GET", _url(loaded, key + "/../../../own0/data/a")),
        _ask("GET", listing),
        _ask("PUT", _url(loaded, key), {"x-amz-copy-source": f"{key_of(other, 'a')}"}),
        _ask("PUT", _url(loaded, key), {"x-amz-acl": "public-read"}),
        _ask("GET", _url(loaded, key, "?acl")),
    ):
        face.refused("POST", outside, asked, status=403)
    face.refused("POST", outside, _ask("GET", "http://127.0.0.1:1/" + key), status=400)
    face.refused("POST", outside, _ask("GET", _url(loaded, key)) | {"provider": "gcs"}, status=400)


def test_a_header_that_was_not_signed_copies_nothing(
    lake: Ready, face: Face, there: Management, stranger: Principal, space: str
) -> None:
    secret = face.make(space, "secret")
    face.make(space, "own")
    there.grant(stranger.name, ["SELECT", "INSERT", "DELETE", "ALTER"], space, "own")
    clever = Face.sign_in(lake, stranger)
    loaded = _signing(clever, space)
    source = secret["metadata-location"].removeprefix("s3://")
    put = _ask("PUT", _url(loaded, key_of(loaded, "data/stolen")))
    _send(put, _sign(clever, space, put), **{"x-amz-copy-source": quote(source)})
    get = _ask("GET", _url(loaded, key_of(loaded, "data/stolen")))
    answer = _send(get, _sign(clever, space, get))
    assert answer.status_code in (403, 404) or answer.content == b"", answer.content[:200]


@ceph_deletes_no_list
def test_objects_that_are_deleted_by_a_list_are_of_the_table(face: Face, space: str) -> None:
    own, other = face.make(space, "own"), face.make(space, "own0")
    loaded = _signing(face, space)
    bucket = _url(loaded, "").rstrip("/") + "?delete"

    def body(*keys: str) -> str:
        objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
        return f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{objects}</Delete>'

    mine, theirs = key_of(own, "data/a"), other["metadata-location"].removeprefix("s3://").split("/", 1)[1]
    put = _ask("PUT", _url(loaded, mine))
    assert _send(put, _sign(face, space, put), b"content").status_code == 200
    both = _ask("POST", bucket, body=body(mine, theirs))
    face.refused("POST", f"/namespaces/{space}/tables/own/sign", both, status=403)
    # Who does not show the list is kept to the table by what signs it, whatever is in the list.
    blind = _ask("POST", bucket)
    signed = _sign(face, space, blind)
    _send(blind, signed, body(mine, theirs).encode())
    assert face.load(f"{space}.own0")["metadata-location"] == other["metadata-location"]
    theirs_still = _signing(face, space, "own0")
    seen = _ask("GET", _url(theirs_still, theirs))
    answer = face.call("POST", f"/namespaces/{space}/tables/own0/sign", seen)
    assert _send(seen, answer).status_code == 200
    shown = _ask("POST", bucket, body=body(mine))
    assert _send(shown, _sign(face, space, shown), body(mine).encode()).status_code == 200


def test_nothing_is_signed_beyond_what_was_granted_or_after_it_was_taken_away(
    lake: Ready, face: Face, there: Management, stranger: Principal, space: str
) -> None:
    own = face.make(space, "own")
    grant = there.grant(stranger.name, ["SELECT"], space, "own")
    reader = Face.sign_in(lake, stranger)
    loaded = _signing(reader, space)
    at, url = f"/namespaces/{space}/tables/own/sign", _url(loaded, key_of(own, "data/a"))
    _sign(reader, space, _ask("GET", url))
    for method in ("PUT", "DELETE"):
        reader.refused("POST", at, _ask(method, url), status=403)
    there.revoke(grant)
    reader.refused("POST", at, _ask("GET", url), status=404)
    some = next(iter(there.columns(space, "own").values()))["field_id"]
    there.grant(stranger.name, ["SELECT"], space, "own", [some])
    assert "SELECT on all" in reader.refused("POST", at, _ask("GET", url), status=403)
    assert "s3" not in str(_signing(reader, space)["config"])
    events = there.call("GET", "/audit?limit=100")["items"]
    denied = [event for event in events if event["action"] == "table.sign" and event["outcome"] == "denied"]
    assert {event["principal"] for event in denied} >= {stranger.name}
