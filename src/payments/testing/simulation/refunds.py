"""Refunds at a simulated provider: money goes back once for each of our references, or not at all."""

import enum
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
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.chance import Chance
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.ledger import PAGES, GivenBack, Ledger, Taken
from payments.testing.simulation.outages import Outage
from payments.testing.simulation.processes import BEGINNING, Steps

TIMEOUT_S = 10.0


class Fate(enum.Enum):
    """What becomes of the next refund of some money, whatever the weather."""

    FAILS = "fails"
    COMES_BACK = "comes back"


@attrs.define(kw_only=True)
class LedgerRefunds(ScriptedRefunds):
    """Never gives more of a capture back than it took, whether or not we were the ones to ask."""

    provider: str
    ledger: Ledger
    fates: dict[str, Fate] = attrs.field(factory=dict, init=False)
    """By the provider's own name for some money."""

    async def request(self, request: RefundRequest) -> RefundAnswer:
        money = self._found(request)
        if money is None or money.amount.currency != request.amount.currency:
            raise ProviderRejected("no such money")
        return await super().request(attrs.evolve(request, capture_key=money.key, captured=money.amount))

    def _found(self, request: RefundRequest) -> Taken | None:
        """The money, by its name or its receipt; on a page, by our reference, too. No name of a person's."""
        for name in (request.capture_key, request.receipt):
            found = self.ledger.meant(self.provider, name) if name is not None else None
            if found is not None and name in (found.key, found.receipt):
                return found
        if self.provider == PAGES and request.attempt is not None:
            return self.ledger.taken.get((PAGES, f"T-{request.attempt}"))
        return None

    def sent_back(self, capture_key: str) -> int:
        return self.ledger.without_us(self.provider, capture_key) + super().sent_back(capture_key)

    def of(self, capture_key: str) -> tuple[tuple[RefundOutcome, int], ...]:
        """What became of each refund of ours of this money, as of now, and how much it is."""
        return tuple(
            (self._outcomes[reference].outcome, request.amount.minor)
            for reference, request in self.requests.items()
            if request.capture_key == capture_key
        )

    def under_way(self, capture_key: str) -> bool:
        """Whether a refund of ours was taken on and has not ended."""
        return any(outcome is RefundOutcome.PENDING for outcome, _ in self.of(capture_key))

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
        fate = self._inside.fates.pop(self._inside.requests[request.reference].capture_key, None)
        if pending or fate is Fate.FAILS:
            self._later(request.reference, fate)
        else:
            self._done(request.reference, fate)
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

    def _later(self, reference: str, fate: Fate | None) -> None:
        def ends() -> None:
            if fate is Fate.FAILS or self._chance.happens(0.2):
                self._steps.note(Behaviour.REFUND_FAILED, reference)
                self._inside.ends(reference, RefundOutcome.FAILED, word="refused")
                self._tell(reference, Claim.FAILED)
            else:
                self._done(reference, fate)

        self._steps.loop.call_later(self._chance.spread(5, 36_000), ends)

    def _done(self, reference: str, fate: Fate | None) -> None:
        self._inside.goes_through(reference)
        self._tell(reference, Claim.RETURNED)
        if self._steps.struck(Fault.REFUND_BOUNCED, "refunds") or fate is Fate.COMES_BACK:
            delay_s = self._chance.spread(60, 36_000)
            self._steps.loop.call_later(delay_s, self._bounced, reference)

    def _bounced(self, reference: str) -> None:
        self._steps.note(Behaviour.REFUND_CAME_BACK, reference)
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
