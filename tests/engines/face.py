"""Raw requests to the Iceberg face. Every answer is checked against the document."""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from document import Document
from requests_raw import Json
from weir_process import Principal, Ready

TIMEOUT_SECONDS = 60


@dataclass
class Face:
    """Somebody who talks to the catalog. `document` is where answers are checked; None checks nothing."""

    base: str
    warehouse: str
    document: Document
    token: str | None = None
    session: requests.Session = field(default_factory=requests.Session)

    @classmethod
    def sign_in(cls, ready: Ready, document: Document, principal: Principal) -> Face:
        face = cls(ready.iceberg, ready.warehouse, document)
        form = {
            "grant_type": "client_credentials",
            "client_id": principal.client_id,
            "client_secret": principal.client_secret,
            "scope": "catalog",
        }
        face.token = face.send("POST", "/v1/oauth/tokens", expect=200, data=form).json()["access_token"]
        return face

    @property
    def root(self) -> str:
        """What all paths of this warehouse begin with, relative to the base."""
        return f"/v1/{quote(self.warehouse, safe='')}"

    def send(
        self,
        method: str,
        path: str,
        *,
        expect: int | tuple[int, ...] | None = None,
        checked: bool = True,
        **options: Any,
    ) -> requests.Response:
        """Sends `path`, relative to `/iceberg`, as it is written. `json=` and `data=` as for requests."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", None) or {}
        answer = self.session.request(method, self.base + path, headers=headers, timeout=TIMEOUT_SECONDS, **options)
        if checked:
            media = answer.headers.get("content-type", "")
            wrong = self.document.check(method, path.split("?")[0], answer.status_code, media, answer.content)
            assert not wrong, "\n".join(wrong)
        if expect is not None:
            wanted = expect if isinstance(expect, tuple) else (expect,)
            assert answer.status_code in wanted, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def call(self, method: str, path: str, *, expect: int | tuple[int, ...] = 200, **options: Any) -> Any:
        """Sends below the warehouse, expects a status, and gives back the body's JSON, or None."""
        answer = self.send(method, self.root + path, expect=expect, **options)
        return answer.json() if answer.content else None

    def refused(
        self, method: str, path: str, status: int | tuple[int, ...], kind: str | None = None, **options: Any
    ) -> Json:
        """Sends below the warehouse, expects an error in the envelope, and gives it back."""
        answer = self.send(method, self.root + path, expect=status, **options)
        return envelope(answer.status_code, answer.headers.get("content-type", ""), answer.content, kind)

    def new_namespace(self, *levels: str) -> None:
        self.call("POST", "/namespaces", json={"namespace": list(levels), "properties": {}})

    def load(self, table: str, **options: Any) -> Json:
        """The metadata of `namespace.name`."""
        metadata: Json = self.call("GET", path_of(table), **options)["metadata"]
        return metadata


def path_of(name: str, kind: str = "tables") -> str:
    """The path of `namespace.name` below the warehouse."""
    *levels, last = name.split(".")
    return f"/namespaces/{quote(chr(0x1F).join(levels), safe='')}/{kind}/{quote(last, safe='')}"


def envelope(status: int, media: str, body: bytes, kind: str | None = None) -> Json:
    """The error of an answer that is in the protocol's envelope."""
    assert media.split(";")[0] == "application/json", f"{status} {media}: {body[:300]!r}"
    error: Json = json.loads(body)["error"]
    assert error["code"] == status
    assert error["message"] and error["type"].isidentifier(), error
    assert kind is None or error["type"] == kind, error
    return error


def send_large(face: Face, path: str, size: int) -> tuple[int, str, bytes]:
    """Sends a JSON body of `size` bytes and reads the answer, even where it comes before all is sent."""
    where = urlsplit(face.base)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT_SECONDS)
    connection.putrequest("POST", where.path + path)
    headers = {"content-type": "application/json", "content-length": str(size), "authorization": f"Bearer {face.token}"}
    for name, value in headers.items():
        connection.putheader(name, value)
    try:
        connection.endheaders(b'{"name": "')
        for _ in range((size - 12) // 65536):
            connection.send(b"x" * 65536)
        connection.send(b"x" * ((size - 12) % 65536) + b'"}')
    except (BrokenPipeError, ConnectionResetError):
        pass  # It was told before all of it was sent.
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers.get("content-type", ""), body


def kept_after_refusal(face: Face, path: str) -> bool:
    """Sends a request without a token whose body comes after its head, as many clients do. Then: is the connection good
    for another request, or did the answer say that it is not?"""
    where = urlsplit(face.base)
    head = f"POST {where.path}{path} HTTP/1.1\r\nhost: {where.netloc}\r\ncontent-type: application/json\r\n"
    with socket.create_connection((where.hostname, where.port), timeout=1) as connection:
        connection.sendall(f"{head}content-length: 2\r\n\r\n".encode())
        try:
            answer = connection.recv(65536)
            connection.sendall(b"{}")
        except TimeoutError:  # It waits for the body, as it may.
            connection.sendall(b"{}")
            answer = connection.recv(65536)
        if b"connection: close" in answer.lower():
            return True
        try:
            connection.sendall(f"{head}content-length: 2\r\n\r\n{{}}".encode())
            return bool(connection.recv(65536))
        except ConnectionError:
            return False


def left_waiting(face: Face, begun: list[bytes], patience: float) -> list[bytes]:
    """Opens a connection for each of these beginnings, and returns those that are still open after `patience` seconds."""
    where = urlsplit(face.base)
    connections = [socket.create_connection((where.hostname, where.port)) for _ in begun]
    for connection, said in zip(connections, begun, strict=True):
        connection.sendall(said)
    ends, still = time.monotonic() + patience, []
    for connection, said in zip(connections, begun, strict=True):
        with connection:
            try:
                while connection.settimeout(max(0.01, ends - time.monotonic())) or connection.recv(65536):
                    pass
            except TimeoutError:
                still.append(said)
            except ConnectionError:
                pass
    return still
