"""A clock for a service process that its test can move: hours pass without anybody waiting for them."""

import os
import struct
from contextlib import suppress
from datetime import datetime, timedelta
from mmap import mmap
from pathlib import Path

import attrs

from payments.adapters.system import SystemClock
from payments.application.ports.clock import Clock

# Native, which is written and read whole: other processes read it while it is written.
_AHEAD_S = struct.Struct("@d")


@attrs.define
class MovedClock(Clock):
    """The machine's clock, ahead by as many seconds as the mapped file says."""

    _file: mmap
    _clock: SystemClock = attrs.field(factory=SystemClock, init=False)

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._ahead_s())

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._ahead_s()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    def move(self, ahead: timedelta) -> None:
        """Let this much more time have passed, for every process that maps the file."""
        _AHEAD_S.pack_into(self._file, 0, self._ahead_s() + ahead.total_seconds())

    def _ahead_s(self) -> float:
        ahead_s: float = _AHEAD_S.unpack_from(self._file, 0)[0]
        return ahead_s


def clock_at(path: Path) -> MovedClock:
    """The clock whose lead stands in the file at ``path``; it is made if there is none."""
    if not path.exists():
        # Whole or not at all: processes that start together make it at the same time.
        own = path.with_suffix(f".{os.getpid()}")
        own.write_bytes(_AHEAD_S.pack(0.0))
        with suppress(FileExistsError):
            path.hardlink_to(own)
        own.unlink()
    with path.open("r+b") as file:
        return MovedClock(mmap(file.fileno(), _AHEAD_S.size))
