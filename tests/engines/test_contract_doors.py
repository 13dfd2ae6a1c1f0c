"""Doors by which somebody could get more than was granted: each is shut."""

from __future__ import annotations

import pytest

from document import Document
from face import Face, path_of
from management import Management
from requests_raw import create, create_view, schema
from weir_process import Principal, Ready


@pytest.fixture
def columns(admin: Management, space: str, table: str) -> list[int]:
    """The ids of the table's first two columns."""
    found = admin.columns(space, "orders")
    return [column["field_id"] for column in found.values()][:2]


def test_a_rename_into_a_namespace_of_ones_own_opens_no_column(
    face: Face, other: Face, admin: Management, space: str, at: str, columns: list[int], stranger: Principal
) -> None:
    own = f"{space}_own"
    face.new_namespace(own)
    admin.grant_on(stranger.name, ["CREATE_TABLE", "SELECT"], catalog=admin.catalog, namespace=own)
    admin.grant(stranger.name, ["SELECT"], space, "orders", columns)
    admin.grant(stranger.name, ["ALTER"], space, "orders")
    move = {
        "source": {"namespace": [space], "name": "orders"},
        "destination": {"namespace": [own], "name": "orders"},
    }
    other.refused("POST", "/tables/rename", 403, "ForbiddenException", json=move)
    admin.grant(stranger.name, ["DROP"], space, "orders")
    other.refused("POST", "/tables/rename", 403, "ForbiddenException", json=move)
    face.load(f"{space}.orders")


def test_replacing_a_view_shows_nothing_to_who_may_not_load_it(
    face: Face, other: Face, admin: Management, space: str, stranger: Principal
) -> None:
    face.call("POST", f"/namespaces/{space}/views", json=create_view("secret", "SELECT ssn FROM people"))
    at = f"/namespaces/{space}/views/secret"
    admin.grant(stranger.name, ["ALTER"], space, "secret")
    other.refused("GET", at, 403)
    told = other.refused("POST", at, 403, json={"requirements": [], "updates": []})
    assert "ssn" not in str(told)


def test_who_sees_some_columns_changes_no_schema(
    face: Face, other: Face, admin: Management, space: str, at: str, columns: list[int], stranger: Principal
) -> None:
    admin.grant(stranger.name, ["SELECT"], space, "orders", columns)
    assert len(other.load(f"{space}.orders")["schemas"][0]["fields"]) == 2
    add = {"action": "add-schema", "schema": schema(2)}
    current = {"action": "set-current-schema", "schema-id": -1}
    other.refused("POST", at, 403, json={"requirements": [], "updates": [add, current]})
    assert len(face.load(f"{space}.orders")["schemas"]) == 1


def test_a_column_moves_into_no_other_struct(face: Face, space: str) -> None:
    inner = {"id": 3, "name": "ssn", "type": "string", "required": False}
    outer = {"id": 2, "name": "person", "type": {"type": "struct", "fields": [inner]}, "required": False}
    other = {"id": 1, "name": "id", "type": "long", "required": False}
    body = create("nested") | {"schema": {"type": "struct", "fields": [other, outer]}}
    made = face.call("POST", f"/namespaces/{space}/tables", json=body)["metadata"]["schemas"][0]
    person = next(field for field in made["fields"] if field["name"] == "person")
    person["type"], ssn = "string", person["type"]["fields"][0]
    made["fields"] = [field for field in made["fields"] if field["name"] != "person"] + [ssn]
    updates = [
        {"action": "add-schema", "schema": {"type": "struct", "fields": made["fields"]}},
        {"action": "set-current-schema", "schema-id": -1},
    ]
    face.refused("POST", path_of(f"{space}.nested"), 400, json={"requirements": [], "updates": updates})


