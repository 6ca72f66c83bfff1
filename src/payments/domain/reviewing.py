"""What may be decided about a review, what deciding does, and what becomes of it (docs/model.md section 8).

Pure: a payment and a review go in; the next ones and the events that explain them come out.
"""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import attrs

from payments.domain import events as happened
from payments.domain import refunding
from payments.domain.capture import Capture
from payments.domain.collection import code_unlocked
from payments.domain.errors import DecisionNotPossible, FieldError, ReviewAlreadyDecided
from payments.domain.events import ReviewKind
from payments.domain.evidence import Evidence
from payments.domain.payment import Change, Payment, projected, supersede
from payments.domain.refund import PENDING, Refund, refundable
from payments.domain.refunding import Wanted, capture_of, reserve
from payments.domain.review import WENT_BACK, Review, ReviewState
from payments.domain.transitions import CAPTURE, AttemptStatus, Disposition, RefundStatus, following


class WayOut(enum.Enum):
    """What a person may answer. None of them sets a status: each is a fact with its own consequences."""

    ACCEPT = "accept"
    """Held money is the payment, although it is not what was due."""
    REFUND = "refund"
    """The money goes back, all that is left of it."""
    DISMISS = "dismiss"
    """Nothing is to be done; what arrived stays where it is."""
    ATTACH = "attach"
    """The money belongs to an attempt that the person names."""
    ASK_AGAIN = "ask_again"
    """The provider is asked once more, now."""
    RECORD = "record"
    """The person saw at the provider what became of it, and says so with the provider's own name for it."""
    UNLOCK = "unlock"
    """Collectors may try the delivery code again."""
    REFUSE = "refuse"
    """Nobody pays at this door any more."""


WAYS_OUT: Final[Mapping[ReviewKind, tuple[WayOut, ...]]] = {
    ReviewKind.AMOUNT_MISMATCH: (WayOut.ACCEPT, WayOut.REFUND),
    ReviewKind.CURRENCY_MISMATCH: (WayOut.REFUND,),
    ReviewKind.SURPLUS: (WayOut.REFUND, WayOut.DISMISS),
    ReviewKind.PAID_AFTER_CANCEL: (WayOut.REFUND, WayOut.DISMISS),
    ReviewKind.ORPHAN: (WayOut.ATTACH, WayOut.DISMISS),
    ReviewKind.STUCK_UNKNOWN: (WayOut.ASK_AGAIN, WayOut.RECORD),
    ReviewKind.REFUND_UNKNOWN: (WayOut.ASK_AGAIN, WayOut.RECORD),
    ReviewKind.DISPUTE: (WayOut.DISMISS,),
    ReviewKind.CASH_CODE_LOCKED: (WayOut.UNLOCK, WayOut.REFUSE),
}
"""Which ways out a question has, by its kind."""


@attrs.frozen(kw_only=True)
class Decision:
    """What a person chose, and why."""

    way_out: WayOut
    actor: str
    """``operator:<sub>``."""
    reason: str


@attrs.frozen(kw_only=True)
class SeenRefund:
    """What a person saw at the provider about a refund."""

    succeeded: bool
    provider_reference: str | None


@attrs.frozen(kw_only=True)
class Decided:
    """What a decision did."""

    change: Change
    review: Review
    """As it stands afterwards: resolved, or decided and waiting for its refund."""
    evidence: Evidence | None = None
    """What the person attested, where that was the decision."""
    others: tuple[Review, ...] = ()
    """Reviews that waited for what was decided here, as they stand afterwards."""


def was_asked(question: happened.ReviewOpened, reviews: tuple[Review, ...]) -> bool:
    """Whether ``question`` is one of ``reviews``, decided or not."""
    return any((each.kind, each.subject) == (question.kind, question.subject) for each in reviews)


def repeats(event: happened.Event, reviews: tuple[Review, ...]) -> bool:
    """Whether ``event`` is a question, and one of ``reviews``, decided or not."""
    return isinstance(event, happened.ReviewOpened) and was_asked(event, reviews)


