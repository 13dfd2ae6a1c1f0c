"""What lists show to whom."""

from __future__ import annotations

from urllib.parse import quote

from face import Face, path_of
from management import Management
from requests_raw import create
from weir_process import Principal


def _pages(face: Face, space: str, size: int) -> list[list[str]]:
    """The names of a list, page by page."""
    pages, token = [], ""
    while token is not None:
        page = face.call("GET", f"/namespaces/{space}/tables?pageSize={size}&pageToken={quote(token)}")
        pages.append([found["name"] for found in page["identifiers"]])
        token = page.get("next-page-token")
    return pages


def test_who_holds_grants_on_some_tables_is_listed_just_those_as_they_are_called_now(
    face: Face, other: Face, admin: Management, space: str, stranger: Principal
) -> None:
    for name in ("a", "b", "c", "d", "e"):
        face.call("POST", f"/namespaces/{space}/tables", json=create(name))
    team = f"team_of_{space}"
    admin.call("POST", "/principals", {"name": team, "kind": "group"})
    admin.call("POST", f"/principals/{team}/members", {"member": stranger.name})
    # What is granted twice, and by two ways, is there once.
    for to, name in ((stranger.name, "b"), (stranger.name, "d"), (team, "b"), (team, "c"), (team, "d")):
        admin.grant(to, ["SELECT"], space, name)
    assert _pages(other, space, 2) == [["b", "c"], ["d"]]
    assert _pages(other, space, 1) == [["b"], ["c"], ["d"]]

    identifier = {"namespace": [space], "name": "d"}
    renamed = {"source": identifier, "destination": identifier | {"name": "a_last"}}
    face.call("POST", "/tables/rename", expect=204, json=renamed)
    assert _pages(other, space, 5) == [["a_last", "b", "c"]]
    face.call("POST", f"/namespaces/{space}/tables", json=create("d"))
    assert _pages(other, space, 5) == [["a_last", "b", "c"]]

    face.new_namespace(space, "below")
    below = {"namespace": [space, "below"], "name": "c"}
    moved = {"source": {"namespace": [space], "name": "c"}, "destination": below}
    face.call("POST", "/tables/rename", expect=204, json=moved)
    assert _pages(other, space, 5) == [["a_last", "b"]]
    assert _pages(other, f"{space}%1Fbelow", 5) == [["c"]]

    face.call("DELETE", path_of(f"{space}.b"), expect=204)
    assert _pages(other, space, 5) == [["a_last"]]
    dropped = f"/catalogs/{admin.catalog}/namespaces/{space}/dropped-tables"
    (gone,) = admin.call("GET", dropped)["items"]
    admin.call("POST", f"{dropped}/{gone['id']}/undrop", {"name": "z"})
    assert _pages(other, space, 5) == [["a_last", "z"]]
    admin.call("DELETE", f"/principals/{team}/members/{stranger.name}")
    other.refused("GET", f"/namespaces/{space}%1Fbelow/tables", 404, "NoSuchNamespaceException")
