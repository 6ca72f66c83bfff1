"""Refunds at a simulated provider: money goes back once for each of our references, or not at all."""

from collections.abc import Callable

import attrs

from payments.application.ports.providers import (
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
)
from payments.application.records import Claim
from payments.domain.errors import OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.money import Money
from payments.testing.provider import ScriptedRefunds
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.ledger import GivenBack, Ledger
from payments.testing.simulation.outages import Outage
from payments.testing.simulation.processes import BEGINNING, Steps

TIMEOUT_S = 10.0


@attrs.define(kw_only=True)
class LedgerRefunds(ScriptedRefunds):
    """Never gives more of a capture back than it took, whether or not we were the ones to ask."""

    provider: str
    ledger: Ledger

    def sent_back(self, capture_key: str) -> int:
        by_itself = sum(
            one.amount.minor
            for one in self.ledger.given_back
            if (one.provider, one.key, one.reference) == (self.provider, capture_key, None)
        )
        return by_itself + super().sent_back(capture_key)

    def outcome(self, reference: str) -> RefundOutcome | None:
        """What truly became of our refund called so; None where it never arrived."""
        known = self._outcomes.get(reference)
        return known.outcome if known else None

    def goes_through(self, reference: str) -> None:
        """The money of a refund that was taken on is back with the payer."""
        request = self.requests[reference]
        self.ends(reference, RefundOutcome.SUCCEEDED)
        self.ledger.give_back(
            GivenBack(
                provider=self.provider,
                key=request.capture_key,
                reference=reference,
                amount=Money(request.amount.minor, request.amount.currency),
            )
        )

    def bounces(self, reference: str) -> None:
        """Money that had gone back returns to the shop."""
        self.ends(reference, RefundOutcome.FAILED, word="returned by the bank")
        self.ledger.bounced.add(reference)


@attrs.define(eq=False)
class SimulatedRefunds(Refunds):
    """Those, behind everything that can go wrong."""

    _steps: Steps
    _chance: Chance
    _inside: LedgerRefunds
    _outage: Outage
    _tell: Callable[[str, Claim], None]
    """Sends news of a refund: its reference, and what is claimed."""

    async def request(self, request: RefundRequest) -> RefundAnswer:
        label = await self._steps.before("refunds.request")
        self._inside.ledger.refunds_asked[request.reference] += 1
        if self._outage.at(label) or self._steps.struck(Fault.NOT_REACHED, label):
            raise ProviderUnavailable("connection refused")
        if self._steps.struck(Fault.REFUND_REJECTED, label):
            raise ProviderRejected("not possible")
        if self._steps.struck(Fault.REQUEST_LOST, label):
            await self._steps.rest(TIMEOUT_S)
            raise OutcomeUnknown("timeout")
        pending = self._steps.struck(Fault.REFUND_PENDING, label)
        self._inside.answer = RefundOutcome.PENDING
        await self._inside.request(request)
        if pending:
            self._later(request.reference)
        else:
            self._done(request.reference)
        self._steps.after(label)
        if self._steps.struck(Fault.ANSWER_LOST, label):
            await self._steps.rest(TIMEOUT_S)
            raise OutcomeUnknown("timeout")
        if self._steps.struck(Fault.MALFORMED, label):
            raise ValueError("not JSON")
        return await self._inside.check(_question(request))

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        label = await self._steps.before("refunds.check")
        silent = RefundAnswer(outcome=RefundOutcome.NOTHING, word="HTTP 503")
        if self._outage.at(label) or self._steps.struck(Fault.REQUEST_LOST, label):
            return silent
        if self._steps.struck(Fault.MALFORMED, label):
            raise ValueError("not JSON")
        answer = await self._inside.check(question)
        self._steps.after(label)
        return answer

    def _later(self, reference: str) -> None:
        def ends() -> None:
            if self._chance.happens(0.2):
                self._inside.ends(reference, RefundOutcome.FAILED, word="refused")
                self._tell(reference, Claim.FAILED)
            else:
                self._done(reference)

        self._steps.loop.call_later(self._chance.spread(5, 36_000), ends)

    def _done(self, reference: str) -> None:
        self._inside.goes_through(reference)
        self._tell(reference, Claim.RETURNED)
        if self._steps.struck(Fault.REFUND_BOUNCED, "refunds"):
            delay_s = self._chance.spread(60, 36_000)
            self._steps.loop.call_later(delay_s, self._bounced, reference)

    def _bounced(self, reference: str) -> None:
        self._inside.bounces(reference)
        self._tell(reference, Claim.FAILED)


def _question(request: RefundRequest) -> RefundQuestion:
    return RefundQuestion(
        reference=request.reference,
        attempt=request.attempt,
        capture_key=request.capture_key,
        receipt=request.receipt,
        amount=request.amount,
        provider_reference=None,
        requested_at=BEGINNING,
        known=frozenset(),
    )
