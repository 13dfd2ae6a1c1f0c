"""A fast, small client of the Iceberg face for the benches: one kept connection each, no packages needed."""

from __future__ import annotations

import http.client
import json
import select
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engines"))

from requests_raw import Json, append, create, current_snapshot_id  # noqa: E402
from weir_process import Principal, Ready, Weir  # noqa: E402

# What the other benches take from here too: importing this module makes those of the engine suites be found.
__all__ = ["Catalog", "Json", "Principal", "Ready", "Unanswered", "Weir", "append", "lineage", "path_of", "wrong_with"]

TIMEOUT_SECONDS = 60


class Unanswered(Exception):
    """The connection ended before the whole answer was there: nobody knows what became of the request."""


@dataclass
class Catalog:
    """One connection of somebody with a token. Not to be shared between threads."""

    address: str
    prefix: str
    token: str
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    @classmethod
    def sign_in(cls, ready: Ready, principal: Principal) -> Catalog:
        catalog = cls(ready.iceberg, ready.warehouse, "")
        form = {
            "grant_type": "client_credentials",
            "client_id": principal.client_id,
            "client_secret": principal.client_secret,
            "scope": "catalog",
        }
        kind = {"content-type": "application/x-www-form-urlencoded"}
        status, body = catalog.send("POST", "/v1/oauth/tokens", urlencode(form).encode(), kind)
        if status != 200:
            raise RuntimeError(f"no token: {status} {body[:300]!r}")
        catalog.token = json.loads(body)["access_token"]
        return catalog

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Errors: `Unanswered`. Nothing is sent twice."""
        sent = {"content-type": "application/json"} | (headers or {})
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        where = urlsplit(self.address)
        try:
            if self._connection is None or self._is_dropped():
                self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT_SECONDS)
            self._connection.request(method, where.path + path, body, sent)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered(repr(error)) from error

    def _is_dropped(self) -> bool:
        """Did the server close the connection while it was idle? Then there is something to read: the end."""
        sock = self._connection.sock if self._connection else None
        return sock is None or bool(select.select([sock], [], [], 0)[0])

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Below the warehouse."""
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        return self.send(method, f"/v1/{self.prefix}{path}", data, headers)

    def must(self, method: str, path: str, body: Any = None) -> Json:
        """As `call`, where anything but success ends the bench."""
        status, text = self.call(method, path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {text[:500]!r}")
        found: Json = json.loads(text) if text else {}
        return found

    def load(self, table: str, snapshots: str = "all") -> Json:
        metadata: Json = self.must("GET", f"{path_of(table)}?snapshots={snapshots}")["metadata"]
        return metadata

    def new_table(self, namespace: str, name: str, **members: Any) -> str:
        """Makes the namespace where it is not there yet, and the table."""
        status, text = self.call("POST", "/namespaces", {"namespace": [namespace], "properties": {}})
        if status not in (200, 409):
            raise RuntimeError(f"no namespace: {status} {text[:300]!r}")
        self.must("POST", f"/namespaces/{namespace}/tables", create(name, **members))
        return f"{namespace}.{name}"


def path_of(table: str) -> str:
    namespace, name = table.split(".")
    return f"/namespaces/{namespace}/tables/{name}"


def lineage(metadata: Json) -> list[int]:
    """The snapshots of main, the newest first."""
    parents = {
        snapshot["snapshot-id"]: snapshot.get("parent-snapshot-id") for snapshot in metadata.get("snapshots", [])
    }
    found, number = [], current_snapshot_id(metadata)
    while number is not None and number in parents:
        found.append(number)
        number = parents[number]
    return found


def wrong_with(metadata: Json, acknowledged: dict[int, int]) -> list[str]:
    """What is wrong with a table of appends, given the acknowledged snapshots and their rows."""
    ancestors = set(lineage(metadata))
    snapshots = metadata.get("snapshots", [])
    sequence = [snapshot["sequence-number"] for snapshot in snapshots]
    rows = {snapshot["snapshot-id"]: int(snapshot["summary"]["added-records"]) for snapshot in snapshots}
    wrong = [f"{len(lost)} acknowledged snapshots are lost" for lost in [set(acknowledged) - ancestors] if lost]
    if len(set(sequence)) != len(sequence):
        wrong.append(f"{len(sequence) - len(set(sequence))} sequence numbers are there twice")
    if ancestors != set(rows):
        wrong.append(f"{len(set(rows) - ancestors)} snapshots are no ancestors of main")
    if sequence and max(sequence) != metadata["last-sequence-number"]:
        wrong.append("last-sequence-number is not the highest")
    differing = [number for number, count in acknowledged.items() if rows.get(number, count) != count]
    if differing:
        wrong.append(f"{len(differing)} snapshots have other rows than they were given")
    return wrong
