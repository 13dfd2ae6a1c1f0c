"""PyIceberg: views, beside tables of the same namespace."""

from __future__ import annotations

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import NoSuchViewError, TableAlreadyExistsError, ViewAlreadyExistsError
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField
from pyiceberg.view.metadata import SQLViewRepresentation, ViewVersion

from pyiceberg_client import PEOPLE, catalog_for, people
from weir_process import Principal, Ready


@pytest.fixture(scope="module")
def catalog(ready: Ready, spark: Principal) -> RestCatalog:
    return catalog_for(ready, spark)


@pytest.fixture
def space(catalog: RestCatalog, namespace_name: str) -> str:
    catalog.create_namespace(namespace_name)
    return namespace_name


def _view(sql: str, space: str) -> ViewVersion:
    return ViewVersion(
        version_id=1,
        timestamp_ms=1_600_000_000_000,
        schema_id=0,
        summary={"engine": "pyiceberg"},
        representations=[SQLViewRepresentation(type="sql", sql=sql, dialect="duckdb")],
        default_namespace=[space],
    )


def test_views_are_made_listed_loaded_and_dropped(catalog: RestCatalog, space: str) -> None:
    people(catalog, f"{space}.people")
    schema = Schema(NestedField(1, "id", LongType(), required=False))
    catalog.create_view(f"{space}.numbers", schema, _view("select id from people", space))
    assert catalog.view_exists(f"{space}.numbers")
    assert catalog.list_views(space) == [(space, "numbers")]
    assert catalog.list_tables(space) == [(space, "people")]
    found = catalog.load_view(f"{space}.numbers")
    representation = found.sql_for("duckdb")
    assert representation is not None
    assert representation.sql == "select id from people"
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table(f"{space}.numbers", schema=PEOPLE.schema)
    catalog.drop_view(f"{space}.numbers")
    assert not catalog.view_exists(f"{space}.numbers")
    with pytest.raises(NoSuchViewError):
        catalog.load_view(f"{space}.numbers")


def test_a_view_takes_no_name_that_is_taken(catalog: RestCatalog, space: str) -> None:
    people(catalog, f"{space}.people")
    schema = Schema(NestedField(1, "id", LongType(), required=False))
    catalog.create_view(f"{space}.numbers", schema, _view("select 1", space))
    for name in ("people", "numbers"):
        with pytest.raises(ViewAlreadyExistsError):
            catalog.create_view(f"{space}.{name}", schema, _view("select 1", space))


def test_a_dropped_view_is_registered_again(catalog: RestCatalog, space: str) -> None:
    schema = Schema(NestedField(1, "id", LongType(), required=False))
    made = catalog.create_view(f"{space}.numbers", schema, _view("select 1", space))
    # The client keeps no metadata location of a view.
    answer = catalog._session.get(catalog.url(f"namespaces/{space}/views/numbers"))
    catalog.drop_view(f"{space}.numbers")
    again = catalog.register_view(f"{space}.again", answer.json()["metadata-location"])
    assert again.uuid() == made.uuid()
