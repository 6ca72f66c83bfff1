"""What processes cost: CPU time, memory, and how long until the first answer."""

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
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
        """What each member alone has in memory (USS), most first."""
        sizes = []
        for member in self.members():
            with suppress(psutil.Error):
                sizes.append(member.memory_full_info().uss / MIB)
        return sorted(sizes, reverse=True)


def cpu_s(families: Sequence[Family]) -> float:
    return sum(family.cpu_s() for family in families)


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


def machine() -> dict[str, str]:
    """What the figures were seen on."""
    model = "unknown"
    with suppress(OSError), open("/proc/cpuinfo") as file:  # noqa: PTH123 -- not a file of ours
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), model)
    release = os.uname()
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{release.sysname} {release.release}",
    }
