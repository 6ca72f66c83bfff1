"""What a person vouches for, applied to an attempt by the ordinary rules (docs/model.md sections 3 and 8)."""

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.application.ports.repository import Transaction
from payments.domain.capture import Vouched
from payments.domain.errors import DecisionNotPossible
from payments.domain.evidence import Answer, Channel, Evidence, Rule
from payments.domain.finding import Finding
from payments.domain.payment import Change, Payment
from payments.domain.review import Review
from payments.domain.reviewing import gave_way, not_asked_again, put_aside
from payments.domain.settlement import settle

CAUSE: Final = "review"
"""Why a decision's changes and evidence came about, as the trail names it."""

_NOBODY: Final[tuple[Review, ...]] = ()
_PROVES_NOTHING: Final = frozenset(
    # Of money that is only about to go back nobody can tell yet how much stays.
    {Rule.NOT_OURS, Rule.KEY_TAKEN, Rule.NOT_ATTESTED, Rule.SAID_ONCE, Rule.IN_FLIGHT}
)


@attrs.frozen(kw_only=True)
class Attested:
    """What an answer that a person vouches for did."""

    change: Change
    evidence: Evidence | None = None
    others: tuple[Review, ...] = ()
    """What becomes of other questions of the payment, as the change tells."""


async def attest(
    transaction: Transaction,
    payment: Payment,
    reference: str,
    answer: Answer,
    *,
    evidence_id: UUID,
    vouched: Vouched | None,
    bound: frozenset[str] = frozenset(),
    now: datetime,
) -> Attested:
    """Apply ``answer``, for which a person stands, to the attempt ``reference`` of the locked ``payment``.

    Amount, currency and the one use of each transaction are held to the ordinary rules.

    Raises:
        DecisionNotPossible: by those rules it proves nothing, for example because the money counts elsewhere.
    """
    attempt = payment.attempt(reference)
    holder = None
    if answer.capture_key or answer.provider_reference:
        holder = await transaction.attempt_holding(
            attempt.provider, attempt.mode, answer.capture_key, answer.provider_reference
        )
    if holder is None and answer.capture_key:
        # People know money of M-Pesa by its receipt.
        holder = await transaction.attempt_with_receipt(attempt.provider, attempt.mode, answer.capture_key)
    reviews = await transaction.reviews_of(payment.payment_id)
    settlement = settle(
        payment,
        Finding(
            evidence_id=evidence_id,
            reference=reference,
            answer=answer,
            now=now,
            bound=bound,
            key_holder=holder,
            vouched=vouched,
            asked=not_asked_again(reviews),
            put_aside=put_aside(reviews),
        ),
    )
    if settlement.rule in _PROVES_NOTHING:
        raise DecisionNotPossible(f"This money cannot count here: {settlement.rule.value}.")
    change, others = settlement.change, _NOBODY
    if change.payment.refunds is not payment.refunds:
        others, told = gave_way(payment, change.payment, reviews, now)
        change = Change(change.payment, (*change.events, *told))
    evidence = Evidence(
        evidence_id=evidence_id,
        payment_id=payment.payment_id,
        reference=reference,
        channel=Channel.OPERATOR,
        cause=CAUSE,
        answer=answer,
        rule=settlement.rule,
        observed_at=now,
    )
    return Attested(change=change, evidence=evidence, others=others)
