"""Cash: what a collector records at the door, who holds it, and what it did (docs/model.md section 7)."""

import enum
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Mode, Outcome, Rule
from payments.domain.money import Money
from payments.domain.payment import Change, Payment
from payments.domain.transitions import PaymentStatus

MOST_WRONG_CODES: Final = 5
"""With so many wrong ones an attempt's delivery code is locked until a person decides."""

_COLLECTION: Final = "collection:"
_NOT_TAKEN: Final = "The delivery was not taken, and nothing was paid."


class AtTheDoor(enum.Enum):
    """What a collector says happened."""

    COLLECTED = "collected"
    REFUSED = "refused"


class CashResult(enum.Enum):
    """What a collector's record did."""

    SETTLED = "settled"
    SURPLUS = "surplus"
    HELD = "held"
    DECLINED = "declined"
    ORPHAN = "orphan"
    """The money belongs to no cash attempt of ours; a person decides."""
    UNCHANGED = "unchanged"
    """Nothing was live that could be refused."""


@attrs.frozen(kw_only=True)
class CashRecord:
    """What a collector says, before we look at it. Either ``reference`` or ``order_id`` says about what."""

    collection_id: str
    """The collector's own name for it: the same one is the same cash."""
    collector: str
    """The ``sub`` of whoever records it."""
    outcome: AtTheDoor
    amount: Money | None = None
    """What was collected; None when it was refused."""
    reference: str | None = None
    order_id: str | None = None
    delivery_code: str | None = None
    reason: str = ""
    """Why it was refused, in words the payer reads; or empty."""


@attrs.frozen(kw_only=True)
class Collection:
    """A collector's record as it is kept: immutable but for the hand-over of its cash."""

    collection_id: str
    fingerprint: str
    """SHA-256 of everything that was said: the same id with another one is a conflict."""
    collector: str
    outcome: AtTheDoor
    amount: Money | None
    payment_id: UUID | None
    reference: str | None
    """The cash attempt it counts for."""
    order_id: str | None
    """The order, as it was said or as the attempt has it."""
    reason: str
    result: CashResult
    status: PaymentStatus | None
    """The payment's status right afterwards; None without a payment."""
    recorded_at: datetime
    handover_id: str | None = None
    """The hand-over that brought its cash in; None: the collector holds it."""


@attrs.frozen(kw_only=True)
class Handover:
    """Cash that a collector brought in, and who took it."""

    handover_id: str
    collector: str
    collections: tuple[str, ...]
    """The ids of the collections, sorted."""
    actor: str
    """Who recorded it."""
    recorded_at: datetime


def cash_attempt(payment: Payment, reference: str | None) -> Attempt | None:
    """The cash attempt called ``reference``, or without one the newest; None when there is none.

    The one that is live is the newest, by whatever clocks: it is its code that the payer is shown.
    """
    at_the_door = [a for a in payment.attempts_by_age if a.on_delivery and reference in (None, a.reference)]
    live = next((a for a in at_the_door if a.live), None)
    return live or (at_the_door[-1] if at_the_door else None)


def locked(attempt: Attempt) -> bool:
    """Whether so many wrong delivery codes were given that a person has to decide."""
    return attempt.wrong_codes >= MOST_WRONG_CODES


def code_wrong(payment: Payment, reference: str) -> Change:
    """A wrong delivery code was given once more; the fifth locks it and asks a person."""
    attempt = payment.attempt(reference)
    tried = attrs.evolve(attempt, wrong_codes=attempt.wrong_codes + 1)
    wrong = happened.DeliveryCodeWrong(reference=reference, tries=tried.wrong_codes)
    if not locked(tried):
        return Change(payment).then(tried, wrong)
    asked = happened.ReviewOpened(
        kind=ReviewKind.CASH_CODE_LOCKED,
        subject=reference,
        detail=f"{tried.wrong_codes} wrong delivery codes were given.",
    )
    return Change(payment).then(tried, wrong, asked)


def code_unlocked(payment: Payment, reference: str) -> Change:
    """Let collectors try the delivery code again: a person's decision about a locked one."""
    attempt = payment.attempt(reference)
    if not attempt.wrong_codes:
        return Change(payment)
    event = happened.DeliveryCodeUnlocked(reference=reference)
    return Change(payment).then(attrs.evolve(attempt, wrong_codes=0), event)


def orphaned(payment: Payment, record: CashRecord) -> Change:
    """Cash for an order that has no cash attempt: a person decides. The subject names the collection."""
    event = happened.ReviewOpened(
        kind=ReviewKind.ORPHAN, subject=subject_of(record.collection_id), detail=orphan_detail(record)
    )
    return Change(payment, (event,))


def subject_of(collection_id: str) -> str:
    """How a review says which collection it is about."""
    return f"{_COLLECTION}{collection_id}"


def collection_named_by(subject: str) -> str | None:
    """The id of the collection that a review with this subject is about, if it is about one."""
    return subject.removeprefix(_COLLECTION) if subject.startswith(_COLLECTION) else None


def orphan_detail(record: CashRecord) -> str:
    """The question about cash that belongs to no cash attempt, in one sentence."""
    named = f"order {record.order_id}" if record.order_id else f"reference {record.reference}"
    return f"{record.collector} collected {record.amount} for {named}, which has no cash attempt."


def answer_of(record: CashRecord | Collection, attempt: Attempt, mode: Mode) -> Answer:
    """The record as evidence: what it attests about ``attempt``."""
    if record.outcome is AtTheDoor.REFUSED:
        return Answer(
            outcome=Outcome.DECLINED,
            word=record.outcome.value,
            reference=attempt.reference,
            mode=mode,
            fingerprint=record.collection_id,
            detail=record.reason or _NOT_TAKEN,
        )
    return Answer(
        outcome=Outcome.PAID,
        word=record.outcome.value,
        reference=attempt.reference,
        amount=record.amount,
        mode=mode,
        capture_key=record.collection_id,
    )


def wrong_code_answer(attempt: Attempt) -> Answer:
    """A record with a wrong delivery code attests nothing."""
    return Answer(outcome=Outcome.NOTHING, word="wrong delivery code", reference=attempt.reference)


def attached(collection: Collection, payment: Payment, reference: str, rule: Rule) -> Collection:
    """An orphan's cash as it counts for the attempt ``reference`` of ``payment``, by this verdict."""
    return attrs.evolve(
        collection,
        payment_id=payment.payment_id,
        reference=reference,
        result=result_of(rule),
        status=payment.status,
    )


def result_of(rule: Rule) -> CashResult:
    """What the verdict on a collector's record comes to."""
    return _RESULTS.get(rule, CashResult.UNCHANGED)


_RESULTS: Final = {
    Rule.SETTLED: CashResult.SETTLED,
    Rule.SURPLUS: CashResult.SURPLUS,
    Rule.AMOUNT_DIFFERS: CashResult.HELD,
    Rule.CURRENCY_DIFFERS: CashResult.HELD,
    Rule.DECLINED: CashResult.DECLINED,
    Rule.NOT_OURS: CashResult.ORPHAN,
    Rule.KEY_TAKEN: CashResult.ORPHAN,
}