_ASKED_ONCE: Final = frozenset({ReviewKind.ORPHAN, ReviewKind.DISPUTE})
"""Questions that an answer which repeats itself does not raise again, whatever was decided. Others are open
until an answer ends them: what contradicts that answer afterwards is another question."""


def not_asked_again(reviews: tuple[Review, ...]) -> frozenset[tuple[ReviewKind, str]]:
    """The kind and subject of each of ``reviews`` that no answer raises a second time."""
    return frozenset(
        (r.kind, r.subject) for r in reviews if r.kind in _ASKED_ONCE or r.state is ReviewState.OPEN
    )


def put_aside(reviews: tuple[Review, ...]) -> frozenset[str]:
    """The subjects of orphans that were decided, and whose money had not gone back when they were asked."""
    return frozenset(
        r.subject
        for r in reviews
        if r.kind is ReviewKind.ORPHAN
        and r.state is ReviewState.RESOLVED
        and not r.detail.endswith(WENT_BACK)
    )


def ways_out(review: Review, payment: Payment | None) -> tuple[WayOut, ...]:
    """What may be decided about ``review`` as things stand; nothing once it is decided."""
    if review.state is not ReviewState.OPEN or review.decision is not None:
        return ()
    ways = WAYS_OUT[review.kind]
    if WayOut.ACCEPT in ways and payment is not None:
        capture = capture_named_by(payment, review)
        if capture is None or _why_not_acceptable(payment, capture):
            return tuple(way for way in ways if way is not WayOut.ACCEPT)
    return ways


def is_decided(review: Review, decision: Decision) -> bool:
    """Whether ``review`` was decided before, by the same person and in the same way: repeating is no error.

    Raises:
        ReviewAlreadyDecided: somebody else did, or in another way.
    """
    if review.decision is None:
        return False
    if (review.decision, review.actor) != (decision.way_out.value, decision.actor):
        raise ReviewAlreadyDecided(
            f"{review.actor} decided {review.decision!r}.",
            facts={"review_id": str(review.review_id), "decision": review.decision},
        )
    return True


def require_way_out(review: Review, decision: Decision) -> None:
    """Return if a question of this kind has this way out.

    Raises:
        DecisionNotPossible: naming those it has.
    """
    ways = WAYS_OUT[review.kind]
    if decision.way_out not in ways:
        offered = " or ".join(way.value for way in ways)
        raise DecisionNotPossible(
            f"A review of the kind {review.kind.value} cannot be decided {decision.way_out.value!r}.",
            errors=(FieldError("/decision", f"Use {offered}."),),
        )


def resolved(change: Change, review: Review, decision: Decision, *, now: datetime) -> Decided:
    """``change`` with the review answered."""
    event = happened.ReviewResolved(
        kind=review.kind, subject=review.subject, decision=decision.way_out.value, reason=decision.reason
    )
    told = Change(attrs.evolve(change.payment, updated_at=now), (*change.events, event))
    return Decided(change=told, review=answered(review, decision, now=now))


def answered(review: Review, decision: Decision, *, now: datetime) -> Review:
    """The review as it stands once the decision answers it."""
    return attrs.evolve(
        review,
        state=ReviewState.RESOLVED,
        decision=decision.way_out.value,
        actor=decision.actor,
        reason=decision.reason,
        resolved_at=now,
    )


