"""The gateway's limit on queries (fact sheet, section 5)."""

from collections import deque

import attrs


@attrs.define
class SpikeArrest:
    """At most so many calls in any period; with `burst_one` also evenly spaced, as a spike arrest smooths."""

    _passed: deque[float] = attrs.field(factory=deque)

    def lets_pass(self, now: float, *, calls: int, period_s: float, burst_one: bool) -> bool:
        """Tell whether a call may pass now; one that may not is not counted."""
        while self._passed and self._passed[0] <= now - period_s:
            self._passed.popleft()
        too_soon = burst_one and bool(self._passed) and now - self._passed[-1] < period_s / calls
        if too_soon or len(self._passed) >= calls:
            return False
        self._passed.append(now)
        return True

    def forget(self) -> None:
        self._passed.clear()
