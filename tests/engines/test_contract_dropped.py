"""What becomes of a table that is dropped: it can be put back for a time, and a protected one is not dropped at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from document import Document
from face import Face, path_of
from management import Management, Refused
from requests_raw import create
from weir_process import Principal, Weir


def _dropped(admin: Management, space: str) -> list[dict[str, Any]]:
    page = admin.call("GET", f"/catalogs/{admin.catalog}/namespaces/{space}/dropped-tables")
    items: list[dict[str, Any]] = page["items"]
    return items


def _undrop(admin: Management, space: str, table: str, body: dict[str, Any] | None = None) -> str:
    path = f"/catalogs/{admin.catalog}/namespaces/{space}/dropped-tables/{table}/undrop"
    return str(admin.call("POST", path, body or {})["name"])


def _folder(weir: Weir, face: Face, table: str) -> Path:
    """Where the demo's bucket has the table."""
    at = urlsplit(face.load(table)["location"])
    return weir.data / at.netloc / at.path.lstrip("/")


def test_a_dropped_table_is_put_back_with_its_words_and_grants(
    face: Face, other: Face, admin: Management, space: str, table: str, at: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, ["SELECT"], space, "orders")
    admin.define(space, "orders", next(iter(admin.columns(space, "orders"))), "What it means.")
    before, columns = face.load(table), admin.columns(space, "orders")
    face.call("DELETE", at, expect=204)
    face.refused("GET", at, 404, "NoSuchTableException")
    other.refused("GET", at, 404)
    (gone,) = _dropped(admin, space)
    assert gone["name"] == "orders" and gone["dropped_by"] == "spark" and not gone["purge"]
    assert _undrop(admin, space, gone["id"]) == "orders"
    assert face.load(table) == before and other.load(table) == before
    assert admin.columns(space, "orders") == columns
    assert _dropped(admin, space) == []


def test_a_table_of_the_same_name_made_since_inherits_nothing_and_keeps_the_name(
    face: Face, other: Face, admin: Management, space: str, table: str, at: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, ["SELECT"], space, "orders")
    face.call("DELETE", at, expect=204)
    face.call("POST", f"/namespaces/{space}/tables", json=create("orders"))
    other.refused("GET", at, 404)
    (gone,) = _dropped(admin, space)
    with pytest.raises(Refused, match="409"):
        _undrop(admin, space, gone["id"])
    assert _undrop(admin, space, gone["id"], {"name": "orders_before"}) == "orders_before"
    other.load(f"{space}.orders_before")
    other.refused("GET", at, 404)


def test_a_drop_leaves_the_files_where_they_are_until_its_time_is_over(
    face: Face, weir: Weir, table: str, at: str
) -> None:
    folder = _folder(weir, face, table)
    assert list((folder / "metadata").iterdir())
    face.call("DELETE", at + "?purgeRequested=true", expect=204)
    assert list((folder / "metadata").iterdir())


def test_a_table_that_forbids_it_is_not_purged(face: Face, space: str) -> None:
    name = f"{space}.kept"
    face.call("POST", f"/namespaces/{space}/tables", json=create("kept") | {"properties": {"gc.enabled": "false"}})
    face.refused("DELETE", path_of(name) + "?purgeRequested=true", 400, "BadRequestException")
    face.call("DELETE", path_of(name), expect=204)


def test_a_protected_table_is_not_dropped(face: Face, admin: Management, space: str, table: str, at: str) -> None:
    protection = f"/catalogs/{admin.catalog}/namespaces/{space}/tables/orders/protection"
    admin.call("PUT", protection, {"protected": True})
    assert admin.table(space, "orders")["protected"]
    for path in (at, at + "?purgeRequested=true"):
        face.refused("DELETE", path, 403, "ForbiddenException")
    face.refused("POST", at + "/unregister", 403, "ForbiddenException")
    face.load(table)
    admin.call("PUT", protection, {"protected": False})
    face.call("DELETE", at, expect=204)


def test_who_may_only_create_puts_nothing_back(
    face: Face, admin: Management, creator: Face, space: str, at: str, table: str, ready: Any, stranger: Principal
) -> None:
    face.call("DELETE", at, expect=204)
    (gone,) = _dropped(admin, space)
    theirs = Management(admin.base, admin.catalog, str(creator.token))
    for attempt in (lambda: _dropped(theirs, space), lambda: _undrop(theirs, space, gone["id"])):
        with pytest.raises(Refused, match="403"):
            attempt()
    face.refused("GET", at, 404)


def test_a_table_whose_time_is_over_is_not_offered_any_more(document: Document) -> None:
    weir = Weir.fresh(environment={"WEIR__TABLES__UNDROP_DAYS": "0"})
    try:
        ready = weir.start()
        face = Face.sign_in(ready, document, ready.principals["spark"])
        face.new_namespace("brief")
        face.call("POST", "/namespaces/brief/tables", json=create("gone"))
        face.call("DELETE", path_of("brief.gone"), expect=204)
        assert _dropped(Management.sign_in(ready, "admin"), "brief") == []
    finally:
        weir.remove()
