"""A bucket that stands for a container of Azure: engines that only know S3 reach it through the gateway."""

from __future__ import annotations

import os
from collections.abc import Iterator

import botocore.exceptions
import polars
import pytest

import duckdb_client
import s3_client
from azurite import ACCOUNT, KEY, Azurite
from face_lite import Face
from management import Management, Refused
from pyiceberg_client import PEOPLE, catalog_for, ids, people
from requests_raw import create
from s3_client import key_of, settings_of
from stores_fixtures import EVERYTHING
from weir_process import Principal, Ready

CONTAINER = f"abfss://sea@{ACCOUNT}.dfs.core.windows.net"


@pytest.fixture(scope="module")
def azurite() -> Iterator[Azurite]:
    if "AZURITE" not in os.environ:
        pytest.skip("AZURITE names no folder of npm's package")
    started = Azurite.start()
    try:
        started.make_container("sea")
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def sea(azurite: Azurite, ready: Ready, admin: Management) -> Ready:
    settings = {"endpoint": azurite.endpoint, "stands_for": CONTAINER}
    body = {"name": "sea", "url": "s3://sea/lake", "settings": settings, "credential": {"account_key": KEY}}
    admin.call("POST", "/locations", body)
    admin.call("POST", "/catalogs", {"name": "sea", "location": "s3://sea/lake/tables"})
    admin.grant_on("spark", EVERYTHING, catalog="sea")
    return Ready(ready.console, ready.management, ready.iceberg, "sea", ready.principals)


@pytest.fixture
def theirs(sea: Ready, spark: Principal) -> Face:
    return Face.sign_in(sea, spark)


@pytest.fixture
def space(theirs: Face, namespace_name: str) -> str:
    theirs.call("POST", "/namespaces", {"namespace": [namespace_name]})
    return namespace_name


def test_engines_write_and_read_a_container_as_a_bucket(sea: Ready, spark: Principal, space: str) -> None:
    catalog = catalog_for(sea, spark)
    table = people(catalog, (space, "people"))
    table.append(PEOPLE)
    assert ids(catalog.load_table((space, "people"))) == [1, 1, 2, 2, 3, 3]
    assert polars.scan_iceberg(table).select(polars.len()).collect().item() == 6
    duck = duckdb_client.connect(sea, spark)
    duck.execute(f"INSERT INTO lake.{space}.people SELECT * FROM lake.{space}.people WHERE id = 1")
    assert duck.execute(f"SELECT count(*) FROM lake.{space}.people").fetchone() == (8,)


def test_a_credential_reaches_its_table_in_the_container_and_nothing_else(theirs: Face, space: str) -> None:
    loaded = {name: theirs.make(space, name) for name in ("t1", "t10")}
    mine, other = (theirs.load(f"{space}.{name}") for name in loaded)
    client = s3_client.client(settings_of(mine))
    names = ["data/a", "data/a b+ü", "data/x/1", "data-x"]
    for name in names:
        client.put_object(Bucket="sea", Key=key_of(mine, name), Body=name.encode())
    for name in names:
        got = client.get_object(Bucket="sea", Key=key_of(mine, name), Range="bytes=0-3")
        assert got["Body"].read() == name.encode()[:4]
    prefix = key_of(mine, "")
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket="sea", Prefix=prefix + "data", PaginationConfig={"PageSize": 1}
    )
    assert sorted(one["Key"] for page in pages for one in page["Contents"]) == sorted(prefix + name for name in names)
    folded = client.list_objects_v2(Bucket="sea", Prefix=prefix + "data/", Delimiter="/")
    assert [one["Prefix"] for one in folded["CommonPrefixes"]] == [prefix + "data/x/"]
    client.delete_objects(Bucket="sea", Delete={"Objects": [{"Key": key_of(mine, name)} for name in names[1:]]})
    assert client.list_objects_v2(Bucket="sea", Prefix=prefix + "data")["KeyCount"] == 1
    s3_client.refused(client.get_object, Bucket="sea", Key=key_of(other, "data/a"))
    s3_client.refused(client.put_object, Bucket="sea", Key=key_of(other, "data/a"), Body=b"x")
    s3_client.refused(client.list_objects_v2, Bucket="sea", Prefix=key_of(other, ""))


