"""The demo's own lake, which lies in a folder: engines reach it through the gateway with what a load gives them, and nothing
beside it."""

from __future__ import annotations

import itertools
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import polars
import pyarrow.fs as pafs
import pytest
import s3fs
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from obstore.exceptions import AlreadyExistsError, PermissionDeniedError, PreconditionError
from obstore.store import S3Store

import duckdb_client
import s3_client
from face_lite import Face
from management import Management
from pyiceberg_client import PEOPLE, catalog_for, ids, people
from requests_raw import commit_of_staged, create
from s3_client import key_of, settings_of
from weir_process import Principal, Ready, Weir

BUCKET = "warehouse"
ODD = "it's *all* \"one\" $name ${aws:x} a%41b ünïcode 表 +&=,;@"
_numbers = itertools.count(1)


@pytest.fixture
def face(ready: Ready, spark: Principal) -> Face:
    return Face.sign_in(ready, spark)


@pytest.fixture
def space(face: Face) -> str:
    name = f"gateway{next(_numbers)}"
    face.call("POST", "/namespaces", {"namespace": [name]})
    return name


@pytest.fixture
def own(face: Face, space: str) -> dict[str, Any]:
    return face.make(space, "own")


@pytest.fixture
def client(own: dict[str, Any]) -> Any:
    return s3_client.client(settings_of(own))


@pytest.mark.parametrize("location", [None, "t1", ODD])
def test_the_gateway_refuses_a_credential_everything_but_its_own_table(
    weir: Weir,
    face: Face,
    ready: Ready,
    admin: Management,
    stranger: Principal,
    space: str,
    location: str | None,
) -> None:
    where = location and f"s3://{BUCKET}/lake/{space}/{location}"
    own = face.make(space, "own", where)
    siblings = [face.make(space, "other", where and where + "0"), face.make(space, "third")]
    for table in (own, *siblings):
        s3_client.client(settings_of(table)).put_object(Bucket=BUCKET, Key=key_of(table, "data/a"), Body=b"content")
    admin.grant(stranger.name, ["SELECT"], space, "own")
    reader = Face.sign_in(ready, stranger)
    read = s3_client.client(settings_of(reader.load(f"{space}.own")))
    write = s3_client.client(settings_of(face.load(f"{space}.own")))
    for client in (read, write):
        assert client.get_object(Bucket=BUCKET, Key=key_of(own, "data/a"))["Body"].read() == b"content"
        listed = client.list_objects_v2(Bucket=BUCKET, Prefix=key_of(own, ""))
        assert key_of(own, "data/a") in [entry["Key"] for entry in listed["Contents"]]
        for other in siblings:
            s3_client.refused(client.get_object, Bucket=BUCKET, Key=key_of(other, "data/a"))
            s3_client.refused(client.put_object, Bucket=BUCKET, Key=key_of(other, "data/b"), Body=b"x")
            s3_client.refused(client.list_objects_v2, Bucket=BUCKET, Prefix=key_of(other, ""))
            s3_client.refused(client.delete_object, Bucket=BUCKET, Key=key_of(other, "data/a"))
            source = {"Bucket": BUCKET, "Key": key_of(other, "data/a")}
            s3_client.refused(client.copy_object, Bucket=BUCKET, Key=key_of(own, "data/stolen"), CopySource=source)
            deleted = {"Objects": [{"Key": key_of(other, "data/a")}]}
            try:
                told = client.delete_objects(Bucket=BUCKET, Delete=deleted)
                assert [error["Code"] for error in told["Errors"]] == ["AccessDenied"]
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        parent = key_of(own, "").rstrip("/").rsplit("/", 1)[0] + "/"
        for prefix in ("", parent, key_of(own, "").rstrip("/")):
            s3_client.refused(client.list_objects_v2, Bucket=BUCKET, Prefix=prefix)
        s3_client.refused(client.get_object, Bucket="another", Key="a")
    s3_client.refused(read.put_object, Bucket=BUCKET, Key=key_of(own, "data/new"), Body=b"x")
    s3_client.refused(read.delete_object, Bucket=BUCKET, Key=key_of(own, "data/a"))
    s3_client.refused(read.create_multipart_upload, Bucket=BUCKET, Key=key_of(own, "data/new"))
    for other in siblings:
        path = weir.data / BUCKET / key_of(other, "data/a")
        assert path.read_bytes() == b"content" and not path.with_name("b").exists()