def accept(payment: Payment, review: Review, decision: Decision, *, now: datetime) -> Decided:
    """Held money becomes the payment; or surplus, with a question of its own, if other money settles it.

    Raises:
        DecisionNotPossible: it is not held any more, is going back, or is in another currency.
    """
    capture = capture_about(payment, review)
    trouble = _why_not_acceptable(payment, capture)
    if trouble:
        raise DecisionNotPossible(trouble)
    settles = payment.settling_capture is None
    event = (
        happened.CaptureAccepted(capture_id=capture.capture_id)
        if settles
        else happened.CaptureSurplus(capture_id=capture.capture_id)
    )
    disposition = following(CAPTURE, capture.disposition, type(event))
    accepted = attrs.evolve(capture, disposition=disposition, accepted=True)
    captures = tuple(accepted if c.capture_id == capture.capture_id else c for c in payment.captures)
    change = Change(attrs.evolve(payment, captures=captures), (event,))
    attempt = payment.attempt(capture.reference)
    if attempt.status is not AttemptStatus.SUCCEEDED:
        arrived = happened.AttemptSucceeded(reference=attempt.reference)
        change = change.then(attempt.after(arrived), arrived)
    if settles:
        change = supersede(change, now)
    else:
        asked = happened.ReviewOpened(
            kind=ReviewKind.SURPLUS,
            subject=str(capture.capture_id),
            detail=f"{capture.amount} was accepted, and other money settles the payment.",
        )
        change = Change(change.payment, (*change.events, asked))
    return resolved(projected(change, now), review, decision, now=now)


def refund(payment: Payment, review: Review, decision: Decision, wanted: Wanted, *, now: datetime) -> Decided:
    """All that is left of the money is set aside to go back; the review stays open until it went.

    ``wanted`` brings the names of the refund; what it is of, and how much, is decided here. A refund that is
    under way already, and takes all of it, is the one that is waited for; money that is already back answers
    the question at once.

    Raises:
        DecisionNotPossible: there is no such money.
    """
    capture = capture_about(payment, review)
    under_way = [r for r in payment.refunds if r.capture_id == capture.capture_id and r.status in PENDING]
    left = refundable(capture, payment.refunds)
    if left.minor > 0:
        whole = attrs.evolve(wanted, amount=left, capture_id=capture.capture_id)
        change, refund_id = reserve(payment, whole, now=now), whole.refund_id
    elif under_way:
        change, refund_id = Change(payment), under_way[-1].refund_id
    else:
        return resolved(Change(payment), review, decision, now=now)
    event = happened.ReviewDecided(
        kind=review.kind, subject=review.subject, decision=decision.way_out.value, reason=decision.reason
    )
    waiting = attrs.evolve(
        review,
        decision=decision.way_out.value,
        actor=decision.actor,
        reason=decision.reason,
        refund_id=refund_id,
    )
    return Decided(change=Change(change.payment, (*change.events, event)), review=waiting)


def refund_recorded(
    payment: Payment,
    review: Review,
    decision: Decision,
    seen: SeenRefund,
    *,
    waiting: tuple[Review, ...],
    now: datetime,
) -> Decided:
    """What became of a refund, as a person saw it at the provider; it ends the refund and the question.

    ``waiting`` are the other open reviews of the payment: those that wait for this refund are answered by
    it, or returned to the queue.

    Raises:
        DecisionNotPossible: it has ended before, and otherwise; or waits for approval.
    """
    about = refund_about(payment, review)
    ends = RefundStatus.SUCCEEDED if seen.succeeded else RefundStatus.FAILED
    if about.status is ends:
        return resolved(Change(payment), review, decision, now=now)
    if about.status not in (RefundStatus.RESERVED, RefundStatus.REQUESTED, RefundStatus.UNKNOWN):
        raise DecisionNotPossible(f"The refund is {about.status.value.replace('_', ' ')}.")
    begun = Change(payment)
    if about.status is RefundStatus.RESERVED and seen.succeeded:
        # We could not send it, and somebody did: from now on we never will.
        begun = refunding.requested(payment, about, request_id=review.review_id, now=now)
    ended = refunding.succeeded if seen.succeeded else refunding.failed
    change = ended(
        begun.payment,
        refund_about(begun.payment, review),
        word=f"recorded by {decision.actor}",
        provider_reference=seen.provider_reference,
        now=now,
    )
    others, told = after_refund(waiting, change.payment, refund_about(change.payment, review), now=now)
    decided = resolved(change, review, decision, now=now)
    events = (*begun.events, *decided.change.events, *told)
    return attrs.evolve(decided, change=Change(decided.change.payment, events), others=others)