def test_uploads_in_parts_become_what_their_writer_names(theirs: Face, space: str) -> None:
    theirs.make(space, "people")
    mine = theirs.load(f"{space}.people")
    client, where = s3_client.client(settings_of(mine)), {"Bucket": "sea", "Key": key_of(mine, "data/a")}
    one, other = (client.create_multipart_upload(**where)["UploadId"] for _ in range(2))
    assert one != other

    def part(upload: str, number: int, body: bytes) -> dict[str, object]:
        put = client.upload_part(**where, UploadId=upload, PartNumber=number, Body=body)
        return {"PartNumber": number, "ETag": put["ETag"]}

    # Each two of their own, in turns.
    first, second = part(one, 1, b"a" * 5_000_000), part(other, 1, b"x")
    parts = [first, part(one, 2, b"b")]
    client.complete_multipart_upload(**where, UploadId=one, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    assert client.get_object(**where)["Body"].read() == b"a" * 5_000_000 + b"b"
    # What was not named is gone, and what is there is not written over by who wants it new.
    for upload, named, condition, status in ((other, [second], {}, 400), (one, parts, {"IfNoneMatch": "*"}, 412)):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": named}, **condition)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert client.head_object(**where)["ContentLength"] == 5_000_001
    client.abort_multipart_upload(**where, UploadId=other)


def test_a_table_may_have_a_container_for_itself(
    azurite: Azurite, ready: Ready, admin: Management, spark: Principal, namespace_name: str
) -> None:
    azurite.make_container("alone")
    whole = f"abfss://alone@{ACCOUNT}.dfs.core.windows.net"
    settings = {"endpoint": azurite.endpoint}
    admin.call("POST", "/locations", {"name": "alone", "url": whole, "settings": settings, "credential": {"account_key": KEY}})
    face = Face.sign_in(ready, spark)
    face.call("POST", "/namespaces", {"namespace": [namespace_name]})
    tables = f"/namespaces/{namespace_name}/tables"
    face.refused("POST", tables, create("own") | {"location": whole}, status=400)
    admin.grant_on("spark", ["DATA_LOCATION_ACCESS"], location="alone")
    made = face.make(namespace_name, "own", whole)
    assert made["metadata"]["location"] == whole
    assert made["metadata-location"].startswith(f"{whole}/metadata/")
    assert "Another table" in face.refused("POST", tables, create("more") | {"location": f"{whole}/more"}, status=400)
    change = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
    face.call("POST", f"{tables}/own", change)
    assert face.load(f"{namespace_name}.own")["metadata"]["properties"]["a"] == "b"


def test_what_a_bucket_stands_for_is_registered_once(azurite: Azurite, sea: Ready, admin: Management) -> None:
    def asked(name: str, url: str, **settings: str) -> dict[str, object]:
        settings = {"endpoint": azurite.endpoint} | settings
        return {"name": name, "url": url, "settings": settings, "credential": {"account_key": KEY}}

    for body in (asked("again", "s3://sea2/lake", stands_for=CONTAINER), asked("itself", f"{CONTAINER}/lake/tables")):
        with pytest.raises(Refused, match="409.*overlaps"):
            admin.call("POST", "/locations", body)
    for body in (
        asked("both", "s3://sea3", stands_for=CONTAINER, folder="/srv"),
        asked("part", "s3://sea3", stands_for=CONTAINER + "/part"),
        asked("gs", "gs://sea3", stands_for=CONTAINER),
    ):
        with pytest.raises(Refused, match="422.*stands_for"):
            admin.call("POST", "/locations", body)
    with pytest.raises(Refused, match="422.*role"):
        admin.call("POST", "/locations", asked("role", "s3://sea3", stands_for=CONTAINER, role="arn:aws:iam::1:role/x"))
