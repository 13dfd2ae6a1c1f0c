"""Commits over plain HTTP: requirements, staged creates, transactions and Idempotency-Key."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from face import Face, path_of
from requests_raw import (
    Json,
    append,
    assert_ref,
    assert_uuid,
    commit_of_staged,
    create,
    field,
    new_snapshot,
    schema,
    set_properties,
    set_ref,
    uuid7,
)

Change = dict[str, Any]


def _refused_unchanged(face: Face, at: str, status: int, body: Json) -> Json:
    """Expects the refusal, and that nothing changed."""
    before = face.call("GET", at)["metadata-location"]
    error = face.refused("POST", at, status, json=body)
    assert face.call("GET", at)["metadata-location"] == before
    return error


def test_an_append_becomes_the_current_snapshot(face: Face, table: str, at: str) -> None:
    first = face.load(table)
    told = face.call("POST", at, json=append(first, rows=3))
    metadata = told["metadata"]
    assert metadata["last-sequence-number"] == 1
    assert metadata["refs"]["main"]["snapshot-id"] == metadata["current-snapshot-id"]
    assert [entry["snapshot-id"] for entry in metadata["snapshot-log"]] == [metadata["current-snapshot-id"]]
    found = face.call("GET", at)
    assert found["metadata"] == metadata
    assert found["metadata-location"] == told["metadata-location"]


def test_a_requirement_that_does_not_hold_is_409_and_nothing_changes(face: Face, table: str, at: str) -> None:
    face.call("POST", at, json=append(face.load(table)))
    metadata = face.load(table)
    for requirement in (
        {"type": "assert-table-uuid", "uuid": "00000000-0000-7000-8000-000000000000"},
        {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": None},
        {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 1},
        {"type": "assert-ref-snapshot-id", "ref": "absent", "snapshot-id": 1},
        {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 99},
        {"type": "assert-current-schema-id", "current-schema-id": 99},
        {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 1},
        {"type": "assert-default-spec-id", "default-spec-id": 99},
        {"type": "assert-default-sort-order-id", "default-sort-order-id": 99},
        {"type": "assert-create"},
    ):
        body = set_properties(metadata, a="b") | {"requirements": [requirement]}
        error = _refused_unchanged(face, at, 409, body)
        assert error["type"] == "CommitFailedException", requirement


@pytest.mark.parametrize(
    "update",
    [
        {"action": "no-such-action"},
        {"action": "set-current-schema", "schema-id": 99},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "set-default-spec", "spec-id": 99},
        {"action": "set-default-sort-order", "sort-order-id": 99},
        {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 404},
        {"action": "set-snapshot-ref", "ref-name": "x", "type": "branch"},
        {"action": "upgrade-format-version", "format-version": 1},
        {"action": "upgrade-format-version", "format-version": 99},
        {"action": "assign-uuid", "uuid": "00000000-0000-7000-8000-000000000000"},
        {"action": "set-location", "location": "file:///etc"},
        {"action": "set-properties", "updates": {"s3.endpoint": "http://127.0.0.1:9"}},
        {"action": "set-properties", "updates": {"write.metadata.path": "file:///etc"}},
        {"action": "remove-schemas", "schema-ids": [0]},
        {"action": "remove-partition-specs", "spec-ids": [0]},
        {"action": "add-schema", "schema": {"type": "struct", "fields": [{"id": 1}]}},
        {"action": "add-snapshot", "snapshot": {"snapshot-id": 1}},
    ],
    ids=lambda update: "-".join(str(value) for value in update.values())[:60],
)
def test_an_update_that_makes_no_sense_is_400_and_nothing_changes(
    face: Face, at: str, table: str, update: Change
) -> None:
    body = {
        "requirements": [assert_uuid(face.load(table))],
        "updates": [{"action": "set-properties", "updates": {"a": "b"}}, update],
    }
    assert _refused_unchanged(face, at, 400, body)["type"] == "BadRequestException"


def test_an_unknown_requirement_is_400(face: Face, at: str, table: str) -> None:
    body = set_properties(face.load(table), a="b") | {"requirements": [{"type": "assert-weather", "weather": "good"}]}
    assert _refused_unchanged(face, at, 400, body)["type"] == "BadRequestException"


def test_a_stale_sequence_number_may_be_tried_again(face: Face, at: str, table: str) -> None:
    first = face.load(table)
    face.call("POST", at, json=append(first))
    metadata = face.load(table)
    snapshot = new_snapshot(metadata, 1) | {"sequence-number": metadata["last-sequence-number"]}
    body = {"requirements": [], "updates": [{"action": "add-snapshot", "snapshot": snapshot}]}
    assert _refused_unchanged(face, at, 409, body)["type"] == "CommitFailedException"


def test_a_snapshot_outside_the_table_is_refused(face: Face, at: str, table: str) -> None:
    metadata = face.load(table)
    places = ("file:///etc/passwd", metadata["location"] + "x/metadata/a.avro", metadata["location"] + "/../a.avro")
    for place in places:
        snapshot = new_snapshot(metadata, 1) | {"manifest-list": place}
        body = {"requirements": [], "updates": [{"action": "add-snapshot", "snapshot": snapshot}]}
        _refused_unchanged(face, at, 400, body)


def test_what_changes_nothing_writes_nothing(face: Face, at: str, table: str) -> None:
    face.call("POST", at, json=set_properties(face.load(table), a="b"))
    before = face.call("GET", at)["metadata-location"]
    assert face.call("POST", at, json=set_properties(face.load(table), a="b"))["metadata-location"] == before
    assert face.call("POST", at, json={"requirements": [], "updates": []})["metadata-location"] == before


def test_members_that_nobody_knows_are_ignored_in_requests_and_kept_in_metadata(
    face: Face, at: str, table: str
) -> None:
    body = append(face.load(table))
    body["updates"][0]["snapshot"]["summary"]["x-future"] = "kept"
    body["x-future"] = {"ignored": True}
    face.call("POST", at, json=body)
    assert face.load(table)["snapshots"][0]["summary"]["x-future"] == "kept"


def test_a_branch_and_a_tag_are_set_and_removed(face: Face, at: str, table: str) -> None:
    told = face.call("POST", at, json=append(face.load(table)))["metadata"]
    number = told["current-snapshot-id"]
    tag = set_ref("v1", number, "tag") | {"max-ref-age-ms": 1000}
    refs = face.call(
        "POST", at, json={"requirements": [assert_ref("v1", None)], "updates": [tag, set_ref("b", number)]}
    )
    assert refs["metadata"]["refs"]["v1"]["max-ref-age-ms"] == 1000
    gone = [{"action": "remove-snapshot-ref", "ref-name": name} for name in ("v1", "b", "absent")]
    face.call("POST", at, json={"requirements": [], "updates": gone})
    assert set(face.load(table)["refs"]) == {"main"}


def test_a_staged_table_is_committed_with_the_uuid_it_was_given(face: Face, space: str) -> None:
    staged = face.call("POST", f"/namespaces/{space}/tables", json=create("staged", stage_create=True))
    assert staged.get("metadata-location") is None
    at = path_of(f"{space}.staged")
    face.call("HEAD", at, expect=404)
    assert face.call("GET", f"/namespaces/{space}/tables")["identifiers"] == []
    body = commit_of_staged(staged["metadata"])
    told = face.call("POST", at, json=body)
    assert told["metadata"]["table-uuid"] == staged["metadata"]["table-uuid"]
    assert told["metadata"]["location"] == staged["metadata"]["location"]
    face.refused("POST", at, 409, json=body)
    face.call("HEAD", at, expect=204)


def test_a_staged_table_is_not_committed_elsewhere(face: Face, space: str, table: str) -> None:
    staged = face.call("POST", f"/namespaces/{space}/tables", json=create("staged", stage_create=True))["metadata"]
    for place in ("file:///etc", face.load(table)["location"]):
        body = commit_of_staged(staged | {"location": place})
        face.refused("POST", path_of(f"{space}.staged"), (400, 403, 409), json=body)
    face.call("HEAD", path_of(f"{space}.staged"), expect=404)


def test_assert_create_stands_alone(face: Face, space: str) -> None:
    staged = face.call("POST", f"/namespaces/{space}/tables", json=create("staged", stage_create=True))["metadata"]
    body = commit_of_staged(staged)
    body["requirements"].append(assert_uuid(staged))
    face.refused("POST", path_of(f"{space}.staged"), 400, "BadRequestException", json=body)


def _two(face: Face, space: str) -> tuple[str, str]:
    for name in ("one", "two"):
        face.call("POST", f"/namespaces/{space}/tables", json=create(name))
    return f"{space}.one", f"{space}.two"


def _change(name: str, body: Json) -> Change:
    *levels, last = name.split(".")
    return {"identifier": {"namespace": levels, "name": last}} | body


def _commit(face: Face, changes: list[Change], status: int) -> Json | None:
    body = {"table-changes": changes}
    if status == 204:
        face.call("POST", "/transactions/commit", expect=204, json=body)
        return None
    return face.refused("POST", "/transactions/commit", status, json=body)


def test_a_transaction_changes_all_its_tables(face: Face, space: str) -> None:
    one, two = _two(face, space)
    _commit(face, [_change(one, append(face.load(one))), _change(two, set_properties(face.load(two), a="b"))], 204)
    assert len(face.load(one)["snapshots"]) == 1
    assert face.load(two)["properties"]["a"] == "b"


def test_a_transaction_with_one_bad_requirement_changes_nothing(face: Face, space: str) -> None:
    one, two = _two(face, space)
    stale = append(face.load(two))
    face.call("POST", path_of(two), json=append(face.load(two)))
    before = [face.call("GET", path_of(name))["metadata-location"] for name in (one, two)]
    for changes in (
        [_change(one, append(face.load(one))), _change(two, stale)],
        [_change(two, stale), _change(one, append(face.load(one)))],
    ):
        error = _commit(face, changes, 409)
        assert error and error["type"] == "CommitFailedException"
    assert [face.call("GET", path_of(name))["metadata-location"] for name in (one, two)] == before


def test_a_transaction_that_makes_no_sense_is_refused(face: Face, space: str) -> None:
    one, two = _two(face, space)
    good = _change(one, set_properties(face.load(one), a="b"))
    _commit(face, [good, copy.deepcopy(good)], 400)
    _commit(face, [good, _change(f"{space}.absent", set_properties(face.load(two), a="b"))], 404)
    _commit(face, [good, {"requirements": [], "updates": []}], 400)
    assert "a" not in face.load(one)["properties"]


def test_a_transaction_creates_a_staged_table(face: Face, space: str, table: str) -> None:
    staged = face.call("POST", f"/namespaces/{space}/tables", json=create("staged", stage_create=True))["metadata"]
    _commit(
        face,
        [_change(f"{space}.staged", commit_of_staged(staged)), _change(table, set_properties(face.load(table), a="b"))],
        204,
    )
    assert face.load(f"{space}.staged")["table-uuid"] == staged["table-uuid"]
    assert face.load(table)["properties"]["a"] == "b"


def test_transactions_over_the_same_tables_do_not_block_each_other(face: Face, space: str) -> None:
    one, two = _two(face, space)
    names = [[one, two], [two, one]] * 8
    before = len(face.load(one)["properties"])

    def run(order: list[str]) -> int:
        changes = [
            _change(name, {"requirements": [], "updates": [{"action": "set-properties", "updates": {uuid7(): "1"}}]})
            for name in order
        ]
        return face.send("POST", f"{face.root}/transactions/commit", json={"table-changes": changes}).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(run, names))
    assert set(answers) <= {204, 409, 429}
    added = [len(face.load(name)["properties"]) - before for name in (one, two)]
    assert added == [answers.count(204)] * 2
    assert answers.count(204) >= 1


def test_a_request_sent_again_with_its_key_is_carried_out_once(face: Face, space: str, table: str, at: str) -> None:
    key = {"Idempotency-Key": uuid7()}
    made = [face.call("POST", f"/namespaces/{space}/tables", json=create("again"), headers=key) for _ in range(2)]
    assert made[0]["metadata"]["table-uuid"] == made[1]["metadata"]["table-uuid"]
    body, key = append(face.load(table)), {"Idempotency-Key": uuid7()}
    for _ in range(3):
        face.call("POST", at, json=body, headers=key)
    assert len(face.load(table)["snapshots"]) == 1
    key = {"Idempotency-Key": uuid7()}
    for _ in range(2):
        face.call("DELETE", at, expect=204, headers=key)
    face.refused("DELETE", at, 404, "NoSuchTableException", headers={"Idempotency-Key": uuid7()})


def test_a_key_with_another_request_is_refused(face: Face, space: str, table: str, at: str) -> None:
    key = {"Idempotency-Key": uuid7()}
    face.call("POST", at, json=set_properties(face.load(table), a="1"), headers=key)
    before = face.call("GET", at)["metadata-location"]
    for path, body in ((at, set_properties(face.load(table), a="2")), (f"/namespaces/{space}/tables", create("other"))):
        face.refused("POST", path, (400, 409, 422), json=body, headers=key)
    assert face.call("GET", at)["metadata-location"] == before
    face.call("HEAD", path_of(f"{space}.other"), expect=404)


def test_a_key_of_somebody_else_replays_nothing(face: Face, creator: Face, space: str) -> None:
    key = {"Idempotency-Key": uuid7()}
    body = create("mine")
    face.call("POST", f"/namespaces/{space}/tables", json=body, headers=key)
    creator.refused("POST", f"/namespaces/{space}/tables", (400, 403, 409, 422), json=body, headers=key)


def test_a_key_that_is_none_is_refused(face: Face, space: str) -> None:
    for key in ("", "1", "00000000-0000-4000-8000-000000000000", "x" * 500):
        face.refused("POST", f"/namespaces/{space}/tables", 400, json=create("t"), headers={"Idempotency-Key": key})


def test_requests_at_once_with_one_key_are_one(face: Face, at: str, table: str) -> None:
    body, key = append(face.load(table)), {"Idempotency-Key": uuid7()}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: face.send("POST", face.root + at, json=body, headers=key).status_code, range(8))
        )
    assert 200 in answers and set(answers) <= {200, 409, 429}
    assert len(face.load(table)["snapshots"]) == 1


def test_a_schema_may_be_wide_and_deep(face: Face, space: str) -> None:
    wide = schema(2000)
    nested: Any = "string"
    for level in range(20):
        nested = {"type": "struct", "fields": [field(3000 + level, "inner", nested)]}
    wide["fields"].append(field(2999, "deep", nested))
    told = face.call("POST", f"/namespaces/{space}/tables", json=create("wide") | {"schema": wide})
    assert told["metadata"]["last-column-id"] == 2021
    assert len(face.load(f"{space}.wide")["schemas"][0]["fields"]) == 2001