def test_a_large_object_goes_up_in_parts_and_comes_down_in_ranges(client: Any, own: dict[str, Any]) -> None:
    content = bytes(range(256)) * 4096 * 20  # 20 MiB
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=4)
    client.upload_fileobj(BytesIO(content), BUCKET, key_of(own, "data/large"), Config=config)
    assert client.head_object(Bucket=BUCKET, Key=key_of(own, "data/large"))["ContentLength"] == len(content)
    got = client.get_object(Bucket=BUCKET, Key=key_of(own, "data/large"), Range="bytes=5242870-5242900")["Body"].read()
    assert got == content[5242870:5242901]
    tail = client.get_object(Bucket=BUCKET, Key=key_of(own, "data/large"), Range="bytes=-7")["Body"].read()
    assert tail == content[-7:]
    assert client.get_object(Bucket=BUCKET, Key=key_of(own, "data/large"))["Body"].read() == content


def test_who_inserts_only_neither_overwrites_nor_deletes(
    face: Face, ready: Ready, admin: Management, stranger: Principal, space: str, own: dict[str, Any]
) -> None:
    admin.grant(stranger.name, ["SELECT", "INSERT"], space, "own")
    client = s3_client.client(settings_of(Face.sign_in(ready, stranger).load(f"{space}.own")))
    client.put_object(Bucket=BUCKET, Key=key_of(own, "data/a"), Body=b"x")
    s3_client.refused(client.put_object, Bucket=BUCKET, Key=key_of(own, "data/a"), Body=b"y")
    s3_client.refused(client.delete_object, Bucket=BUCKET, Key=key_of(own, "data/a"))
    assert client.get_object(Bucket=BUCKET, Key=key_of(own, "data/a"))["Body"].read() == b"x"


def test_a_revoked_grant_ends_a_credential_at_the_next_request(
    ready: Ready, admin: Management, stranger: Principal, space: str, client: Any, own: dict[str, Any]
) -> None:
    client.put_object(Bucket=BUCKET, Key=key_of(own, "data/a"), Body=b"x")
    grant = admin.grant(stranger.name, ["SELECT"], space, "own")
    theirs = s3_client.client(settings_of(Face.sign_in(ready, stranger).load(f"{space}.own")))
    theirs.get_object(Bucket=BUCKET, Key=key_of(own, "data/a"))
    assert admin.call("DELETE", f"/grants/{grant}") is None, "nothing outlives it"
    s3_client.refused(theirs.get_object, Bucket=BUCKET, Key=key_of(own, "data/a"))
    # And it comes back with a new one: nothing is remembered against it.
    admin.grant(stranger.name, ["SELECT"], space, "own")
    theirs.get_object(Bucket=BUCKET, Key=key_of(own, "data/a"))
    admin.call("DELETE", f"/principals/{stranger.name}")
    s3_client.refused(theirs.get_object, Bucket=BUCKET, Key=key_of(own, "data/a"))


def test_less_than_was_granted_is_what_is_left(
    ready: Ready, admin: Management, stranger: Principal, space: str, client: Any, own: dict[str, Any]
) -> None:
    admin.grant(stranger.name, ["SELECT"], space, "own")
    write = admin.grant(stranger.name, ["INSERT", "DELETE"], space, "own")
    theirs = s3_client.client(settings_of(Face.sign_in(ready, stranger).load(f"{space}.own")))
    theirs.put_object(Bucket=BUCKET, Key=key_of(own, "data/a"), Body=b"x")
    admin.revoke(write)
    s3_client.refused(theirs.put_object, Bucket=BUCKET, Key=key_of(own, "data/b"), Body=b"x")
    theirs.get_object(Bucket=BUCKET, Key=key_of(own, "data/a"))


def test_who_sees_some_columns_gets_no_file(
    face: Face, ready: Ready, admin: Management, stranger: Principal, space: str, own: dict[str, Any]
) -> None:
    some = next(iter(admin.columns(space, "own").values()))["field_id"]
    admin.grant(stranger.name, ["SELECT"], space, "own", [some])
    theirs = Face.sign_in(ready, stranger)
    assert "storage-credentials" not in theirs.load(f"{space}.own")
    theirs.refused("GET", f"/namespaces/{space}/tables/own/credentials", status=403)


