"""Every route of the Iceberg face over plain HTTP, each answer checked against `openapi/iceberg.yaml`."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from document import Document
from face import Face, path_of
from management import Management
from requests_raw import append, create, create_view, scan_report, view_version
from weir_process import Principal, Ready

FORM = {"content-type": "application/x-www-form-urlencoded"}
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def test_the_document_describes_what_config_says_is_served(face: Face, document: Document) -> None:
    config = face.send("GET", f"/v1/config?warehouse={face.warehouse}", expect=200).json()
    assert config["overrides"]["prefix"] == face.warehouse
    assert config["idempotency-key-lifetime"] == "PT30M"
    served = {tuple(endpoint.split(" ", 1)) for endpoint in config["endpoints"]}
    unprefixed = {("GET", "/v1/config"), ("POST", "/v1/oauth/tokens")}
    assert served | unprefixed == document.operations


def test_config_knows_no_other_warehouse(face: Face, nobody: Face) -> None:
    answer = face.send("GET", "/v1/config?warehouse=absent", expect=404)
    assert answer.json()["error"]["type"] == "NoSuchWarehouseException"
    face.send("GET", "/v1/config", expect=(200, 400))
    nobody.send("GET", f"/v1/config?warehouse={face.warehouse}", expect=401)


def test_a_client_gets_a_token_by_form_and_by_basic(nobody: Face, spark: Principal) -> None:
    assert spark.client_id and spark.client_secret
    form = {"grant_type": "client_credentials", "scope": "catalog"}
    with_form = form | {"client_id": spark.client_id, "client_secret": spark.client_secret}
    told = nobody.send("POST", "/v1/oauth/tokens", expect=200, data=with_form).json()
    assert told["token_type"].lower() == "bearer"
    assert told["expires_in"] > 60
    assert told.get("scope", "catalog") == "catalog"
    basic = base64.b64encode(f"{spark.client_id}:{spark.client_secret}".encode()).decode()
    answer = nobody.send("POST", "/v1/oauth/tokens", expect=200, data=form, headers={"authorization": f"Basic {basic}"})
    assert answer.json()["access_token"] != told["access_token"]
    assert "no-store" in answer.headers["cache-control"]


def test_a_token_is_exchanged_for_another_of_the_same_principal(nobody: Face, face: Face) -> None:
    kind = "urn:ietf:params:oauth:token-type:access_token"
    form = {"grant_type": EXCHANGE, "subject_token": face.token, "subject_token_type": kind}
    told = nobody.send("POST", "/v1/oauth/tokens", expect=200, data=form).json()
    assert told["issued_token_type"] == kind
    assert told["access_token"] != face.token
    again = Face(face.base, face.warehouse, face.document, told["access_token"])
    again.call("GET", "/namespaces")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "spark", "client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": EXCHANGE, "subject_token": "wrong"}, ""),
        ({}, "invalid_request"),
    ],
)
def test_a_refused_token_request_is_told_as_oauth_tells_it(nobody: Face, form: dict[str, str], error: str) -> None:
    answer = nobody.send("POST", "/v1/oauth/tokens", expect=(400, 401), data=form, headers=FORM)
    assert answer.json()["error"].startswith(error)


def test_namespaces_are_created_found_and_dropped(face: Face, namespace_name: str) -> None:
    body = {"namespace": [namespace_name], "properties": {"team": "red"}}
    made = face.call("POST", "/namespaces", json=body)
    assert made["namespace"] == [namespace_name]
    assert made["properties"]["team"] == "red"
    at = f"/namespaces/{namespace_name}"
    assert face.call("GET", at)["properties"]["team"] == "red"
    face.call("HEAD", at, expect=204)
    assert [namespace_name] in face.call("GET", "/namespaces")["namespaces"]
    face.refused("POST", "/namespaces", 409, "AlreadyExistsException", json=body)
    face.call("DELETE", at, expect=204)
    face.call("HEAD", at, expect=404)
    face.refused("GET", at, 404, "NoSuchNamespaceException")
    face.refused("DELETE", at, 404, "NoSuchNamespaceException")


def test_namespace_properties_are_told_apart(face: Face, space: str) -> None:
    at = f"/namespaces/{space}/properties"
    face.call("POST", at, json={"updates": {"a": "1", "b": "2"}})
    told = face.call("POST", at, json={"removals": ["a", "absent"], "updates": {"c": "3"}})
    assert (told["updated"], told["removed"], told["missing"]) == (["c"], ["a"], ["absent"])
    face.refused("POST", at, 422, "UnprocessableEntityException", json={"removals": ["b"], "updates": {"b": "9"}})
    assert face.call("GET", f"/namespaces/{space}")["properties"] == {"b": "2", "c": "3"}
    face.refused("POST", "/namespaces/absent/properties", 404, "NoSuchNamespaceException", json={"updates": {}})


def test_only_children_are_listed_below_a_namespace(face: Face, space: str) -> None:
    face.new_namespace(space, "emea")
    face.new_namespace(space, "emea", "dach")
    assert face.call("GET", f"/namespaces?parent={space}")["namespaces"] == [[space, "emea"]]
    for separator in ("%1F", "."):
        found = face.call("GET", f"/namespaces?parent={space}{separator}emea")["namespaces"]
        assert found == [[space, "emea", "dach"]]
    assert face.call("GET", "/namespaces?parent=")["namespaces"] == face.call("GET", "/namespaces")["namespaces"]
    face.refused("GET", "/namespaces?parent=absent", 404, "NoSuchNamespaceException")
    face.refused("DELETE", f"/namespaces/{space}", 409, "NamespaceNotEmptyException")


def test_tables_are_created_loaded_listed_and_dropped(face: Face, space: str) -> None:
    at = path_of(f"{space}.orders")
    made = face.call("POST", f"/namespaces/{space}/tables", json=create("orders", properties={"a": "b"}))
    assert made["metadata-location"].startswith(made["metadata"]["location"] + "/metadata/")
    assert made["metadata"]["format-version"] == 2
    assert made["metadata"]["properties"]["a"] == "b"
    assert made["metadata"]["last-column-id"] == 5
    found = face.call("GET", at)
    assert found["metadata"] == made["metadata"]
    assert found["metadata-location"] == made["metadata-location"]
    face.call("HEAD", at, expect=204)
    listed = face.call("GET", f"/namespaces/{space}/tables")
    assert listed["identifiers"] == [{"namespace": [space], "name": "orders"}]
    face.refused("POST", f"/namespaces/{space}/tables", 409, "AlreadyExistsException", json=create("orders"))
    face.call("DELETE", f"{at}?purgeRequested=true", expect=204)
    face.call("HEAD", at, expect=404)
    error = face.refused("GET", at, 404, "NoSuchTableException")
    assert error["message"] == f"Table does not exist: {space}.orders"
    face.refused("DELETE", at, 404, "NoSuchTableException")
    face.refused("POST", "/namespaces/absent/tables", 404, "NoSuchNamespaceException", json=create("orders"))


def test_a_credential_is_for_who_asks_and_answers_with_one_are_kept_by_nobody(face: Face, at: str) -> None:
    for headers in ({}, {"X-Iceberg-Access-Delegation": "other"}):
        told = face.call("GET", at, headers=headers)
        assert "storage-credentials" not in told
        assert not [key for key in told.get("config") or {} if key.startswith("s3.")]
    asked = {"X-Iceberg-Access-Delegation": "remote-signing, vended-credentials"}
    answer = face.send("GET", f"{face.root}{at}", headers=asked)
    told = answer.json()
    (storage,) = told["storage-credentials"]
    assert storage["prefix"] == told["metadata"]["location"] + "/"
    assert storage["config"].items() <= told["config"].items()
    assert answer.headers["cache-control"] == "private, no-store"
    # The tag is another than without, and holds as long as the credential is handed out again.
    tag = answer.headers["etag"]
    assert tag != face.send("GET", f"{face.root}{at}").headers["etag"]
    face.send("GET", f"{face.root}{at}", headers=asked | {"If-None-Match": tag}, expect=304)
    fresh = face.call("GET", f"{at}/credentials")
    assert fresh["storage-credentials"] == [storage]


def test_a_table_is_renamed_within_and_across_namespaces(face: Face, space: str, table: str, at: str) -> None:
    face.new_namespace(space, "archive")
    source, target = {"namespace": [space], "name": "orders"}, {"namespace": [space, "archive"], "name": "old"}
    before = face.call("GET", at)["metadata"]["table-uuid"]
    face.call("POST", "/tables/rename", expect=204, json={"source": source, "destination": target})
    face.refused("GET", at, 404, "NoSuchTableException")
    assert face.load(f"{space}.archive.old")["table-uuid"] == before


def test_a_rename_needs_a_source_a_place_and_a_free_name(face: Face, space: str, table: str) -> None:
    face.call("POST", f"/namespaces/{space}/tables", json=create("other"))
    face.call("POST", f"/namespaces/{space}/views", json=create_view("seen"))

    def rename(source: str, *target: str) -> dict[str, Any]:
        return {
            "source": {"namespace": [space], "name": source},
            "destination": {"namespace": list(target[:-1]), "name": target[-1]},
        }

    face.refused("POST", "/tables/rename", 409, "AlreadyExistsException", json=rename("orders", space, "other"))
    face.refused("POST", "/tables/rename", 409, "AlreadyExistsException", json=rename("orders", space, "seen"))
    face.refused("POST", "/tables/rename", 404, "NoSuchNamespaceException", json=rename("orders", "absent", "x"))
    face.refused("POST", "/tables/rename", 404, "NoSuchTableException", json=rename("absent", space, "x"))
    face.refused("POST", "/tables/rename", 404, "NoSuchTableException", json=rename("seen", space, "x"))
    face.refused("POST", "/views/rename", 404, "NoSuchViewException", json=rename("orders", space, "x"))
    assert len(face.call("GET", f"/namespaces/{space}/tables")["identifiers"]) == 2


def test_unregistered_metadata_is_registered_again(face: Face, space: str, table: str, at: str) -> None:
    before = face.call("GET", at)
    told = face.call("POST", f"{at}/unregister")
    assert told["metadata-location"] == before["metadata-location"]
    face.refused("POST", at, 404, "NoSuchTableException", json=append(before["metadata"]))
    body = {"name": "again", "metadata-location": told["metadata-location"]}
    again = face.call("POST", f"/namespaces/{space}/register", json=body)
    assert again["metadata"]["table-uuid"] == before["metadata"]["table-uuid"]
    face.refused("POST", f"/namespaces/{space}/register", 409, json=body)
    face.refused("POST", f"{path_of(f'{space}.absent')}/unregister", 404, "NoSuchTableException")


def test_metrics_are_taken(face: Face, at: str, table: str) -> None:
    report = scan_report(table)
    face.call("POST", f"{at}/metrics", expect=204, json=report)
    face.refused("POST", f"{at}/metrics", 400, "BadRequestException", json={"report-type": "other"})
    face.refused("POST", f"{path_of('absent.t')}/metrics", 404, "NoSuchTableException", json=report)


def test_a_table_without_snapshots_has_no_scan_tasks(face: Face, at: str) -> None:
    told = face.call("POST", f"{at}/plan", json={})
    assert told["status"] == "completed"
    assert not told.get("file-scan-tasks") and not told.get("plan-tasks")


def test_a_scan_that_makes_no_sense_is_refused(face: Face, at: str) -> None:
    for body in (
        {"snapshot-id": 1, "start-snapshot-id": 1, "end-snapshot-id": 2},
        {"snapshot-id": 404},
        {"filter": {"type": "eq", "term": "absent", "value": 1}},
        {"filter": {"type": "no-such-thing", "term": "id", "value": 1}},
    ):
        face.refused("POST", f"{at}/plan", (400, 404), json=body)
    face.refused("GET", f"{at}/plan/absent", 404, "NoSuchPlanIdException")
    face.refused("DELETE", f"{at}/plan/absent", 404, "NoSuchPlanIdException")
    face.refused("POST", f"{at}/tasks", 404, "NoSuchPlanTaskException", json={"plan-task": "absent"})
    face.refused("POST", f"{path_of('absent.t')}/plan", 404, "NoSuchTableException", json={})


def test_views_are_created_replaced_renamed_and_dropped(face: Face, space: str) -> None:
    at = path_of(f"{space}.seen", "views")
    made = face.call("POST", f"/namespaces/{space}/views", json=create_view("seen"))
    assert face.call("GET", at)["metadata"] == made["metadata"]
    face.call("HEAD", at, expect=204)
    assert face.call("GET", f"/namespaces/{space}/views")["identifiers"] == [{"namespace": [space], "name": "seen"}]
    body = {
        "requirements": [{"type": "assert-view-uuid", "uuid": made["metadata"]["view-uuid"]}],
        "updates": [
            {"action": "add-view-version", "view-version": view_version(2, "select 2")},
            {"action": "set-current-view-version", "view-version-id": -1},
        ],
    }
    replaced = face.call("POST", at, json=body)["metadata"]
    assert replaced["current-version-id"] == 2
    assert [version["version-id"] for version in replaced["versions"]] == [1, 2]
    wrong = body | {"requirements": [{"type": "assert-view-uuid", "uuid": "00000000-0000-7000-8000-000000000000"}]}
    face.refused("POST", at, 409, "CommitFailedException", json=wrong)
    rename = {"source": {"namespace": [space], "name": "seen"}, "destination": {"namespace": [space], "name": "new"}}
    face.call("POST", "/views/rename", expect=204, json=rename)
    face.refused("GET", at, 404, "NoSuchViewException")
    face.call("DELETE", path_of(f"{space}.new", "views"), expect=204)
    face.refused("DELETE", path_of(f"{space}.new", "views"), 404, "NoSuchViewException")


def test_a_dropped_view_is_registered_again(face: Face, space: str) -> None:
    made = face.call("POST", f"/namespaces/{space}/views", json=create_view("seen"))
    face.call("DELETE", path_of(f"{space}.seen", "views"), expect=204)
    body = {"name": "again", "metadata-location": made["metadata-location"]}
    told = face.call("POST", f"/namespaces/{space}/register-view", json=body)
    assert told["metadata"]["view-uuid"] == made["metadata"]["view-uuid"]
    face.refused("POST", f"/namespaces/{space}/register-view", 409, "AlreadyExistsException", json=body)


def test_tables_and_views_share_one_space_of_names(face: Face, space: str, table: str) -> None:
    face.refused("POST", f"/namespaces/{space}/views", 409, "AlreadyExistsException", json=create_view("orders"))
    face.call("POST", f"/namespaces/{space}/views", json=create_view("seen"))
    face.refused("POST", f"/namespaces/{space}/tables", 409, "AlreadyExistsException", json=create("seen"))
    face.refused("GET", path_of(f"{space}.seen"), 404, "NoSuchTableException")
    face.refused("GET", path_of(f"{space}.orders", "views"), 404, "NoSuchViewException")


def test_there_are_no_functions_yet(face: Face, space: str) -> None:
    assert face.call("GET", f"/namespaces/{space}/functions")["identifiers"] == []
    face.refused("GET", f"/namespaces/{space}/functions/f", 404, "NoSuchFunctionException")
    face.refused("GET", "/namespaces/absent/functions", 404, "NoSuchNamespaceException")


def test_a_revoked_token_is_nobody(ready: Ready, document: Document, admin: Management) -> None:
    service = admin.create_service(f"gone{time.time_ns()}")
    theirs = Face.sign_in(ready, document, service)
    admin.call("DELETE", f"/principals/{service.name}")
    theirs.refused("GET", "/namespaces", 401, "NotAuthorizedException")
