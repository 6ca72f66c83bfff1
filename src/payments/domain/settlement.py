"""Settle: apply evidence to an attempt. The one way money state changes (docs/model.md section 3).

A pure decision: what the provider answered and what we know go in; the next payment, the events that explain
it and the verdict come out.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture, Vouched
from payments.domain.collection import subject_of
from payments.domain.confirming import also_called, confirmed, receipt_of
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Answer, Outcome, Report, Rule
from payments.domain.money import Money
from payments.domain.payment import Change, Payment, failed_once_empty, projected, supersede
from payments.domain.refund import PENDING, Refund, refundable, refunded
from payments.domain.refunding import refuse
from payments.domain.review import WENT_BACK
from payments.domain.transitions import AttemptStatus, Disposition, RefundStatus
from payments.domain.watching import (
    HOLD_WINDOW,
    NOT_FOUND_APART,
    next_look,
    next_look_for_the_rest,
    next_turn,
    watched_for_its_own_name,
    watched_for_more_that_went,
    with_the_whole_day,
)


@attrs.frozen(kw_only=True)
class Finding:
    """What the provider answered about one attempt, with what we know from elsewhere."""

    evidence_id: UUID
    """Also names the capture this evidence may bring."""
    reference: str
    answer: Answer
    now: datetime
    bound: frozenset[str] = frozenset()
    """Facts (``reference``, ``amount``, ``mode``) the provider never attests and our own request binds."""
    key_holder: str | None = None
    """The attempt, of whichever payment, that already holds the answer's capture key."""
    failure_noticed_at: datetime | None = None
    """When the newest notice claiming a failure of this attempt was received."""
    confirmed_after: timedelta | None = None
    """The provider's "paid" attests no amount; it counts with a report, or said again this much later."""
    report: Report | None = None
    """What the provider itself reported about money of this attempt, newest."""
    one_try: bool = False
    """The payer has one try at each checkout: a decline closes it."""
    put_aside: frozenset[str] = frozenset()
    """What people put aside as no money of ours, by subject, before any of it went back."""
    asked: frozenset[tuple[ReviewKind, str]] = frozenset()
    """What people were asked about this payment, by kind and subject, and are not to be asked again."""
    vouched: Vouched | None = None
    """What a person says of this money, if that is how it is known."""
    asked_by: str | None = None
    """The provider's name by which it was asked."""
    return_noticed: bool = False
    """A notice says that money went back; what it was answered may be older than that."""
    heard_at: datetime | None = None
    """When the answer came, if that was before it is applied."""


@attrs.frozen
class Settlement:
    """What a finding did."""

    change: Change
    rule: Rule

    @property
    def payment(self) -> Payment:
        """The payment afterwards."""
        return self.change.payment

    @property
    def events(self) -> tuple[happened.Event, ...]:
        """Why it is what it is."""
        return self.change.events


def settle(payment: Payment, finding: Finding) -> Settlement:
    """Apply ``finding`` to the attempt it is about. Every answer has a verdict, and success is absorbing."""
    attempt = payment.attempt(finding.reference)
    # Whoever attached or recorded money did not have the provider asked about the attempt.
    looked = finding.answer.asked and finding.vouched is None
    checked = _checked(attempt, finding) if looked else attempt
    effect = _not_ours if _differs(attempt, finding.answer) else _EFFECTS[finding.answer.outcome]
    settlement = effect(payment.with_attempt(checked), checked, finding)
    return Settlement(_watched(settlement, finding, attempt), settlement.rule)


def _checked(attempt: Attempt, finding: Finding) -> Attempt:
    return attrs.evolve(
        attempt,
        checks=attempt.checks + 1,
        last_checked_at=finding.now,
        last_word=finding.answer.word,
        not_found_at=attempt.not_found_at if finding.answer.outcome in _SILENT else None,
    )


_SILENT: Final = frozenset({Outcome.NOT_FOUND, Outcome.NOTHING})


