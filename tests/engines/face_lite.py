"""The Iceberg face over HTTP with the standard library: for suites that need a credential as it comes."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from requests_raw import create
from weir_process import Principal, Ready

TIMEOUT_SECONDS = 60.0


@dataclass
class Face:
    base: str
    token: str

    @classmethod
    def sign_in(cls, ready: Ready, principal: Principal) -> Face:
        form = urllib.parse.urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": principal.client_id,
                "client_secret": principal.client_secret,
            }
        )
        request = urllib.request.Request(f"{ready.iceberg}/v1/oauth/tokens", data=form.encode())
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            token = json.load(answer)["access_token"]
        return cls(f"{ready.iceberg}/v1/{ready.warehouse}", token)

    def call(self, method: str, path: str, body: Any = None, *, delegated: bool = False, ways: str = "") -> Any:
        """`ways` are those of reaching files that the client says it knows; `delegated` is the usual one."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        if delegated or ways:
            headers["x-iceberg-access-delegation"] = ways or "vended-credentials"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def load(self, table: str) -> dict[str, Any]:
        space, name = table.rsplit(".", 1)
        loaded: dict[str, Any] = self.call("GET", f"/namespaces/{space}/tables/{name}", delegated=True)
        return loaded

    def make(self, space: str, name: str, location: str | None = None) -> dict[str, Any]:
        """A new table, as its maker is told of it."""
        body = create(name) | ({"location": location} if location else {})
        made: dict[str, Any] = self.call("POST", f"/namespaces/{space}/tables", body, delegated=True)
        return made

    def refused(self, method: str, path: str, body: Any = None, *, status: int, delegated: bool = False) -> str:
        """What the refusal says."""
        try:
            self.call(method, path, body, delegated=delegated)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            assert error.code == status, (error.code, text)
            return text
        raise AssertionError(f"{method} {path} was answered")
