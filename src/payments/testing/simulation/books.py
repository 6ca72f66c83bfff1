"""The pages' provider's own list of transactions, for whoever reconciles: true, and not up to the minute."""

from collections.abc import Callable
from typing import Final

import attrs

from payments.application.ports.providers import Ledger, LedgerLine, LedgerPage, Span
from payments.domain.errors import OutcomeUnknown, ProviderUnavailable
from payments.domain.evidence import Answer
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.outages import Outage
from payments.testing.simulation.processes import BEGINNING, Steps

A_PAGE: Final = 2
YOUNG_S: Final = 600.0
"""So long a transaction may not be listed yet. A line that is missing proves nothing."""


@attrs.define(eq=False)
class SimulatedBooks(Ledger):
    """Lists what the provider knows of each page on which something happened."""

    _steps: Steps
    _chance: Chance
    _outage: Outage
    _listed: Callable[[], list[tuple[float, float, Answer]]]
    """When each page was opened of which money came, when that came, and what is true of it."""
    _tells_references: bool

    async def page(self, span: Span, begins: str | None) -> LedgerPage:
        label = await self._steps.before("books.page")
        if self._outage.at(label) or self._steps.struck(Fault.NOT_REACHED, label):
            raise ProviderUnavailable("connection refused")
        if self._steps.struck(Fault.ANSWER_LOST, label):
            await self._steps.rest(10.0)
            raise OutcomeUnknown("timeout")
        now, first = self._steps.loop.time(), int(begins or 0)
        since_s, until_s = ((at - BEGINNING).total_seconds() for at in (span.since, span.until))
        every = [
            (came_s, told) for opened_s, came_s, told in self._listed() if since_s <= opened_s <= until_s
        ]
        lines = tuple(
            self._line(told)
            for came_s, told in every[first : first + A_PAGE]
            if now - came_s > YOUNG_S or self._chance.happens(0.5)
        )
        self._steps.after(label)
        after = first + A_PAGE
        return LedgerPage(lines, str(after) if after < len(every) else None)

    def _line(self, answer: Answer) -> LedgerLine:
        return LedgerLine(
            name=answer.capture_key or "",
            reference=answer.reference if self._tells_references else None,
            outcome=answer.outcome,
            word=answer.word,
            amount=answer.arrived,
            raw=answer.word.encode(),
        )