def _watched(settlement: Settlement, finding: Finding, known: Attempt) -> Change:
    """The change with the next look planned. Where there is none after silence, a person is asked."""
    change, rule = settlement.change, settlement.rule
    attempt = change.payment.attempt(finding.reference)
    if attempt.checks > known.checks and _asks_for_the_rest(change.payment, rule, finding):
        known = with_the_whole_day(known, finding.now)
        attempt = attrs.evolve(attempt, watch_until=known.watch_until)
        change = change.then(attempt)
    when = _next_look(change.payment, rule, finding, known)
    ended = attempt.next_check_at is not None and when is None
    money_here = change.payment.has_own_money(attempt.reference) or _money_meant(change.payment, finding)
    if ended and not money_here and _ends_in_silence(attempt, rule):
        detail = "Its watch ended, and the provider's last answer does not say whether it was paid."
        change = _stuck(change, finding, detail)
    if ended and _own_name_is_open(change.payment, rule, finding):
        detail = f"It was paid under another name, and nothing says whether {attempt.provider_reference} was."
        change = _stuck(change, finding, detail)
    if ended and rule in _TELLS_NOT_WHAT_WENT and _asks_for_the_rest(change.payment, rule, finding):
        change = _asked_what_went_back(change, finding)
    payment = change.payment.with_attempt(attrs.evolve(attempt, next_check_at=when))
    if finding.return_noticed and rule in _WENT:
        payment = watched_for_more_that_went(payment, attempt.reference, now=finding.now)
    return projected(Change(payment, change.events), finding.now)


def _next_look(payment: Payment, rule: Rule, finding: Finding, known: Attempt) -> datetime | None:
    """When the attempt is asked about next; None once its watch is over.

    The first money of its own ends it, but for a name of a prompt that may have been paid, too. What comes
    after that is asked about only if somebody has begun to (``watched_for_the_rest``).
    """
    now, attempt = finding.now, payment.attempt(finding.reference)
    if rule is Rule.SAID_ONCE and finding.confirmed_after and attempt.said_paid_at:
        return max(now, attempt.said_paid_at + finding.confirmed_after)
    own = [c.capture_id for c in payment.captures if c.reference == attempt.reference and not c.attached]
    if own == [finding.evidence_id] and not _own_name_is_open(payment, rule, finding):
        return None
    if finding.vouched is not None:
        # A person's word is no look.
        return known.next_check_at
    if _asks_for_the_rest(payment, rule, finding):
        when = next_look_for_the_rest(known, attempt, now, answered=_only_its_own_name(payment, attempt))
    else:
        when = next_look(known, attempt, now, has_money=bool(own))
    return when if when is None or finding.answer.asked else next_turn(attempt, now, when)


def _asks_for_the_rest(payment: Payment, rule: Rule, finding: Finding) -> bool:
    """Whether the question is what became of money that was here before, and no more if it came."""
    own = (c for c in payment.captures if c.reference == finding.reference and not c.attached)
    before = any(capture.capture_id != finding.evidence_id for capture in own)
    return before and not _own_name_is_open(payment, rule, finding)


def _only_its_own_name(payment: Payment, attempt: Attempt) -> bool:
    """Whether a prompt is asked about for its own name alone, as nothing of its money went back or was to."""
    own = {c.capture_id for c in payment.captures if c.reference == attempt.reference and not c.attached}
    return payment.was_paid_under_other_names(attempt) and all(
        refund.capture_id not in own for refund in payment.refunds
    )


def _asked_what_went_back(change: Change, finding: Finding) -> Change:
    """The question whether more went back of money of which some is left, where the last look was in vain."""
    own = (c for c in change.payment.captures if c.reference == finding.reference and not c.attached)
    if all(refunded(capture, change.payment.refunds) >= capture.amount for capture in own):
        return change
    detail = "Its watch ended, and the provider's last answer does not say what went back of its money."
    until = change.payment.attempt(finding.reference).watch_until
    subject = f"{finding.reference}:{until.isoformat() if until else ''}"
    return _ask_once(change, ReviewKind.DISPUTE, finding, detail, subject=subject)


