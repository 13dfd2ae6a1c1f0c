"""Daft reads tables through the credentials that a load gives: of the gateway, and of a store."""

from __future__ import annotations

import daft

from pyiceberg_client import catalog_for, people
from weir_process import Principal, Ready


def _reads(ready: Ready, spark: Principal, namespace: str) -> None:
    catalog = catalog_for(ready, spark)
    catalog.create_namespace(namespace)
    people(catalog, (namespace, "people"))
    rows = daft.read_iceberg(catalog.load_table((namespace, "people"))).to_pydict()
    assert sorted(rows["id"]) == [1, 2, 3]


def test_daft_reads_through_the_gateway_with_default_settings(
    ready: Ready, spark: Principal, namespace_name: str
) -> None:
    _reads(ready, spark, namespace_name)


def test_daft_reads_through_credentials_of_the_store_with_default_settings(
    ocean: Ready,  # noqa: F811
    spark: Principal,
    namespace_name: str,
) -> None:
    _reads(ocean, spark, namespace_name)
