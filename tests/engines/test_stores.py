"""Tables in an S3 store: what engines get is enforced by the store itself, and reaches one table."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars
import pyarrow as pa
import pytest

import duckdb_client
import s3_client
from face_lite import Face
from management import Management, Refused
from pyiceberg_client import PEOPLE, catalog_for, ids, people
from requests_raw import create
from s3_client import key_of, settings_of
from seaweed import ASSUMER, BUCKET, CATALOG, ROOT
from stores_fixtures import Store, ceph_takes_no_chunks
from weir_process import Principal, Ready

_numbers = itertools.count(1)
# All that a location may have and a policy or an XML could stumble over. `?`, `..`, `//` and encoded dots no location has.
ODD = "it's \"one\" $name a%41b ünïcode 表 +&=,;@"
# And what a store could take for a pattern or a variable: such a table is reached through the gateway.
PATTERN = "*all* ${aws:username}"


@pytest.fixture
def face(ocean: Ready, spark: Principal) -> Face:
    return Face.sign_in(ocean, spark)


@pytest.fixture
def space(face: Face) -> str:
    name = f"space{next(_numbers)}"
    face.call("POST", "/namespaces", {"namespace": [name]})
    return name


def _reader(admin: Management, ocean: Ready, stranger: Principal, space: str, table: str) -> Face:
    there = Management(admin.base, "ocean", admin.token)
    there.grant(stranger.name, ["SELECT"], space, table)
    return Face.sign_in(ocean, stranger)


@pytest.mark.parametrize("location", [None, "t1", ODD])
def test_the_store_refuses_a_credential_everything_but_its_own_table(
    store: Store, ocean: Ready, face: Face, admin: Management, stranger: Principal, space: str, location: str | None
) -> None:
    root = s3_client.root(store.endpoint, ROOT)
    where = location and f"s3://{BUCKET}/odd/{space}/{location}"
    own = face.make(space, "own", where)
    siblings = [face.make(space, "other", where and where + "0"), face.make(space, "third")]
    for table in (own, *siblings):
        root.put_object(Bucket=BUCKET, Key=key_of(table, "data/a"), Body=b"content")
    reader = _reader(admin, ocean, stranger, space, "own")
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
            s3_client.refused(
                client.copy_object,
                Bucket=BUCKET,
                Key=key_of(own, "data/stolen"),
                CopySource={"Bucket": BUCKET, "Key": key_of(other, "data/a")},
            )
        parent = key_of(own, "").rstrip("/").rsplit("/", 1)[0] + "/"
        for prefix in ("", parent, key_of(own, "").rstrip("/")):
            s3_client.refused(client.list_objects_v2, Bucket=BUCKET, Prefix=prefix)
    s3_client.refused(read.put_object, Bucket=BUCKET, Key=key_of(own, "data/new"), Body=b"x")
    s3_client.refused(read.delete_object, Bucket=BUCKET, Key=key_of(own, "data/a"))
    s3_client.refused(read.create_multipart_upload, Bucket=BUCKET, Key=key_of(own, "data/new"))
    write.put_object(Bucket=BUCKET, Key=key_of(own, "data/new"), Body=b"x")
    write.delete_object(Bucket=BUCKET, Key=key_of(own, "data/new"))


def test_names_that_could_be_read_two_ways_are_no_location(face: Face, space: str) -> None:
    for odd in ("a?b", "a/../b", "a//b", "%2e%2e", "a/%2e%2e/b", "a#b", "a\\b"):
        body = create("odd") | {"location": f"s3://{BUCKET}/odd/{space}/{odd}"}
        face.refused("POST", f"/namespaces/{space}/tables", body, status=400)


def test_who_inserts_only_deletes_nothing(
    store: Store, ocean: Ready, face: Face, admin: Management, stranger: Principal, space: str
) -> None:
    own = face.make(space, "own")
    _reader(admin, ocean, stranger, space, "own")
    Management(admin.base, "ocean", admin.token).grant(stranger.name, ["INSERT"], space, "own")
    client = s3_client.client(settings_of(Face.sign_in(ocean, stranger).load(f"{space}.own")))
    client.put_object(Bucket=BUCKET, Key=key_of(own, "data/a"), Body=b"x")
    s3_client.refused(client.delete_object, Bucket=BUCKET, Key=key_of(own, "data/a"))


def test_nobody_gets_a_credential_who_does_not_ask_or_sees_some_columns(
    ocean: Ready, face: Face, admin: Management, stranger: Principal, space: str
) -> None:
    face.make(space, "own")
    path = f"/namespaces/{space}/tables/own"
    plain = face.call("GET", path)
    assert "storage-credentials" not in plain and not any("s3." in name for name in plain["config"])
    there = Management(admin.base, "ocean", admin.token)
    some = next(iter(there.columns(space, "own").values()))["field_id"]
    there.grant(stranger.name, ["SELECT"], space, "own", [some])
    other = Face.sign_in(ocean, stranger)
    cut = other.call("GET", path, delegated=True)
    assert "storage-credentials" not in cut and "s3" not in str(cut["config"])
    told = other.refused("GET", path + "/credentials", status=403)
    assert "SELECT on all" in told


def test_a_credential_is_kept_for_half_its_life_and_refreshed_where_the_table_says(
    ocean: Ready, face: Face, admin: Management, space: str
) -> None:
    face.make(space, "own")
    first, second = face.load(f"{space}.own"), face.load(f"{space}.own")
    assert settings_of(first) == settings_of(second)
    endpoint = settings_of(first)["client.refresh-credentials-endpoint"]
    again = face.call("GET", endpoint.removeprefix("v1/ocean"))
    assert again["storage-credentials"] == first["storage-credentials"]
    live = admin.call("GET", f"/catalogs/ocean/namespaces/{space}/tables/own/credentials")["items"]
    assert [(one["principal"], one["delivery"], one["access"]) for one in live] == [("spark", "store", "change")]
    assert settings_of(first)["s3.secret-access-key"] not in str(live)


def test_a_revoked_grant_tells_what_outlives_it(
    ocean: Ready, face: Face, admin: Management, stranger: Principal, space: str
) -> None:
    face.make(space, "own")
    there = Management(admin.base, "ocean", admin.token)
    grant = there.grant(stranger.name, ["SELECT"], space, "own")
    reader = Face.sign_in(ocean, stranger)
    reader.load(f"{space}.own")
    told = admin.call("DELETE", f"/grants/{grant}")
    (outliving,) = told["outlived_by"]
    assert outliving["principal"] == stranger.name and outliving["table"] == f"ocean.{space}.own"
    reader.refused("GET", f"/namespaces/{space}/tables/own", status=404, delegated=True)


def test_many_first_loads_at_once_are_given_one_credential(
    ocean: Ready, face: Face, admin: Management, stranger: Principal, space: str
) -> None:
    face.make(space, "own")
    admin.grant_on(stranger.name, ["SELECT"], catalog="ocean", namespace=space)
    theirs = Face.sign_in(ocean, stranger)
    with ThreadPoolExecutor(16) as pool:
        loads = list(pool.map(lambda _: theirs.load(f"{space}.own"), range(64)))
    assert len({settings_of(one)["s3.session-token"] for one in loads}) == 1
    live = admin.call("GET", f"/catalogs/ocean/namespaces/{space}/tables/own/credentials")["items"]
    assert [one["principal"] for one in live].count(stranger.name) == 1


def test_whatever_ends_access_tells_what_outlives_it(
    ocean: Ready, face: Face, admin: Management, stranger: Principal, space: str
) -> None:
    face.make(space, "own")
    team = f"{space}_team"
    admin.call("POST", "/principals", {"name": team, "kind": "group"})
    admin.call("POST", f"/principals/{team}/members", {"member": stranger.name})
    reads = admin.grant_on(team, ["SELECT"], catalog="ocean", namespace=space)
    makes = admin.grant_on(team, ["CREATE_TABLE"], catalog="ocean", namespace=space)
    theirs = Face.sign_in(ocean, stranger)
    theirs.load(f"{space}.own")
    theirs.call("POST", f"/namespaces/{space}/tables", create("staged") | {"stage-create": True}, delegated=True)

    def told(method: str, path: str) -> list[tuple[str, str]]:
        ended = admin.call(method, path)
        assert not ended["more"]
        return sorted((one["principal"], one["table"]) for one in ended["outlived_by"])

    both = [(stranger.name, f"ocean.{space}.{name}") for name in ("own", "staged")]
    # Each may rest on either: both of the namespace are told, whichever grant on it ends.
    for path in (f"/grants/{reads}", f"/grants/{makes}", f"/principals/{team}/members/{stranger.name}"):
        assert told("DELETE", path) == both
    assert told("DELETE", f"/principals/{stranger.name}") == both
    assert admin.call("DELETE", f"/principals/{team}") is None


def test_a_location_is_tried_before_it_is_registered(store: Store, admin: Management) -> None:
    settings = {"endpoint": store.endpoint, "region": "us-east-1", "path_style": True, "role": store.role}
    wrong = {"access_key_id": "nobody", "secret_access_key": "wrong"}
    body = {"name": "wrong", "url": "s3://another", "settings": settings, "credential": wrong}
    with pytest.raises(Refused, match="503.*listed"):
        admin.call("POST", "/locations", body)
    with pytest.raises(Refused, match="503"):
        admin.call("PUT", "/locations/ocean/credential", wrong)
    # The store is reached, and the role that engines' credentials are to come from is not there.
    s3_client.root(store.endpoint, ROOT).create_bucket(Bucket="another")
    keys = {"access_key_id": ROOT[0], "secret_access_key": ROOT[1]}
    nobody = settings | {"role": "arn:aws:iam::000000000000:role/NoSuchRole"}
    with pytest.raises(Refused, match="503.*asked for a credential.*STS refused"):
        admin.call("POST", "/locations", body | {"settings": nobody, "credential": keys})
    admin.call("POST", "/locations/ocean/validate")
    admin.call("PUT", "/locations/ocean/credential", {"access_key_id": CATALOG[0], "secret_access_key": CATALOG[1]})


def test_a_store_is_reached_by_a_role_alone(
    store: Store, ready: Ready, admin: Management, spark: Principal
) -> None:
    s3_client.root(store.endpoint, ROOT).create_bucket(Bucket="river")
    settings = {"endpoint": store.endpoint, "region": "us-east-1", "path_style": True, "role": store.role}
    keys = {"access_key_id": ASSUMER[0], "secret_access_key": ASSUMER[1]}
    body = {"name": "river", "url": "s3://river", "settings": settings, "credential": keys}
    with pytest.raises(Refused, match="503.*listed"):
        admin.call("POST", "/locations", body)
    nameless = {name: value for name, value in settings.items() if name != "role"} | {"assume_role": True}
    with pytest.raises(Refused, match="422.*role"):
        admin.call("POST", "/locations", body | {"settings": nameless})
    for field, more in (
        ("region", {"region": "evil.example/"}),
        ("role", {"external_id": "weir", "folder": "/srv/lake"}),
        ("credential", {"credential": "pod"}),
    ):
        with pytest.raises(Refused, match=f"422.*{field}"):
            admin.call("POST", "/locations", body | {"settings": settings | more})
    other = settings | {"assume_role": True, "role": "arn:aws:iam::000000000000:role/NoSuchRole"}
    with pytest.raises(Refused, match="503.*STS refused"):
        admin.call("POST", "/locations", body | {"settings": other})
    by_role = settings | {"assume_role": True, "external_id": "weir"}
    made = admin.call("POST", "/locations", body | {"settings": by_role})
    assert made["settings"]["assume_role"] and made["settings"]["external_id"] == "weir"
    admin.call("POST", "/catalogs", {"name": "river", "location": "s3://river/tables"})
    admin.grant_on("spark", ["CREATE_NAMESPACE", "CREATE_TABLE", "SELECT", "INSERT"], catalog="river")
    river = Ready(ready.console, ready.management, ready.iceberg, "river", ready.principals)
    catalog = catalog_for(river, spark)
    catalog.create_namespace("by_role")
    assert ids(people(catalog, ("by_role", "people"))) == [1, 2, 3]


@ceph_takes_no_chunks
def test_pyiceberg_and_polars_read_and_write_through_credentials(ocean: Ready, spark: Principal, space: str) -> None:
    catalog = catalog_for(ocean, spark)
    table = people(catalog, (space, "people"))
    assert ids(table) == [1, 2, 3]
    table.append(PEOPLE)
    table.delete("id = 1")
    assert ids(catalog.load_table((space, "people"))) == [2, 2, 3, 3]
    rows = polars.scan_iceberg(catalog.load_table((space, "people"))).collect()
    assert sorted(rows["id"].to_list()) == [2, 2, 3, 3]


@ceph_takes_no_chunks
def test_duckdb_reads_and_writes_through_credentials(ocean: Ready, spark: Principal, space: str) -> None:
    people(catalog_for(ocean, spark), (space, "people"))
    duck = duckdb_client.connect(ocean, spark)
    assert duck.execute(f"SELECT count(*) FROM lake.{space}.people").fetchone() == (3,)
    duck.execute(f"INSERT INTO lake.{space}.people SELECT * FROM lake.{space}.people")
    duck.execute(f"CREATE TABLE lake.{space}.numbers (n BIGINT)")
    duck.execute(f"INSERT INTO lake.{space}.numbers SELECT unnest(range(100))")
    duck.execute(f"CREATE TABLE lake.{space}.more AS SELECT 1 AS one")
    assert duck.execute(f"SELECT sum(n) FROM lake.{space}.numbers").fetchone() == (4950,)
    assert len(ids(catalog_for(ocean, spark).load_table((space, "people")))) == 6
    assert isinstance(catalog_for(ocean, spark).load_table((space, "numbers")).scan().to_arrow(), pa.Table)


def test_a_name_that_could_be_a_pattern_is_reached_through_the_gateway(
    store: Store, ocean: Ready, face: Face, space: str
) -> None:
    own = face.make(space, "own", f"s3://{BUCKET}/odd/{space}/{PATTERN}")
    other = face.make(space, "other", f"s3://{BUCKET}/odd/{space}/x all x")
    client = s3_client.client(settings_of(own))
    assert settings_of(own)["s3.access-key-id"].startswith("WEIR")
    client.put_object(Bucket=BUCKET, Key=key_of(own, "data/a"), Body=b"content")
    root = s3_client.root(store.endpoint, ROOT)
    assert root.get_object(Bucket=BUCKET, Key=key_of(own, "data/a"))["Body"].read() == b"content"
    root.put_object(Bucket=BUCKET, Key=key_of(other, "data/a"), Body=b"other")
    s3_client.refused(client.get_object, Bucket=BUCKET, Key=key_of(other, "data/a"))
