"""Identifiers that are the same in every run."""

import itertools
from collections.abc import Iterator
from uuid import UUID

import attrs

from payments.application.ports.identifiers import Identifiers

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


@attrs.define
class CountingIdentifiers(Identifiers):
    """Counts up: later identifiers sort later, and no two are alike."""

    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1), init=False)

    def unique(self) -> UUID:
        # The version and variant bits of a UUID of version 7, so that readers of them are not surprised.
        return UUID(int=(next(self._numbers) << 80) | (0x7 << 76) | (0b10 << 62))

    def reference(self) -> str:
        number, digits = next(self._numbers), ""
        for _ in range(26):
            number, digit = divmod(number, len(_BASE32))
            digits = _BASE32[digit] + digits
        return f"p-{digits}"

    def token(self) -> str:
        return f"{next(self._numbers):032x}"