def test_a_wrong_secret_a_changed_token_and_no_token_open_nothing(own: dict[str, Any], client: Any) -> None:
    client.put_object(Bucket=BUCKET, Key=key_of(own, "data/a"), Body=b"x")
    settings = settings_of(own)
    wrong = [
        settings | {"s3.secret-access-key": settings["s3.secret-access-key"][:-1] + "x"},
        settings | {"s3.session-token": settings["s3.session-token"][:-9] + "AAAAAAAAA"},
        settings | {"s3.session-token": ""},
        settings | {"s3.access-key-id": "WEIR00000000000000000000"},
        settings | {"s3.access-key-id": "AKIAIOSFODNN7EXAMPLE"},
    ]
    for one in wrong:
        with pytest.raises(ClientError) as caught:
            s3_client.client(one).get_object(Bucket=BUCKET, Key=key_of(own, "data/a"))
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    anonymous = boto3.client(
        "s3", endpoint_url=settings["s3.endpoint"], region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )
    s3_client.refused(anonymous.get_object, Bucket=BUCKET, Key=key_of(own, "data/a"))


def test_s3fs_and_pyarrow_read_and_write(own: dict[str, Any]) -> None:
    settings = settings_of(own)
    remote = s3fs.S3FileSystem(
        key=settings["s3.access-key-id"],
        secret=settings["s3.secret-access-key"],
        token=settings["s3.session-token"],
        client_kwargs={"endpoint_url": settings["s3.endpoint"], "region_name": settings["s3.region"]},
    )
    remote.pipe(f"{BUCKET}/{key_of(own, 'data/fs')}", b"from s3fs")
    arrow = pafs.S3FileSystem(
        access_key=settings["s3.access-key-id"],
        secret_key=settings["s3.secret-access-key"],
        session_token=settings["s3.session-token"],
        region=settings["s3.region"],
        endpoint_override=settings["s3.endpoint"],
    )
    with arrow.open_input_file(f"{BUCKET}/{key_of(own, 'data/fs')}") as file:
        assert file.read() == b"from s3fs"
    with arrow.open_output_stream(f"{BUCKET}/{key_of(own, 'data/arrow')}") as stream:
        stream.write(b"a" * (12 << 20))
    assert remote.info(f"{BUCKET}/{key_of(own, 'data/arrow')}")["size"] == 12 << 20
    found = remote.ls(f"{BUCKET}/{key_of(own, 'data')}")
    assert sorted(name.rsplit("/", 1)[1] for name in found) == ["arrow", "fs"]
    remote.rm(f"{BUCKET}/{key_of(own, 'data/fs')}")


def test_object_store_reads_writes_copies_and_lists(own: dict[str, Any]) -> None:
    settings, folder = settings_of(own), key_of(own, "data")

    def below(prefix: str | None) -> S3Store:
        return S3Store(
            BUCKET,
            prefix=prefix,
            endpoint=settings["s3.endpoint"],
            region=settings["s3.region"],
            access_key_id=settings["s3.access-key-id"],
            secret_access_key=settings["s3.secret-access-key"],
            session_token=settings["s3.session-token"],
            client_options={"allow_http": True},
        )

    store = below(folder)
    content = bytes(range(256)) * 4096 * 12  # 12 MiB
    store.put("large", content, chunk_size=5 << 20)
    first = store.put("a b/ü", b"one")
    assert bytes(store.get("large").bytes()) == content
    assert [bytes(part) for part in store.get_ranges("large", starts=[0, 9_000_000], lengths=[5, 7])] == [
        content[:5],
        content[9_000_000:9_000_007],
    ]
    assert store.head("a b/ü")["e_tag"] == first["e_tag"]
    with pytest.raises(AlreadyExistsError):
        store.put("a b/ü", b"two", mode="create", use_multipart=False)
    with pytest.raises(PreconditionError):
        store.put("a b/ü", b"two", mode={"e_tag": '"another"'}, use_multipart=False)
    store.put("a b/ü", b"two", mode={"e_tag": first["e_tag"]}, use_multipart=False)
    with pytest.raises(PreconditionError):
        store.get("a b/ü", options={"if_match": first["e_tag"]})
    store.copy("a b/ü", "copy")
    store.rename("copy", "moved")
    assert bytes(store.get("moved").bytes()) == b"two"
    for number in range(3):
        store.put(f"many/{number}", b"x")
    assert [one["path"] for page in store.list("many", chunk_size=1) for one in page] == [f"many/{n}" for n in range(3)]
    assert [one["path"] for page in store.list("many", offset="many/0") for one in page] == ["many/1", "many/2"]
    folded = store.list_with_delimiter()
    assert sorted(folded["common_prefixes"]) == ["a b", "many"]
    assert sorted(one["path"] for one in folded["objects"]) == ["large", "moved"]
    store.delete([f"many/{number}" for number in range(3)])
    assert not [one for page in store.list("many") for one in page]
    with pytest.raises(PermissionDeniedError):
        below(None).get("lake/a")
    with pytest.raises(PermissionDeniedError):
        below(None).put("lake/a", b"x", use_multipart=False)


