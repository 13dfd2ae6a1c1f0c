"""The Iceberg face as HTTP: errors, entity tags, pages, encodings, names in paths, and what is too much."""

from __future__ import annotations

import gzip
import json

import pytest

from face import Face, envelope, kept_after_refusal, left_waiting, path_of, send_large
from management import Management
from requests_raw import append, create, create_view, scan_report, schema, set_properties
from weir_process import Principal

MEBIBYTE = 1024 * 1024
CURRENT = {"action": "set-current-schema", "schema-id": -1}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 404),
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v2/config", 404),
        ("GET", "/v1/lake/nothing", 404),
        ("POST", "/v1/lake/namespaces/a/tables/b/nothing", 404),
        ("GET", "/v1/lake/namespaces/a/tables/b/c/d/e/f", 404),
        ("GET", "/v1/lake//namespaces", 404),
        ("PUT", "/v1/lake/namespaces", 405),
        ("PATCH", "/v1/lake/namespaces/a", 405),
        ("DELETE", "/v1/config", 405),
        ("GET", "/v1/oauth/tokens", 405),
        ("DELETE", "/v1/lake/transactions/commit", 405),
    ],
)
def test_what_is_no_route_is_told_in_the_envelope(face: Face, method: str, path: str, status: int) -> None:
    answer = face.send(method, path, checked=False)
    assert answer.status_code == status
    envelope(status, answer.headers["content-type"], answer.content)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b'{"namespace": "a"}',
        b'{"namespace": []}',
        b'{"namespace": [""]}',
        b'{"namespace": ["a b"]}',
        b'{"namespace": ["a/b"]}',
        b'{"namespace": ["a.b"]}',
        b'{"namespace": ["\\u0000"]}',
        b'{"namespace": ["\xff"]}',
        b'{"namespace": ["x"], "properties": {"a": 1}}',
        b'{"namespace": ["x"]} {"namespace": ["y"]}',
        b'{"namespace": ["' + b"x" * 300 + b'"]}',
        b'{"namespace": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        json.dumps({"namespace": ["x"] * 17}).encode(),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_none_is_400(face: Face, body: bytes) -> None:
    face.refused("POST", "/namespaces", (400, 404), data=body, headers={"content-type": "application/json"})


def test_what_no_database_can_keep_is_400(face: Face, space: str, at: str) -> None:
    nul = "a\u0000b"
    named, documented = schema(2), schema(2)
    named["fields"][1]["name"] = nul
    documented["fields"][1]["doc"] = nul
    column = {"requirements": [], "updates": [{"action": "add-schema", "schema": named}, CURRENT]}
    for path, body in (
        (f"/namespaces/{space}/properties", {"updates": {nul: "x"}}),
        (f"/namespaces/{space}/properties", {"updates": {"x": nul}}),
        ("/namespaces", {"namespace": ["x"], "properties": {"x": nul}}),
        (f"/namespaces/{space}/tables", create("named") | {"schema": named}),
        (f"/namespaces/{space}/tables", create("documented") | {"schema": documented}),
        (at, column),
        (f"{at}/metrics", scan_report(nul)),
    ):
        face.refused("POST", path, 400, "BadRequestException", json=body)
    probe = {"filter": {"type": "eq", "term": "text_2", "value": nul}}
    face.send("POST", f"{face.root}{at}/plan", json=probe, expect=(200, 400))


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_read_as_json_or_refused_in_the_envelope(face: Face, space: str, kind: str) -> None:
    body = json.dumps(create("typed"))
    answer = face.send(
        "POST", f"{face.root}/namespaces/{space}/tables", data=body, headers={"content-type": kind}, checked=False
    )
    if answer.status_code != 200:
        assert answer.status_code in (400, 415)
        envelope(answer.status_code, answer.headers["content-type"], answer.content)


@pytest.mark.parametrize(
    ("path", "size"),
    [("namespaces", 9 * MEBIBYTE), ("namespaces", 33 * MEBIBYTE), ("transactions/commit", 40 * MEBIBYTE)],
)
def test_a_body_that_is_too_large_is_told_in_the_envelope(face: Face, path: str, size: int) -> None:
    status, kind, body = send_large(face, f"{face.root}/{path}", size)
    assert status in (400, 413)
    envelope(status, kind, body)


def test_nobody_is_401_everywhere(nobody: Face, face: Face, table: str, at: str) -> None:
    for method, path in (
        ("GET", "/namespaces"),
        ("GET", at),
        ("HEAD", at),
        ("POST", at),
        ("DELETE", at),
        ("POST", "/transactions/commit"),
    ):
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": "Basic eDp5"},
            {"authorization": "x" * 5000},
        ):
            # Of its own connection: what a refusal leaves of one is the next test.
            own = headers | {"connection": "close"}
            body = {} if method == "POST" else None
            answer = nobody.send(method, nobody.root + path, expect=401, headers=own, json=body)
            assert "www-authenticate" in answer.headers
    face.call("HEAD", at, expect=204)