def unlocked(payment: Payment, review: Review, decision: Decision, *, now: datetime) -> Decided:
    """Collectors may try the delivery code again."""
    change = code_unlocked(payment, attempt_about(payment, review))
    return resolved(change, review, decision, now=now)


def asked_in_vain(payment: Payment, review: Review, decision: Decision, why: str) -> Change:
    """The trail's note that a person had the provider asked, and ``why`` the question stays open."""
    kind, subject = review.kind, review.subject
    asked = happened.ReviewDecided(
        kind=kind, subject=subject, decision=decision.way_out.value, reason=decision.reason
    )
    open_still = happened.ReviewReturned(kind=kind, subject=subject, detail=why)
    return Change(payment, (asked, open_still))


def capture_about(payment: Payment, review: Review) -> Capture:
    """The money that ``review`` is about.

    Raises:
        DecisionNotPossible: there is none.
    """
    capture = capture_named_by(payment, review)
    if capture is None:
        raise DecisionNotPossible("The money that it is about is not here.")
    return capture


def attempt_about(payment: Payment, review: Review) -> str:
    """The reference of the attempt that ``review`` is about.

    Raises:
        DecisionNotPossible: it is none of this payment's.
    """
    reference = review.subject.partition(":")[0]
    if all(attempt.reference != reference for attempt in payment.attempts):
        raise DecisionNotPossible("The attempt that it is about is not here.")
    return reference


def refund_about(payment: Payment, review: Review) -> Refund:
    """The refund that ``review`` is about.

    Raises:
        DecisionNotPossible: it is none of this payment's.
    """
    if review.kind is not ReviewKind.REFUND_UNKNOWN:
        raise DecisionNotPossible("It is about no refund.")
    found = refund_named_by(payment, review)
    if found is None:
        raise DecisionNotPossible("The refund that it is about is not here.")
    return found


def capture_named_by(payment: Payment, review: Review) -> Capture | None:
    """The money that ``review`` names, if it is here."""
    if review.kind is ReviewKind.PAID_AFTER_CANCEL:
        return payment.settling_capture
    return next((c for c in payment.captures if str(c.capture_id) == review.subject), None)


def refund_named_by(payment: Payment, review: Review) -> Refund | None:
    """The refund that ``review`` is about, or that was decided and is waited for."""
    return next(
        (r for r in payment.refunds if str(r.refund_id) == review.subject or r.refund_id == review.refund_id),
        None,
    )


def _why_not_acceptable(payment: Payment, capture: Capture) -> str:
    """Why this money cannot become the payment; empty when it can."""
    if capture.disposition is not Disposition.HELD:
        return f"This money {capture.disposition.value} already."
    if any(r.capture_id == capture.capture_id and r.status in PENDING for r in payment.refunds):
        return "This money is on its way back."
    if refundable(capture, payment.refunds).minor <= 0:
        return "This money went back."
    if capture.amount.currency != payment.amount.currency:
        return "This money is in another currency than is owed."
    return ""


def linked(
    reviews: tuple[Review, ...], payment: Payment, refund: Refund
) -> tuple[tuple[Review, ...], tuple[happened.Event, ...]]:
    """The open questions that ``refund``, just set aside, decides, as they wait for it; and the events.

    Whoever sends all that is left of some money back has said what becomes of it; with a part still here,
    the question stays.
    """
    capture = next(c for c in payment.captures if c.capture_id == refund.capture_id)
    if refundable(capture, payment.refunds).minor > 0:
        return (), ()
    waiting = tuple(
        attrs.evolve(
            review,
            decision=WayOut.REFUND.value,
            actor=refund.actor,
            reason=refund.reason,
            refund_id=refund.refund_id,
        )
        for review in reviews
        if review.state is ReviewState.OPEN
        and review.decision is None
        and WayOut.REFUND in WAYS_OUT[review.kind]
        and capture_named_by(payment, review) == capture
    )
    return waiting, tuple(
        happened.ReviewDecided(
            kind=review.kind,
            subject=review.subject,
            decision=WayOut.REFUND.value,
            reason=refund.reason,
        )
        for review in waiting
    )