def test_duckdb_httpfs_reads_and_writes_parquet(own: dict[str, Any], ready: Ready, spark: Principal) -> None:
    settings = settings_of(own)
    duck = duckdb_client.connect(ready, spark)
    host = settings["s3.endpoint"].removeprefix("http://")
    duck.execute(
        f"CREATE SECRET files (TYPE s3, KEY_ID '{settings['s3.access-key-id']}', SECRET '{settings['s3.secret-access-key']}', "
        f"SESSION_TOKEN '{settings['s3.session-token']}', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')"
    )
    at = f"s3://{BUCKET}/{key_of(own, 'data/x.parquet')}"
    duck.execute(f"COPY (SELECT range AS n FROM range(100000)) TO '{at}' (FORMAT parquet)")
    assert duck.execute(f"SELECT sum(n) FROM read_parquet('{at}')").fetchone() == (4999950000,)


def test_engines_read_and_write_with_default_settings(ready: Ready, spark: Principal, space: str) -> None:
    catalog = catalog_for(ready, spark)
    table = people(catalog, (space, "people"))
    table.append(PEOPLE)
    rows = polars.scan_iceberg(catalog.load_table((space, "people"))).collect()
    assert sorted(rows["id"].to_list()) == [1, 1, 2, 2, 3, 3]
    duck = duckdb_client.connect(ready, spark)
    duck.execute(f"INSERT INTO lake.{space}.people SELECT * FROM lake.{space}.people")
    duck.execute(f"CREATE TABLE lake.{space}.made AS SELECT 1 AS one")
    assert len(ids(catalog.load_table((space, "people")))) == 12
    assert catalog.load_table((space, "made")).scan().to_arrow().to_pydict() == {"one": [1]}


def test_what_the_gateway_did_is_told_to_who_runs_it(
    ready: Ready, admin: Management, own: dict[str, Any], client: Any
) -> None:
    assert "counts" not in Management.sign_in(ready, "ann").call("GET", "/gateway")
    before = admin.call("GET", "/gateway")["counts"]
    client.put_object(Bucket=BUCKET, Key=key_of(own, "data/a"), Body=b"x" * 100_000)
    client.put_object(Bucket=BUCKET, Key=key_of(own, "data/b"), Body=b"x" * 1000)
    client.get_object(Bucket=BUCKET, Key=key_of(own, "data/a"), Range="bytes=0-49999")["Body"].read()
    s3_client.refused(client.get_object, Bucket=BUCKET, Key="another")
    after = admin.call("GET", "/gateway")["counts"]
    grown = {name: after[name] - before[name] for name in after}
    assert (grown["requests"], grown["refused"], grown["failed"]) == (4, 1, 0)
    assert grown["received_bytes"] >= 101_000 and 50_000 <= grown["sent_bytes"] < 60_000
    with urllib.request.urlopen(f"{ready.console}/metrics", timeout=10) as answer:
        metrics = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line.startswith("weir_gate"))
    assert int(metrics["weir_gateway_requests_total"]) == after["requests"]


