"""Requests made up from `openapi/iceberg.yaml`, right and wrong ones: no answer is a 5xx, and none is outside the document."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from document import DOCUMENT
from face import Face
from requests_raw import create, create_view

SECONDS = int(os.environ.get("WEIR_FUZZ_SECONDS", "80"))  # A pass; there are two.
SEED = os.environ.get("WEIR_FUZZ_SEED", "1")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,ignored_auth"
)
TABLES = 20
LEAST_CASES = 300  # Fewer say that the tool did not get to work.


@pytest.fixture
def known(face: Face, space: str, tmp_path: Path) -> Path:
    """A configuration that names things that are there, so that requests get past "not found"."""
    for number in range(TABLES):
        face.call("POST", f"/namespaces/{space}/tables", json=create(f"table_{number}"))
    face.call("POST", f"/namespaces/{space}/views", json=create_view("seen"))
    tables = [f"table_{number}" for number in range(TABLES)]
    names: dict[str, str | list[str]] = {"prefix": face.warehouse, "namespace": space, "table": tables, "view": "seen"}
    lines = [f'"path.{name}" = {_toml(value)}' for name, value in names.items()]
    path = tmp_path / "schemathesis.toml"
    path.write_text("[parameters]\n" + "\n".join(lines) + f"\nwarehouse = {_toml(face.warehouse)}\n")
    return path


def _toml(value: str | list[str]) -> str:
    return f'"{value}"' if isinstance(value, str) else "[" + ", ".join(f'"{one}"' for one in value) + "]"


def _run(face: Face, folder: Path, *options: str, config: Path | None = None) -> None:
    """Errors: the tool found an answer that is not as documented; its report is the message."""
    program = Path(sysconfig.get_path("scripts")) / "schemathesis"
    document = os.environ.get("WEIR_ICEBERG_DOCUMENT") or str(DOCUMENT)
    command = [str(program), *(["--config-file", str(config)] if config else []), "run", document]
    command += ["--url", face.base, "--header", f"Authorization: Bearer {face.token}", "--checks", CHECKS]
    command += [
        "--phases",
        "examples,coverage,fuzzing",
        "--max-time",
        str(SECONDS),
        "--request-timeout",
        "30",
        "--seed",
        SEED,
    ]
    command += ["--warnings", "off", "--generation-database", "none", "--max-failures", "20", "--no-color", *options]
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS * 3 + 60,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-12_000:]
    made = re.search(r"(\d[\d,]*) generated", done.stdout)
    assert made is not None
    assert int(made[1].replace(",", "")) >= LEAST_CASES, done.stdout[-4000:]


def test_made_up_requests_to_things_that_are_there_are_answered_as_documented(
    face: Face, known: Path, tmp_path: Path
) -> None:
    keep = ("--exclude-method", "DELETE", "--exclude-path-regex", "(unregister|rename|oauth/tokens)$")
    _run(face, tmp_path, *keep, config=known)


def test_made_up_requests_to_anything_are_answered_as_documented(face: Face, tmp_path: Path) -> None:
    _run(face, tmp_path, "--exclude-path-regex", "oauth/tokens$")
    face.call("GET", "/namespaces")
