"""Answers that bring no money, and what they end (docs/model.md section 3)."""

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Rule
from payments.domain.finding import Finding, Settlement, ask, learnt
from payments.domain.payment import Change, Payment
from payments.domain.transitions import AttemptStatus
from payments.domain.watching import HOLD_WINDOW, NOT_FOUND_APART


def declined(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    """This try was declined. It is counted once, and money that arrives later still counts."""
    if not attempt.live or payment.holds_own_money(attempt.reference):
        said = attempt.said_paid_at and min(attempt.said_paid_at, finding.now)
        ended = attrs.evolve(learnt(attempt, finding), said_paid_at=said)
        change = Change(payment.with_attempt(ended))
        return Settlement(_off_the_phone(change, finding), Rule.NO_LONGER_LIVE)
    fingerprint = finding.answer.fingerprint
    if fingerprint is not None:
        known = fingerprint in attempt.declines
    else:
        noticed = finding.failure_noticed_at
        known = attempt.reopened_at is not None and (noticed is None or noticed <= attempt.reopened_at)
    if known:
        return Settlement(Change(payment), Rule.OLD_DECLINE)
    event = happened.AttemptFailed(
        reference=attempt.reference, reason=Reason.DECLINED, detail=finding.answer.detail
    )
    failed = attrs.evolve(
        learnt(attempt, finding).handed_out(finding.now).after(event),
        detail=finding.answer.detail,
        declines=(*attempt.declines, fingerprint) if fingerprint is not None else attempt.declines,
        said_paid_at=None,
        watch_until=finding.now if finding.answer.final else attempt.watch_until,
    )
    change = _off_the_phone(Change(payment).then(failed, event), finding)
    if attempt.said_paid_at is not None:
        # It said that it was paid, and was not believed yet: only one of the two can be true.
        detail = "The provider said that it was paid, and then that it was declined."
        change = ask(change, ReviewKind.STUCK_UNKNOWN, finding, detail, subject=attempt.reference)
    return Settlement(change, Rule.DECLINED)


def _off_the_phone(change: Change, finding: Finding) -> Change:
    """The change with a declined prompt closed: it takes one try. Of another name that says nothing."""
    attempt = change.payment.attempt(finding.reference)
    about_it = finding.asked_by is None or attempt.provider_reference in (None, finding.asked_by)
    if not finding.one_try or attempt.page_closed or not about_it:
        return change
    event = happened.PageClosed(reference=attempt.reference)
    return change.then(attempt.closed(finding.now), event)


def payable(payment: Payment, _attempt: Attempt, _finding: Finding) -> Settlement:
    """Nobody has paid yet, and the page is open."""
    return Settlement(Change(payment), Rule.STILL_PAYABLE)


def in_flight(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    """A payer is at it: so they had the checkout, whose address may never have reached us."""
    if attempt.status is not AttemptStatus.UNKNOWN:
        return Settlement(Change(payment), Rule.IN_FLIGHT)
    event = happened.PayerSeen(reference=attempt.reference)
    seen = learnt(attempt, finding).after(event).handed_out(finding.now)
    return Settlement(Change(payment).then(seen, event), Rule.IN_FLIGHT)


def closed(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    """It can no longer be paid."""
    return _gone(payment, attempt, finding, Reason.TIMED_OUT, Rule.CLOSED)


def not_found(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    """Its provider does not know it: so soon, or said once, that proves nothing."""
    now = finding.now
    if now - attempt.claimed_at < HOLD_WINDOW:
        return Settlement(Change(payment), Rule.NOT_FOUND_YET)
    if attempt.not_found_at is None or now - attempt.not_found_at < NOT_FOUND_APART:
        first = attrs.evolve(attempt, not_found_at=attempt.not_found_at or now)
        return Settlement(Change(payment.with_attempt(first)), Rule.NOT_FOUND_YET)
    return _gone(payment, attempt, finding, Reason.NEVER_CREATED, Rule.NEVER_CREATED)


def _gone(payment: Payment, attempt: Attempt, finding: Finding, reason: Reason, rule: Rule) -> Settlement:
    """Live -> expired; an ended attempt only learns that nobody can pay on it any more."""
    shut = attempt.closed(finding.now)
    change = Change(payment)
    if not attempt.page_closed:
        change = change.then(shut, happened.PageClosed(reference=attempt.reference))
    if not attempt.live or payment.holds_own_money(attempt.reference):
        return Settlement(change, Rule.NO_LONGER_LIVE)
    event = happened.AttemptExpired(reference=attempt.reference, reason=reason)
    return Settlement(change.then(shut.after(event), event), rule)


def nothing(payment: Payment, _attempt: Attempt, _finding: Finding) -> Settlement:
    """The answer says nothing about it."""
    return Settlement(Change(payment), Rule.NO_INFORMATION)
