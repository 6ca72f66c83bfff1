"""Record what a provider said about a refund: to our request, or when it was asked later."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.application.card_numbers import without_card_numbers
from payments.application.ports.clock import Clock
from payments.application.ports.providers import RefundAnswer, RefundOutcome
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.refund_recording import record_refund
from payments.domain import events as happened
from payments.domain import refunding
from payments.domain.errors import PaymentNotFound
from payments.domain.events import ReviewKind
from payments.domain.payment import Change, Payment
from payments.domain.refund import Refund
from payments.domain.refunding import capture_of, refund_of
from payments.domain.review import Review
from payments.domain.reviewing import WayOut, was_asked
from payments.domain.transitions import RefundStatus


@attrs.frozen
class Heard:
    """An answer, and whether it is the one to the request that moves the money."""

    answer: RefundAnswer
    to_our_request: bool = False


@attrs.frozen
class RecordRefundAnswer:
    """Apply an answer under the payment's lock. Running it again finds it applied, and changes nothing."""

    _clock: Clock
    _unit_of_work: UnitOfWork

    async def __call__(self, payment_id: UUID, refund_id: UUID, heard: Heard, *, cause: str) -> Payment:
        """The payment afterwards.

        Raises:
            PaymentNotFound, RefundNotFound: there is none.
        """
        trail: str | None = None

        async def write(transaction: Transaction) -> Payment:
            nonlocal trail
            locked = await transaction.lock_payment(payment_id)
            if locked is None:
                raise PaymentNotFound
            if locked.trail == trail:
                # The commit that seemed lost was not.
                return locked
            reviews = await transaction.reviews_of(payment_id)
            asked = frozenset(r.subject for r in reviews if r.kind is ReviewKind.REFUND_UNKNOWN)
            now = self._clock.now()
            change = Change(locked)
            refund = refund_of(locked, refund_id)
            if not heard.to_our_request and refunding.left_behind(refund, now):
                change = refunding.lost(locked, refund, word="no answer was recorded", now=now)
            change = _followed(
                change, _effect(change.payment, refund_of(change.payment, refund_id), heard, now)
            )
            question = refunding.question(
                refund_of(change.payment, refund_id),
                needs_attention=heard.answer.outcome is RefundOutcome.NEEDS_ATTENTION,
                waited=bool(refund.detail),
                now=now,
            )
            if question is not None and str(refund_id) not in asked:
                change = _followed(change, Change(change.payment, (question,)))
            dispute = _contradiction(refund, heard, reviews)
            if dispute is not None:
                change = _followed(change, Change(change.payment, (dispute,)))
            provider = capture_of(locked, refund.capture_id).provider
            stored = record_refund(
                locked,
                change,
                refund_id,
                reviews=reviews,
                actor=f"provider:{provider}",
                cause=cause,
                now=now,
            )
            trail = stored.after.trail if change.events else None
            await transaction.save(stored)
            return stored.after

        return await self._unit_of_work.write(write)


def _contradiction(refund: Refund, heard: Heard, reviews: tuple[Review, ...]) -> happened.ReviewOpened | None:
    """The question that an answer raises of ``refund`` as it was found failed, unless it was asked before.

    A success does, and any answer to our own request but a no, where a person recorded the failure: they
    cannot have seen what was on its way.
    """
    answer, subject = heard.answer, str(refund.refund_id)
    recorded = any(
        (r.kind, r.subject, r.decision) == (ReviewKind.REFUND_UNKNOWN, subject, WayOut.RECORD.value)
        for r in reviews
    )
    sent = recorded and heard.to_our_request and answer.outcome is not RefundOutcome.FAILED
    if answer.outcome is not RefundOutcome.SUCCEEDED and not sent:
        return None
    dispute = refunding.contradicted(refund, answer.word)
    return None if dispute is None or was_asked(dispute, reviews) else dispute


def _effect(payment: Payment, refund: Refund, heard: Heard, now: datetime) -> Change:
    answer = heard.answer
    word = without_card_numbers(answer.word + (f" ({answer.detail})" if answer.detail else ""))
    named = answer.provider_reference
    if answer.outcome is RefundOutcome.SUCCEEDED:
        return refunding.succeeded(payment, refund, word=word, provider_reference=named, now=now)
    if answer.outcome is RefundOutcome.FAILED:
        return refunding.failed(payment, refund, word=word, provider_reference=named, now=now)
    if answer.outcome in _TELLS_NOTHING and heard.to_our_request:
        return refunding.lost(payment, refund, word=word, provider_reference=named, now=now)
    # No information leaves the last word standing: an answer that says nothing is no recorded answer. Of one
    # that waits to be sent it says why.
    waits = refund.status is RefundStatus.RESERVED
    said = "" if answer.outcome in _TELLS_NOTHING and not waits else word
    return refunding.pending(payment, refund, word=said, provider_reference=named, now=now)


_TELLS_NOTHING: Final = frozenset({RefundOutcome.NOTHING, RefundOutcome.NOT_FOUND})


def _followed(change: Change, after: Change) -> Change:
    return Change(after.payment, (*change.events, *after.events))