def _own_name_is_open(payment: Payment, rule: Rule, finding: Finding) -> bool:
    """Whether money of a prompt came by other names than its own, and its provider never told of that one.

    The prompt may have come twice and been paid under both names.
    """
    attempt = payment.attempt(finding.reference)
    if not payment.was_paid_under_other_names(attempt):
        return False
    return finding.asked_by != attempt.provider_reference or rule in _SAYS_NOTHING


_SAYS_NOTHING: Final = frozenset(
    {Rule.NO_INFORMATION, Rule.NOT_ATTESTED, Rule.NOT_OURS, Rule.SAID_ONCE, Rule.IN_FLIGHT}
)
_OF_OTHER_MONEY: Final = frozenset(
    {Rule.SETTLED, Rule.SURPLUS, Rule.AMOUNT_DIFFERS, Rule.CURRENCY_DIFFERS, Rule.KEY_TAKEN}
)
_WENT: Final = frozenset({Rule.RETURNED, Rule.RETURN_KNOWN})
# What went back may be hidden behind another refund of ours that is under way.
_TELLS_NOT_WHAT_WENT: Final = _SAYS_NOTHING | _OF_OTHER_MONEY | {Rule.RETURN_OF_OURS}
_NEVER_PAYABLE: Final = frozenset({Reason.REFUSED, Reason.NOT_SENT, Reason.NEVER_CREATED, Reason.RETURNED})


def _money_meant(payment: Payment, finding: Finding) -> Capture | None:
    """The money that is here and that the answer is about: by a name of it, else by who said what of it.

    A person and the provider may call one money by different names. Where one of them has told of it, what
    the other says of the same amount is taken for the same, unless a report gives its receipt and that is
    another (ADR 0034).
    """
    here = [capture for capture in payment.captures if capture.reference == finding.reference]
    receipt = receipt_of(finding.answer.capture_key, finding.report)
    named = {finding.answer.capture_key, receipt} - {None}
    for capture in here:
        if named & capture.names:
            return capture
    if finding.vouched is Vouched.ATTACHED or finding.answer.capture_key is None or receipt is not None:
        return None
    attempt = payment.attempt(finding.reference)
    asked_for = attempt.amount
    meant = finding.answer.amounts(asked_for)
    if finding.vouched is Vouched.RECORDED:
        # Under the name that our request got, or beside money whose receipt is known, they saw other money.
        own = finding.answer.capture_key == attempt.provider_reference
        if own and payment.was_paid_under_other_names(attempt):
            return None
        unnamed = (c for c in here if c.vouched is None and c.receipt is None)
        attested = next((c for c in unnamed if _is_of(c, meant, asked_for)), None)
        if attested is not None or attempt.prompted:
            return attested
    # What is told twice of a page, and is as much, is one money, however people call it.
    return next((c for c in here if c.vouched is Vouched.RECORDED and c.amount in meant), None)


def _is_of(capture: Capture, meant: frozenset[Money], asked_for: Money) -> bool:
    """Whether attested money is of one of these amounts; what is not held is of what was asked for."""
    return capture.amount in meant or (capture.disposition is not Disposition.HELD and asked_for in meant)


def _ends_in_silence(attempt: Attempt, rule: Rule) -> bool:
    """Whether the last answer about an ended attempt leaves open if it was paid after all.

    Where the provider once said that it was, nothing it says later but money closes the question.
    """
    open_question = rule in _SAYS_NOTHING or attempt.said_paid_at is not None
    # Its payer had it all the same, whatever its provider knew of it.
    handed_out = attempt.reason is Reason.NEVER_CREATED and attempt.handed_out_at is not None
    return not attempt.live and open_question and (handed_out or attempt.reason not in _NEVER_PAYABLE)


def _differs(attempt: Attempt, answer: Answer) -> bool:
    """Whether the answer attests another reference or the other mode than the attempt's."""
    return answer.reference not in (None, attempt.reference) or answer.mode not in (None, attempt.mode)


def _not_ours(payment: Payment, _attempt: Attempt, finding: Finding) -> Settlement:
    if finding.answer.capture_key is None:
        return Settlement(Change(payment), Rule.NOT_OURS)
    return _orphan(payment, finding, Rule.NOT_OURS)


