"""Fixtures of the contract tests: who talks, and a namespace and a table to talk about."""

from __future__ import annotations

import pytest

from document import Document
from face import Face, path_of
from management import Management
from requests_raw import create
from weir_process import Principal, Ready


@pytest.fixture(scope="session")
def document() -> Document:
    return Document.load()


@pytest.fixture(scope="session")
def face(ready: Ready, document: Document, spark: Principal) -> Face:
    """The engine that may create in the warehouse."""
    return Face.sign_in(ready, document, spark)


@pytest.fixture(scope="session")
def nobody(ready: Ready, document: Document) -> Face:
    """Somebody without a token."""
    return Face(ready.iceberg, ready.warehouse, document)


@pytest.fixture
def other(ready: Ready, document: Document, stranger: Principal) -> Face:
    """An engine that was granted nothing."""
    return Face.sign_in(ready, document, stranger)


@pytest.fixture
def creator(ready: Ready, document: Document, admin: Management, stranger: Principal, space: str) -> Face:
    """Another engine that may create tables in the test's namespace."""
    admin.grant_on(stranger.name, ["CREATE_TABLE"], catalog=ready.warehouse, namespace=space)
    return Face.sign_in(ready, document, stranger)


@pytest.fixture
def space(face: Face, namespace_name: str) -> str:
    face.new_namespace(namespace_name)
    return namespace_name


@pytest.fixture
def table(face: Face, space: str) -> str:
    """An empty table of five columns, as `namespace.name`."""
    face.call("POST", f"/namespaces/{space}/tables", json=create("orders"))
    return f"{space}.orders"


@pytest.fixture
def at(table: str) -> str:
    """The path of that table."""
    return path_of(table)
