"""HTTP/1.1 on a kept connection for asyncio, as little as the benches need: it leaves the processor to the server."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)


@dataclass
class Answer:
    status: int
    etag: bytes | None
    body: bytes


class Connection:
    """One connection to a server; requests on it go one after the other."""

    def __init__(self, origin: str) -> None:
        where = urlsplit(origin)
        self.host, self.port = where.hostname or "127.0.0.1", where.port or 80
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def send(self, method: str, path: str, token: str, body: bytes = b"", extra: bytes = b"") -> Answer:
        """`extra` is whole header lines. A GET is sent again when the connection was closed while it was idle."""
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\nauthorization: Bearer {token}\r\n".encode()
        )
        if body:
            head += b"content-type: application/json\r\ncontent-length: " + str(len(body)).encode() + b"\r\n"
        for attempt in range(2):
            try:
                return await self._exchange(head + extra + b"\r\n" + body)
            except (OSError, asyncio.IncompleteReadError):
                self.close()
                if attempt or method != "GET":
                    raise
        raise AssertionError("unreachable")

    async def _exchange(self, request: bytes) -> Answer:
        if self.writer is None or self.reader is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 20)
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = _LENGTH.search(head)
        if length is None and status not in (204, 304):
            raise ValueError(f"an answer without a length: {head!r}")
        body = await self.reader.readexactly(int(length[1])) if length and status not in (204, 304) else b""
        etag = _ETAG.search(head)
        return Answer(status, etag[1] if etag else None, body)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None
