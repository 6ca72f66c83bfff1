"""What processes cost: CPU time, memory, and how long until the first answer."""

import json
import math
import os
import platform
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import attrs
import psutil

MIB: Final = 2**20


@attrs.frozen
class Family:
    """A process and all its descendants, those to come included."""

    pid: int

    def members(self) -> list[psutil.Process]:
        try:
            head = psutil.Process(self.pid)
            return [head, *head.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_s(self) -> float:
        """CPU seconds so far, those of ended children included."""
        total = 0.0
        for member in self.members():
            with suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def own_mib(self) -> list[float]:
        """What each member has in memory (PSS: pages that several share count in parts), most first."""
        sizes = []
        for member in self.members():
            with suppress(psutil.Error):
                sizes.append(member.memory_full_info().pss / MIB)
        return sorted(sizes, reverse=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of ``values`` that at least this share of them does not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def first_answer(port: int, path: str, process: subprocess.Popen[bytes], within_s: float = 60.0) -> float:
    """Wait until something answers on ``port``; how many seconds after now.

    Raises:
        RuntimeError: it ended, or did not answer in time.
    """
    began = time.perf_counter()
    asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    while time.perf_counter() - began < within_s:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5.0) as connection:
            connection.sendall(asked)
            if connection.recv(12).startswith(b"HTTP/1.1"):
                return time.perf_counter() - began
        if process.poll() is not None:
            break
        time.sleep(0.005)
    raise RuntimeError(f"Nothing answers on port {port}.")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it and all it started."""
    members = Family(process.pid).members()
    process.terminate()
    try:
        process.wait(35)
    except subprocess.TimeoutExpired:
        for member in members:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait(5)


def end_in_order_when_told() -> None:
    """Have SIGTERM end this process as an error does: what it started is stopped, what it made removed."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def machine(folder: Path) -> dict[str, str]:
    """What the figures were seen on; ``folder`` is where the databases lie."""
    model = "unknown"
    with suppress(OSError):
        told = Path("/proc/cpuinfo").read_text()
        model = next(
            line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")
        )
    release = os.uname()
    mounts = sorted(psutil.disk_partitions(all=True), key=lambda one: len(one.mountpoint))
    below = [one.fstype for one in mounts if folder.resolve().is_relative_to(one.mountpoint)]
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "disk": below[-1] if below else "unknown",
        "system": f"{release.sysname} {release.release}",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def versions(peers: Path) -> dict[str, str]:
    """What was measured: Python, and the packages of this environment and of the peers' (its ``bin``)."""
    asking = (
        "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]"
        " if any(n.lower() == (d.name or '').lower() for d in m.distributions())}))"
    )
    ours = ("starlette", "uvicorn", "uvloop", "asyncpg", "SQLAlchemy", "httpx", "aiohttp", "msgspec")
    theirs = (
        "Django",
        "djangorestframework",
        "gunicorn",
        "psycopg",
        "requests",
        "fastapi",
        "pydantic",
        "httpx2",
    )
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for python, names in ((Path(sys.executable), ours), (peers / "python", theirs)):
        if python.exists():
            done = subprocess.run(
                [str(python), "-c", asking, *names], capture_output=True, text=True, check=True, timeout=60
            )
            found |= json.loads(done.stdout)
    return found
