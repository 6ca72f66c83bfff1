"""Every history of three attempts, walked exhaustively over what can differ between two payments."""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import attrs
import pytest

from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.events import Reason
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.finding import Finding
from payments.domain.money import Money
from payments.domain.payment import (
    Change,
    Customer,
    Payment,
    claim,
    close_page,
    expire,
    lost,
    not_opened,
    opened,
    reopen,
)
from payments.domain.settlement import settle
from payments.domain.transitions import (
    ATTEMPT,
    PAYMENT,
    AttemptStatus,
    Disposition,
    PaymentStatus,
    following,
)
from payments.domain.watching import give_up

START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
NAMESPACE = UUID(int=1)
ETB_1000 = Money.of("1000.00", "ETB")
PAYMENT_EVENTS = {event for _, event in PAYMENT}
ATTEMPT_EVENTS = {event for _, event in ATTEMPT}


Answers = Callable[[str], Iterator[Answer]]


def new_payment() -> Payment:
    return Payment(
        payment_id=uuid5(NAMESPACE, "payment"),
        order_id="order_1",
        payer="user_1",
        amount=ETB_1000,
        order_version="1",
        customer=Customer(),
        created_at=START,
        updated_at=START,
    )


def new_attempt(number: int, now: datetime) -> Attempt:
    return Attempt(
        reference=f"p-{number}",
        provider="chapa",
        mode=Mode.TEST,
        amount=ETB_1000,
        order_version="1",
        claimed_at=now,
        payable_until=now + timedelta(minutes=60),
        watch_until=now + timedelta(hours=72),
        next_check_at=now + timedelta(seconds=30),
    )


def core_answers_about(reference: str) -> Iterator[Answer]:
    facts: dict[str, Any] = {"reference": reference, "mode": Mode.TEST, "amount": ETB_1000}
    yield Answer(outcome=Outcome.PAID, word="paid", capture_key=f"{reference}-first", **facts)
    yield Answer(outcome=Outcome.DECLINED, word="failed", fingerprint="one", **facts)
    yield Answer(outcome=Outcome.IN_FLIGHT, word="busy", **facts)
    yield Answer(outcome=Outcome.CLOSED, word="closed", **facts)


def all_answers_about(reference: str) -> Iterator[Answer]:
    def answer(outcome: Outcome, **facts: Any) -> Answer:
        return Answer(outcome=outcome, word=outcome.value, reference=reference, mode=Mode.TEST, **facts)

    for key in ("first", "second"):
        yield answer(Outcome.PAID, amount=ETB_1000, capture_key=f"{reference}-{key}")
    yield answer(Outcome.PAID, amount=Money.of("999.99", "ETB"), capture_key=f"{reference}-short")
    yield answer(Outcome.PAID, amount=Money.of("1000.00", "USD"), capture_key=f"{reference}-foreign")
    yield answer(Outcome.RETURNED, amount=ETB_1000, capture_key=f"{reference}-first")
    yield answer(Outcome.DECLINED, fingerprint="one")
    yield answer(Outcome.DECLINED)
    for outcome in (Outcome.PAYABLE, Outcome.IN_FLIGHT, Outcome.CLOSED, Outcome.NOT_FOUND, Outcome.NOTHING):
        yield answer(outcome)
    yield attrs.evolve(answer(Outcome.PAID, amount=ETB_1000, capture_key="elsewhere"), reference="p-other")
    yield attrs.evolve(answer(Outcome.PAID, amount=ETB_1000, capture_key="elsewhere"), mode=Mode.LIVE)


