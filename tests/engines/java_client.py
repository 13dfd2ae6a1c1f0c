"""Iceberg's Java library as a process: what `java/Client.java` does, built once for a session by Maven and javac."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from weir_process import Principal, Ready

SOURCES = Path(__file__).parent / "java"
TIMEOUT_SECONDS = 300


@dataclass
class Java:
    classpath: str

    @classmethod
    def build(cls, into: Path) -> Java:
        """Maven says where its library lies, and fetches what is not there yet."""
        said = into / "classpath"
        where = [f"-Dmdep.outputFile={said}", "-f", str(SOURCES / "pom.xml")]
        _run(["mvn", "-q", "-B", "dependency:build-classpath", *where])
        classes = into / "classes"
        library = said.read_text().strip()
        _run(["javac", "-cp", library, "-d", str(classes), str(SOURCES / "Client.java")])
        return cls(f"{library}:{classes}")

    def run(self, ready: Ready, principal: Principal, way: str, *does: str) -> list[int]:
        """The numbers that it prints when it is done."""
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
        who = [ready.iceberg, ready.warehouse, principal.credential, way]
        said = _run(["java", quiet, "-cp", self.classpath, "Client", *who, *does])
        return [int(word) for word in said.split()[1:]]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    # A stack trace has its reason at the beginning of each part.
    told = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("\tat ")]
    assert done.returncode == 0, "\n".join(told)[-4000:]
    return done.stdout
