"""An S3 store with STS on this machine, as somebody runs it: SeaweedFS, which enforces session policies."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROLE = "arn:aws:iam::000000000000:role/LakeRole"
BUCKET = "lake"
ROOT = ("root", "root-secret")
CATALOG = ("catalog", "catalog-secret")  # May read, write and assume the role.
ASSUMER = ("assumer", "assumer-secret")  # May assume the role, and nothing else.
READER = ("reader", "reader-secret")  # May list and read, and nothing else.
START_SECONDS = 60


def _identity(name: str, keys: tuple[str, str], actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": keys[0], "secretKey": keys[1]}], "actions": actions}


IDENTITIES = {
    "identities": [
        _identity("root", ROOT, ["Admin", "Read", "List", "Tagging", "Write"]),
        _identity("catalog", CATALOG, ["Read", "Write", "List", "sts:AssumeRole"]),
        _identity("assumer", ASSUMER, ["sts:AssumeRole"]),
        _identity("reader", READER, ["Read", "List"]),
    ]
}
IAM = {
    "sts": {
        "tokenDuration": "1h",
        "maxSessionLength": "12h",
        "issuer": "seaweedfs-sts",
        "signingKey": "dGhpcyBpcyBmb3IgdGVzdHMgb25seSwgYW5kIHNlY3JldA==",
    },
    "policy": {"defaultEffect": "Deny", "storeType": "memory"},
    "policies": [
        {
            "name": "LakeFull",
            "document": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*", "arn:aws:s3:::*/*"]}
                ],
            },
        }
    ],
    "roles": [
        {
            "roleName": "LakeRole",
            "roleArn": ROLE,
            "trustPolicy": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole"]}],
            },
            "attachedPolicies": ["LakeFull"],
        }
    ],
}


@dataclass
class Seaweed:
    endpoint: str
    directory: Path
    _child: subprocess.Popen[bytes]
    role: str = ROLE

    @classmethod
    def start(cls) -> Seaweed:
        """Returns once it answers."""
        program = Path(sysconfig.get_path("scripts")) / "weed"
        directory = Path(tempfile.mkdtemp(prefix="weir-seaweed-"))
        for name, content in (("s3.json", IDENTITIES), ("iam.json", IAM)):
            (directory / name).write_text(json.dumps(content))
        s3, master, volume, filer = (free_port() for _ in range(4))
        (directory / "data").mkdir()
        log = (directory / "log").open("wb")
        command = [str(program), "server", f"-dir={directory / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += ["-master.telemetry=false", f"-master.port={master}", f"-master.port.grpc={free_port()}"]
        command += [f"-volume.port={volume}", f"-volume.port.grpc={free_port()}", "-volume.max=100"]
        command += ["-master.volumeSizeLimitMB=64", "-filer", f"-filer.port={filer}", f"-filer.port.grpc={free_port()}"]
        command += ["-s3", f"-s3.port={s3}", f"-s3.port.grpc={free_port()}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        command += [f"-s3.config={directory / 's3.json'}", f"-s3.iam.config={directory / 'iam.json'}"]
        command += [f"-s3.externalUrl=http://127.0.0.1:{s3}"]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory)
        store = cls(f"http://127.0.0.1:{s3}", directory, child)
        try:
            store._wait()
        except BaseException:
            store.stop()
            raise
        return store

    def _wait(self) -> None:
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            if self._child.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.endpoint, timeout=2)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"SeaweedFS did not come up: {(self.directory / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if not os.environ.get("WEIR_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)


def free_port() -> int:
    # Some of its parts listen 10,000 above where they are told.
    while True:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
        if port < 55_000:
            return port