def next_changes(payment: Payment, now: datetime, most: int, answers: Answers) -> Iterator[Change]:
    if len(payment.attempts) < most and not payment.settling_capture and not payment.held_captures:
        yield claim(payment, new_attempt(len(payment.attempts) + 1, now), customer=Customer(), now=now)
    for attempt in payment.attempts:
        reference = attempt.reference
        yield opened(
            payment,
            reference,
            checkout_url="https://checkout.example/1",
            provider_reference=None,
            payable_until=now + timedelta(minutes=60),
            now=now,
        )
        yield lost(payment, reference, detail="", now=now)
        yield not_opened(payment, reference, reason=Reason.REFUSED, detail="", now=now)
        for reason in (Reason.CANCELLED_BY_PAYER, Reason.TIMED_OUT):
            yield expire(payment, reference, reason=reason, page_closed=reason is Reason.TIMED_OUT, now=now)
        yield close_page(payment, reference, now=now)
        yield give_up(payment, reference, now=now)
        if (
            attempt.status is AttemptStatus.FAILED
            and not payment.live_attempt
            and not payment.settling_capture
            and not payment.was_paid_on(reference)
        ):
            yield reopen(payment, reference, now=now)
        for number, answer in enumerate(answers(reference)):
            finding = Finding(
                evidence_id=uuid5(NAMESPACE, f"{reference}-{answer.capture_key}-{number}"),
                reference=reference,
                answer=answer,
                now=now,
            )
            yield settle(payment, finding).change


def what_differs(payment: Payment) -> tuple[Any, ...]:
    """Two payments alike in this have the same future, as far as the laws below can tell."""
    attempts = tuple(
        (a.status, bool(a.handed_out_at), bool(a.reopened_at), bool(a.declines), bool(a.not_found_at))
        for a in payment.attempts
    )
    captures = frozenset((c.reference, c.disposition) for c in payment.captures)
    return payment.status, attempts, captures, len(payment.refunds)


def assert_lawful(before: Payment, change: Change) -> None:
    after = change.payment
    status, attempts = before.status, {a.reference: a.status for a in before.attempts}
    for event in change.events:
        if type(event) in PAYMENT_EVENTS:
            status = following(PAYMENT, status, type(event))
        elif isinstance(event, happened.AttemptClaimed):
            attempts[event.reference] = AttemptStatus.CLAIMED
        elif type(event) in ATTEMPT_EVENTS:
            reference = event.reference  # type: ignore[union-attr]  # every event of an attempt has one
            attempts[reference] = following(ATTEMPT, attempts[reference], type(event))
    assert status is after.status, "the events lead to the payment's status, edge by edge"
    assert attempts == {a.reference: a.status for a in after.attempts}, "and to each attempt's"
    assert sum(a.live for a in after.attempts) <= 1, "one live attempt"
    settling = [c for c in after.captures if c.disposition is Disposition.SETTLES]
    assert len(settling) == (after.status is PaymentStatus.SUCCESS), "paid exactly when one capture settles"
    if before.status is PaymentStatus.SUCCESS:
        assert after.status is PaymentStatus.SUCCESS, "success is absorbing"
        assert after.amount == before.amount, "and freezes the amount"
        assert before.settling_capture == after.settling_capture
    for attempt in before.attempts:
        if attempt.status is AttemptStatus.SUCCEEDED:
            assert after.attempt(attempt.reference).status is AttemptStatus.SUCCEEDED
        if attempt.handed_out_at:
            assert after.attempt(attempt.reference).handed_out_at == attempt.handed_out_at, "set once"
    assert {c.key for c in before.captures} <= {c.key for c in after.captures}, "money is never forgotten"
    assert len({c.key for c in after.captures}) == len(after.captures), "and never counted twice"


@pytest.mark.parametrize(
    ("attempts", "captures", "answers"),
    [
        (1, 2, all_answers_about),
        pytest.param(2, 2, all_answers_about, marks=pytest.mark.races),
        pytest.param(3, 3, core_answers_about, marks=pytest.mark.races),
    ],
)
def test_no_history_breaks_a_law(attempts: int, captures: int, answers: Answers) -> None:
    # Histories differ in when things happen too; an instant past the hold window sees the most effects.
    now = START + timedelta(minutes=10)
    seen = {what_differs(new_payment())}
    waiting = deque([new_payment()])
    while waiting:
        payment = waiting.popleft()
        for change in next_changes(payment, now, attempts, answers):
            assert_lawful(payment, change)
            key = what_differs(change.payment)
            if key not in seen and len(change.payment.captures) <= captures:
                seen.add(key)
                waiting.append(change.payment)
    statuses = {attempt[0] for key in seen for attempt in key[1]}
    assert statuses == set(AttemptStatus), "the walk reached every status"
    assert {key[0] for key in seen} == set(PaymentStatus)
