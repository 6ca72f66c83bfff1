"""Sending money back: pure decisions about refunds (docs/model.md section 9)."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from payments.domain import events as happened
from payments.domain.capture import Capture
from payments.domain.errors import (
    ApprovalByRequester,
    FieldError,
    InvalidMoney,
    InvalidRequest,
    NothingToRefund,
    RefundNotAwaiting,
    RefundNotFound,
    RefundTooLarge,
)
from payments.domain.events import ReviewKind
from payments.domain.money import Money
from payments.domain.payment import Change, Payment, failed_once_empty, projected
from payments.domain.persons import refuse_payer, same_person
from payments.domain.refund import Refund, refundable, refunded
from payments.domain.transitions import REFUND, Disposition, RefundStatus, following
from payments.domain.watching import HOURLY, SCHEDULE, watched_for_the_rest

ANSWERED_WITHIN: Final = timedelta(seconds=60)
"""A request without a recorded answer for this long has lost its process: its outcome is unknown."""

ASKED_HOURLY_FOR: Final = timedelta(days=7)
"""For so long a provider may take to send money back; then a person is asked to look at it, once."""

DAILY: Final = timedelta(days=1)
"""Older refunds are asked about daily, without end: only the provider, or a person, can end one."""

UNKNOWN_FOR: Final = timedelta(hours=24)
"""A refund that is unknown, or cannot be sent, for this long becomes a question for a person, once."""


@attrs.frozen(kw_only=True)
class Wanted:
    """A refund that somebody asks for."""

    refund_id: UUID
    reference: str
    """Our own name for it, unique and unguessable: ``r-`` and 26 lower-case base32 characters."""
    amount: Money
    reason: str
    actor: str
    capture_id: UUID | None = None
    """Whose money; None: the capture that settles the payment."""
    awaiting_approval: bool = False
    callback_token_hash: str | None = None


def reserve(payment: Payment, wanted: Wanted, *, now: datetime) -> Change:
    """Set money of one capture aside to go back. Nothing is sent: it is due for that at once.

    Raises:
        NothingToRefund: nobody paid, or the capture it names is none of this payment's.
        InvalidMoney: not the capture's currency, or nothing.
        RefundTooLarge: more than what is left of it, refunds under way counted.
    """
    capture = capture_of(payment, wanted.capture_id)
    if wanted.amount.currency != capture.amount.currency or wanted.amount.minor <= 0:
        remedy = f"Use an amount above zero in {capture.amount.currency.code}."
        raise InvalidMoney(f"{wanted.amount} cannot be refunded.", errors=(FieldError("/amount", remedy),))
    left = refundable(capture, payment.refunds)
    if wanted.amount > left:
        raise RefundTooLarge(
            f"{left} of {capture.amount} is left to refund.",
            errors=(FieldError("/amount", f"Use at most {left.decimal}."),),
            facts={"refundable": left.decimal, "currency": left.currency.code},
        )
    refund = Refund(
        refund_id=wanted.refund_id,
        capture_id=capture.capture_id,
        reference=wanted.reference,
        amount=wanted.amount,
        status=RefundStatus.AWAITING_APPROVAL if wanted.awaiting_approval else RefundStatus.RESERVED,
        reason=wanted.reason,
        actor=wanted.actor,
        created_at=now,
        callback_token_hash=wanted.callback_token_hash,
        next_check_at=None if wanted.awaiting_approval else now,
    )
    reserved = happened.RefundReserved(
        refund_id=refund.refund_id,
        capture_id=refund.capture_id,
        amount=refund.amount,
        reason=refund.reason,
        awaiting_approval=wanted.awaiting_approval,
    )
    return Change(attrs.evolve(payment, refunds=(*payment.refunds, refund), updated_at=now), (reserved,))


def capture_of(payment: Payment, capture_id: UUID | None) -> Capture:
    """The capture called so; without a name the one that settles the payment.

    Raises:
        NothingToRefund: nobody paid.
        InvalidRequest: it is none of this payment's; names ``/capture_id``.
    """
    if capture_id is None:
        if payment.settling_capture is None:
            raise NothingToRefund
        return payment.settling_capture
    for capture in payment.captures:
        if capture.capture_id == capture_id:
            return capture
    remedy = "Name a capture of this payment, or leave it out for the money that settles it."
    raise InvalidRequest(errors=(FieldError("/capture_id", remedy),))


def refund_of(payment: Payment, refund_id: UUID) -> Refund:
    """The refund called so.

    Raises:
        RefundNotFound: it is none of this payment's.
    """
    for refund in payment.refunds:
        if refund.refund_id == refund_id:
            return refund
    raise RefundNotFound


def moved(
    payment: Payment, refund: Refund, event: happened.Event, *, now: datetime, **changes: object
) -> Change:
    """The payment with ``refund`` after ``event`` and ``changes`` of its other fields.

    Raises:
        IllegalTransition: the table has no such edge.
    """
    status = following(REFUND, refund.status, type(event))
    after = attrs.evolve(refund, status=status, **changes)  # type: ignore[arg-type]  # any field, by its name
    return Change(attrs.evolve(_with(payment, after), updated_at=now), (event,))


def approve(payment: Payment, refund_id: UUID, *, approver: str, now: datetime) -> Change:
    """Let a second person's word turn a refund that waits for it into one that is due.

    Raises:
        RefundNotFound: it is none of this payment's.
        RefundNotAwaiting: it was approved before, or ended.
        ApprovalByRequester: ``approver`` asked for it.
        OperatorIsPayer: ``approver`` owes the payment.
    """
    refund = refund_of(payment, refund_id)
    if refund.status is not RefundStatus.AWAITING_APPROVAL:
        raise RefundNotAwaiting
    if same_person(approver, refund.actor):
        raise ApprovalByRequester
    refuse_payer(payment, approver)
    event = happened.RefundApproved(refund_id=refund_id, approver=approver)
    return moved(payment, refund, event, now=now, approver=approver, next_check_at=now)


def refuse(payment: Payment, refund: Refund, *, word: str, now: datetime) -> Change:
    """End a refund that waits for approval, and free its amount.

    Raises:
        RefundNotAwaiting: it was approved before, or ended.
    """
    if refund.status is not RefundStatus.AWAITING_APPROVAL:
        raise RefundNotAwaiting
    event = happened.RefundFailed(refund_id=refund.refund_id, detail=word)
    return moved(payment, refund, event, now=now, detail=word, next_check_at=None)


def requested(
    payment: Payment,
    refund: Refund,
    *,
    request_id: UUID,
    callback_token_hash: str | None = None,
    now: datetime,
) -> Change:
    """Put on record that ``refund`` is about to be asked for: whoever commits this sends, once.

    ``callback_token_hash`` is that of the address its provider will be given.
    """
    event = happened.RefundRequested(refund_id=refund.refund_id, request_id=request_id)
    return moved(
        payment,
        refund,
        event,
        now=now,
        requested_at=now,
        # Why it had waited is no answer to this request.
        detail="",
        next_check_at=now + ANSWERED_WITHIN,
        callback_token_hash=callback_token_hash or refund.callback_token_hash,
    )


def by_hand(payment: Payment, refund: Refund, *, request_id: UUID, now: datetime) -> Change:
    """Record a refund that a person hands out: it is asked for and done in one change."""
    change = requested(payment, refund, request_id=request_id, now=now)
    done = succeeded(
        change.payment, refund_of(change.payment, refund.refund_id), word="handed back by a person", now=now
    )
    return Change(done.payment, (*change.events, *done.events))


def left_behind(refund: Refund, now: datetime) -> bool:
    """Whether it was asked for so long ago, with no answer on record, that nobody waits for one any more."""
    unanswered = refund.status is RefundStatus.REQUESTED and not refund.detail
    return unanswered and refund.requested_at is not None and now - refund.requested_at >= ANSWERED_WITHIN


def lost(
    payment: Payment,
    refund: Refund,
    *,
    word: str,
    provider_reference: str | None = None,
    now: datetime,
) -> Change:
    """Record that the answer to our request was lost, or said nothing; one past that is left as it is."""
    if refund.status is not RefundStatus.REQUESTED:
        return Change(payment)
    return moved(
        payment,
        refund,
        happened.RefundOutcomeLost(refund_id=refund.refund_id, detail=word),
        now=now,
        detail=word,
        provider_reference=refund.provider_reference or provider_reference,
        next_check_at=next_check(refund, now),
    )


def pending(
    payment: Payment, refund: Refund, *, word: str, provider_reference: str | None, now: datetime
) -> Change:
    """Record that the provider has not ended it: no change of status, and it is asked about again.

    So is one that waits to be sent: it is tried again later.
    """
    if refund.status is RefundStatus.RESERVED:
        step = next((step for limit, step in SCHEDULE if now - refund.created_at < limit), SCHEDULE[-1][1])
        waits = attrs.evolve(refund, detail=word or refund.detail, next_check_at=now + step)
        return Change(_with(payment, waits))
    if refund.status not in _UNDER_WAY:
        return Change(payment)
    learnt = attrs.evolve(
        refund,
        detail=word or refund.detail,
        provider_reference=refund.provider_reference or provider_reference,
        next_check_at=next_check(refund, now),
    )
    named = happened.RefundNamed(refund_id=refund.refund_id, provider_reference=provider_reference or "")
    news = learnt.provider_reference != refund.provider_reference
    return Change(_with(payment, learnt), (named,) if news else ())


def succeeded(
    payment: Payment,
    refund: Refund,
    *,
    word: str,
    provider_reference: str | None = None,
    now: datetime,
) -> Change:
    """Record that the money is back. A live attempt whose held money all went back is failed with it."""
    if refund.status not in _UNDER_WAY:
        return Change(payment)
    change = moved(
        payment,
        refund,
        happened.RefundSucceeded(refund_id=refund.refund_id, detail=word),
        now=now,
        detail=word,
        provider_reference=refund.provider_reference or provider_reference,
        next_check_at=None,
    )
    capture = capture_of(payment, refund.capture_id)
    if refunded(capture, change.payment.refunds) < capture.amount:
        change = _asked_about_soon(change, refund, now)
    return projected(failed_once_empty(change, capture.reference), now)


def failed(
    payment: Payment,
    refund: Refund,
    *,
    word: str,
    provider_reference: str | None = None,
    now: datetime,
) -> Change:
    """Record a definite no; what was set aside is free again.

    One that had succeeded came back to us, and then somebody has to know: the question about its money is
    open again.
    """
    if refund.status in (RefundStatus.FAILED, RefundStatus.AWAITING_APPROVAL):
        return Change(payment)
    came_back = refund.status is RefundStatus.SUCCEEDED
    change = moved(
        payment,
        refund,
        happened.RefundFailed(refund_id=refund.refund_id, detail=word, came_back=came_back),
        now=now,
        detail=word,
        provider_reference=refund.provider_reference or provider_reference,
        next_check_at=None,
    )
    change = _asked_about_soon(change, refund, now)
    return (
        Change(change.payment, (*change.events, _asked_again(payment, refund, word))) if came_back else change
    )


def _asked_about_soon(change: Change, refund: Refund, now: datetime) -> Change:
    """Have the money of a refund that ended asked about: what went back of it was taken for that refund."""
    capture = capture_of(change.payment, refund.capture_id)
    attempt = change.payment.attempt(capture.reference)
    if attempt.watch_until is None or capture.attached:
        return change
    return change.then(watched_for_the_rest(attempt, now))


def question(
    refund: Refund, *, needs_attention: bool, waited: bool, now: datetime
) -> happened.ReviewOpened | None:
    """What a person has to be asked about ``refund`` as it stands, if anything.

    ``waited`` says that it could not be sent before this: a refund may be a day old when it is approved.
    """
    subject = str(refund.refund_id)
    if needs_attention and refund.status in {*_UNDER_WAY, RefundStatus.RESERVED}:
        detail = f"The provider waits for somebody to act on the refund of {refund.amount}: {refund.detail}"
        return happened.ReviewOpened(kind=ReviewKind.REFUND_UNKNOWN, subject=subject, detail=detail)
    since = refund.requested_at
    if refund.status is RefundStatus.UNKNOWN and since is not None and now - since >= UNKNOWN_FOR:
        detail = f"The refund of {refund.amount} was asked for, and nobody can tell whether it happened."
        return happened.ReviewOpened(kind=ReviewKind.REFUND_UNKNOWN, subject=subject, detail=detail)
    if refund.status is RefundStatus.RESERVED and waited and now - refund.created_at >= UNKNOWN_FOR:
        detail = (
            f"The refund of {refund.amount} cannot be sent: its provider is switched off, has not named the"
            " receipt of the money, or does not answer whether it was sent before."
        )
        return happened.ReviewOpened(kind=ReviewKind.REFUND_UNKNOWN, subject=subject, detail=detail)
    if refund.status is RefundStatus.REQUESTED and since is not None and now - since >= ASKED_HOURLY_FOR:
        detail = f"The refund of {refund.amount} was taken on and has not ended: {refund.detail}"
        return happened.ReviewOpened(kind=ReviewKind.REFUND_UNKNOWN, subject=subject, detail=detail)
    return None


def contradicted(refund: Refund, said: str) -> happened.ReviewOpened | None:
    """What a person has to be asked when the provider says that ``refund`` succeeded, and it had failed.

    We showed that the money stays, and freed its amount; it may have gone all the same. Nobody can tell by
    the answer alone, so neither is this refund revived nor another one taken in.
    """
    if refund.status is not RefundStatus.FAILED:
        return None
    had = f"The refund of {refund.amount} had failed" + (f" ({refund.detail})" if refund.detail else "")
    return happened.ReviewOpened(
        kind=ReviewKind.DISPUTE,
        subject=str(refund.refund_id),
        detail=f"{had}, and its provider says {said!r}: the money may have gone back.",
    )


def next_check(refund: Refund, now: datetime) -> datetime:
    """When to ask about ``refund`` after an answer at ``now``: by the age of its request, without end."""
    age = now - (refund.requested_at or now)
    step = next((step for limit, step in SCHEDULE if age < limit), HOURLY)
    return now + (step if age < ASKED_HOURLY_FOR else DAILY)


_UNDER_WAY: Final = frozenset({RefundStatus.REQUESTED, RefundStatus.UNKNOWN})


def _asked_again(payment: Payment, refund: Refund, word: str) -> happened.ReviewOpened:
    capture = capture_of(payment, refund.capture_id)
    kinds = {Disposition.SURPLUS: ReviewKind.SURPLUS, Disposition.SETTLES: ReviewKind.DISPUTE}
    same_currency = capture.amount.currency == payment.amount.currency
    held = ReviewKind.AMOUNT_MISMATCH if same_currency else ReviewKind.CURRENCY_MISMATCH
    return happened.ReviewOpened(
        kind=kinds.get(capture.disposition, held),
        subject=str(capture.capture_id),
        detail=f"The refund of {refund.amount} had succeeded and came back: {word}",
    )


def _with(payment: Payment, refund: Refund) -> Payment:
    return attrs.evolve(
        payment,
        refunds=tuple(refund if r.refund_id == refund.refund_id else r for r in payment.refunds),
    )
