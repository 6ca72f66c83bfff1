"""What lies between two programs: it passes bytes on, or does to them what networks do."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import attrs

from tests.serving import conversing

FAULTS = ("slow", "drip", "reset", "half_close", "truncated", "lost_answers", "black_hole")
"""What may happen to a wire; ``none`` besides.

Late by a third of a second; a few bytes at a time; connections reset; closed on our side alone; cut off in
the middle of an answer; carried out and never answered; and silent, with every connection left open.
"""

_LATE_S = 0.3
_DRIP_BYTES, _DRIP_S = 64, 0.01


@attrs.define
class Wire:
    """From the service to the program at ``port``; :attr:`our_port` is where the service finds it."""

    port: int
    our_port: int = attrs.field(default=0, init=False)
    _fault: str = attrs.field(default="none", init=False)
    _lifted: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _open: set[asyncio.StreamWriter] = attrs.field(factory=set, init=False)

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[None]:
        """Until the block ends."""
        async with conversing(self._carry) as self.our_port:
            try:
                yield
            finally:
                self.lift()
                self._hang_up()
                # Whoever still carries something hears of it, and ends by itself.
                while self._open:  # noqa: ASYNC110 -- nobody tells when the last one has ended
                    await asyncio.sleep(0.002)

    def break_down(self, fault: str) -> None:
        """From now on ``fault`` happens to all that is on its way."""
        self._fault = fault
        self._lifted.clear()
        if fault == "reset":
            self._hang_up()

    def lift(self) -> None:
        """All is well again. Who waits for bytes that were lost is hung up on."""
        lost = self._fault in {"lost_answers", "black_hole", "half_close"}
        self._fault = "none"
        self._lifted.set()
        if lost:
            self._hang_up()

    async def _carry(self, ours: asyncio.StreamReader, to_us: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            theirs, to_them = await asyncio.open_connection("127.0.0.1", self.port)
            self._open |= {to_us, to_them}
            try:
                async with asyncio.TaskGroup() as directions:
                    directions.create_task(self._pass_on(ours, to_them, answers=False))
                    directions.create_task(self._pass_on(theirs, to_us, answers=True))
            finally:
                self._open -= {to_us, to_them}
                to_them.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._pass(data, writer, answers=answers)
        # Whoever ends one direction is heard of on the other; most of ours end both.
        with suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        match self._fault:
            case "slow":
                await asyncio.sleep(_LATE_S)
            case "drip":
                for start in range(0, len(data), _DRIP_BYTES):
                    writer.write(data[start : start + _DRIP_BYTES])
                    await asyncio.sleep(_DRIP_S)
                return
            case "reset":
                self._hang_up()
                return
            case "truncated" if answers:
                writer.write(data[: len(data) // 2])
                await writer.drain()
                writer.close()
                return
            case "half_close" if answers:
                writer.write_eof()
                await self._lifted.wait()
                return
            case "lost_answers" if answers:
                return
            case "black_hole":
                await self._lifted.wait()
                return
        writer.write(data)
        await writer.drain()

    def _hang_up(self) -> None:
        for writer in self._open:
            # With nothing left to linger for, the other side is sent a reset.
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
            writer.transport.abort()
