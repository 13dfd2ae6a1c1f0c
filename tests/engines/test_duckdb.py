"""DuckDB reads and writes through the catalog, and DuckDB and PyIceberg read what the other wrote."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.types import StringType

from duckdb_client import connect
from management import Management
from pyiceberg_client import PEOPLE, catalog_for, ids, more, people
from weir_process import Principal, Ready, Weir


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB leaves an empty folder `data` where it runs when it creates a table from a select."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def db(ready: Ready, spark: Principal) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(ready, spark) as connection:
        yield connection


@pytest.fixture
def space(db: duckdb.DuckDBPyConnection, namespace_name: str) -> str:
    db.execute(f"CREATE SCHEMA lake.{namespace_name}")
    return f"lake.{namespace_name}"


@pytest.fixture
def catalog(ready: Ready, spark: Principal) -> RestCatalog:
    return catalog_for(ready, spark)


def _rows(db: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    return db.execute(sql).fetchall()


def _short(space: str) -> str:
    return space.removeprefix("lake.")


def _table(db: duckdb.DuckDBPyConnection, space: str, name: str = "people") -> str:
    db.execute(f"CREATE TABLE {space}.{name} (id BIGINT, name VARCHAR, paid DECIMAL(10,2), age INTEGER)")
    db.execute(f"INSERT INTO {space}.{name} VALUES (1, 'ada', 10, 36), (2, 'grace', NULL, 85), (3, NULL, 30.25, 41)")
    return f"{space}.{name}"


def test_what_is_inserted_is_selected(db: duckdb.DuckDBPyConnection, space: str) -> None:
    table = _table(db, space)
    assert _rows(db, f"SELECT id, name, paid FROM {table} ORDER BY id") == [
        (1, "ada", Decimal("10.00")),
        (2, "grace", None),
        (3, None, Decimal("30.25")),
    ]
    assert _rows(db, f"SELECT count(*) FROM {table} WHERE id > 1 AND paid IS NOT NULL") == [(1,)]


def test_schemas_and_tables_are_listed(db: duckdb.DuckDBPyConnection, space: str) -> None:
    _table(db, space)
    found = _rows(db, "SELECT database, schema, name FROM (SHOW ALL TABLES) WHERE database = 'lake'")
    assert ("lake", _short(space), "people") in found


def test_a_table_is_created_from_a_select(db: duckdb.DuckDBPyConnection, space: str) -> None:
    table = _table(db, space)
    db.execute(f"CREATE TABLE {space}.adults AS SELECT id, upper(name) AS name FROM {table} WHERE age > 40")
    assert _rows(db, f"SELECT * FROM {space}.adults ORDER BY id") == [(2, "GRACE"), (3, None)]


def test_rows_are_updated_merged_and_deleted(db: duckdb.DuckDBPyConnection, space: str) -> None:
    table = _table(db, space)
    db.execute(f"UPDATE {table} SET name = 'Ada' WHERE id = 1")
    db.execute(f"DELETE FROM {table} WHERE id = 2")
    assert _rows(db, f"SELECT id, name FROM {table} ORDER BY id") == [(1, "Ada"), (3, None)]
    db.execute(
        f"MERGE INTO {table} USING (VALUES (3::BIGINT, 'alan'), (4::BIGINT, 'edsger')) AS new(id, name) USING (id) "
        "WHEN MATCHED THEN UPDATE SET name = new.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (new.id, new.name)"
    )
    assert _rows(db, f"SELECT id, name FROM {table} ORDER BY id") == [(1, "Ada"), (3, "alan"), (4, "edsger")]
    db.execute(f"TRUNCATE {table}")
    assert _rows(db, f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_table_is_altered(db: duckdb.DuckDBPyConnection, space: str) -> None:
    table = _table(db, space)
    db.execute(f"ALTER TABLE {table} ADD COLUMN email VARCHAR")
    db.execute(f"ALTER TABLE {table} RENAME COLUMN name TO full_name")
    db.execute(f"ALTER TABLE {table} ALTER COLUMN age TYPE BIGINT")
    db.execute(f"ALTER TABLE {table} DROP COLUMN paid")
    shape = [(name, kind) for name, kind, *_ in _rows(db, f"DESCRIBE {table}")]
    assert shape == [("id", "BIGINT"), ("full_name", "VARCHAR"), ("age", "BIGINT"), ("email", "VARCHAR")]
    assert _rows(db, f"SELECT full_name, email FROM {table} WHERE id = 1") == [("ada", None)]


def test_a_table_is_renamed_and_dropped(db: duckdb.DuckDBPyConnection, space: str) -> None:
    table = _table(db, space)
    db.execute(f"ALTER TABLE {table} RENAME TO persons")
    assert _rows(db, f"SELECT count(*) FROM {space}.persons") == [(3,)]
    with pytest.raises(duckdb.Error):
        db.execute(f"SELECT * FROM {table}")
    db.execute(f"DROP TABLE {space}.persons")
    db.execute(f"DROP SCHEMA {space}")
    with pytest.raises(duckdb.Error):
        db.execute(f"CREATE TABLE {table} (id BIGINT)")


def test_table_properties_are_set(db: duckdb.DuckDBPyConnection, space: str) -> None:
    table = _table(db, space)
    db.execute(f"ALTER TABLE {table} SET ('write.parquet.compression-codec' = 'zstd')")
    found = dict(_rows(db, f"SELECT key, value FROM iceberg_table_properties({table})"))
    assert found["write.parquet.compression-codec"] == "zstd"


def test_earlier_rows_are_read(db: duckdb.DuckDBPyConnection, space: str) -> None:
    table = _table(db, space)
    ((first,),) = _rows(db, f"SELECT snapshot_id FROM iceberg_snapshots({table})")
    db.execute(f"DELETE FROM {table} WHERE id = 1")
    assert _rows(db, f"SELECT count(*) FROM {table} AT (VERSION => {first})") == [(3,)]
    assert _rows(db, f"SELECT count(*) FROM {table} AT (TIMESTAMP => now())") == [(2,)]
    assert len(_rows(db, f"SELECT * FROM iceberg_snapshots({table})")) == 2


def test_a_transaction_over_two_tables_is_seen_whole(
    db: duckdb.DuckDBPyConnection, space: str, ready: Ready, spark: Principal
) -> None:
    one, two = _table(db, space, "one"), _table(db, space, "two")
    with connect(ready, spark) as other:
        db.execute("BEGIN")
        for table in (one, two):
            db.execute(f"INSERT INTO {table} (id) VALUES (4)")
        assert _rows(other, f"SELECT count(*) FROM {one}") == [(3,)]
        db.execute("COMMIT")
    with connect(ready, spark) as other:
        assert [_rows(other, f"SELECT count(*) FROM {table}") for table in (one, two)] == [[(4,)], [(4,)]]
    db.execute("BEGIN")
    db.execute(f"INSERT INTO {one} (id) VALUES (5)")
    db.execute("ROLLBACK")
    assert _rows(db, f"SELECT count(*) FROM {one}") == [(4,)]


def test_a_transaction_with_one_conflict_changes_neither_table(
    db: duckdb.DuckDBPyConnection, space: str, catalog: RestCatalog
) -> None:
    one, two = _table(db, space, "one"), _table(db, space, "two")
    db.execute("BEGIN")
    for table in (one, two):
        db.execute(f"INSERT INTO {table} (id) VALUES (4)")
    theirs = catalog.load_table(f"{_short(space)}.two")
    theirs.delete("id = 1")
    with pytest.raises(duckdb.Error):
        db.execute("COMMIT")
    assert ids(catalog.load_table(f"{_short(space)}.one")) == [1, 2, 3]
    assert ids(catalog.load_table(f"{_short(space)}.two")) == [2, 3]


def test_nested_and_temporal_types_make_the_round_trip(db: duckdb.DuckDBPyConnection, space: str) -> None:
    value = (
        "SELECT [1, 2] AS list, {'a': 1, 'b': 'x'} AS struct, map {'k': 1.5::DOUBLE} AS map, true AS flag, "
        "DATE '2020-01-02' AS day, TIMESTAMP '2020-01-02 03:04:05' AS at, 'x'::BLOB AS raw, "
        "'00000000-0000-0000-0000-000000000001'::UUID AS uuid"
    )
    db.execute(f"CREATE TABLE {space}.types AS {value}")
    assert _rows(db, f"SELECT * FROM {space}.types") == _rows(db, value)


def test_nested_namespaces_are_schemas_with_dots(
    db: duckdb.DuckDBPyConnection, space: str, catalog: RestCatalog
) -> None:
    db.execute(f'CREATE SCHEMA lake."{_short(space)}.deep"')
    db.execute(f'CREATE TABLE lake."{_short(space)}.deep".t AS SELECT 1 AS id')
    assert _rows(db, f'SELECT * FROM lake."{_short(space)}.deep".t') == [(1,)]
    assert catalog.list_tables((_short(space), "deep")) == [(_short(space), "deep", "t")]


def test_a_partitioned_table_is_written_and_read(
    db: duckdb.DuckDBPyConnection, space: str, catalog: RestCatalog
) -> None:
    db.execute(f"CREATE TABLE {space}.events (id BIGINT, day DATE) PARTITIONED BY (day)")
    db.execute(f"INSERT INTO {space}.events SELECT i, DATE '2020-01-01' + (i % 3)::INTEGER FROM range(9) t(i)")
    assert _rows(db, f"SELECT count(*) FROM {space}.events WHERE day = DATE '2020-01-02'") == [(3,)]
    table = catalog.load_table(f"{_short(space)}.events")
    assert len(list(table.scan(row_filter="day = '2020-01-02'").plan_files())) == 1


def test_pyiceberg_reads_what_duckdb_wrote(db: duckdb.DuckDBPyConnection, space: str, catalog: RestCatalog) -> None:
    table = _table(db, space)
    db.execute(f"DELETE FROM {table} WHERE id = 2")
    db.execute(f"ALTER TABLE {table} RENAME COLUMN name TO full_name")
    found = catalog.load_table(f"{_short(space)}.people")
    assert ids(found) == [1, 3]
    assert found.schema().column_names == ["id", "full_name", "paid", "age"]
    assert found.scan(row_filter="id = 1").to_arrow()["full_name"].to_pylist() == ["ada"]


def test_duckdb_reads_what_pyiceberg_wrote(
    db: duckdb.DuckDBPyConnection, space: str, catalog: RestCatalog, ready: Ready, spark: Principal
) -> None:
    table = people(catalog, f"{_short(space)}.people")
    with table.update_schema() as change:
        change.add_column("email", StringType())
    table.delete("id = 1")
    assert _rows(db, f"SELECT id, name, email FROM {space}.people ORDER BY id") == [(2, "grace", None), (3, None, None)]
    db.execute(f"INSERT INTO {space}.people (id) VALUES (4)")
    table.refresh()
    table.append(_widened(5))
    assert ids(catalog.load_table(f"{_short(space)}.people")) == [2, 3, 4, 5]
    with connect(ready, spark) as fresh:
        assert _rows(fresh, f"SELECT count(*) FROM {space}.people") == [(4,)]


def _widened(number: int) -> Any:
    import pyarrow as pa

    return more(number).append_column("email", pa.array([None], pa.string()))


def test_who_was_granted_something_else_finds_no_table(
    db: duckdb.DuckDBPyConnection, space: str, ready: Ready, outsider: Principal
) -> None:
    _table(db, space)
    with connect(ready, outsider) as theirs, pytest.raises(duckdb.CatalogException):
        theirs.execute(f"SELECT * FROM {space}.people")


def test_a_reader_reads_and_changes_nothing(
    db: duckdb.DuckDBPyConnection, space: str, ready: Ready, admin: Management, stranger: Principal
) -> None:
    table = _table(db, space)
    admin.grant(stranger.name, ["SELECT"], _short(space), "people")
    with connect(ready, stranger) as theirs:
        assert _rows(theirs, f"SELECT count(*) FROM {table}") == [(3,)]
        for sql in (
            f"INSERT INTO {table} (id) VALUES (4)",
            f"DELETE FROM {table}",
            f"ALTER TABLE {table} DROP COLUMN age",
        ):
            with pytest.raises(duckdb.Error, match="(?i)403|forbidden|denied"):
                theirs.execute(sql)
    assert _rows(db, f"SELECT count(*) FROM {table}") == [(3,)]


def test_select_on_two_columns_shows_two_and_reads_no_file(
    db: duckdb.DuckDBPyConnection,
    space: str,
    ready: Ready,
    admin: Management,
    stranger: Principal,
    tmp_path: Path,
) -> None:
    table = _table(db, space)
    columns = admin.columns(_short(space), "people")
    admin.grant(
        stranger.name, ["SELECT"], _short(space), "people", [columns[name]["field_id"] for name in ("id", "name")]
    )
    with connect(ready, stranger) as theirs:
        for column in ("id", "paid"):  # The manifests are opened before names are looked up.
            with pytest.raises(duckdb.Error, match="weir-restricted"):
                theirs.execute(f"SELECT {column} FROM {table}").fetchall()
        # Only what was loaded once is known there.
        shown = "SELECT column_name FROM duckdb_columns() WHERE database_name = 'lake' AND schema_name = ? ORDER BY column_index"
        assert theirs.execute(shown, [_short(space)]).fetchall() == [("id",), ("name",)]
        with pytest.raises(duckdb.Error):
            theirs.execute(f"INSERT INTO {table} (id) VALUES (4)")
    assert _rows(db, f"SELECT count(*) FROM {table}") == [(3,)]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_rows_are_there_after_a_restart(weir: Weir, db: duckdb.DuckDBPyConnection, space: str) -> None:
    table = _table(db, space)
    weir.restart()
    assert _rows(db, f"SELECT count(*) FROM {table}") == [(3,)]
    db.execute(f"INSERT INTO {table} (id) VALUES (4)")
    assert _rows(db, f"SELECT count(*) FROM {table}") == [(4,)]


def test_the_sample_rows_of_pyiceberg_are_all_read(
    db: duckdb.DuckDBPyConnection, space: str, catalog: RestCatalog
) -> None:
    people(catalog, f"{_short(space)}.people")
    found = db.execute(f"SELECT * FROM {space}.people ORDER BY id").fetchall()
    assert found == [tuple(row.values()) for row in PEOPLE.to_pylist()]