def test_a_half_written_object_is_not_there(own: dict[str, Any], client: Any, weir: Weir) -> None:
    key = key_of(own, "data/half")
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    client.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"a" * 100)
    assert client.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"] == 0
    with pytest.raises(ClientError):
        client.head_object(Bucket=BUCKET, Key=key)
    client.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)
    assert not Path(weir.data / BUCKET / key).exists()


def test_who_stages_a_table_inside_a_later_one_gets_at_none_of_it(
    face: Face, ready: Ready, admin: Management, stranger: Principal, space: str
) -> None:
    admin.grant_on(stranger.name, ["CREATE_TABLE"], catalog=ready.warehouse, namespace=space)
    theirs = Face.sign_in(ready, stranger)
    victim = f"s3://{BUCKET}/lake/{space}/victim"
    staged = create("early") | {"location": f"{victim}/data", "stage-create": True}
    client = s3_client.client(settings_of(theirs.call("POST", f"/namespaces/{space}/tables", staged, delegated=True)))
    key = f"lake/{space}/victim/data/a"
    assert client.list_objects_v2(Bucket=BUCKET, Prefix=f"lake/{space}/victim/data/")["KeyCount"] == 0
    made = face.make(space, "victim", victim)
    s3_client.client(settings_of(made)).put_object(Bucket=BUCKET, Key=key, Body=b"ssn")
    for call in (client.get_object, client.delete_object):
        s3_client.refused(call, Bucket=BUCKET, Key=key)
    s3_client.refused(client.put_object, Bucket=BUCKET, Key=key + "2", Body=b"x")


def test_a_staged_table_is_written_by_its_maker_and_then_decided_on_as_a_table(
    face: Face, ready: Ready, admin: Management, stranger: Principal, space: str
) -> None:
    grant = admin.grant_on(stranger.name, ["CREATE_TABLE"], catalog=ready.warehouse, namespace=space)
    theirs = Face.sign_in(ready, stranger)
    body = create("early") | {"stage-create": True}
    staged = theirs.call("POST", f"/namespaces/{space}/tables", body, delegated=True)
    client = s3_client.client(settings_of(staged))
    client.put_object(Bucket=BUCKET, Key=key_of(staged, "data/a"), Body=b"x")
    admin.revoke(grant)
    s3_client.refused(client.put_object, Bucket=BUCKET, Key=key_of(staged, "data/b"), Body=b"x")


@pytest.mark.parametrize("stages", [False, True])
def test_a_staged_claim_ends_where_a_table_of_another_namespace_comes_to_lie(
    face: Face, ready: Ready, admin: Management, stranger: Principal, space: str, stages: bool
) -> None:
    admin.grant_on(stranger.name, ["CREATE_TABLE"], catalog=ready.warehouse, namespace=space)
    theirs = Face.sign_in(ready, stranger)
    staged = create("early") | {"location": f"s3://{BUCKET}/lake/{space}/child", "stage-create": True}
    client = s3_client.client(settings_of(theirs.call("POST", f"/namespaces/{space}/tables", staged, delegated=True)))
    prefix = f"lake/{space}/child/"
    assert client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"] == 0
    face.call("POST", "/namespaces", {"namespace": [space, "child"]})
    body = create("payroll") | {"stage-create": stages}
    payroll = face.call("POST", f"/namespaces/{space}%1Fchild/tables", body, delegated=True)
    assert key_of(payroll, "").startswith(prefix)
    s3_client.client(settings_of(payroll)).put_object(Bucket=BUCKET, Key=key_of(payroll, "data/a"), Body=b"ssn")
    s3_client.refused(client.list_objects_v2, Bucket=BUCKET, Prefix=prefix)
    s3_client.refused(client.get_object, Bucket=BUCKET, Key=key_of(payroll, "data/a"))
    s3_client.refused(client.delete_object, Bucket=BUCKET, Key=key_of(payroll, "data/a"))


