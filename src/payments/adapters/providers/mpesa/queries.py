"""Who may ask next: Daraja answers so few queries a minute that all processes share one budget (section 5).

A slot every ``60 / N`` seconds. Whoever is refused leaves word for some seconds that it waits, and whoever is
less urgent lets it go first. So does a payer who has just had a turn. docs/adr/0017 says why.
"""

import hashlib
from typing import Final

import attrs

from payments.adapters.providers.mpesa.settings import MpesaSettings
from payments.application.ports.clock import Clock
from payments.application.ports.providers import Urgency
from payments.application.ports.shared_state import SharedState

_MINUTE_S: Final = 60.0
_BY_URGENCY: Final = (Urgency.SUCCESS_NOTICED, Urgency.PAYER, Urgency.SWEEP)
_COMES_BACK_S: Final = 20.0
"""Whoever waits asks again within this long, or has given up."""
_HAD_A_TURN_S: Final = 30.0
"""For so long a payer lets all others go first; anybody may have many questions put about one prompt."""


@attrs.frozen(kw_only=True)
class Queries:
    """The queries of one shortcode."""

    _settings: MpesaSettings
    _shared_state: SharedState
    _clock: Clock

    async def may_ask(self, urgency: Urgency, name: str) -> bool:
        """Whether it is our turn to ask about the prompt ``name``. A turn that was given is used up."""
        if await self._shared_state.recall(self._key("rest")) is not None:
            return False
        turn = self._key(f"turn:{hashlib.sha256(name.encode()).hexdigest()[:16]}")
        again = urgency is Urgency.PAYER and await self._shared_state.recall(turn) is not None
        for other in _BY_URGENCY if again else _BY_URGENCY[: _BY_URGENCY.index(urgency)]:
            if await self._shared_state.recall(self._key(f"wanted:{other.value}")) is not None:
                return False
        apart_s = _MINUTE_S / self._settings.queries_per_minute
        got = await self._shared_state.spend(self._key("spent"), most=1, window_s=apart_s) == 0
        if got and urgency is Urgency.PAYER:
            await self._shared_state.remember(turn, b"1", lifetime_s=_HAD_A_TURN_S)
        if got or not again:
            # Whoever has had its turn waits no more, and others who do say so again.
            await self._shared_state.remember(
                self._key(f"wanted:{urgency.value}"), b"1", lifetime_s=0.0 if got else _COMES_BACK_S
            )
        return got

    async def rest(self, wait_s: float | None) -> None:
        """Ask nothing for ``wait_s`` seconds, or for a slot: Daraja said that we ask too often.

        A rest that ends later stays as it is. Of two writers at once, or by clocks that differ, the shorter
        may remain: then somebody asks once too early, is told the same, and rests again.
        """
        rest_s = max(wait_s or 0.0, _MINUTE_S / self._settings.queries_per_minute)
        until_s = self._clock.now().timestamp() + rest_s
        kept = await self._shared_state.recall(self._key("rest"))
        # What an older version kept is "1", a moment long past.
        if kept is None or float(kept) < until_s:
            await self._shared_state.remember(self._key("rest"), repr(until_s).encode(), lifetime_s=rest_s)

    def _key(self, what: str) -> str:
        return f"mpesa:queries:{self._settings.shortcode}:{what}"
