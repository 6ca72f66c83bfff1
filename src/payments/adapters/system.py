"""The machine's own clock, and identifiers from its source of randomness."""

import asyncio
import base64
import secrets
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import attrs
from uuid_utils.compat import uuid7

from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers

_REFERENCE_LENGTH: Final = 26
_REFERENCE_BYTES: Final = 20
_TOKEN_BYTES: Final = 16


@attrs.frozen
class SystemClock(Clock):
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@attrs.frozen
class RandomIdentifiers(Identifiers):
    """Identifiers from the operating system's randomness; nobody can guess the next one."""

    def unique(self) -> UUID:
        return uuid7()

    def reference(self) -> str:
        # Each character stands for 5 bits of its own: 26 of them are 130 random bits, from one system call.
        written = base64.b32encode(secrets.token_bytes(_REFERENCE_BYTES)).decode().lower()
        return f"p-{written[:_REFERENCE_LENGTH]}"

    def token(self) -> str:
        return secrets.token_hex(_TOKEN_BYTES)
