"""Asking: only a collector's record brings money, and that never comes this way."""

import attrs

from payments.application.ports.providers import Question, StatusChecks
from payments.domain.evidence import Answer, Outcome


@attrs.frozen
class CashChecks(StatusChecks):
    """Says of every attempt that no money is recorded: whatever was collected is applied when it is told."""

    async def check(self, question: Question) -> Answer:
        return Answer(outcome=Outcome.PAYABLE, word="no money recorded", reference=question.reference)
