"""The machine's own clock, and identifiers from its source of randomness."""

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import attrs
from uuid_utils.compat import uuid7

from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers

_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
_REFERENCE_LENGTH: Final = 26
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
        # 26 characters of 5 bits each: 130 bits, no padding to cut off.
        return "p-" + "".join(secrets.choice(_BASE32) for _ in range(_REFERENCE_LENGTH))

    def token(self) -> str:
        return secrets.token_hex(_TOKEN_BYTES)
