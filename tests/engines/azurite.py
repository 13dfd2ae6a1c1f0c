"""Azure's blob storage on this machine: Microsoft's emulator, which npm installs (`AZURITE` names the package's folder)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ACCOUNT = "devstoreaccount1"
# The one that every emulator has, as its documentation says.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_SECONDS = 30


@dataclass
class Azurite:
    endpoint: str
    directory: Path
    _child: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> Azurite:
        main = Path(os.environ["AZURITE"]) / "dist/src/blob/main.js"
        directory = Path(tempfile.mkdtemp(prefix="weir-azurite-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = ["--silent", "--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck"]
        command = ["node", str(main), *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)]
        child = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL)
        started = cls(f"http://127.0.0.1:{port}/{ACCOUNT}", directory, child)
        ends = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return started
            except OSError:
                if child.poll() is not None or time.monotonic() > ends:
                    started.stop()
                    raise RuntimeError("Azurite did not start.") from None
                time.sleep(0.05)

    def make_container(self, name: str) -> None:
        """Signed with the account's key (Azure Storage REST, "Authorize with Shared Key")."""
        at, version = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"), "2021-12-02"
        resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        text = "PUT" + "\n" * 12 + f"x-ms-date:{at}\nx-ms-version:{version}\n{resource}"
        tag = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
        headers = {"x-ms-date": at, "x-ms-version": version, "authorization": f"SharedKey {ACCOUNT}:{tag}"}
        asked = urllib.request.Request(f"{self.endpoint}/{name}?restype=container", method="PUT", headers=headers)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.status == 201

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
