"""Settle: apply evidence to an attempt. The one way money state changes (docs/model.md section 3).

A pure decision: what the provider answered and what we know go in; the next payment, the events that explain
it and the verdict come out.
"""

from collections.abc import Callable
from typing import Final

import attrs

from payments.domain.attempt import Attempt
from payments.domain.evidence import Answer, Outcome, Rule
from payments.domain.finding import Finding, Settlement
from payments.domain.going_back import returned
from payments.domain.looking_again import watched
from payments.domain.no_money import closed, declined, in_flight, not_found, nothing, payable
from payments.domain.payment import Change, Payment
from payments.domain.taking_in import orphan, paid

_SILENT: Final = frozenset({Outcome.NOT_FOUND, Outcome.NOTHING})


def settle(payment: Payment, finding: Finding) -> Settlement:
    """Apply ``finding`` to the attempt it is about. Every answer has a verdict, and success is absorbing."""
    attempt = payment.attempt(finding.reference)
    # Whoever attached or recorded money did not have the provider asked about the attempt.
    looked = finding.answer.asked and finding.vouched is None
    checked = _checked(attempt, finding) if looked else attempt
    effect = _not_ours if _differs(attempt, finding.answer) else _EFFECTS[finding.answer.outcome]
    settlement = effect(payment.with_attempt(checked), checked, finding)
    return Settlement(watched(settlement, finding, attempt), settlement.rule)


def _checked(attempt: Attempt, finding: Finding) -> Attempt:
    return attrs.evolve(
        attempt,
        checks=attempt.checks + 1,
        last_checked_at=finding.now,
        last_word=finding.answer.word,
        not_found_at=attempt.not_found_at if finding.answer.outcome in _SILENT else None,
    )


def _differs(attempt: Attempt, answer: Answer) -> bool:
    """Whether the answer attests another reference or the other mode than the attempt's."""
    return answer.reference not in (None, attempt.reference) or answer.mode not in (None, attempt.mode)


def _not_ours(payment: Payment, _attempt: Attempt, finding: Finding) -> Settlement:
    if finding.answer.capture_key is None:
        return Settlement(Change(payment), Rule.NOT_OURS)
    return orphan(payment, finding, Rule.NOT_OURS)


_EFFECTS: Final[dict[Outcome, Callable[[Payment, Attempt, Finding], Settlement]]] = {
    Outcome.PAID: paid,
    Outcome.DECLINED: declined,
    Outcome.PAYABLE: payable,
    Outcome.IN_FLIGHT: in_flight,
    Outcome.CLOSED: closed,
    Outcome.NOT_FOUND: not_found,
    Outcome.RETURNED: returned,
    Outcome.NOTHING: nothing,
}
