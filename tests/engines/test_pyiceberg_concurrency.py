"""PyIceberg: many writers to one table at once, in threads and in processes, and a server that restarts under them."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import Table

from pyiceberg_client import PEOPLE, catalog_for, ids, more
from weir_process import Principal, Ready, Weir

WRITERS = 4
APPENDS = 5
# The client's own default of four retries is soon used up with so many writers.
RETRIES = {"commit.retry.num-retries": "50", "commit.retry.min-wait-ms": "10", "commit.retry.max-wait-ms": "200"}


@pytest.fixture(scope="module")
def catalog(ready: Ready, spark: Principal) -> RestCatalog:
    return catalog_for(ready, spark)


@pytest.fixture
def table(catalog: RestCatalog, namespace_name: str) -> Table:
    catalog.create_namespace(namespace_name)
    return catalog.create_table(f"{namespace_name}.people", schema=PEOPLE.schema, properties=RETRIES)


def _append(ready: Ready, spark: Principal, identifier: tuple[str, ...], writer: int) -> list[int]:
    """One writer with a catalog of its own: appends one row at a time."""
    table = catalog_for(ready, spark).load_table(identifier)
    numbers = [writer * 100 + index for index in range(APPENDS)]
    for number in numbers:
        table.append(more(number))
    return numbers


def _check(table: Table, written: list[list[int]]) -> None:
    table.refresh()
    assert ids(table) == sorted(number for numbers in written for number in numbers)
    sequence = [snapshot.sequence_number for snapshot in table.snapshots()]
    assert len(set(sequence)) == len(sequence) == WRITERS * APPENDS
    snapshot = table.current_snapshot()
    assert snapshot is not None and snapshot.summary is not None
    assert snapshot.summary["total-records"] == str(WRITERS * APPENDS)


def test_no_append_of_many_threads_is_lost(table: Table, ready: Ready, spark: Principal) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        written = list(pool.map(lambda writer: _append(ready, spark, table.name(), writer), range(WRITERS)))
    _check(table, written)


def test_no_append_of_many_processes_is_lost(table: Table, ready: Ready, spark: Principal) -> None:
    # Forked, a child would share the connections of its parent.
    with multiprocessing.get_context("spawn").Pool(WRITERS) as pool:
        written = pool.starmap(_append, [(ready, spark, table.name(), writer) for writer in range(WRITERS)])
    _check(table, written)


def test_of_many_creates_of_one_name_one_succeeds(catalog: RestCatalog, namespace_name: str) -> None:
    catalog.create_namespace(namespace_name)

    def create(_: int) -> str | None:
        try:
            return str(catalog.create_table(f"{namespace_name}.people", schema=PEOPLE.schema).metadata.table_uuid)
        except Exception as error:
            assert "AlreadyExists" in type(error).__name__, error
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [uuid for uuid in pool.map(create, range(8)) if uuid]
    assert made == [str(catalog.load_table(f"{namespace_name}.people").metadata.table_uuid)]


def test_a_schema_change_and_appends_at_once_both_hold(table: Table, ready: Ready, spark: Principal) -> None:
    from pyiceberg.types import LongType

    def widen() -> None:
        other = catalog_for(ready, spark).load_table(table.name())
        for index in range(APPENDS):
            other.refresh()
            with other.update_schema() as change:
                change.add_column(f"extra_{index}", LongType())

    with ThreadPoolExecutor(2) as pool:
        appended, widened = pool.submit(_append, ready, spark, table.name(), 1), pool.submit(widen)
        written = appended.result()
        widened.result()
    table.refresh()
    assert ids(table) == sorted(written)
    assert [name for name in table.schema().column_names if name.startswith("extra_")] == [
        f"extra_{i}" for i in range(APPENDS)
    ]


def test_a_handle_of_before_a_restart_goes_on(weir: Weir, table: Table) -> None:
    table.append(more(1))
    weir.kill()
    weir.start()
    table.append(more(2))
    table.refresh()
    assert ids(table) == [1, 2]
