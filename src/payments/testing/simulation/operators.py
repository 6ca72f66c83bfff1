"""What operators decide. They see what the provider shows them, which is the truth."""

import asyncio
from typing import Any

import attrs

from payments.application.ports.providers import RefundOutcome
from payments.application.review_details import Details
from payments.domain.events import ReviewKind
from payments.domain.payment import Payment
from payments.domain.review import Review
from payments.domain.reviewing import WayOut, ways_out
from payments.domain.transitions import RefundStatus
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.ledger import Taken
from payments.testing.simulation.requests import Requests
from payments.testing.simulation.world import World

_NAMES = (
    Behaviour.RECORDED_BY_NAME,
    Behaviour.RECORDED_BY_RECEIPT,
    Behaviour.RECORDED_BY_OTHER_NAME,
    Behaviour.RECORDED_BY_OTHER_NAME,
)
"""By what operators call money that they see at its provider; not all of it has a receipt."""


@attrs.define(eq=False)
class Operators:
    """Whoever decides about reviews and refunds, in one history."""

    _world: World
    _request: Requests
    _refunds_tried: set[tuple[Any, WayOut]] = attrs.field(factory=set, init=False)
    """Reviews that were answered with a refund once."""
    _slips: int = attrs.field(default=0, init=False)

    async def decide_all(self) -> None:
        """Go through all open reviews, and all refunds that wait for approval."""
        world = self._world
        found = await self._request("reviews", lambda: world.payments.reviews(limit=100))
        for review in found.items if found is not None else ():
            if review.decision is None:
                await self._answer(review)
        for payment in tuple(world.database.committed.payments.values()):
            for refund in payment.refunds:
                if refund.status is RefundStatus.AWAITING_APPROVAL:
                    await self._approve(payment, refund.refund_id)

    async def _approve(self, payment: Payment, refund_id: Any) -> None:
        payments, approver = self._world.payments, "operator:bob"
        if self._world.minds.happens(0.8):
            await self._request(
                "approve", lambda: payments.approve_refund(payment.payment_id, refund_id, approver=approver)
            )
        else:
            await self._request(
                "refuse",
                lambda: payments.refuse_refund(payment.payment_id, refund_id, actor=approver, reason="no"),
            )

    async def _answer(self, review: Review) -> None:
        world = self._world
        payment = world.database.committed.payments.get(review.payment_id) if review.payment_id else None
        ways = ways_out(review, payment)
        if not ways:
            return
        # Nobody sends back for ever what comes back each time.
        untried = tuple(way for way in ways if (review.review_id, way) not in self._refunds_tried)
        if not untried:
            return
        way = world.minds.one_of(untried)
        if way is WayOut.REFUND:
            self._refunds_tried.add((review.review_id, way))
        details = self._details(review, way, payment)
        if details is None:
            return
        resolved = await self._request(
            "resolve",
            lambda: world.payments.resolve(
                review.review_id, way.value, "looked at it", "operator:ann", details
            ),
        )
        if resolved is not None and way is not WayOut.ASK_AGAIN:
            world.judge.acknowledge("review", review.review_id)
        if resolved is not None and details.outcome == "paid":
            self._speaks_afterwards(review.subject)

    def _speaks_afterwards(self, reference: str) -> None:
        """Have the provider say by its own name what a person recorded: it is asked, or it reports late."""
        world, habits = self._world, self._world.habits
        if habits.happens(0.6):
            world.soon(habits.spread(1, 600), self._asked_about, reference)
        if habits.happens(0.4):
            double = world.pages if reference in world.pages.opened else world.prompts
            world.loop.call_later(habits.spread(1, 250), double.says_again, reference)

    async def _asked_about(self, reference: str) -> None:
        for _ in range(2):
            await self._request("ask", lambda: self._world.payments.settle(reference))
            await asyncio.sleep(20)

    def _details(self, review: Review, way: WayOut, payment: Payment | None) -> Details | None:
        """What the person saw at the provider, which is the truth; None where nothing can be told yet."""
        world = self._world
        if way is WayOut.ATTACH:
            reference, _, key = review.subject.partition(":")
            known = reference in world.database.committed.references and not self._was_recorded(key)
            return Details(reference=reference) if known else None
        if way is not WayOut.RECORD or payment is None:
            return Details()
        if review.kind is ReviewKind.REFUND_UNKNOWN:
            return self._seen_refund(payment, review.subject)
        return self._seen_money(payment, review.subject)

    def _seen_money(self, payment: Payment, reference: str) -> Details | None:
        """What a person says of an attempt: the truth, as far as it can be said here."""
        world = self._world
        seen = [t for t in world.ledger.taken.values() if t.reference == reference]
        if not seen:
            return Details(outcome="not_paid")
        if self._counted_elsewhere(seen, reference):
            # It was put to another attempt, and whoever looks it up is shown that one.
            return None
        here = {world.ledger.meant(c.provider, c.key) for c in payment.captures}
        taken = next((money for money in seen if money not in here), seen[0])
        attempt = next(a for a in payment.attempts if a.reference == reference)
        if taken.amount.currency != attempt.amount.currency:
            # It cannot be said here: what is recorded is in the currency that was due.
            return None
        all_of_it = taken.amount == attempt.amount and world.habits.happens(0.3)
        return Details(
            outcome="paid",
            provider_reference=self._named(taken),
            amount=None if all_of_it else taken.amount.decimal,
        )

    def _counted_elsewhere(self, seen: list[Taken], reference: str) -> bool:
        ledger = self._world.ledger
        return any(
            ledger.meant(capture.provider, capture.key) in seen
            for payment in self._world.database.committed.payments.values()
            for capture in payment.captures
            if capture.reference != reference
        )

    def _was_recorded(self, key: str) -> bool:
        """Whether money that its provider calls ``key`` was recorded by another name: it is here already."""
        return any(money.key == key for money in self._world.ledger.recorded.values())

    def _named(self, money: Taken) -> str:
        """What an operator calls the money that they see: as its provider does, or otherwise."""
        world = self._world
        drawn = world.habits.one_of(_NAMES)
        if drawn is Behaviour.RECORDED_BY_RECEIPT and money.receipt is not None:
            name = money.receipt
        elif drawn is Behaviour.RECORDED_BY_OTHER_NAME:
            self._slips += 1
            name = world.habits.one_of((money.reference, f"slip {self._slips}"))
            world.ledger.recorded[money.provider, name] = money
        else:
            name, drawn = money.key, Behaviour.RECORDED_BY_NAME
        world.steps.note(drawn, name)
        return name

    def _seen_refund(self, payment: Payment, refund_id: str) -> Details | None:
        refund = next((r for r in payment.refunds if str(r.refund_id) == refund_id), None)
        if refund is None:
            return None
        outcomes = [
            double.refunds.outcome(refund.reference) for double in (self._world.pages, self._world.prompts)
        ]
        if RefundOutcome.PENDING in outcomes:
            return None
        if RefundOutcome.SUCCEEDED in outcomes:
            return Details(outcome="succeeded", provider_reference=f"R-{refund.reference}")
        return Details(outcome="failed")
