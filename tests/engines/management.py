"""The management API as the suites use it: people, services, grants, what is written about columns. Standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from weir_process import Principal, Ready

TIMEOUT_SECONDS = 60.0


class Refused(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body[:500]}")
        self.status = status
        self.body = body


@dataclass
class Management:
    """Somebody's session."""

    base: str
    catalog: str
    token: str

    @classmethod
    def sign_in(cls, ready: Ready, name: str) -> Management:
        person = ready.principals[name]
        session = cls(ready.management, ready.warehouse, "")
        session.token = session.call("POST", "/tokens", {"name": person.name, "password": person.password})["token"]
        return session

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["content-type"] = "application/json"
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace")) from None
        return json.loads(text) if text else None

    def create_service(self, name: str) -> Principal:
        made = self.call("POST", "/principals", {"name": name, "kind": "service"})
        return Principal(name, "service", client_id=made["client_id"], client_secret=made["client_secret"])

    def grant(
        self, to: str, privileges: list[str], namespace: str, table: str, columns: list[int] | None = None
    ) -> str:
        """Grants on a table, on all columns or on those listed, and returns the grant's id."""
        target = {"catalog": self.catalog, "namespace": namespace, "table": table}
        body: dict[str, Any] = {"principal": to, "privileges": privileges, "on": target}
        if columns is not None:
            body["columns"] = {"mode": "only", "field_ids": columns}
        return str(self.call("POST", "/grants", body)["id"])

    def grant_on(self, to: str, privileges: list[str], until: datetime | None = None, **target: str) -> str:
        """Grants on any object: nothing named is the server, `catalog=`, `namespace=` with it."""
        body: dict[str, Any] = {"principal": to, "privileges": privileges, "on": target}
        if until is not None:
            body["valid_until"] = until.isoformat()
        return str(self.call("POST", "/grants", body)["id"])

    def revoke(self, grant: str) -> None:
        self.call("DELETE", f"/grants/{grant}")

    def table(self, namespace: str, table: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", self._path(namespace, table))
        return found

    def columns(self, namespace: str, table: str) -> dict[str, dict[str, Any]]:
        """The columns by path."""
        page = self.call("GET", self._path(namespace, table) + "/columns?" + urlencode({"limit": 1000}))
        return {column["path"]: column for column in page["items"]}

    def define(self, namespace: str, table: str, column: str, definition: str) -> None:
        found = self.columns(namespace, table)[column]
        edit = {"version": found["business"]["version"], "definition": definition}
        self.call("PATCH", f"{self._path(namespace, table)}/columns/{found['field_id']}", edit)

    def versions(self, namespace: str, table: str) -> list[dict[str, Any]]:
        """The schema versions, the newest first."""
        page = self.call("GET", self._path(namespace, table) + "/versions?" + urlencode({"limit": 100}))
        items: list[dict[str, Any]] = page["items"]
        return items

    def _path(self, namespace: str, table: str) -> str:
        return f"/catalogs/{quote(self.catalog)}/namespaces/{quote(namespace)}/tables/{quote(table)}"
