"""The Postgres under a demo: how to ask it, measure it, and count what is sent to it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from catalog import Weir

COUNTER = "pg_stat_statements"


def program(name: str) -> str:
    """A program of PostgreSQL, from the path or from where Debian keeps it."""
    found = shutil.which(name) or max(
        (str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None
    )
    if not found:
        raise SystemExit(f"The bench needs {name} (Debian: apt-get install postgresql).")
    return found


@dataclass
class Database:
    weir: Weir

    @property
    def environment(self) -> dict[str, str]:
        password = (self.weir.data / "postgres.password").read_text().strip()
        folder = str((self.weir.data / "postgres.run").resolve())
        return {**os.environ, "PGPASSWORD": password, "PGHOST": folder, "PGUSER": "weir"}

    def ask(self, sql: str, database: str = "weir") -> str:
        command = [program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]
        done = subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{sql[:200]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def selects_a_second(self, script: Path, clients: int, seconds: float, database: str) -> float:
        """Runs a script of one statement, prepared, on so many connections."""
        command = [program("pgbench"), "-n", "-M", "prepared", "-f", str(script), "-c", str(clients), "-j", "1"]
        command += ["-T", str(max(1, round(seconds))), database]
        told = subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout
        found = re.search(r"^tps = ([\d.]+)", told, re.MULTILINE)
        assert found, told
        return float(found[1])

    def count_statements(self) -> None:
        """Restarts the demo with a Postgres that counts statements. Errors: it lacks the extension."""
        self.ask(f"ALTER SYSTEM SET shared_preload_libraries = '{COUNTER}'")
        self.weir.restart()
        self.ask(f"CREATE EXTENSION IF NOT EXISTS {COUNTER}")

    def statements(self) -> dict[str, int]:
        """How often each statement was sent to the server's database so far; nested ones are not counted."""
        sql = (
            f"SELECT query || chr(9) || sum(calls) FROM (SELECT regexp_replace(left(query, 90), '\\s+', ' ', 'g') AS query, calls "
            f"FROM {COUNTER} WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            f"AND query NOT LIKE '%{COUNTER}%') sent GROUP BY query"
        )
        lines = (line.rsplit("\t", 1) for line in self.ask(sql).splitlines())
        counts: dict[str, int] = {}
        for query, calls in lines:
            counts[query] = counts.get(query, 0) + int(calls)
        return counts

    def transactions(self) -> int:
        return int(self.ask("SELECT xact_commit FROM pg_stat_database WHERE datname = 'weir'"))


def since(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What was sent in between, the most frequent first."""
    grown = {query: calls - before.get(query, 0) for query, calls in after.items()}
    return dict(sorted(((query, calls) for query, calls in grown.items() if calls), key=lambda item: -item[1]))
