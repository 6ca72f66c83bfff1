"""The orders service and the providers that everybody is measured with, as a process."""

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from bench.measuring import Family, first_answer, stop
from bench.servers import refuse_taken

_WITHIN_S = 10.0


@attrs.frozen
class Neighbours:
    """What listens on ``port`` (:mod:`bench.outside`); it is told how to answer between two cells."""

    port: int
    family: Family

    def switch(self, **told: str) -> None:
        """Have them answer so from now on: ``word``, ``late_ms``, ``spread``, ``told``."""
        self._get(f"/switch?{urllib.parse.urlencode(told)}")

    def count(self, what: str) -> int:
        """How often they were asked this so far."""
        return int(json.loads(self._get("/count")).get(what, 0))

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=_WITHIN_S) as answer:
            read: bytes = answer.read(int(answer.headers["Content-Length"]))
            return read


@contextmanager
def neighbours(port: int) -> Iterator[Neighbours]:
    """Start them on ``port``."""
    refuse_taken(port)
    process = subprocess.Popen([sys.executable, "-m", "bench.outside", "--port", str(port)])
    try:
        first_answer(port, "/count", process)
        yield Neighbours(port, Family(process.pid))
    finally:
        stop(process)
