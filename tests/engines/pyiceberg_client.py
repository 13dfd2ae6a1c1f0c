"""PyIceberg as a normal user sets it up, and small tables to try it with."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import Table

from weir_process import Principal, Ready

PEOPLE = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "name": pa.array(["ada", "grace", None], pa.string()),
        "score": pa.array([1.5, 2.5, 3.5], pa.float64()),
        "paid": pa.array([Decimal("10.00"), None, Decimal("30.25")], pa.decimal128(10, 2)),
        "age": pa.array([36, 85, 41], pa.int32()),
    }
)


def catalog_for(ready: Ready, principal: Principal) -> RestCatalog:
    """Nothing is set but where the catalog is, which warehouse, and who asks."""
    catalog = load_catalog(
        "weir", type="rest", uri=ready.iceberg, warehouse=ready.warehouse, credential=principal.credential
    )
    assert isinstance(catalog, RestCatalog)
    return catalog


def people(catalog: RestCatalog, identifier: str | tuple[str, ...]) -> Table:
    """A new table with three rows."""
    table = catalog.create_table(identifier, schema=PEOPLE.schema)
    table.append(PEOPLE)
    return table


def ids(table: Table, **scan: object) -> list[int]:
    """The ids that a scan gives, in order."""
    rows = table.scan(**scan).to_arrow()  # type: ignore[arg-type]
    return sorted(rows["id"].to_pylist())


def more(*numbers: int) -> pa.Table:
    """Rows with these ids and nothing else."""
    count = len(numbers)
    columns = [
        pa.array(numbers, pa.int64()) if name == "id" else pa.nulls(count, PEOPLE.schema.field(name).type)
        for name in PEOPLE.schema.names
    ]
    return pa.table(columns, schema=PEOPLE.schema)
