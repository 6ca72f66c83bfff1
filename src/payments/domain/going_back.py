"""Money that went back at its provider, with us or without (docs/model.md section 3)."""

from datetime import datetime
from typing import Final
from uuid import uuid5

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture
from payments.domain.events import ReviewKind
from payments.domain.evidence import Rule
from payments.domain.finding import Finding, Settlement, ask, ask_once, learnt
from payments.domain.no_money import in_flight
from payments.domain.payment import Change, Payment, failed_once_empty
from payments.domain.refund import PENDING, Refund, refundable, refunded
from payments.domain.refunding import refuse
from payments.domain.same_money import money_meant
from payments.domain.taking_in import captured, orphan, unproven
from payments.domain.transitions import Disposition, RefundStatus


def returned(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    """Money went back: what our own refunds do not explain is taken in as one more, and a person is asked."""
    refusal = unproven(attempt, finding)
    if refusal:
        return orphan(payment, finding, refusal)
    capture = money_meant(payment, finding)
    if capture is None:
        return _returned_unseen(payment, attempt, finding)
    payment = payment.with_attempt(learnt(attempt, finding))
    ours = [r for r in payment.refunds if r.capture_id == capture.capture_id]
    under_way = sum(r.amount.minor for r in ours if r.status in _MAY_BE_THIS)
    known = Rule.RETURN_OF_OURS if under_way else Rule.RETURN_KNOWN
    gone = finding.answer.returned
    if gone is None:
        # The provider does not say how much. With a refund of ours that is under way or succeeded, only that
        # refund's own query may speak; else it is all of the money. One that failed gave nothing back.
        if under_way or any(r.status is RefundStatus.SUCCEEDED for r in ours):
            return Settlement(Change(payment), known)
        if any(_may_have_gone_all_the_same(refund, finding) for refund in ours):
            # Providers go on saying so of a refund that failed, or came back.
            detail = "It says that money went back and not how much, and a refund of ours had failed."
            change = Change(payment)
            subject = f"{capture.capture_id}:{finding.answer.word}"
            asked = ask_once(change, ReviewKind.DISPUTE, finding, detail, subject=subject)
            return Settlement(asked, Rule.RETURN_KNOWN)
        gone = capture.amount
    # What is more than all of ours together went back without us, whether or not ours has gone by now.
    excess = min(gone.minor, capture.amount.minor) - refunded(capture, payment.refunds).minor - under_way
    if gone.currency != capture.amount.currency or excess <= 0:
        change = Change(payment)
        if gone.currency == capture.amount.currency and gone > capture.amount:
            # A question about more money that went back than there was.
            change = ask_once(
                change,
                ReviewKind.DISPUTE,
                finding,
                f"{gone} went back at the provider; {capture.amount} arrived.",
                subject=finding.reference,
            )
        return Settlement(change, known)
    change = _refund_taken_in(Change(payment), capture, excess, finding)
    change = _without_what_no_longer_fits(change, capture, finding.now)
    change = ask(change, ReviewKind.DISPUTE, finding, "Money went back at the provider.")
    return Settlement(failed_once_empty(change, attempt.reference), Rule.RETURNED)


def _may_have_gone_all_the_same(refund: Refund, finding: Finding) -> bool:
    """Whether a refund of ours failed that its provider had taken on, or contradicted: a person was asked."""
    taken_on = refund.provider_reference is not None
    contradicted = (ReviewKind.DISPUTE, str(refund.refund_id)) in finding.asked
    return refund.status is RefundStatus.FAILED and (taken_on or contradicted)


_MAY_BE_THIS: Final = PENDING - {RefundStatus.AWAITING_APPROVAL}
"""Refunds of ours that money which went back may be. One that waits for approval was never asked for."""


def _without_what_no_longer_fits(change: Change, capture: Capture, now: datetime) -> Change:
    """Refunds that wait for approval give way, the newest first, to money that is gone already."""
    for refund in reversed(change.payment.refunds):
        waiting = refund.status is RefundStatus.AWAITING_APPROVAL and refund.capture_id == capture.capture_id
        if waiting and refundable(capture, change.payment.refunds).minor < 0:
            word = "money of this capture went back at the provider"
            gave_way = refuse(change.payment, refund, word=word, now=now)
            change = Change(gave_way.payment, (*change.events, *gave_way.events))
    return change


def _returned_unseen(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    """Money came and went before we saw it: held, wholly refunded, and the attempt failed, in one commit.

    Where only part of it went, the rest is here: it stays held, and a person decides. Where nothing went yet,
    nobody can tell how much will, and we wait.
    """
    gone, arrived = finding.answer.returned, finding.answer.arrived or attempt.amount
    if gone is not None and gone.minor == 0:
        return in_flight(payment, attempt, finding)
    change = captured(payment, attempt, finding, Disposition.HELD)
    capture = change.payment.captures[-1]
    if gone is None or gone.currency != arrived.currency or gone >= arrived:
        change = _refund_taken_in(change, capture, capture.amount.minor, finding)
        change = ask(change, ReviewKind.DISPUTE, finding, "Money came and went back at the provider.")
        return Settlement(failed_once_empty(change, attempt.reference), Rule.RETURNED)
    change = _refund_taken_in(change, capture, gone.minor, finding)
    same_currency = arrived.currency == payment.amount.currency
    kind = ReviewKind.AMOUNT_MISMATCH if same_currency else ReviewKind.CURRENCY_MISMATCH
    detail = f"{arrived} arrived, and {gone} of it went back at the provider; {payment.amount} was due."
    return Settlement(ask(change, kind, finding, detail), Rule.RETURNED)


def _refund_taken_in(change: Change, capture: Capture, amount_minor: int, finding: Finding) -> Change:
    amount = attrs.evolve(capture.amount, minor=amount_minor)
    refund_id = uuid5(finding.evidence_id, "refund")
    refund = Refund(
        refund_id=refund_id,
        capture_id=capture.capture_id,
        reference=f"taken-in-{refund_id.hex}",
        amount=amount,
        status=RefundStatus.SUCCEEDED,
        reason=finding.answer.word,
        actor=f"provider:{capture.provider}",
        created_at=finding.now,
    )
    payment = attrs.evolve(change.payment, refunds=(*change.payment.refunds, refund))
    event = happened.RefundRecorded(refund_id=refund_id, capture_id=capture.capture_id, amount=amount)
    return Change(payment, (*change.events, event))