def test_registering_anew_takes_more_than_alter(
    face: Face, other: Face, admin: Management, space: str, table: str, at: str, stranger: Principal
) -> None:
    before = face.call("GET", at)["metadata-location"]
    face.call("POST", at, json={"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]})
    admin.grant(stranger.name, ["SELECT", "ALTER"], space, "orders")
    again = {"name": "orders", "metadata-location": before, "overwrite": True}
    other.refused("POST", f"/namespaces/{space}/register", 403, json=again)
    face.call("POST", f"/namespaces/{space}/register", json=again)
    assert "a" not in face.load(table)["properties"]


def test_registering_anew_gives_no_column_id_again(face: Face, space: str, table: str, at: str) -> None:
    loaded = face.call("GET", at)
    fields = loaded["metadata"]["schemas"][0]["fields"]
    fields.append({"id": 100, "name": "later", "type": "string", "required": False})
    updates = [
        {"action": "add-schema", "schema": {"type": "struct", "fields": fields}},
        {"action": "set-current-schema", "schema-id": -1},
    ]
    face.call("POST", at, json={"requirements": [], "updates": updates})
    again = {"name": "orders", "metadata-location": loaded["metadata-location"], "overwrite": True}
    face.refused("POST", f"/namespaces/{space}/register", 400, json=again)


def test_an_error_names_no_place_to_who_may_not_see_it(
    face: Face, other: Face, admin: Management, space: str, at: str, table: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, ["ALTER"], space, "orders")
    statistics = {
        "snapshot-id": 1,
        "statistics-path": "s3://elsewhere/x",
        "file-size-in-bytes": 1,
        "file-footer-size-in-bytes": 1,
        "blob-metadata": [],
    }
    update = {"action": "set-statistics", "statistics": statistics}
    told = other.refused("POST", at, (400, 403), json={"requirements": [], "updates": [update]})
    assert "file:" not in str(told)


def test_who_left_a_group_or_the_directory_commits_nothing_more_by_what_the_last_commit_knew(
    ready: Ready, document: Document, admin: Management, space: str, at: str
) -> None:
    team, member = f"{space}_team", admin.create_service(f"{space}_member")
    admin.call("POST", "/principals", {"name": team, "kind": "group"})
    admin.call("POST", f"/principals/{team}/members", {"member": member.name})
    admin.grant(team, ["SELECT", "ALTER"], space, "orders")
    theirs = Face.sign_in(ready, document, member)
    change = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
    for _ in range(2):
        theirs.call("POST", at, json=change)
    admin.call("DELETE", f"/principals/{team}/members/{member.name}")
    theirs.refused("POST", at, 404, "NoSuchTableException", json=change)
    admin.call("POST", f"/principals/{team}/members", {"member": member.name})
    theirs.call("POST", at, json=change)
    admin.call("DELETE", f"/principals/{member.name}")
    theirs.refused("POST", at, 401, json=change)


def test_a_request_is_signed_as_the_document_says_for_the_table_alone(
    face: Face, space: str, at: str, table: str
) -> None:
    asks = {"X-Iceberg-Access-Delegation": "remote-signing"}
    loaded = face.call("GET", at, headers=asks)
    where = loaded["config"]["s3.endpoint"] + "/" + loaded["metadata-location"].removeprefix("s3://")
    asked = {"region": "us-east-1", "method": "GET", "uri": where, "headers": {"range": ["bytes=0-0"]}}
    signed = face.call("POST", at + "/sign", json=asked)
    assert signed["uri"] == where and "authorization" in signed["headers"]
    face.refused("POST", at + "/sign", 403, "ForbiddenException", json=asked | {"uri": where + "?acl"})
    face.refused("POST", at + "/sign", 400, "BadRequestException", json=asked | {"uri": "http://127.0.0.1/a"})
    face.refused("POST", at + "/sign", 400, "BadRequestException", json=asked | {"method": "TRACE"})
    face.refused("POST", path_of(f"{space}.absent") + "/sign", 404, "NoSuchTableException", json=asked)


def test_what_another_left_is_registered_by_itself_or_with_a_right_to_the_place(
    face: Face, creator: Face, admin: Management, space: str, table: str, at: str, stranger: Principal
) -> None:
    left = face.call("POST", f"{at}/unregister")["metadata-location"]
    taken = {"name": "taken", "metadata-location": left}
    told = creator.refused("POST", f"/namespaces/{space}/register", 403, json=taken)
    assert "DATA_LOCATION_ACCESS" in str(told)
    absent = taken | {"metadata-location": left + ".absent"}
    assert creator.refused("POST", f"/namespaces/{space}/register", 403, json=absent) == told
    face.call("POST", f"/namespaces/{space}/register", json={"name": "mine", "metadata-location": left})
    # It lay there as a table again, so nobody left it.
    face.call("POST", path_of(f"{space}.mine") + "/unregister")
    place = next(one["name"] for one in admin.call("GET", "/locations")["items"] if left.startswith(one["url"]))
    admin.grant_on(stranger.name, ["DATA_LOCATION_ACCESS"], location=place)
    creator.call("POST", f"/namespaces/{space}/register", json=taken)
    admin.grant_on(stranger.name, ["SELECT", "DROP"], catalog=face.warehouse, namespace=space)
    creator.call("POST", path_of(f"{space}.taken") + "/unregister")
    # Another had it in between: the first knows no more what is in it.
    face.refused("POST", f"/namespaces/{space}/register", 403, json={"name": "mine", "metadata-location": left})


def test_a_view_that_another_dropped_is_not_registered(face: Face, creator: Face, space: str) -> None:
    made = face.call("POST", f"/namespaces/{space}/views", json=create_view("seen"))
    face.call("DELETE", path_of(f"{space}.seen", "views"), expect=204)
    body = {"name": "again", "metadata-location": made["metadata-location"]}
    creator.refused("POST", f"/namespaces/{space}/register-view", 403, json=body)
    face.call("POST", f"/namespaces/{space}/register-view", json=body)


def test_a_view_writes_into_no_place_but_its_own(face: Face, space: str, table: str) -> None:
    theirs = {"write.metadata.path": str(face.load(f"{space}.orders")["location"]) + "/data"}
    views = f"/namespaces/{space}/views"
    face.refused("POST", views, 400, json=create_view("astray") | {"properties": theirs})
    made = face.call("POST", views, json=create_view("own"))["metadata"]
    own = {"write.metadata.path": made["location"] + "/elsewhere"}
    for properties, status in ((theirs, 400), (own, 200)):
        body = {"requirements": [], "updates": [{"action": "set-properties", "updates": properties}]}
        face.call("POST", f"{views}/own", expect=status, json=body)
    assert "/elsewhere/" in face.call("GET", f"{views}/own")["metadata-location"]
