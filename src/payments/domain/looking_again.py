"""When an attempt is asked about next after an answer, and what a person is asked where nobody will be.

The rules are those of docs/model.md, section 3, "Watching".
"""

from datetime import datetime
from typing import Final

import attrs

from payments.domain.attempt import Attempt
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Rule
from payments.domain.finding import Finding, Settlement, ask_once, stuck
from payments.domain.payment import Change, Payment, projected
from payments.domain.refund import refunded
from payments.domain.same_money import money_meant
from payments.domain.watching import (
    next_look,
    next_look_for_the_rest,
    next_turn,
    watched_for_more_that_went,
    with_the_whole_day,
)

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


def watched(settlement: Settlement, finding: Finding, known: Attempt) -> Change:
    """The change with the next look planned. Where there is none after silence, a person is asked.

    ``known`` is how the attempt was before this look.
    """
    change, rule = settlement.change, settlement.rule
    attempt = change.payment.attempt(finding.reference)
    if attempt.checks > known.checks and _asks_for_the_rest(change.payment, rule, finding):
        known = with_the_whole_day(known, finding.now)
        attempt = attrs.evolve(attempt, watch_until=known.watch_until)
        change = change.then(attempt)
    when = _next_look(change.payment, rule, finding, known)
    ended = attempt.next_check_at is not None and when is None
    money_here = change.payment.has_own_money(attempt.reference) or money_meant(change.payment, finding)
    if ended and not money_here and _ends_in_silence(attempt, rule):
        detail = "Its watch ended, and the provider's last answer does not say whether it was paid."
        change = stuck(change, finding, detail)
    if ended and _own_name_is_open(change.payment, rule, finding):
        detail = f"It was paid under another name, and nothing says whether {attempt.provider_reference} was."
        change = stuck(change, finding, detail)
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
    return ask_once(change, ReviewKind.DISPUTE, finding, detail, subject=subject)


def _own_name_is_open(payment: Payment, rule: Rule, finding: Finding) -> bool:
    """Whether money of a prompt came by other names than its own, and its provider never told of that one.

    The prompt may have come twice and been paid under both names.
    """
    attempt = payment.attempt(finding.reference)
    if not payment.was_paid_under_other_names(attempt):
        return False
    return finding.asked_by != attempt.provider_reference or rule in _SAYS_NOTHING


def _ends_in_silence(attempt: Attempt, rule: Rule) -> bool:
    """Whether the last answer about an ended attempt leaves open if it was paid after all.

    Where the provider once said that it was, nothing it says later but money closes the question.
    """
    open_question = rule in _SAYS_NOTHING or attempt.said_paid_at is not None
    # Its payer had it all the same, whatever its provider knew of it.
    handed_out = attempt.reason is Reason.NEVER_CREATED and attempt.handed_out_at is not None
    return not attempt.live and open_question and (handed_out or attempt.reason not in _NEVER_PAYABLE)
