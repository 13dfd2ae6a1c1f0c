"""A `weir demo` as a process to wait for, restart and kill. Standard library only: the benches need no packages."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

READY_SECONDS = 120.0
STOP_SECONDS = 30.0
LOG_LINES = 200


@dataclass(frozen=True)
class Principal:
    """Somebody with what they sign in with: a password, or a client id and secret."""

    name: str
    kind: str
    password: str | None = None
    client_id: str | None = None
    client_secret: str | None = None

    @property
    def credential(self) -> str:
        """As engines want it: `id:secret`."""
        return f"{self.client_id}:{self.client_secret}"


@dataclass(frozen=True)
class Ready:
    """What the server said of itself in its one line of JSON."""

    console: str
    management: str
    iceberg: str
    warehouse: str
    principals: dict[str, Principal]

    @classmethod
    def parse(cls, line: str) -> Ready:
        told = json.loads(line)
        known = Principal.__dataclass_fields__
        people = (Principal(**{key: one[key] for key in known if key in one}) for one in told["principals"])
        fields = {name: told[name] for name in ("console", "management", "iceberg", "warehouse")}
        return cls(**fields, principals={one.name: one for one in people})


@dataclass
class Weir:
    """A demo on a data directory of its own. `start` after `stop` or `kill` goes on with the same data and address."""

    program: str
    directory: Path
    listen: str = "127.0.0.1:0"
    environment: dict[str, str] = field(default_factory=dict)
    ready: Ready | None = None
    log: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    _child: subprocess.Popen[str] | None = None

    @classmethod
    def fresh(cls, **options: Any) -> Weir:
        """In a new directory that its Postgres can reach: started by root, Weir runs it as another account."""
        program = os.environ.get("WEIR_BIN")
        if not program:
            raise RuntimeError("WEIR_BIN names the weir to test, such as target/debug/weir.")
        directory = Path(tempfile.mkdtemp(prefix="weir-engines-"))
        directory.chmod(0o711)
        return cls(str(Path(program).resolve()), directory, **options)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def start(self) -> Ready:
        """Returns once it serves."""
        command = [self.program, "demo", "--data-dir", str(self.data), "--listen", self.listen, "--print", "json"]
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env={**os.environ, **self.environment},
        )
        self._child = child
        threading.Thread(target=self._keep, args=(child.stderr,), daemon=True).start()
        line = self._first_line(child)
        self.ready = Ready.parse(line)
        self.listen = self.ready.console.removeprefix("http://")
        return self.ready

    def stop(self) -> None:
        """Asks it to stop and waits; one that does not is killed."""
        if self._child is None:
            return
        self._child.send_signal(signal.SIGINT)
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reap()

    def kill(self) -> None:
        """As a power cut would: no signal handler runs. Its Postgres ends with it."""
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        self._reap()

    def restart(self) -> Ready:
        self.stop()
        return self.start()

    def remove(self) -> None:
        """Stops it and deletes its data."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _reap(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()

    def _keep(self, stream: IO[str] | None) -> None:
        try:
            for line in stream or ():
                self.log.append(line.rstrip())
        except ValueError:
            pass  # Closed by `_reap` while it was read.

    def _first_line(self, child: subprocess.Popen[str]) -> str:
        timer = threading.Timer(READY_SECONDS, child.kill)
        timer.start()
        try:
            line = child.stdout.readline() if child.stdout else ""
        finally:
            timer.cancel()
        if not line.strip():
            child.kill()
            code = child.wait()
            raise RuntimeError(f"weir did not start (exit {code}):\n" + "\n".join(self.log))
        return line
