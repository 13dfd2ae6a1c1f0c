#!/usr/bin/env python3
"""Random requests to the gateway, signed and mis-signed: none reaches outside its claim, none is a 5xx, memory stays flat.

    WEIR_BIN=target/release/weir python3 tests/bench/gateway_fuzz.py [--requests 1000000] [--processes 2] [--seed 1]

Three tables lie side by side. Credentials to read, to add to and to change the first are used; what lies in the others, beside
and above says so in its bytes and in its name. Exits 1 when an answer has one of these, when a request is answered with success
whose signature or token is wrong, that names what lies outside, or that changes something with the credential to read, when
anything outside the first table's folder changed, when an answer is a 5xx, or when the server's memory grew by more than 64 MiB
after its first tenth.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from catalog import Catalog, Json, Weir
from management import Management
from sigv4 import Keys, presigned, signed

CANARY = b"OUTSIDE-OF-THE-CLAIM"
CANARY_NAME = "named-outside-of-the-claim"
GROWTH_BYTES = 64 << 20
METHODS = ["GET", "GET", "GET", "HEAD", "PUT", "PUT", "DELETE", "POST", "OPTIONS", "PATCH"]
PIECES = ["data", "metadata", "a", "b", "new", "..", ".", "%2e%2e", "%252e", "", "*", "?", "'", '"', "$", "ü", "表", " ", "+"]
PIECES += ["%2f", "\\", "t10", ".weir-uploads", "~", "a%00b", "x" * 300]


@dataclass(frozen=True)
class Ground:
    """What the requests are made of."""

    host: str
    bucket: str
    own: str
    others: tuple[str, ...]
    keys: tuple[Keys, ...]
    reader: Keys
    foreign: Keys


@dataclass(frozen=True)
class Asked:
    """A request, and what is known of it before it is answered."""

    raw: bytes
    method: str
    target: str
    reads_only: bool
    is_signed: bool

    def may_succeed(self, ground: Ground) -> bool:
        path, _, rest = self.target.partition("?")
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        if not self.is_signed or bucket != ground.bucket:
            return False
        if self.method not in ("GET", "HEAD", "OPTIONS") and self.reads_only and key:
            return False
        if key:
            return is_inside(key, ground)
        given = dict(parse_qsl(rest, keep_blank_values=True))
        return self.method != "GET" or "location" in given or given.get("prefix", "").startswith(ground.own + "/")


def is_inside(key: str, ground: Ground) -> bool:
    below = key.removeprefix(ground.own + "/")
    return below != key and all(piece not in ("", ".", "..") for piece in below.removesuffix("/").split("/") if below)


@dataclass
class Tally:
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def key(chance: random.Random, ground: Ground) -> str:
    kind = chance.random()
    if kind < 0.45:
        base = ground.own
    elif kind < 0.75:
        base = chance.choice(ground.others)
    elif kind < 0.85:
        base = ground.own + chance.choice(["0", "-", "%2f..", "/..", "/../" + ground.others[0].rsplit("/", 1)[1], "//"])
    elif kind < 0.92:
        base = ground.own.rsplit("/", chance.randrange(1, 3))[0]
    else:
        base = ""
    return "/".join([base, *(chance.choice(PIECES) for _ in range(chance.randrange(0, 3)))])


def query(chance: random.Random, ground: Ground) -> dict[str, str]:
    kind = chance.random()
    if kind < 0.5:
        return {}
    if kind < 0.75:
        listing = {"prefix": key(chance, ground)}
        if chance.random() < 0.7:
            listing["list-type"] = "2"
        for name, values in (
            ("delimiter", ["/", "", "x"]),
            ("max-keys", ["0", "1", "1000", "-1", "x"]),
            ("start-after", [key(chance, ground)]),
            ("marker", [key(chance, ground)]),
            ("continuation-token", [key(chance, ground), "x"]),
            ("encoding-type", ["url", "x"]),
        ):
            if chance.random() < 0.25:
                listing[name] = chance.choice(values)
        return listing
    name = chance.choice(
        ["acl", "policy", "tagging", "uploads", "versions", "delete", "uploadId", "versionId", "location", "cors", "select"]
    )
    extra = {"partNumber": chance.choice(["1", "0", "10001", "x"])} if chance.random() < 0.3 else {}
    return {name: chance.choice(["", "x", "1", "null"])} | extra


def headers(chance: random.Random, ground: Ground) -> dict[str, str]:
    chosen: dict[str, str] = {}
    if chance.random() < 0.3:
        chosen["range"] = chance.choice(["bytes=0-3", "bytes=-5", "bytes=9-1", "bytes=0-", "bytes=x", "items=0-1", "bytes=0-1,4-5"])
    if chance.random() < 0.25:
        chosen["x-amz-copy-source"] = chance.choice(["/", ""]) + quote(f"{ground.bucket}/{key(chance, ground)}", safe="/%")
    if chance.random() < 0.1:
        name = chance.choice(["x-amz-acl", "x-amz-tagging", "x-amz-website-redirect-location", "x-amz-metadata-directive"])
        chosen[name] = chance.choice(["public-read", "x=y", "/etc/passwd", "REPLACE"])
    if chance.random() < 0.1:
        chosen["if-none-match"] = chance.choice(["*", '"x"', "x"])
    if chance.random() < 0.1:
        chosen["if-match"] = chance.choice(["*", '"x"'])
    return chosen


def body(chance: random.Random, ground: Ground, method: str, asked: dict[str, str]) -> bytes:
    if method not in ("PUT", "POST"):
        return b""
    if "delete" in asked:
        wanted = "".join(f"<Object><Key>{_xml(key(chance, ground))}</Key></Object>" for _ in range(chance.randrange(1, 4)))
        return f"<Delete>{wanted}</Delete>".encode()
    return chance.choice([b"", b"x", b"content" * 10, b"<a>", os.urandom(64)])


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\x00", "")


def request(chance: random.Random, ground: Ground) -> Asked:
    method, asked = chance.choice(METHODS), query(chance, ground)
    bucket = ground.bucket if chance.random() < 0.95 else chance.choice(["another", "", "..", "ware%68ouse", "WAREHOUSE"])
    listing = "prefix" in asked or not asked and chance.random() < 0.05
    path = f"/{bucket}" + ("" if listing else "/" + key(chance, ground))
    sent, content = headers(chance, ground), body(chance, ground, method, asked)
    if content:
        sent["content-length"] = str(len(content))
    keys = chance.choice(ground.keys)
    reads_only, is_signed = keys is ground.reader, True
    how = chance.random()
    written = path if "%" in path and chance.random() < 0.5 else quote(path, safe="/~")
    target = written + ("?" + "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in asked.items()) if asked else "")
    unsigned_length = sent.pop("content-length", None)
    if how < 0.08:
        every = dict(sent) | {"host": ground.host}
        signed_method, more = chance.choice([method, "GET"]), "&x=y" if chance.random() < 0.2 else ""
        target = presigned(keys, signed_method, ground.host, path) + more
        is_signed = signed_method == method and not more
    elif how < 0.12:
        every, is_signed = dict(sent) | {"host": ground.host}, False
    else:
        if how < 0.18:
            keys = Keys(keys.access_key, "wrong-secret", keys.token)
        elif how < 0.22:
            keys = Keys(keys.access_key, keys.secret_key, ground.foreign.token)
        elif how < 0.25:
            keys = Keys(keys.access_key, keys.secret_key, None)
        elif how < 0.28:
            token = list(keys.token or "")
            token[chance.randrange(len(token))] = chance.choice("AB-_9")
            keys = Keys(keys.access_key, keys.secret_key, "".join(token))
        late = chance.choice([0] * 20 + [-3600, 3600, 10**6])
        is_signed = not late and keys in ground.keys
        every = signed(keys, method, ground.host, written, asked, sent, at=datetime.now(UTC) + timedelta(seconds=late))
        if 0.28 <= how < 0.31:
            left_out = chance.choice(sorted(every))
            del every[left_out]
            # A host is set below again: HTTP has no request without one.
            is_signed = is_signed and left_out == "host"
        elif 0.31 <= how < 0.34:
            every["x-amz-copy-source"] = quote(f"/{ground.bucket}/{ground.others[0]}/data/a")
            is_signed = is_signed and sent.get("x-amz-copy-source") == every["x-amz-copy-source"]
        elif 0.34 <= how < 0.37:
            before, target = target, target.replace("data", "metadata", 1)
            is_signed = is_signed and target == before
    if unsigned_length:
        every["content-length"] = unsigned_length
    every.setdefault("host", ground.host)
    lines = "".join(f"{name}: {_line(value)}\r\n" for name, value in every.items())
    raw = f"{method} {_line(target)} HTTP/1.1\r\n{lines}\r\n".encode() + content
    return Asked(raw, method, _line(target), reads_only, is_signed)


def _line(value: str) -> str:
    """What a line of a request may have."""
    return "".join(c for c in value if c.isascii() and c.isprintable())


class Wire:
    """One kept connection, with as little between the request and the socket as can be."""

    def __init__(self, host: str) -> None:
        name, port = host.split(":")
        self.address = (name, int(port))
        self.socket: socket.socket | None = None
        self.held = b""

    def send(self, raw: bytes) -> tuple[int, bytes] | None:
        """Status and body; none where the server closed the connection without an answer."""
        for _ in range(2):
            if self.socket is None:
                self.socket, self.held = socket.create_connection(self.address, 30), b""
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.socket.sendall(raw)
                return self._answer(raw.startswith(b"HEAD"))
            except (ConnectionError, EOFError):
                self.close()
        return None

    def _answer(self, head_only: bool) -> tuple[int, bytes]:
        head = self._until(b"\r\n\r\n")
        status, lower = int(head[9:12]), head.lower()
        if head_only or status in (204, 304):
            content = b""
        elif b"transfer-encoding: chunked" in lower:
            content = self._chunks()
        else:
            start = lower.find(b"content-length: ")
            content = self._exactly(int(lower[start + 16 :].split(b"\r\n", 1)[0])) if start >= 0 else b""
        if b"connection: close" in lower or status >= 400 and b"content-length" not in lower and b"chunked" not in lower:
            self.close()
        return status, head + content

    def _chunks(self) -> bytes:
        parts = []
        while True:
            size = int(self._until(b"\r\n").split(b";")[0], 16)
            parts.append(self._exactly(size + 2))
            if size == 0:
                return b"".join(parts)

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.held:
            self._more()
        found, self.held = self.held.split(mark, 1)
        return found + mark

    def _exactly(self, size: int) -> bytes:
        while len(self.held) < size:
            self._more()
        found, self.held = self.held[:size], self.held[size:]
        return found

    def _more(self) -> None:
        assert self.socket is not None
        more = self.socket.recv(1 << 16)
        if not more:
            raise EOFError
        self.held += more

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None


def work(ground: Ground, count: int, seed: int, done: Any) -> Tally:
    chance, tally, wire = random.Random(seed), Tally(), Wire(ground.host)
    for number in range(count):
        asked = request(chance, ground)
        raw = asked.raw
        answer = wire.send(raw)
        status, content = answer or (0, b"")
        tally.statuses[status] += 1
        if CANARY in content or CANARY_NAME.encode() in content:
            tally.wrong.append(f"showed what is outside: {raw[:600]!r}")
        if 200 <= status < 300 and not asked.may_succeed(ground):
            tally.wrong.append(f"{status} for what is not to be: {raw[:900]!r}")
        if asked.reads_only and b"<Deleted>" in content:
            tally.wrong.append(f"deleted with the credential to read: {raw[:600]!r}")
        if status >= 500:
            tally.wrong.append(f"{status}: {raw[:600]!r} {content[:300]!r}")
        if number % 500 == 0:
            done.value += 500
        if len(tally.wrong) > 20:
            break
    return tally


def _job(arguments: tuple[Ground, int, int]) -> Tally:
    return work(*arguments, done=DONE)


DONE: Any = None


def _share(done: Any) -> None:
    global DONE
    DONE = done


def lay_out(weir: Weir, catalog: Catalog) -> tuple[Ground, Path]:
    assert weir.ready is not None
    admin = Management.sign_in(weir.ready, "admin")
    places, settings = [], []
    base = f"s3://warehouse/{weir.ready.warehouse}/fuzz"
    asks = {"x-iceberg-access-delegation": "vended-credentials"}
    for name in ("t1", "t10", "other"):
        catalog.new_table("fuzz", name, location=f"{base}/{name}")
        places.append(f"{weir.ready.warehouse}/fuzz/{name}")
        _, text = catalog.call("GET", f"/namespaces/fuzz/tables/{name}", headers=asks)
        settings.append(json.loads(text)["storage-credentials"][0]["config"])
    host = settings[0]["s3.endpoint"].removeprefix("http://")
    keys = [Keys.of(settings[0])]
    for privileges in (["SELECT"], ["SELECT", "INSERT"]):
        service = admin.create_service("fuzz_" + "_".join(privileges).lower())
        admin.grant(service.name, privileges, "fuzz", "t1")
        theirs = Catalog.sign_in(weir.ready, service)
        _, text = theirs.call("GET", "/namespaces/fuzz/tables/t1", headers=asks)
        loaded: Json = json.loads(text)
        keys.append(Keys.of(loaded["storage-credentials"][0]["config"]))
    root = weir.data / "warehouse"
    for place in places[1:]:
        for folder in ("data", "metadata"):
            (root / place / folder).mkdir(parents=True, exist_ok=True)
            (root / place / folder / "a").write_bytes(CANARY)
            (root / place / folder / CANARY_NAME).write_bytes(CANARY)
    (root / places[0] / "data").mkdir(parents=True, exist_ok=True)
    (root / places[0] / "data" / "a").write_bytes(b"inside")
    for folder in (root, root / places[0].rsplit("/", 1)[0], weir.data):
        (folder / "a").write_bytes(CANARY)
    ground = Ground(host, "warehouse", places[0], tuple(places[1:]), tuple(keys), keys[1], Keys.of(settings[1]))
    return ground, root / places[0]


def picture(weir: Weir, own: Path) -> dict[str, str]:
    """Every file outside of the table's folder, by its content. The database and the uploads under way are not files of the lake."""
    found = {}
    for folder, names, files in os.walk(weir.data):
        names[:] = [name for name in names if not name.startswith((".weir-uploads", "postgres"))]
        if Path(folder) == own:
            names.clear()
            continue
        for name in files:
            path = Path(folder) / name
            if not name.startswith(("postgres", "weir.lock")):
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    weir = Weir.fresh()
    try:
        ready = weir.start()
        catalog = Catalog.sign_in(ready, ready.principals["spark"])
        ground, own = lay_out(weir, catalog)
        before = picture(weir, own)
        child = weir._child
        assert child is not None
        share = asked.requests // asked.processes
        done = multiprocessing.Value("q", 0)
        began, early = time.monotonic(), 0
        with multiprocessing.Pool(asked.processes, _share, (done,)) as pool:
            jobs = pool.map_async(_job, [(ground, share, asked.seed * 1000 + n) for n in range(asked.processes)])
            while not jobs.ready():
                jobs.wait(1)
                if not early and done.value >= asked.requests / 10:
                    early = resident(child.pid)
            tallies = jobs.get()
        late, took = resident(child.pid), time.monotonic() - began
        statuses: Counter[int] = sum((tally.statuses for tally in tallies), Counter())
        wrong = [line for tally in tallies for line in tally.wrong]
        after = picture(weir, own)
        changed = sorted(set(before.items()) ^ set(after.items()))
        wrong += [f"changed outside: {path}" for path, _ in changed]
        if early and late - early > GROWTH_BYTES:
            wrong.append(f"memory grew from {early >> 20} to {late >> 20} MiB")
        print(f"{sum(statuses.values())} requests in {took:.0f} s: {dict(sorted(statuses.items()))}")
        print(f"memory: {early >> 20} MiB after a tenth, {late >> 20} MiB at the end")
        for line in wrong[:20]:
            print(f"WRONG {line}")
        return 1 if wrong else 0
    finally:
        weir.remove()


if __name__ == "__main__":
    sys.exit(main())
