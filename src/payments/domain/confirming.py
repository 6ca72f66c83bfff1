"""Money that a provider's answer names without attesting its facts, and what its reports add to that.

M-Pesa's query says "paid" and neither amount nor receipt; its callback says both and is signed by nobody.
Each is believed only together with something else (docs/model.md section 3).
"""

from datetime import datetime, timedelta

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Report, Rule
from payments.domain.payment import Change, Payment


def confirmed(
    attempt: Attempt, answer: Answer, report: Report | None, *, after: timedelta, now: datetime
) -> Answer | Rule:
    """``answer`` with the amount it may count for, or why it counts for nothing yet.

    A report about the same money says how much arrived. Without one it is what our own request asked for,
    once the provider has said "paid" again ``after`` the first time, under the name that our request got.
    """
    if report is not None and report.provider_reference == answer.capture_key and report.amount is not None:
        return attrs.evolve(answer, amount=report.amount)
    if attempt.provider_reference is None or attempt.provider_reference != answer.capture_key:
        return Rule.NOT_ATTESTED
    if attempt.said_paid_at is None or now - attempt.said_paid_at < after:
        return Rule.SAID_ONCE
    return answer


def receipt_of(capture_key: str | None, report: Report | None) -> str | None:
    """The receipt that ``report`` gives the money called so; None when it is about other money."""
    return report.receipt if report is not None and report.provider_reference == capture_key else None


def receipt_learnt(payment: Payment, reference: str, report: Report, *, now: datetime) -> Change:
    """The payment with the receipt of its attempt's money, where it is there without one.

    Paid stays paid whatever a report says afterwards: one that names another amount becomes a question.
    """
    capture = next(
        (c for c in payment.captures if (c.reference, c.key) == (reference, report.provider_reference)), None
    )
    if capture is None:
        return Change(payment)
    if report.amount not in (None, capture.amount):
        asked = happened.ReviewOpened(
            kind=ReviewKind.DISPUTE,
            subject=str(capture.capture_id),
            detail=f"{capture.provider} reported {report.amount} afterwards; {capture.amount} was taken in.",
        )
        return Change(payment, (asked,))
    return also_called(Change(payment), capture, report.receipt, now=now)


def also_called(change: Change, capture: Capture, name: str | None, *, now: datetime) -> Change:
    """The change with another name of money that has but one so far, so that it counts nowhere by that."""
    if capture.receipt is not None or name in (None, capture.key):
        return change
    known = attrs.evolve(capture, receipt=name)
    learnt = happened.ReceiptLearnt(capture_id=capture.capture_id, receipt=name)
    payment = change.payment
    after = attrs.evolve(payment, captures=_with(payment.captures, known), updated_at=now)
    return Change(after, (*change.events, learnt))


def _with(captures: tuple[Capture, ...], changed: Capture) -> tuple[Capture, ...]:
    return tuple(changed if c.capture_id == changed.capture_id else c for c in captures)
