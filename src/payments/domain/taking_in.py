"""Money that came: it settles, is surplus, is held, or proves nothing (docs/model.md section 3)."""

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture, Vouched
from payments.domain.collection import subject_of
from payments.domain.confirming import also_called, confirmed, receipt_of
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Outcome, Rule
from payments.domain.finding import Finding, Settlement, ask, ask_once, learnt, name_learnt, stuck
from payments.domain.payment import Change, Payment, supersede
from payments.domain.review import WENT_BACK
from payments.domain.same_money import money_meant
from payments.domain.transitions import AttemptStatus, Disposition
from payments.domain.watching import watched_for_its_own_name


def paid(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    """It is paid: money that is here already, that is proven by now, or that proves nothing yet."""
    refusal = unproven(attempt, finding)
    if refusal is Rule.NOT_ATTESTED and attempt.reason is Reason.DECLINED:
        # Only one of the two can be true, and its next answer may be the decline again.
        detail = "The provider said that it was declined, and then that it was paid, which proves nothing."
        return Settlement(stuck(Change(payment), finding, detail), refusal)
    if refusal:
        return orphan(payment, finding, refusal)
    answer = finding.answer
    here = money_meant(payment, finding)
    if here is not None:
        change = Change(payment.with_attempt(learnt(attempt, finding)))
        amounts = answer.amounts(attempt.amount)
        if here.vouched is Vouched.RECORDED and finding.vouched is None and here.amount not in amounts:
            detail = (
                f"A person recorded {here.amount}, and its provider says {answer.arrived or attempt.amount}."
            )
            change = ask_once(change, ReviewKind.DISPUTE, finding, detail, subject=str(here.capture_id))
        if finding.vouched is Vouched.RECORDED and here.vouched is Vouched.RECORDED and not attempt.prompted:
            change = also_called(change, here, answer.capture_key, now=finding.now)
        return Settlement(change, Rule.ALREADY_COUNTED)
    if finding.confirmed_after is not None and answer.amount is None:
        # An answer that waited for the payment's lock was not given when that came.
        heard = min(finding.now, finding.heard_at or finding.now)
        proven = confirmed(attempt, answer, finding.report, after=finding.confirmed_after, now=heard)
        if isinstance(proven, Rule):
            return _unconfirmed(payment, attempt, finding, proven)
        finding = attrs.evolve(finding, answer=proven)
    return _counted(payment, attempt, finding)


def _counted(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    """Money that is proven to be here: it settles, is surplus, or is held."""
    answer = finding.answer
    amount, arrived = answer.amount or attempt.amount, answer.arrived or attempt.amount
    if len({m.currency for m in (amount, arrived, attempt.amount, payment.amount)}) > 1:
        return _held(payment, attempt, finding, Rule.CURRENCY_DIFFERS, ReviewKind.CURRENCY_MISMATCH)
    due = amount == attempt.amount and (payment.settling_capture or amount == payment.amount)
    if not due or arrived < amount:
        return _held(payment, attempt, finding, Rule.AMOUNT_DIFFERS, ReviewKind.AMOUNT_MISMATCH)
    if payment.settling_capture:
        change = captured(payment, attempt, finding, Disposition.SURPLUS)
        return Settlement(ask(change, ReviewKind.SURPLUS, finding, f"{arrived} arrived again."), Rule.SURPLUS)
    return Settlement(captured(payment, attempt, finding, Disposition.SETTLES), Rule.SETTLED)


def _unconfirmed(payment: Payment, attempt: Attempt, finding: Finding, rule: Rule) -> Settlement:
    if rule is Rule.SAID_ONCE:
        # A clock that was ahead when it was said first must not put off what it takes to believe it.
        attempt = attrs.evolve(attempt, said_paid_at=min(attempt.said_paid_at or finding.now, finding.now))
    change = Change(payment.with_attempt(attempt))
    if rule is Rule.NOT_ATTESTED:
        # It is said under a name that our own request never got, and the next answer may be a decline.
        change = stuck(change, finding, "The provider said that it was paid, which proves nothing.")
    return Settlement(change, rule)


def unproven(attempt: Attempt, finding: Finding) -> Rule | None:
    """Why money proves nothing here: each fact must be attested and equal, or bound by our own request."""
    answer, bound = finding.answer, finding.bound
    missing = {
        fact
        for fact, value in (("reference", answer.reference), ("amount", answer.amount), ("mode", answer.mode))
        if value is None
    }
    none = answer.amount is not None and answer.amount.minor <= 0
    if answer.capture_key is None or not missing <= bound or none:
        return Rule.NOT_ATTESTED
    if finding.key_holder not in (None, attempt.reference):
        return Rule.KEY_TAKEN
    return None


def orphan(payment: Payment, finding: Finding, rule: Rule) -> Settlement:
    """Money that counts for nothing here, by ``rule``: a person is asked whose it is.

    It may be attested for several attempts, and each of them is a question of its own, asked once.
    """
    change = Change(payment)
    subject = f"{finding.reference}:{finding.answer.capture_key}"
    kind, detail = ReviewKind.ORPHAN, rule.value
    if payment.attempt(finding.reference).on_delivery:
        subject = subject_of(finding.answer.capture_key or "")
    elif finding.answer.outcome is Outcome.RETURNED:
        detail = f"{rule.value}{WENT_BACK}"
        kind = ReviewKind.DISPUTE if subject in finding.put_aside else kind
    if rule is not Rule.NOT_ATTESTED:
        change = ask_once(change, kind, finding, detail, subject=subject)
    return Settlement(change, rule)


def _held(payment: Payment, attempt: Attempt, finding: Finding, rule: Rule, kind: ReviewKind) -> Settlement:
    change = captured(payment, attempt, finding, Disposition.HELD)
    detail = f"{finding.answer.arrived or attempt.amount} arrived; {payment.amount} was due."
    return Settlement(ask(change, kind, finding, detail), rule)


def captured(payment: Payment, attempt: Attempt, finding: Finding, disposition: Disposition) -> Change:
    """The change with the money recorded, and what follows from it for the attempts."""
    capture = Capture(
        capture_id=finding.evidence_id,
        reference=attempt.reference,
        provider=attempt.provider,
        mode=attempt.mode,
        key=finding.answer.capture_key or "",
        amount=finding.answer.arrived or attempt.amount,
        disposition=disposition,
        captured_at=finding.now,
        receipt=receipt_of(finding.answer.capture_key, finding.report),
        vouched=finding.vouched,
    )
    recorded = happened.CaptureRecorded(
        capture_id=capture.capture_id,
        reference=capture.reference,
        key=capture.key,
        amount=capture.amount,
        disposition=disposition.value,
    )
    if disposition is Disposition.HELD or attempt.status is AttemptStatus.SUCCEEDED:
        known = learnt(attempt, finding).handed_out(finding.now)
        change = Change(payment.with_capture(capture, known), (recorded,))
    else:
        event = happened.AttemptSucceeded(reference=attempt.reference)
        known = attempt.after(
            event,
            provider_reference=name_learnt(attempt, finding),
            handed_out_at=attempt.handed_out_at or finding.now,
        )
        change = Change(payment.with_capture(capture, known), (recorded, event))
    if disposition is Disposition.SETTLES:
        change = supersede(change, finding.now)
    if finding.vouched is not None:
        return change
    return watched_for_its_own_name(change, attempt.reference, now=finding.now)
