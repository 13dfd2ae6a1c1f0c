"""Daft reads tables through the credentials that a load gives, of the gateway."""

from __future__ import annotations

import daft

from pyiceberg_client import catalog_for, people
from weir_process import Principal, Ready


def test_daft_reads_a_table_with_default_settings(ready: Ready, spark: Principal, namespace_name: str) -> None:
    catalog = catalog_for(ready, spark)
    catalog.create_namespace(namespace_name)
    people(catalog, (namespace_name, "people"))
    rows = daft.read_iceberg(catalog.load_table((namespace_name, "people"))).to_pydict()
    assert sorted(rows["id"]) == [1, 2, 3]
