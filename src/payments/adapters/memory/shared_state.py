"""Small shared facts in the memory of one process."""

from typing import Final

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.shared_state import SharedState

MOST_KEYS: Final = 10_000


@attrs.define
class MemorySharedState(SharedState):
    """Coalescing for one process. It remembers the last 10,000 keys; the oldest is forgotten first."""

    _clock: Clock
    _told_at_s: dict[str, float] = attrs.field(factory=dict, init=False, repr=False)
    """By key, in the order in which they were told."""

    async def first_within(self, key: str, window_s: float) -> bool:
        # No await between looking and writing: on one event loop that makes exactly one caller the first.
        now_s = self._clock.monotonic()
        told_at_s = self._told_at_s.get(key)
        if told_at_s is not None and now_s - told_at_s < window_s:
            return False
        self._told_at_s.pop(key, None)
        self._told_at_s[key] = now_s
        if len(self._told_at_s) > MOST_KEYS:
            del self._told_at_s[next(iter(self._told_at_s))]
        return True
