"""One payment with one open page, and the verdict about whatever its provider answers."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import attrs

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.finding import Finding, Settlement
from payments.domain.money import Money
from payments.domain.payment import Customer, Payment, claim, opened
from payments.domain.settlement import settle

START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
LATER = START + timedelta(minutes=10)
PAYMENT_ID, EVIDENCE_ID = UUID(int=1), UUID(int=7)
REFUND_ID = uuid5(EVIDENCE_ID, "refund")
OURS, OTHER = "p-1", "p-2"
DUE, LESS, PART = Money.of("1000", "ETB"), Money.of("999", "ETB"), Money.of("400", "ETB")
SHILLINGS = Money.of("1000", "KES")


def claimed() -> Payment:
    payment = Payment(
        payment_id=PAYMENT_ID,
        order_id="order_1",
        payer="user_1",
        amount=DUE,
        order_version="1",
        customer=Customer(),
        created_at=START,
        updated_at=START,
    )
    attempt = Attempt(
        reference=OURS,
        provider="chapa",
        mode=Mode.TEST,
        amount=DUE,
        order_version="1",
        claimed_at=START,
        payable_until=START + timedelta(minutes=60),
        watch_until=START + timedelta(hours=72),
        next_check_at=START + timedelta(seconds=30),
    )
    return claim(payment, attempt, customer=Customer(), now=START).payment


def with_open_page() -> Payment:
    until = START + timedelta(minutes=60)
    return opened(
        claimed(), OURS, checkout_url="https://x/1", provider_reference=None, payable_until=until, now=START
    ).payment


def paid() -> Payment:
    return found(with_open_page(), Outcome.PAID, capture_key="k").payment


def found(payment: Payment, outcome: Outcome, at: datetime = LATER, **facts: Any) -> Settlement:
    """The verdict about an answer that attests what is due, unless ``facts`` say otherwise."""
    attested = {field.name for field in attrs.fields(Answer)} - {"asked"}
    told = {name: facts.pop(name) for name in attested & facts.keys()}
    answer = Answer(
        **{"outcome": outcome, "word": "word", "reference": OURS, "mode": Mode.TEST, "amount": DUE, **told}
    )
    return settle(payment, Finding(evidence_id=EVIDENCE_ID, reference=OURS, answer=answer, now=at, **facts))


def recorded(amount: Money, disposition: str, key: str = "k") -> happened.Event:
    return happened.CaptureRecorded(
        capture_id=EVIDENCE_ID, reference=OURS, key=key, amount=amount, disposition=disposition
    )


def question(kind: ReviewKind, detail: str, subject: str = str(EVIDENCE_ID)) -> happened.Event:
    return happened.ReviewOpened(kind=kind, subject=subject, detail=detail)


def taken_in(amount: Money) -> happened.Event:
    return happened.RefundRecorded(refund_id=REFUND_ID, capture_id=EVIDENCE_ID, amount=amount)