def after_refund(
    reviews: tuple[Review, ...], payment: Payment, refund: Refund, *, now: datetime
) -> tuple[tuple[Review, ...], tuple[happened.Event, ...]]:
    """The reviews that ``refund`` answers as they stand after it ended, and the events that say so.

    ``payment`` is as it stands with it. A refund that succeeded resolves them if all of the money went; while
    another part of it is on its way they wait for that one. Where something is left, and where it failed,
    they return to the queue. One that has not ended changes nothing.
    """
    waiting = [r for r in reviews if r.state is ReviewState.OPEN and r.refund_id == refund.refund_id]
    if refund.status is RefundStatus.FAILED:
        detail = f"the refund of {refund.amount} failed" + (f": {refund.detail}" if refund.detail else "")
        return _back_in_the_queue(waiting, detail)
    if refund.status is not RefundStatus.SUCCEEDED:
        return (), ()
    capture = capture_of(payment, refund.capture_id)
    left = refundable(capture, payment.refunds)
    if left.minor > 0:
        return _back_in_the_queue(waiting, f"{left} of the money is still here")
    under_way = [r for r in payment.refunds if r.capture_id == capture.capture_id and r.status in PENDING]
    if under_way:
        return tuple(attrs.evolve(review, refund_id=under_way[-1].refund_id) for review in waiting), ()
    return _resolved_by_refund(waiting, now)


def gave_way(
    before: Payment, after: Payment, reviews: tuple[Review, ...], now: datetime
) -> tuple[tuple[Review, ...], tuple[happened.Event, ...]]:
    """What becomes of the questions behind refunds that gave way to money which was gone already."""
    known = {refund.refund_id: refund.status for refund in before.refunds}
    ended = [r for r in after.refunds if known.get(r.refund_id) not in (None, r.status)]
    each = [after_refund(reviews, after, refund, now=now) for refund in ended]
    return (
        tuple(review for decided, _ in each for review in decided),
        tuple(event for _, events in each for event in events),
    )


def _resolved_by_refund(
    waiting: list[Review], now: datetime
) -> tuple[tuple[Review, ...], tuple[happened.Event, ...]]:
    resolved = tuple(attrs.evolve(review, state=ReviewState.RESOLVED, resolved_at=now) for review in waiting)
    return resolved, tuple(
        happened.ReviewResolved(
            kind=review.kind,
            subject=review.subject,
            decision=review.decision or "",
            reason=review.reason or "",
        )
        for review in resolved
    )


def _back_in_the_queue(
    waiting: list[Review], detail: str
) -> tuple[tuple[Review, ...], tuple[happened.Event, ...]]:
    back = tuple(
        attrs.evolve(review, decision=None, actor=None, reason=None, refund_id=None) for review in waiting
    )
    return back, tuple(
        happened.ReviewReturned(kind=review.kind, subject=review.subject, detail=detail) for review in back
    )


def answered_by(
    reviews: tuple[Review, ...], refund: Refund, *, now: datetime
) -> tuple[tuple[Review, ...], tuple[happened.Event, ...]]:
    """The open questions what became of ``refund``, resolved once it ended, and the events that say so.

    Nobody has to decide any more what the provider has told.
    """
    if refund.status not in (RefundStatus.SUCCEEDED, RefundStatus.FAILED):
        return (), ()
    said = f"the refund {refund.status.value}" + (f": {refund.detail}" if refund.detail else "")
    resolved = tuple(
        attrs.evolve(
            review,
            state=ReviewState.RESOLVED,
            decision="answered",
            actor="system",
            reason=said,
            resolved_at=now,
        )
        for review in reviews
        if review.state is ReviewState.OPEN
        and review.kind is ReviewKind.REFUND_UNKNOWN
        and review.subject == str(refund.refund_id)
    )
    return resolved, tuple(
        happened.ReviewResolved(kind=r.kind, subject=r.subject, decision="answered", reason=said)
        for r in resolved
    )
