#!/usr/bin/env python3
"""What the gateway costs, beside nginx serving the same files and SeaweedFS serving the same objects, in one run.

    WEIR_BIN=target/release/weir python3 tests/bench/gateway.py [--seconds 4] [--rounds 3] [--weed PROGRAM]

large   256 MiB in ranges of 8 MiB, 16 streams: bytes a second
small   ranges of 4 KiB of the same object, 16 streams: requests a second and the 99th percentile
vend    processor time of the server for a load with a credential that is kept, beside a load without one

Needs wrk and nginx (Debian: apt-get install wrk nginx-light); without --weed, SeaweedFS is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from catalog import Catalog, Weir
from sigv4 import Keys, presigned

STREAMS = 16
OBJECT_BYTES = 256 << 20
LARGE, SMALL = 8 << 20, 4 << 10
DISTINCT = 4096  # ranges of one load
# The requests are written before the first is sent, so that Lua's time is not taken for the server's.
SCRIPT = """
local size, step, count = {size}, {step}, {count}
local requests, at = {{}}, 0
init = function(args)
  for number = 0, count - 1 do
    local from = (number * step * 7) % size
    requests[number] = wrk.format("GET", nil, {{["range"] = string.format("bytes=%d-%d", from, from + step - 1)}})
  end
end
request = function()
  at = (at + 1) % count
  return requests[at]
