"""The way from a provider to us: notices and callbacks are lost, late, repeated, and sent again."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import attrs

from payments.application.ports.providers import RawNotice
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.processes import Steps

TRIES: Final = 4
"""How often a provider sends what nobody took."""

LATEST_S: Final = 72 * 3600.0

Deliver = Callable[[str, RawNotice | None, str | None, bytes], Coroutine[Any, Any, bool]]
"""Hands a notice, or a callback with its token, to the service: whether it was acknowledged."""


@attrs.define(eq=False)
class Post:
    """Carries what providers send. Whether and when it arrives is left to chance."""

    _steps: Steps
    _chance: Chance
    deliver: Deliver | None = None
    under_way: int = attrs.field(default=0, init=False)
    """How many messages have not arrived yet, or will be sent again."""

    def notice(self, provider: str, notice: RawNotice) -> None:
        """Send a signed notice."""
        self._send(provider, notice, None, notice.body)

    def callback(self, provider: str, token: str, body: bytes) -> None:
        """Report to a secret address."""
        self._send(provider, None, token, body)

    def _send(self, provider: str, notice: RawNotice | None, token: str | None, body: bytes) -> None:
        if self._steps.struck(Fault.NOTICE_LOST, "post"):
            return
        times = 1
        if self._steps.struck(Fault.NOTICE_REPEATED, "post"):
            times += 1 + self._chance.below(9)
        for _ in range(times):
            late = self._steps.struck(Fault.NOTICE_LATE, "post")
            delay_s = self._chance.spread(1, LATEST_S) if late else self._chance.between(0.05, 3)
            self.under_way += 1
            self._steps.loop.call_later(delay_s, self._try, provider, notice, token, body, 1)

    def _try(
        self, provider: str, notice: RawNotice | None, token: str | None, body: bytes, tries: int
    ) -> None:
        _ = self._steps.loop.create_task(self._hand_over(provider, notice, token, body, tries))

    async def _hand_over(
        self, provider: str, notice: RawNotice | None, token: str | None, body: bytes, tries: int
    ) -> None:
        taken = self.deliver is not None and await self.deliver(provider, notice, token, body)
        if taken or tries >= TRIES:
            self.under_way -= 1
            return
        delay_s = 60.0 * 4**tries
        self._steps.loop.call_later(delay_s, self._try, provider, notice, token, body, tries + 1)
