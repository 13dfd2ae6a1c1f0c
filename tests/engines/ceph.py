"""Ceph's S3 gateway on this machine: another store that makes credentials with session policies, and keeps to them.

Optional: Debian's radosgw, ceph-mon, ceph-osd and ceph-common, started as root, everything in memory and in one folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from seaweed import ASSUMER, CATALOG, ROOT, free_port

START_SECONDS = 60
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam:::user/root", "arn:aws:iam:::user/assumer"]},
            "Action": ["sts:AssumeRole"],
        }
    ],
}
REACH = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*", "arn:aws:s3:::*/*"]}],
}


@dataclass
class Ceph:
    endpoint: str
    directory: Path
    role: str = "arn:aws:iam:::role/LakeRole"
    _children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def start(cls) -> Ceph:
        """Returns once it answers."""
        store = cls(f"http://127.0.0.1:{free_port()}", Path(tempfile.mkdtemp(prefix="weir-ceph-")))
        try:
            store._make_cluster()
            store._spawn("radosgw", "-f", "-n", "client.rgw")
            store._wait()
            store._make_users()
        except BaseException:
            store.stop()
            raise
        return store

    def _make_cluster(self) -> None:
        at, cluster = self.directory, str(uuid.uuid4())
        monitor = f"[v2:127.0.0.1:{free_port()},v1:127.0.0.1:{free_port()}]"
        for name in ("mon", "osd", "rgw", "sockets"):
            (at / name).mkdir()
        lines = {
            "fsid": cluster,
            "keyring": at / "keyring",
            "mon host": monitor,
            "public network": "127.0.0.0/8",
            "osd pool default size": 1,
            "osd pool default min size": 1,
            "osd pool default pg num": 4,
            "osd crush chooseleaf type": 0,
            "mon allow pool size one": "true",
            "mon max pg per osd": 1000,
            "osd objectstore": "memstore",
            "memstore device bytes": 1 << 30,
            "mon data": at / "mon",
            "osd data": at / "osd",
            "rgw data": at / "rgw",
            "run dir": at / "sockets",
            "admin socket": at / "sockets" / "$cluster-$name.asok",
            "log file": at / "$name.log",
            "pid file": at / "$name.pid",
            "rgw frontends": f"beast endpoint={self.endpoint.removeprefix('http://')}",
            "rgw s3 auth use sts": "true",
            "rgw sts key": "abcdefghijklmnop",
            "rgw run sync thread": "false",
        }
        (at / "ceph.conf").write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items()))
        keyring = str(at / "keyring")
        everything = ["--cap", "mon", "allow *", "--cap", "osd", "allow *"]
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name in ("client.admin", "client.rgw"):
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *everything)
        self._run("ceph-authtool", keyring, "--gen-key", "-n", "osd.0", "--cap", "mon", "allow profile osd")
        self._run("ceph-authtool", keyring, "-n", "osd.0", "--cap", "mon", "allow profile osd", "--cap", "osd", "allow *")
        first = str(at / "monmap")
        self._run("monmaptool", "--create", "--addv", "a", monitor, "--fsid", cluster, first)
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", first, "--keyring", keyring)
        self._spawn("ceph-mon", "-f", "-i", "a")
        self._run("ceph", "mon", "enable-msgr2")
        disk = str(uuid.uuid4())
        self._run("ceph", "osd", "new", disk)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk, "--no-mon-config")
        self._spawn("ceph-osd", "-f", "-i", "0")
        self._until(lambda: "1 up" in self._run("ceph", "osd", "stat"), "its disk did not come up")

    def _make_users(self) -> None:
        for name, keys in (("root", ROOT), ("assumer", ASSUMER)):
            named = [f"--uid={name}", f"--display-name={name}"]
            self._admin("user", "create", *named, f"--access-key={keys[0]}", f"--secret={keys[1]}")
        # To Ceph a bucket is its maker's, so the catalog's keys are that one's too.
        self._admin("key", "create", "--uid=root", "--key-type=s3", f"--access-key={CATALOG[0]}", f"--secret={CATALOG[1]}")
        self._admin("role", "create", "--role-name=LakeRole", f"--assume-role-policy-doc={json.dumps(TRUST)}")
        self._admin("role-policy", "put", "--role-name=LakeRole", "--policy-name=all", f"--policy-doc={json.dumps(REACH)}")

    def _admin(self, *arguments: str) -> None:
        self._run("radosgw-admin", "-n", "client.rgw", *arguments)

    def _run(self, program: str, *arguments: str) -> str:
        command = [program, "-c", str(self.directory / "ceph.conf"), *arguments]
        if program in ("ceph-authtool", "monmaptool"):
            command = [program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"{program} {' '.join(arguments)}: {done.stderr[-1000:]}")
        return done.stdout

    def _spawn(self, program: str, *arguments: str) -> None:
        log = (self.directory / f"{program}.out").open("wb")
        command = [program, "-c", str(self.directory / "ceph.conf"), *arguments]
        self._children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _wait(self) -> None:
        def answers() -> bool:
            try:
                urllib.request.urlopen(self.endpoint, timeout=2)
            except urllib.error.HTTPError:
                return True
            except OSError:
                return False
            return True

        self._until(answers, "its gateway does not answer")

    def _until(self, holds: object, complaint: str) -> None:
        assert callable(holds)
        ends = time.monotonic() + START_SECONDS
        while not holds():
            if time.monotonic() > ends:
                raise RuntimeError(f"Ceph: {complaint}; see {self.directory}")
            time.sleep(0.5)

    def stop(self) -> None:
        for child in reversed(self._children):
            child.kill()
            child.wait()
        if not os.environ.get("WEIR_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)
