"""One demo server for a family of clients, and names of their own for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from management import Management
from weir_process import Principal, Ready, Weir

try:
    from contract_fixtures import at, creator, document, face, nobody, other, space, table  # noqa: F401
except ModuleNotFoundError:
    pass  # Only the contract tests have, and need, what these import.
try:
    from stores_fixtures import brief, disk, lake, ocean, store, there  # noqa: F401
except ModuleNotFoundError:
    pass  # And these the tests of stores.

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def weir() -> Iterator[Weir]:
    """A demo that runs for the whole session. Tests that restart it leave it running."""
    server = Weir.fresh()
    try:
        server.start()
        yield server
    finally:
        if os.environ.get("WEIR_KEEP"):
            server.stop()
            print(f"\nThe data is kept in {server.directory}.")
        else:
            server.remove()


@pytest.fixture(scope="session")
def ready(weir: Weir) -> Ready:
    assert weir.ready is not None
    return weir.ready


@pytest.fixture(scope="session")
def admin(ready: Ready) -> Management:
    return Management.sign_in(ready, "admin")


@pytest.fixture(scope="session")
def spark(ready: Ready) -> Principal:
    """The engine that may create in the warehouse, and do everything to what is in it."""
    return ready.principals["spark"]


@pytest.fixture
def stranger(admin: Management) -> Principal:
    """A service that was granted nothing."""
    return admin.create_service(f"stranger{next(_numbers)}")


@pytest.fixture
def outsider(admin: Management, stranger: Principal) -> Principal:
    """A service that may read one table, which is none of those that tests make: so it sees the warehouse."""
    admin.grant(stranger.name, ["SELECT"], "samples", "airlines")
    return stranger


@pytest.fixture
def namespace_name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    family = request.module.__name__.removeprefix("test_")
    return f"{family}_{next(_numbers)}"