def test_a_refusal_before_the_body_leaves_the_connection_good(nobody: Face) -> None:
    assert kept_after_refusal(nobody, f"{nobody.root}/namespaces")


def test_who_was_granted_nothing_finds_nothing(other: Face, face: Face, space: str, table: str, at: str) -> None:
    other.refused("GET", at, 404, "NoSuchTableException")
    other.call("HEAD", at, expect=404)
    other.refused("DELETE", at, 404, "NoSuchTableException")
    other.refused("POST", at, 404, "NoSuchTableException", json=set_properties(face.load(table), a="b"))
    other.refused("POST", f"{at}/plan", 404, "NoSuchTableException", json={})
    other.refused("POST", f"{at}/unregister", 404, "NoSuchTableException")
    other.refused("GET", f"/namespaces/{space}", 404, "NoSuchNamespaceException")
    other.refused("GET", f"/namespaces/{space}/tables", 404, "NoSuchNamespaceException")
    other.refused("POST", f"/namespaces/{space}/tables", 404, "NoSuchNamespaceException", json=create("mine"))
    answer = other.send("GET", f"{other.root}/namespaces", expect=(200, 404))
    assert space not in answer.text


def test_the_same_is_told_of_what_is_hidden_and_of_what_is_not_there(other: Face, space: str, table: str) -> None:
    hidden = other.refused("GET", path_of(table), 404)
    absent = other.refused("GET", path_of(f"{space}.ordera"), 404)
    assert hidden["message"].replace("orders", "ordera") == absent["message"]


def test_a_restricted_caller_gets_its_columns_and_no_place(
    face: Face, other: Face, admin: Management, stranger: Principal, table: str, at: str
) -> None:
    face.call("POST", at, json=append(face.load(table)))
    space, name = table.split(".")
    whole = admin.grant(stranger.name, ["SELECT"], space, name)
    tag = other.send("GET", other.root + at, expect=200).headers["etag"]
    admin.revoke(whole)
    admin.grant(stranger.name, ["SELECT"], space, name, [1, 3])
    answer = other.send("GET", other.root + at, expect=200, headers={"if-none-match": tag})
    metadata = answer.json()["metadata"]
    assert [field["name"] for schema in metadata["schemas"] for field in schema["fields"]] == ["id", "text_3"]
    assert answer.json().get("metadata-location") is None
    assert "text_2" not in answer.text and "file://" not in answer.text and "added-records" not in answer.text
    assert metadata["location"].startswith("weir-restricted://")
    assert len(metadata["snapshots"]) == 1
    for path, body in (
        (at, set_properties(metadata, a="b")),
        (at, append(face.load(table))),
        (f"{at}/plan", {}),
        (f"{at}/unregister", {}),
    ):
        other.refused("POST", path, 403, "ForbiddenException", json=body)
    assert len(face.load(table)["snapshots"]) == 1


def test_what_did_not_change_is_304(face: Face, table: str, at: str) -> None:
    first = face.send("GET", face.root + at, expect=200)
    tag = first.headers["etag"]
    for value in (tag, f'"other", {tag}', tag if tag.startswith("W/") else f"W/{tag}"):
        answer = face.send("GET", face.root + at, expect=304, headers={"if-none-match": value})
        assert not answer.content
    told = face.send("POST", face.root + at, expect=200, json=append(face.load(table)))
    answer = face.send("GET", face.root + at, expect=200, headers={"if-none-match": tag})
    assert answer.headers["etag"] == told.headers["etag"] != tag


def test_all_snapshots_and_refs_have_different_tags(face: Face, table: str, at: str) -> None:
    for _ in range(3):
        face.call("POST", at, json=append(face.load(table)))
    whole = face.send("GET", f"{face.root}{at}?snapshots=all", expect=200)
    refs = face.send("GET", f"{face.root}{at}?snapshots=refs", expect=200)
    assert len(whole.json()["metadata"]["snapshots"]) == 3
    assert len(refs.json()["metadata"]["snapshots"]) == 1
    assert whole.headers["etag"] != refs.headers["etag"]
    face.send("GET", f"{face.root}{at}?snapshots=refs", expect=200, headers={"if-none-match": whole.headers["etag"]})
    face.send("GET", f"{face.root}{at}?snapshots=refs", expect=304, headers={"if-none-match": refs.headers["etag"]})
    face.refused("GET", f"{at}?snapshots=some", 400, "BadRequestException")


def test_a_tag_is_no_way_round_a_revocation(
    face: Face, other: Face, admin: Management, stranger: Principal, table: str, at: str
) -> None:
    space, name = table.split(".")
    grant = admin.grant(stranger.name, ["SELECT"], space, name)
    tag = other.send("GET", other.root + at, expect=200).headers["etag"]
    other.send("GET", other.root + at, expect=304, headers={"if-none-match": tag})
    admin.revoke(grant)
    other.refused("GET", at, 404, "NoSuchTableException", headers={"if-none-match": tag})
    admin.grant(stranger.name, ["SELECT"], space, name, [1])
    other.send("GET", other.root + at, expect=200, headers={"if-none-match": tag})


