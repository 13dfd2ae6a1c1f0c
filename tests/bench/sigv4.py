"""AWS Signature Version 4 for S3, in headers and presigned, as clients write it. Standard library only."""

from __future__ import annotations

import functools
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True)
class Keys:
    access_key: str
    secret_key: str
    token: str | None = None

    @classmethod
    def of(cls, settings: dict[str, str]) -> Keys:
        return cls(
            settings["s3.access-key-id"], settings["s3.secret-access-key"], settings.get("s3.session-token") or None
        )


@functools.lru_cache(maxsize=4096)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _signature(keys: Keys, region: str, now: str, canonical: str) -> str:
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.digest(_signing_key(keys.secret_key, now[:8], region), text.encode(), "sha256").hex()


def _query(pairs: dict[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(pairs.items()))


def stamp(at: datetime | None = None) -> str:
    return (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")


def presigned(keys: Keys, method: str, host: str, key: str, *, region: str = "us-east-1", seconds: int = 3600) -> str:
    """The path and query of `/bucket/key`; only the host is a signed header, so a Range may be added."""
    now = stamp()
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access_key}/{now[:8]}/{region}/s3/aws4_request",
        "X-Amz-Date": now,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    if keys.token:
        query["X-Amz-Security-Token"] = keys.token
    path, written = quote(key, safe="/~"), _query(query)
    canonical = f"{method}\n{path}\n{written}\nhost:{host}\n\nhost\n{UNSIGNED}"
    return f"{path}?{written}&X-Amz-Signature={_signature(keys, region, now, canonical)}"


def signed(
    keys: Keys,
    method: str,
    host: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    *,
    payload: str = UNSIGNED,
    region: str = "us-east-1",
    at: datetime | None = None,
) -> dict[str, str]:
    """All headers of a request, signed. `path` is percent-encoded already; what is in `headers` is signed too."""
    now = stamp(at)
    every = {name.lower(): value for name, value in headers.items()}
    every |= {"host": host, "x-amz-date": now, "x-amz-content-sha256": payload}
    if keys.token:
        every["x-amz-security-token"] = keys.token
    names = ";".join(sorted(every))
    lines = "".join(f"{name}:{every[name].strip()}\n" for name in sorted(every))
    canonical = f"{method}\n{path}\n{_query(query)}\n{lines}\n{names}\n{payload}"
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    every["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={_signature(keys, region, now, canonical)}"
    )
    return every
