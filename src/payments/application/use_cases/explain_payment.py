"""Explain: why a payment is what it is, what we wait for, when we ask next, and what may be done."""

import json
from uuid import UUID

import attrs

from payments.application import sentences
from payments.application.answers import Explanation, Step
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import AuditEntry, Notice
from payments.application.use_cases.get_payment import GetPayment
from payments.domain.errors import ReferenceNotFound
from payments.domain.evidence import Evidence
from payments.domain.payment import Payment
from payments.domain.review import ReviewState


@attrs.frozen
class ExplainPayment:
    """Tell a payment's story: each piece of evidence with its verdict and rule, each change, each message."""

    _get: GetPayment
    _unit_of_work: UnitOfWork

    async def __call__(self, payment_id: UUID, user_id: str | None) -> Explanation:
        """The story of one payment; ``user_id`` None means that an operator asks.

        Raises:
            PaymentNotFound: absent, or somebody else's.
        """
        return await self._explain(await self._get(payment_id, user_id))

    async def by_reference(self, reference: str) -> Explanation:
        """The story of the payment that an attempt belongs to, for operators.

        Raises:
            ReferenceNotFound: no attempt carries it.
        """
        payment = await self._unit_of_work.reads.payment_with_reference(reference)
        if payment is None:
            raise ReferenceNotFound
        return await self._explain(payment)

    async def _explain(self, payment: Payment) -> Explanation:
        reads = self._unit_of_work.reads
        messages = await reads.messages_of(payment.payment_id)
        reviews = await reads.reviews_of(payment.payment_id)
        at_the_door = frozenset(a.reference for a in payment.attempts if a.on_delivery)
        steps = [_of_evidence(e, at_the_door) for e in await reads.evidence_of(payment.payment_id)]
        for entry in await reads.audit_of(payment.payment_id):
            steps += _of_change(entry, at_the_door)
        for reference in (*(a.reference for a in payment.attempts), *(r.reference for r in payment.refunds)):
            steps += [_of_notice(n) for n in await reads.notices_about(reference)]
        steps += [
            Step(at=m.delivered_at or m.created_at, what=sentences.of_message(m), source="message")
            for m in messages
        ]
        steps += [
            Step(at=r.resolved_at or r.opened_at, what=sentences.of_review(r), source="review")
            for r in reviews
            if r.state is ReviewState.RESOLVED
        ]
        due = (*(a.next_check_at for a in payment.attempts), *(r.next_check_at for r in payment.refunds))
        checks = [at for at in due if at is not None]
        return Explanation(
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            status=payment.status,
            summary=sentences.summary(payment),
            # Sorting is stable: what carries one instant keeps the order evidence, change, notice, message.
            steps=tuple(sorted(steps, key=lambda step: step.at)),
            waiting_for=sentences.waiting_for(payment, messages, reviews),
            next_check_at=min(checks, default=None),
            may_do=sentences.may_do(payment),
        )


def _of_evidence(evidence: Evidence, at_the_door: frozenset[str]) -> Step:
    return Step(
        at=evidence.observed_at,
        what=sentences.of_evidence(evidence, at_the_door=evidence.reference in at_the_door),
        source="evidence",
        reference=evidence.reference,
        verdict=evidence.rule.name.lower(),
        rule=evidence.rule.value,
    )


def _of_change(entry: AuditEntry, at_the_door: frozenset[str]) -> list[Step]:
    events = json.loads(entry.events)
    # Whatever the whole change is about: the payment's own events name no attempt.
    ended = {e["reference"] for e in events if e["event"] in {"AttemptFailed", "AttemptExpired"}}
    return [
        Step(
            at=entry.at,
            what=sentences.of_event(
                event,
                at_the_door=bool(({event["reference"]} if "reference" in event else ended) & at_the_door),
            ),
            source="change",
            reference=event.get("reference"),
        )
        for event in events
    ]


def _of_notice(notice: Notice) -> Step:
    return Step(
        at=notice.received_at, what=sentences.of_notice(notice), source="notice", reference=notice.reference
    )