def test_answers_of_a_table_are_kept_by_nobody_else(face: Face, at: str) -> None:
    answer = face.send("GET", face.root + at, expect=200)
    assert any(word in answer.headers.get("cache-control", "") for word in ("private", "no-store", "no-cache"))


@pytest.mark.parametrize("kind", ["namespaces", "tables", "views"])
def test_pages_have_everything_once(face: Face, space: str, kind: str) -> None:
    names = [f"item_{number}" for number in range(7)]
    for name in names:
        if kind == "namespaces":
            face.new_namespace(space, name)
        else:
            body = create(name) if kind == "tables" else create_view(name)
            face.call("POST", f"/namespaces/{space}/{kind}", json=body)
    at = f"/namespaces?parent={space}&" if kind == "namespaces" else f"/namespaces/{space}/{kind}?"

    def page(query: str) -> tuple[list[str], str | None]:
        told = face.call("GET", at + query)
        found = (
            [row[-1] for row in told["namespaces"]]
            if kind == "namespaces"
            else [row["name"] for row in told["identifiers"]]
        )
        return found, told.get("next-page-token")

    assert page("") == (names, None)
    assert page("pageSize=2") == (names, None)
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        found, token = page(f"pageToken={token}&pageSize=3")
        assert len(found) <= 3
        seen += found
    assert seen == names


def test_a_page_that_is_none_is_400(face: Face, space: str) -> None:
    for query in ("pageToken=&pageSize=x", "pageToken=&pageSize=-1"):
        face.refused("GET", f"/namespaces/{space}/tables?{query}", 400)
    face.send("GET", f"{face.root}/namespaces/{space}/tables?pageToken=%00%FF&pageSize=2", expect=(200, 400))


def test_both_separators_part_a_namespace(face: Face, space: str) -> None:
    face.new_namespace(space, "emea")
    face.call("POST", f"/namespaces/{space}%1Femea/tables", json=create("orders"))
    for separator in ("%1F", "%1f", "."):
        face.call("HEAD", f"/namespaces/{space}{separator}emea", expect=204)
        assert face.call("GET", f"/namespaces/{space}{separator}emea/tables/orders")["metadata"]["last-column-id"] == 5
    face.refused("GET", f"/namespaces/{space}%1F", 404, "NoSuchNamespaceException")


@pytest.mark.parametrize(
    "name", ["a+b", "a%20b", "a%2Fb", "a%5Cb", "%2e%2e", "a%00b", "%FF", "a%25b", "ü", "x" * 2000, "'", "%22%3B--"]
)
def test_a_name_that_nothing_has_is_found_nowhere(face: Face, space: str, name: str) -> None:
    for path, kind in (
        (f"/namespaces/{name}", "NoSuchNamespaceException"),
        (f"/namespaces/{space}/tables/{name}", "NoSuchTableException"),
    ):
        answer = face.send("GET", face.root + path, expect=(400, 404), checked=False)
        error = envelope(answer.status_code, answer.headers["content-type"], answer.content)
        assert error["type"] in (kind, "BadRequestException")


def test_a_name_that_cannot_be_is_not_created(face: Face, space: str) -> None:
    for name in ("", "a b", "a.b", "a/b", "..", "x" * 300, "a\u0000b"):
        face.refused("POST", f"/namespaces/{space}/tables", 400, "BadRequestException", json=create(name))


def test_what_is_large_is_compressed_for_who_asks(face: Face, space: str) -> None:
    columns = [
        {"id": number, "name": f"column_{number}", "required": False, "type": "string"} for number in range(1, 500)
    ]
    body = create("wide") | {"schema": {"type": "struct", "fields": columns}}
    face.call("POST", f"/namespaces/{space}/tables", json=body)
    at = face.root + path_of(f"{space}.wide")
    plain = face.send("GET", at, expect=200, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    packed = face.send("GET", at, expect=200, headers={"accept-encoding": "gzip"}, stream=True, checked=False)
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers.get("vary", "").lower()
    raw = packed.raw.read(decode_content=False)
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 4
    again = face.send("GET", at, headers={"accept-encoding": "gzip", "if-none-match": packed.headers["etag"]})
    assert again.status_code == 304


def test_every_answer_has_a_request_id(face: Face, at: str) -> None:
    for path in (face.root + at, "/v1/nothing"):
        assert face.send("GET", path, checked=False).headers["x-request-id"]


def test_who_says_nothing_or_half_of_it_is_not_waited_for(face: Face) -> None:
    head = b"POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 40\r\n"
    begun = [b"", b"P", b"PRI * HTTP/2.0\r\n", b"GET / HTTP/1.1\r\n", head + b"connection: close\r\n\r\n{"]
    assert left_waiting(face, begun, patience=15) == []