end
"""


@dataclass
class Seen:
    requests_a_second: float
    p99_ms: float


def wrk(url: str, step: int, seconds: float, folder: Path) -> Seen:
    script = folder / f"range-{step}.lua"
    script.write_text(SCRIPT.format(size=OBJECT_BYTES, step=step, count=DISTINCT))
    command = ["wrk", "-t1", f"-c{STREAMS}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", "30s", "-s", str(script), url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(told)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", told)
    assert rate and tail, told
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    return Seen(float(rate[1]), float(tail[1]) * scale[tail[2]])


def pull(url: str, step: int, seconds: float) -> float:
    """Bytes a second over as many connections, read in pieces of 1 MiB: wrk reads 8 KiB at a time and would be what is measured."""
    where = urlsplit(url)
    ends, total = time.monotonic() + seconds, [0] * STREAMS
    head = f"GET {where.path}?{where.query} HTTP/1.1\r\nhost: {where.netloc}\r\nrange: bytes="

    def stream(number: int) -> None:
        buffer, at = memoryview(bytearray(1 << 20)), number * step
        with socket.create_connection((where.hostname, where.port)) as one:
            while time.monotonic() < ends:
                at = (at + step * 7) % OBJECT_BYTES
                one.sendall(f"{head}{at}-{at + step - 1}\r\n\r\n".encode())
                first = one.recv(1 << 16)
                while b"\r\n\r\n" not in first:
                    first += one.recv(1 << 16)
                head_text, rest = first.split(b"\r\n\r\n", 1)
                assert head_text.startswith(b"HTTP/1.1 206"), head_text
                left = step - len(rest)
                while left:
                    got = one.recv_into(buffer, min(left, len(buffer)))
                    assert got, "the connection ended"
                    left -= got
                total[number] += step

    began = time.monotonic()
    threads = [threading.Thread(target=stream, args=(number,)) for number in range(STREAMS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(total) / (time.monotonic() - began)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def nginx(root: Path, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        f"worker_processes 2; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; user root;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; sendfile on; tcp_nopush on; server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
    )
    child = subprocess.Popen(["nginx", "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL)
    wait(port)
    return child, port


def weed(program: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    s3, master, volume, filer = (free_port() for _ in range(4))
    (folder / "weed").mkdir()
    (folder / "s3.json").write_text(
        '{"identities": [{"name": "root", "credentials": [{"accessKey": "root", "secretKey": "root-secret"}],'
        ' "actions": ["Admin", "Read", "List", "Write"]}]}'
    )
    command = [program, "server", f"-dir={folder / 'weed'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += ["-master.telemetry=false", f"-master.port={master}", f"-master.port.grpc={free_port()}"]
    command += [f"-volume.port={volume}", f"-volume.port.grpc={free_port()}", "-volume.max=20", "-filer"]
    command += [f"-filer.port={filer}", f"-filer.port.grpc={free_port()}", "-s3", f"-s3.port={s3}"]
    command += [f"-s3.port.grpc={free_port()}", f"-s3.config={folder / 's3.json'}"]
    log = (folder / "weed.log").open("wb")
    child = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    wait(s3)
    return child, s3


def wait(port: int) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing listens on {port}")


def put(url: str, content: bytes) -> None:
    request = urllib.request.Request(url, data=content, method="PUT")
    for attempt in range(20):
        try:
            urllib.request.urlopen(request, timeout=120).read()
            return
        except OSError:
            if attempt == 19:
                raise
            time.sleep(0.5)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def large(targets: dict[str, str], seconds: float, rounds: int) -> None:
    print(f"large: ranges of {LARGE >> 20} MiB of {OBJECT_BYTES >> 20} MiB, {STREAMS} streams")
    seen: dict[str, list[float]] = {target: [] for target in targets}
    for url in targets.values():
        pull(url, LARGE, 1)
    for number in range(1, rounds + 1):
        for target, url in targets.items():
            seen[target].append(pull(url, LARGE, seconds))
        print(f"  round {number}: " + "   ".join(f"{name} {runs[-1] / 1e6:6.0f} MB/s" for name, runs in seen.items()))
    for target in list(targets)[1:]:
        ratios = [ours / theirs for ours, theirs in zip(seen["weir"], seen[target], strict=True)]
        print(f"  median ratio to {target} {statistics.median(ratios):.2f}")


def small(targets: dict[str, str], seconds: float, rounds: int, folder: Path) -> None:
    print(f"small: ranges of {SMALL >> 10} KiB of {OBJECT_BYTES >> 20} MiB, {STREAMS} streams")
    for url in targets.values():
        wrk(url, SMALL, 1, folder)
    for number in range(1, rounds + 1):
        runs = {target: wrk(url, SMALL, seconds, folder) for target, url in targets.items()}
        shown = (f"{name} {run.requests_a_second:6.0f}/s p99 {run.p99_ms:5.2f} ms" for name, run in runs.items())
        print(f"  round {number}: " + "   ".join(shown))


def vend(catalog: Catalog, url: str, pid: int, seconds: float, folder: Path) -> None:
    """The same load with and without a credential that is kept: the difference is what vending it costs."""
    cost = {}
    for name, asked in (("without", False), ("with", True)):
        script = folder / f"load-{name}.lua"
        header = 'wrk.headers["x-iceberg-access-delegation"] = "vended-credentials"' if asked else ""
        script.write_text(f'wrk.headers["authorization"] = "Bearer {catalog.token}"\n{header}\n')
        before, began = processor_seconds(pid), time.monotonic()
        command = ["wrk", "-t1", f"-c{STREAMS}", f"-d{max(1, round(seconds))}s", "-s", str(script), url]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert "Non-2xx" not in told, told
        requests = re.search(r"(\d+) requests in", told)
        assert requests and time.monotonic() > began
        cost[name] = (processor_seconds(pid) - before) / int(requests[1]) * 1e6
    print(f"vend: {cost['with']:.1f} µs of processor a load with a credential, {cost['without']:.1f} without")
    print(f"  a credential that is kept costs {cost['with'] - cost['without']:.1f} µs")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weed", default=shutil.which("weed"), help="SeaweedFS's program")
    asked = parser.parse_args()
    for tool in ("wrk", "nginx"):
        if not shutil.which(tool):
            raise SystemExit(f"The bench needs {tool} (Debian: apt-get install wrk nginx-light).")
    server, folder = Weir.fresh(), Path(tempfile.mkdtemp(prefix="weir-bench-"))
    folder.chmod(0o755)
    children = []
    try:
        ready = server.start()
        catalog = Catalog.sign_in(ready, ready.principals["spark"])
        catalog.new_table("bench", "files")
        path = "/namespaces/bench/tables/files"
        asks = {"x-iceberg-access-delegation": "vended-credentials"}
        _, body = catalog.call("GET", path, headers=asks)
        loaded = json.loads(body)
        settings = loaded["storage-credentials"][0]["config"]
        place = loaded["metadata"]["location"].removeprefix("s3://")
        endpoint = settings["s3.endpoint"]
        host, key = endpoint.removeprefix("http://"), f"/{place}/data/large"
        content = os.urandom(1 << 20) * (OBJECT_BYTES >> 20)
        keys = Keys.of(settings)
        put(endpoint + presigned(keys, "PUT", host, key), content)
        targets = {"weir": endpoint + presigned(keys, "GET", host, key)}
        root = server.data
        child, port = nginx(root, folder)
        children.append(child)
        targets["nginx"] = f"http://127.0.0.1:{port}{key}"
        if asked.weed:
            child, port = weed(asked.weed, folder)
            children.append(child)
            other, where = Keys("root", "root-secret"), f"127.0.0.1:{port}"
            put(f"http://{where}" + presigned(other, "PUT", where, "/lake"), b"")
            put(f"http://{where}" + presigned(other, "PUT", where, "/lake/large"), content)
            targets["seaweedfs"] = f"http://{where}" + presigned(other, "GET", where, "/lake/large")
        del content
        large(targets, asked.seconds, asked.rounds)
        small(targets, asked.seconds, asked.rounds, folder)
        assert server._child is not None
        url = f"{ready.iceberg}/v1/{ready.warehouse}{path}"
        vend(catalog, url, server._child.pid, asked.seconds, folder)
    finally:
        for child in children:
            child.terminate()
            child.wait()
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