def test_a_claim_ends_with_the_grant_that_it_was_decided_on_anew_by(
    ready: Ready, admin: Management, stranger: Principal, space: str, client: Any, own: dict[str, Any]
) -> None:
    client.put_object(Bucket=BUCKET, Key=key_of(own, "data/a"), Body=b"x")
    open_ended = admin.grant(stranger.name, ["SELECT"], space, "own")
    theirs = s3_client.client(settings_of(Face.sign_in(ready, stranger).load(f"{space}.own")))
    theirs.get_object(Bucket=BUCKET, Key=key_of(own, "data/a"))
    ends = datetime.now(UTC) + timedelta(seconds=4)
    admin.grant_on(stranger.name, ["SELECT"], ends, catalog=ready.warehouse, namespace=space, table="own")
    admin.revoke(open_ended)
    theirs.get_object(Bucket=BUCKET, Key=key_of(own, "data/a"))
    time.sleep(4.5)
    s3_client.refused(theirs.get_object, Bucket=BUCKET, Key=key_of(own, "data/a"))


def test_a_grant_that_ends_shortens_nothing_that_another_gives(
    ready: Ready, admin: Management, stranger: Principal, space: str, own: dict[str, Any]
) -> None:
    open_ended, now = admin.grant(stranger.name, ["SELECT"], space, "own"), datetime.now(UTC)
    ends = now + timedelta(minutes=5)
    admin.grant_on(stranger.name, ["SELECT"], ends, catalog=ready.warehouse, namespace=space, table="own")
    theirs = Face.sign_in(ready, stranger)

    def until() -> datetime:
        told = settings_of(theirs.load(f"{space}.own"))["s3.session-token-expires-at-ms"]
        return datetime.fromtimestamp(int(told) / 1000, UTC)

    assert until() > now + timedelta(minutes=50)
    admin.revoke(open_ended)
    assert until() <= ends
    # That one takes nothing from who may read by the other, and writing ends with it.
    admin.grant(stranger.name, ["SELECT"], space, "own")
    admin.grant_on(stranger.name, ["INSERT"], ends, catalog=ready.warehouse, namespace=space, table="own")
    assert until() <= ends


def test_a_staged_claim_ends_with_the_drop_of_what_became_of_it(
    face: Face, ready: Ready, admin: Management, spark: Principal, space: str
) -> None:
    body = create("early") | {"stage-create": True}
    staged = face.call("POST", f"/namespaces/{space}/tables", body, delegated=True)
    client = s3_client.client(settings_of(staged))
    place = staged["metadata"]["location"]
    face.make(space, "early", place)
    client.put_object(Bucket=BUCKET, Key=key_of(staged, "data/a"), Body=b"x")
    live = admin.call("GET", f"/catalogs/{ready.warehouse}/namespaces/{space}/tables/early/credentials")["items"]
    assert len(live) == 2, "the one of the staging reaches it too"
    face.call("DELETE", f"/namespaces/{space}/tables/early")
    s3_client.refused(client.get_object, Bucket=BUCKET, Key=key_of(staged, "data/a"))


def test_nobody_takes_over_files_that_lie_about_by_making_a_table_there(
    weir: Weir, face: Face, ready: Ready, admin: Management, stranger: Principal, space: str
) -> None:
    orphan = weir.data / BUCKET / "lake" / space / "forgotten" / "data"
    orphan.mkdir(parents=True)
    (orphan / "a").write_bytes(b"ssn")
    admin.grant_on(stranger.name, ["CREATE_TABLE"], catalog=ready.warehouse, namespace=space)
    theirs = Face.sign_in(ready, stranger)
    where = f"s3://{BUCKET}/lake/{space}/forgotten"
    for more in ({}, {"stage-create": True}):
        body = create("mine") | {"location": where} | more
        told = theirs.refused("POST", f"/namespaces/{space}/tables", body, status=400, delegated=True)
        assert "Files lie here" in told


def _let_use_the_bucket(admin: Management, who: Principal, until: datetime | None = None) -> str:
    place = next(one["name"] for one in admin.call("GET", "/locations")["items"] if one["url"] == f"s3://{BUCKET}")
    return admin.grant_on(who.name, ["DATA_LOCATION_ACCESS"], until, location=place)


