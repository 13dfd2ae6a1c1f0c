"""Iceberg's own Java library, which Spark and Flink are built on: over a store that makes credentials and over the
gateway, by credentials and by signed requests."""

from __future__ import annotations

import itertools

import pytest

from face_lite import Face
from java_client import Java
from stores_fixtures import LIFETIME_SECONDS
from weir_process import Principal, Ready, Weir

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def java(tmp_path_factory: pytest.TempPathFactory) -> Java:
    return Java.build(tmp_path_factory.mktemp("java"))


@pytest.fixture
def space(lake: Ready, spark: Principal) -> str:
    name = f"java{next(_numbers)}"
    Face.sign_in(lake, spark).call("POST", "/namespaces", {"namespace": [name]})
    return name


@pytest.mark.parametrize("way", ["vended-credentials", "remote-signing"])
def test_a_table_is_written_and_read(java: Java, lake: Ready, spark: Principal, space: str, way: str) -> None:
    assert java.run(lake, spark, way, "write", f"{space}.made", "3") == [3]
    rows, total, _ = java.run(lake, spark, way, "scan", f"{space}.made", "0")
    assert (rows, total) == (3, 0 + 1 + 2)


@pytest.mark.parametrize("way", ["vended-credentials", "remote-signing"])
def test_files_are_written_before_their_table_is_there(
    java: Java, lake: Ready, spark: Principal, space: str, way: str
) -> None:
    assert java.run(lake, spark, way, "stage", f"{space}.selected", "3") == [3]
    rows, total, _ = java.run(lake, spark, way, "scan", f"{space}.selected", "0")
    assert (rows, total) == (3, 0 + 1 + 2)


def test_one_scan_outlives_its_first_credential(java: Java, brief: Weir) -> None:
    assert brief.ready is not None
    spark, way = brief.ready.principals["spark"], "vended-credentials"
    Face.sign_in(brief.ready, spark).call("POST", "/namespaces", {"namespace": ["long"]})
    # It asks for the next one five minutes before the end, so also while the table is staged.
    java.run(brief.ready, spark, way, "stage", "long.scan", "6")
    # Six files, and a pause after each: the later ones are opened when the first credential is over twice.
    pause = LIFETIME_SECONDS * 1000 * 2 // 5
    rows, total, _ = java.run(brief.ready, spark, way, "scan", "long.scan", str(pause))
    assert (rows, total) == (6, 15)