def _paid(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    refusal = _unproven(attempt, finding)
    if refusal is Rule.NOT_ATTESTED and attempt.reason is Reason.DECLINED:
        # Only one of the two can be true, and its next answer may be the decline again.
        detail = "The provider said that it was declined, and then that it was paid, which proves nothing."
        return Settlement(_stuck(Change(payment), finding, detail), refusal)
    if refusal:
        return _orphan(payment, finding, refusal)
    answer = finding.answer
    here = _money_meant(payment, finding)
    if here is not None:
        change = Change(payment.with_attempt(_learnt(attempt, finding)))
        amounts = answer.amounts(attempt.amount)
        if here.vouched is Vouched.RECORDED and finding.vouched is None and here.amount not in amounts:
            detail = (
                f"A person recorded {here.amount}, and its provider says {answer.arrived or attempt.amount}."
            )
            change = _ask_once(change, ReviewKind.DISPUTE, finding, detail, subject=str(here.capture_id))
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
        change = _captured(payment, attempt, finding, Disposition.SURPLUS)
        return Settlement(
            _ask(change, ReviewKind.SURPLUS, finding, f"{arrived} arrived again."), Rule.SURPLUS
        )
    return Settlement(_captured(payment, attempt, finding, Disposition.SETTLES), Rule.SETTLED)


def _unconfirmed(payment: Payment, attempt: Attempt, finding: Finding, rule: Rule) -> Settlement:
    if rule is Rule.SAID_ONCE:
        # A clock that was ahead when it was said first must not put off what it takes to believe it.
        attempt = attrs.evolve(attempt, said_paid_at=min(attempt.said_paid_at or finding.now, finding.now))
    change = Change(payment.with_attempt(attempt))
    if rule is Rule.NOT_ATTESTED:
        # It is said under a name that our own request never got, and the next answer may be a decline.
        change = _stuck(change, finding, "The provider said that it was paid, which proves nothing.")
    return Settlement(change, rule)


def _unproven(attempt: Attempt, finding: Finding) -> Rule | None:
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


def _orphan(payment: Payment, finding: Finding, rule: Rule) -> Settlement:
    change = Change(payment)
    # The same money may be attested for several attempts, and each of them is a question of its own; however
    # often the provider repeats the answer, the question is asked once.
    subject = f"{finding.reference}:{finding.answer.capture_key}"
    kind, detail = ReviewKind.ORPHAN, rule.value
    if payment.attempt(finding.reference).on_delivery:
        subject = subject_of(finding.answer.capture_key or "")
    elif finding.answer.outcome is Outcome.RETURNED:
        detail = f"{rule.value}{WENT_BACK}"
        kind = ReviewKind.DISPUTE if subject in finding.put_aside else kind
    if rule is not Rule.NOT_ATTESTED:
        change = _ask_once(change, kind, finding, detail, subject=subject)
    return Settlement(change, rule)


def _held(payment: Payment, attempt: Attempt, finding: Finding, rule: Rule, kind: ReviewKind) -> Settlement:
    change = _captured(payment, attempt, finding, Disposition.HELD)
    detail = f"{finding.answer.arrived or attempt.amount} arrived; {payment.amount} was due."
    return Settlement(_ask(change, kind, finding, detail), rule)


def _captured(payment: Payment, attempt: Attempt, finding: Finding, disposition: Disposition) -> Change:
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
        learnt = _learnt(attempt, finding).handed_out(finding.now)
        change = Change(payment.with_capture(capture, learnt), (recorded,))
    else:
        event = happened.AttemptSucceeded(reference=attempt.reference)
        learnt = attempt.after(
            event,
            provider_reference=_name_learnt(attempt, finding),
            handed_out_at=attempt.handed_out_at or finding.now,
        )
        change = Change(payment.with_capture(capture, learnt), (recorded, event))
    if disposition is Disposition.SETTLES:
        change = supersede(change, finding.now)
    if finding.vouched is not None:
        return change
    return watched_for_its_own_name(change, attempt.reference, now=finding.now)


def _declined(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    if not attempt.live or payment.holds_own_money(attempt.reference):
        said = attempt.said_paid_at and min(attempt.said_paid_at, finding.now)
        ended = attrs.evolve(_learnt(attempt, finding), said_paid_at=said)
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
        _learnt(attempt, finding).handed_out(finding.now).after(event),
        detail=finding.answer.detail,
        declines=(*attempt.declines, fingerprint) if fingerprint is not None else attempt.declines,
        said_paid_at=None,
        watch_until=finding.now if finding.answer.final else attempt.watch_until,
    )
    change = _off_the_phone(Change(payment).then(failed, event), finding)
    if attempt.said_paid_at is not None:
        # It said that it was paid, and was not believed yet: only one of the two can be true.
        detail = "The provider said that it was paid, and then that it was declined."
        change = _ask(change, ReviewKind.STUCK_UNKNOWN, finding, detail, subject=attempt.reference)
    return Settlement(change, Rule.DECLINED)


def _off_the_phone(change: Change, finding: Finding) -> Change:
    """The change with a declined prompt closed: it takes one try. Of another name that says nothing."""
    attempt = change.payment.attempt(finding.reference)
    about_it = finding.asked_by is None or attempt.provider_reference in (None, finding.asked_by)
    if not finding.one_try or attempt.page_closed or not about_it:
        return change
    closed = happened.PageClosed(reference=attempt.reference)
    return change.then(attempt.closed(finding.now), closed)


def _payable(payment: Payment, attempt: Attempt, _finding: Finding) -> Settlement:
    return Settlement(Change(payment.with_attempt(attempt)), Rule.STILL_PAYABLE)


def _in_flight(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    if attempt.status is not AttemptStatus.UNKNOWN:
        return Settlement(Change(payment), Rule.IN_FLIGHT)
    event = happened.PayerSeen(reference=attempt.reference)
    seen = _learnt(attempt, finding).after(event).handed_out(finding.now)
    return Settlement(Change(payment).then(seen, event), Rule.IN_FLIGHT)


def _closed(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    return _gone(payment, attempt, finding, Reason.TIMED_OUT, Rule.CLOSED)


def _not_found(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    now = finding.now
    if now - attempt.claimed_at < HOLD_WINDOW:
        return Settlement(Change(payment), Rule.NOT_FOUND_YET)
    if attempt.not_found_at is None or now - attempt.not_found_at < NOT_FOUND_APART:
        first = attrs.evolve(attempt, not_found_at=attempt.not_found_at or now)
        return Settlement(Change(payment.with_attempt(first)), Rule.NOT_FOUND_YET)
    return _gone(payment, attempt, finding, Reason.NEVER_CREATED, Rule.NEVER_CREATED)


def _gone(payment: Payment, attempt: Attempt, finding: Finding, reason: Reason, rule: Rule) -> Settlement:
    """Live -> expired; an ended attempt only learns that nobody can pay on it any more."""
    closed = attempt.closed(finding.now)
    change = Change(payment)
    if not attempt.page_closed:
        change = change.then(closed, happened.PageClosed(reference=attempt.reference))
    if not attempt.live or payment.holds_own_money(attempt.reference):
        return Settlement(change, Rule.NO_LONGER_LIVE)
    event = happened.AttemptExpired(reference=attempt.reference, reason=reason)
    return Settlement(change.then(closed.after(event), event), rule)


def _returned(payment: Payment, attempt: Attempt, finding: Finding) -> Settlement:
    refusal = _unproven(attempt, finding)
    if refusal:
        return _orphan(payment, finding, refusal)
    capture = _money_meant(payment, finding)
    if capture is None:
        return _returned_unseen(payment, attempt, finding)
    payment = payment.with_attempt(_learnt(attempt, finding))
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
            asked = _ask_once(change, ReviewKind.DISPUTE, finding, detail, subject=subject)
            return Settlement(asked, Rule.RETURN_KNOWN)
        gone = capture.amount
    # What is more than all of ours together went back without us, whether or not ours has gone by now.
    excess = min(gone.minor, capture.amount.minor) - refunded(capture, payment.refunds).minor - under_way
    if gone.currency != capture.amount.currency or excess <= 0:
        change = Change(payment)
        if gone.currency == capture.amount.currency and gone > capture.amount:
            # A question about more money that went back than there was.
            change = _ask_once(
                change,
                ReviewKind.DISPUTE,
                finding,
                f"{gone} went back at the provider; {capture.amount} arrived.",
                subject=finding.reference,
            )
        return Settlement(change, known)
    change = _refund_taken_in(Change(payment), capture, excess, finding)
    change = _without_what_no_longer_fits(change, capture, finding.now)
    change = _ask(change, ReviewKind.DISPUTE, finding, "Money went back at the provider.")
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
        return _in_flight(payment, attempt, finding)
    change = _captured(payment, attempt, finding, Disposition.HELD)
    capture = change.payment.captures[-1]
    if gone is None or gone.currency != arrived.currency or gone >= arrived:
        change = _refund_taken_in(change, capture, capture.amount.minor, finding)
        change = _ask(change, ReviewKind.DISPUTE, finding, "Money came and went back at the provider.")
        return Settlement(failed_once_empty(change, attempt.reference), Rule.RETURNED)
    change = _refund_taken_in(change, capture, gone.minor, finding)
    same_currency = arrived.currency == payment.amount.currency
    kind = ReviewKind.AMOUNT_MISMATCH if same_currency else ReviewKind.CURRENCY_MISMATCH
    detail = f"{arrived} arrived, and {gone} of it went back at the provider; {payment.amount} was due."
    return Settlement(_ask(change, kind, finding, detail), Rule.RETURNED)


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


def _nothing(payment: Payment, _attempt: Attempt, _finding: Finding) -> Settlement:
    return Settlement(Change(payment), Rule.NO_INFORMATION)


def _learnt(attempt: Attempt, finding: Finding) -> Attempt:
    """The attempt with the provider's own name for it, as far as that is known."""
    name = _name_learnt(attempt, finding)
    return attempt if name == attempt.provider_reference else attrs.evolve(attempt, provider_reference=name)


def _name_learnt(attempt: Attempt, finding: Finding) -> str | None:
    """The provider's own name for the attempt, once it is known and no other attempt holds it.

    A person may give money any name, and its provider's own is learnt when it tells of that money.
    """
    if finding.vouched is not None or finding.key_holder not in (None, attempt.reference):
        return attempt.provider_reference
    return attempt.provider_reference or finding.answer.provider_reference


def _ask(
    change: Change, kind: ReviewKind, finding: Finding, detail: str, *, subject: str | None = None
) -> Change:
    event = happened.ReviewOpened(kind=kind, subject=subject or str(finding.evidence_id), detail=detail)
    return Change(change.payment, (*change.events, event))


def _ask_once(change: Change, kind: ReviewKind, finding: Finding, detail: str, *, subject: str) -> Change:
    """A question that is asked once, however often the provider repeats its answer."""
    if (kind, subject) in finding.asked:
        return change
    return _ask(change, kind, finding, detail, subject=subject)


def _stuck(change: Change, finding: Finding, detail: str) -> Change:
    """The question, once, whether an attempt was paid of which its provider gives no proof."""
    kind, subject = ReviewKind.STUCK_UNKNOWN, finding.reference
    opened = (event for event in change.events if isinstance(event, happened.ReviewOpened))
    if any((event.kind, event.subject) == (kind, subject) for event in opened):
        return change
    return _ask_once(change, kind, finding, detail, subject=subject)


_EFFECTS: Final[dict[Outcome, Callable[[Payment, Attempt, Finding], Settlement]]] = {
    Outcome.PAID: _paid,
    Outcome.DECLINED: _declined,
    Outcome.PAYABLE: _payable,
    Outcome.IN_FLIGHT: _in_flight,
    Outcome.CLOSED: _closed,
    Outcome.NOT_FOUND: _not_found,
    Outcome.RETURNED: _returned,
    Outcome.NOTHING: _nothing,
}