def test_what_was_staged_by_a_right_to_the_place_ends_with_that_right(
    weir: Weir, ready: Ready, admin: Management, stranger: Principal, space: str
) -> None:
    folder = f"lake/{space}/forgotten"
    orphan = weir.data / BUCKET / folder / "data"
    orphan.mkdir(parents=True)
    (orphan / "a").write_bytes(b"ssn")
    admin.grant_on(stranger.name, ["CREATE_TABLE"], catalog=ready.warehouse, namespace=space)
    right = _let_use_the_bucket(admin, stranger)
    theirs, tables = Face.sign_in(ready, stranger), f"/namespaces/{space}/tables"
    staged, fresh = (
        theirs.call("POST", tables, create(name) | more | {"stage-create": True}, delegated=True)
        for name, more in (("over", {"location": f"s3://{BUCKET}/{folder}"}), ("fresh", {}))
    )
    over, own = (s3_client.client(settings_of(one)) for one in (staged, fresh))
    assert over.get_object(Bucket=BUCKET, Key=f"{folder}/data/a")["Body"].read() == b"ssn"
    admin.revoke(right)
    s3_client.refused(over.get_object, Bucket=BUCKET, Key=f"{folder}/data/a")
    s3_client.refused(over.list_objects_v2, Bucket=BUCKET, Prefix=f"{folder}/")
    s3_client.refused(over.put_object, Bucket=BUCKET, Key=f"{folder}/data/b", Body=b"x")
    theirs.refused("GET", f"{tables}/over/credentials", status=404)
    for asked in (commit_of_staged(staged["metadata"]), create("over") | {"location": f"s3://{BUCKET}/{folder}"}):
        at = f"{tables}/over" if "updates" in asked else tables
        assert "Files lie here" in theirs.refused("POST", at, asked, status=400)
    # What lay in no files of others was theirs without it.
    own.put_object(Bucket=BUCKET, Key=key_of(fresh, "data/a"), Body=b"x")
    theirs.call("POST", f"{tables}/fresh", commit_of_staged(fresh["metadata"]))


def test_no_credential_for_what_is_staged_by_a_right_outlives_the_right(
    weir: Weir, ready: Ready, admin: Management, stranger: Principal, space: str
) -> None:
    used, ends = f"lake/{space}/forgotten", datetime.now(UTC) + timedelta(minutes=5)
    orphan = weir.data / BUCKET / used / "data"
    orphan.mkdir(parents=True)
    (orphan / "a").write_bytes(b"x")
    admin.grant_on(stranger.name, ["CREATE_TABLE"], catalog=ready.warehouse, namespace=space)
    _let_use_the_bucket(admin, stranger, ends)
    theirs, tables = Face.sign_in(ready, stranger), f"/namespaces/{space}/tables"
    for name, folder in (("over", used), ("elsewhere", f"elsewhere-{space}")):
        body = create(name) | {"location": f"s3://{BUCKET}/{folder}", "stage-create": True}
        staged = theirs.call("POST", tables, body, delegated=True)
        next_one = theirs.call("GET", f"{tables}/{name}/credentials")
        for config in (settings_of(staged), next_one["storage-credentials"][0]["config"]):
            until = datetime.fromtimestamp(int(config["s3.session-token-expires-at-ms"]) / 1000, UTC)
            assert ends - timedelta(minutes=1) < until <= ends


def test_a_place_that_took_a_right_for_one_table_takes_it_for_all(
    face: Face, ready: Ready, admin: Management, stranger: Principal, space: str
) -> None:
    elsewhere = f"{space}b"
    face.call("POST", "/namespaces", {"namespace": [elsewhere]})
    right = _let_use_the_bucket(admin, stranger)
    free, _ = (
        admin.grant_on(stranger.name, ["CREATE_TABLE"], catalog=ready.warehouse, namespace=name)
        for name in (space, elsewhere)
    )
    theirs, at = Face.sign_in(ready, stranger), f"lake/{space}/shared"
    body = create("early") | {"location": f"s3://{BUCKET}/{at}", "stage-create": True}
    _, staged = (
        theirs.call("POST", f"/namespaces/{name}/tables", body, delegated=True) for name in (space, elsewhere)
    )
    client = s3_client.client(settings_of(staged))
    client.put_object(Bucket=BUCKET, Key=f"{at}/data/a", Body=b"x")
    for grant in (right, free):
        admin.revoke(grant)
    s3_client.refused(client.get_object, Bucket=BUCKET, Key=f"{at}/data/a")
