"""DuckDB attached to the catalog as a normal user attaches it, with extensions from wheels: nothing is downloaded."""

from __future__ import annotations

import glob
import sysconfig

import duckdb

from weir_process import Principal, Ready

EXTENSIONS = ("httpfs", "avro", "parquet", "icu", "iceberg")  # `iceberg` needs those before it.


def connect(ready: Ready, principal: Principal) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the warehouse attached as `lake`."""
    # A table that is not found must not turn out to be a Python variable of that name.
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
    }
    connection = duckdb.connect(":memory:", config=config)
    load_extensions(connection)
    tokens = f"{ready.iceberg}/v1/oauth/tokens"
    connection.execute(
        f"CREATE SECRET weir (TYPE iceberg, CLIENT_ID '{principal.client_id}', "
        f"CLIENT_SECRET '{principal.client_secret}', OAUTH2_SERVER_URI '{tokens}')"
    )
    connection.execute(f"ATTACH '{ready.warehouse}' AS lake (TYPE iceberg, ENDPOINT '{ready.iceberg}', SECRET weir)")
    return connection


def load_extensions(connection: duckdb.DuckDBPyConnection) -> None:
    for name in EXTENSIONS:
        connection.execute(f"LOAD '{_extension(name)}'")


def _extension(name: str) -> str:
    site = sysconfig.get_paths()["purelib"]
    found = glob.glob(f"{site}/duckdb_extension_{name}/extensions/v{duckdb.__version__}/{name}.duckdb_extension")
    if not found:
        raise RuntimeError(f"The wheel duckdb-extension-{name} of version {duckdb.__version__} is not installed.")
    return found[0]
