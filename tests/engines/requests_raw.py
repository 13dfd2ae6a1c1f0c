"""Bodies of Iceberg REST requests as an engine writes them, made by hand. Standard library only."""

from __future__ import annotations

import os
import secrets
import time
import uuid
from typing import Any

Json = dict[str, Any]


def uuid7() -> str:
    """A UUID of version 7: the time in milliseconds, then chance."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


def schema(columns: int = 5) -> Json:
    """`id` and as many strings as make `columns`."""
    strings = [field(number, f"text_{number}", "string") for number in range(2, columns + 1)]
    return {"type": "struct", "schema-id": 0, "fields": [field(1, "id", "long"), *strings]}


def field(number: int, name: str, kind: Any, required: bool = False) -> Json:
    return {"id": number, "name": name, "type": kind, "required": required}


def create(name: str, **members: Any) -> Json:
    """A CreateTableRequest. Members are given with underscores: `stage_create=True`."""
    return {"name": name, "schema": schema()} | {key.replace("_", "-"): value for key, value in members.items()}


def new_snapshot(metadata: Json, rows: int, operation: str = "append", parent: int | None = None) -> Json:
    """A snapshot after the current one, or after `parent`, whose summary says how many rows it adds. Its manifest list is a name only."""
    current = parent if parent is not None else current_snapshot_id(metadata)
    number = secrets.randbits(62) + 1
    snapshot: Json = {
        "snapshot-id": number,
        "sequence-number": metadata["last-sequence-number"] + 1,
        "timestamp-ms": max(time.time_ns() // 1_000_000, metadata["last-updated-ms"]),
        "manifest-list": f"{metadata['location']}/metadata/snap-{number}-0-{uuid.uuid4()}.avro",
        "summary": {"operation": operation, "added-records": str(rows)},
        "schema-id": metadata["current-schema-id"],
    }
    if current is not None:
        snapshot["parent-snapshot-id"] = current
    return snapshot


def append(metadata: Json, rows: int = 1, ref: str = "main") -> Json:
    """A CommitTableRequest that adds a snapshot to `ref` and insists that nobody else did meanwhile."""
    snapshot = new_snapshot(metadata, rows)
    return {
        "requirements": [assert_uuid(metadata), assert_ref(ref, current_snapshot_id(metadata))],
        "updates": [{"action": "add-snapshot", "snapshot": snapshot}, set_ref(ref, snapshot["snapshot-id"])],
    }


def commit_of_staged(metadata: Json) -> Json:
    """A CommitTableRequest that makes a table of what a staged creation was told."""
    updates: list[Json] = [
        {"action": "assign-uuid", "uuid": metadata["table-uuid"]},
        {"action": "upgrade-format-version", "format-version": 2},
        {"action": "add-schema", "schema": metadata["schemas"][0], "last-column-id": metadata["last-column-id"]},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {"spec-id": 0, "fields": []}},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": {"order-id": 0, "fields": []}},
        {"action": "set-default-sort-order", "sort-order-id": -1},
        {"action": "set-location", "location": metadata["location"]},
        {"action": "set-properties", "updates": {}},
    ]
    return {"requirements": [{"type": "assert-create"}], "updates": updates}


def set_properties(metadata: Json, **properties: str) -> Json:
    return {
        "requirements": [assert_uuid(metadata)],
        "updates": [{"action": "set-properties", "updates": properties}],
    }


def assert_uuid(metadata: Json) -> Json:
    return {"type": "assert-table-uuid", "uuid": metadata["table-uuid"]}


def assert_ref(ref: str, snapshot: int | None) -> Json:
    return {"type": "assert-ref-snapshot-id", "ref": ref, "snapshot-id": snapshot}


def set_ref(ref: str, snapshot: int, kind: str = "branch") -> Json:
    return {"action": "set-snapshot-ref", "ref-name": ref, "type": kind, "snapshot-id": snapshot}


def current_snapshot_id(metadata: Json) -> int | None:
    found = metadata.get("current-snapshot-id")
    return None if found in (None, -1) else int(found)


def create_view(name: str, sql: str = "select 1", dialect: str = "duckdb") -> Json:
    return {"name": name, "schema": schema(1), "view-version": view_version(1, sql, dialect), "properties": {}}


def view_version(number: int, sql: str, dialect: str = "duckdb") -> Json:
    return {
        "version-id": number,
        "timestamp-ms": time.time_ns() // 1_000_000,
        "schema-id": 0,
        "summary": {"engine": "contract"},
        "representations": [{"type": "sql", "sql": sql, "dialect": dialect}],
        "default-namespace": ["default"],
    }


def scan_report(table: str) -> Json:
    duration = {"count": 1, "time-unit": "nanoseconds", "total-duration": 5}
    return {
        "report-type": "scan-report",
        "table-name": table,
        "snapshot-id": 1,
        "filter": True,
        "schema-id": 0,
        "projected-field-ids": [1],
        "projected-field-names": ["id"],
        "metrics": {"total-planning-duration": duration},
        "metadata": {"engine-name": "contract"},
    }
