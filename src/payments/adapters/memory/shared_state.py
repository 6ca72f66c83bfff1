"""Small shared facts in the memory of one process."""

from typing import Any, Final

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.shared_state import SharedState

MOST_KEYS: Final = 10_000


@attrs.define
class MemorySharedState(SharedState):
    """Shared by the tasks of one process: the last 10,000 keys of each kind; the oldest goes first."""

    _clock: Clock
    _told_at_s: dict[str, float] = attrs.field(factory=dict, init=False, repr=False)
    """By key, in the order in which they were told."""
    _used_at_s: dict[str, tuple[float, ...]] = attrs.field(factory=dict, init=False, repr=False)
    """By key, newest first."""
    _kept: dict[str, tuple[bytes, float]] = attrs.field(factory=dict, init=False, repr=False)
    """By key, with the moment it ends."""

    async def first_within(self, key: str, window_s: float) -> bool:
        # No await between looking and writing: on one event loop that makes exactly one caller the first.
        now_s = self._clock.monotonic()
        told_at_s = self._told_at_s.get(key)
        if told_at_s is not None and now_s - told_at_s < window_s:
            return False
        self._told_at_s.pop(key, None)
        self._told_at_s[key] = now_s
        _drop_the_oldest(self._told_at_s)
        return True

    async def spend(self, key: str, *, most: int, window_s: float) -> float:
        now_s = self._clock.monotonic()
        used_at_s = self._used_at_s.pop(key, ())
        free_in_s = used_at_s[most - 1] + window_s - now_s if len(used_at_s) >= most else 0.0
        if free_in_s <= 0:
            used_at_s = (now_s, *used_at_s)[:most]
        self._used_at_s[key] = used_at_s
        _drop_the_oldest(self._used_at_s)
        return max(free_in_s, 0.0)

    async def remember(self, key: str, value: bytes, *, lifetime_s: float) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (value, self._clock.monotonic() + lifetime_s)
        _drop_the_oldest(self._kept)

    async def recall(self, key: str) -> bytes | None:
        value, ends_s = self._kept.get(key, (None, 0.0))
        return value if self._clock.monotonic() < ends_s else None


def _drop_the_oldest(known: dict[str, Any]) -> None:
    if len(known) > MOST_KEYS:
        del known[next(iter(known))]
