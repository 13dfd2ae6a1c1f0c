"""What keeps the gateway's credentials: the end of each, the master key, and both over restarts."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

import duckdb_client
import s3_client
from face_lite import Face
from pyiceberg_client import catalog_for, people
from requests_raw import create
from stores_fixtures import LIFETIME_SECONDS
from weir_process import Weir

def _own(weir: Weir) -> tuple[Face, dict[str, Any]]:
    assert weir.ready is not None
    face = Face.sign_in(weir.ready, weir.ready.principals["spark"])
    face.call("POST", "/namespaces", {"namespace": ["keys"]})
    return face, face.call("POST", "/namespaces/keys/tables", create("own"), delegated=True)


def _config(loaded: dict[str, Any]) -> dict[str, str]:
    config: dict[str, str] = loaded["storage-credentials"][0]["config"]
    return config


def test_a_credential_ends_and_the_next_is_where_the_first_said(brief: Weir) -> None:
    face, own = _own(brief)
    first = _config(own)
    key = str(own["metadata"]["location"]).removeprefix("s3://warehouse/") + "/data/a"
    s3_client.client(first).put_object(Bucket="warehouse", Key=key, Body=b"x")
    time.sleep(LIFETIME_SECONDS + 1)
    with pytest.raises(ClientError, match="ExpiredToken"):
        s3_client.client(first).get_object(Bucket="warehouse", Key=key)
    again = face.call("GET", first["client.refresh-credentials-endpoint"].removeprefix("v1/lake"))
    second = _config(again)
    assert second["s3.session-token"] != first["s3.session-token"]
    assert s3_client.client(second).get_object(Bucket="warehouse", Key=key)["Body"].read() == b"x"


def test_duckdb_goes_on_when_its_first_credential_is_over(brief: Weir) -> None:
    assert brief.ready is not None
    spark = brief.ready.principals["spark"]
    catalog = catalog_for(brief.ready, spark)
    catalog.create_namespace("long")
    people(catalog, "long.people")
    duck = duckdb_client.connect(brief.ready, spark)
    assert duck.execute("SELECT count(*) FROM lake.long.people").fetchone() == (3,)
    time.sleep(LIFETIME_SECONDS + 1)
    assert duck.execute("SELECT sum(id) FROM lake.long.people").fetchone() == (6,)


def test_one_query_of_duckdb_outlives_its_first_credential(brief: Weir) -> None:
    assert brief.ready is not None
    spark = brief.ready.principals["spark"]
    catalog = catalog_for(brief.ready, spark)
    catalog.create_namespace("long")
    table = catalog.create_table("long.scan", schema=pa.schema([("id", pa.int64())]))
    for number in range(6):
        table.append(pa.table({"id": [number]}))
    duck = duckdb_client.connect(brief.ready, spark)
    duck.execute("SET threads = 1")  # File after file, and some work on each.
    duck.create_function("worked", _worked, ["BIGINT"], "BIGINT", side_effects=True)
    assert duck.execute("SELECT sum(worked(id)) FROM lake.long.scan").fetchone() == (15,)


def _worked(number: int) -> int:
    time.sleep(2.5 * LIFETIME_SECONDS / 6)
    return number


def test_the_master_key_is_exchanged_and_a_lost_one_is_told(brief: Weir) -> None:
    _, own = _own(brief)
    brief.stop()
    file = brief.data / "master.key"
    assert file.stat().st_mode & 0o777 == 0o600
    old = file.read_text()

    def weir(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"WEIR__DATABASE__DATA_DIR": str(brief.data), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        command = [brief.program, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=brief.directory, timeout=120)

    new = weir("keys", "new").stdout
    assert len(new.strip()) == 44 and new != old
    # Another key alone opens nothing, and the start says which is missing.
    file.write_text(new)
    told = weir("keys", "rotate")
    assert told.returncode == 1 and "was not given" in told.stderr and old.strip() not in told.stderr
    with pytest.raises(RuntimeError, match="was not given"):
        brief.start()
    # The new one in front of the old one takes over, beside the server; then the old one can go.
    file.write_text(new + old)
    brief.start()
    rotated = weir("keys", "rotate")
    assert rotated.returncode == 0 and rotated.stdout.startswith("1 secrets"), rotated
    assert brief.ready is not None
    Face.sign_in(brief.ready, brief.ready.principals["spark"]).load("keys.own")
    brief.stop()
    file.write_text(new)
    brief.start()
    assert brief.ready is not None
    loaded = Face.sign_in(brief.ready, brief.ready.principals["spark"]).load("keys.own")
    assert loaded["metadata"]["location"] == own["metadata"]["location"]
    # The credential of before goes on: the gateway's own key is the same one, sealed anew.
    assert _config(loaded)["s3.endpoint"] == _config(own)["s3.endpoint"]
    brief.stop()
    Path(file).unlink()
    lost = weir("keys", "rotate")
    assert lost.returncode == 1 and "is missing" in lost.stderr and not file.exists()
