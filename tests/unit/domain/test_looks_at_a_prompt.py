"""A prompt that was paid under other names than its own: the looks at that one, and what is asked."""

from datetime import datetime, timedelta
from uuid import UUID

import attrs
import pytest

from payments.domain.capture import Capture, Vouched
from payments.domain.events import ReviewKind, ReviewOpened
from payments.domain.evidence import Mode, Outcome, Rule
from payments.domain.finding import Settlement
from payments.domain.payment import Payment
from payments.domain.refund import Refund
from payments.domain.transitions import Disposition, RefundStatus
from tests.unit.domain.one_page import DUE, LATER, LESS, OTHER, OURS, found, with_open_page

OWN, AGAIN = "C-1", "C-again"
HOUR = timedelta(hours=1)
ITS, ATTACHED, ELSEWHERE = UUID(int=11), UUID(int=12), UUID(int=13)


def paid_under_another_name() -> Payment:
    """A prompt whose money has another name than our request got, asked about by that from now on."""
    before = with_open_page()
    (page,) = before.attempts
    prompt = attrs.evolve(page, phone="254712345678", callback_token_hash="hash", provider_reference=OWN)
    paid = found(before.with_attempt(prompt), Outcome.PAID, capture_key=AGAIN, asked_by=AGAIN).payment
    (its,) = paid.captures
    return attrs.evolve(paid, captures=(attrs.evolve(its, capture_id=ITS),))


def beside(payment: Payment) -> Payment:
    """Other money of the payment: a person put some to this prompt, and some came on another attempt."""
    captures = [
        Capture(
            capture_id=capture_id,
            reference=reference,
            provider="chapa",
            mode=Mode.TEST,
            key=f"k-{capture_id.int}",
            amount=DUE,
            disposition=Disposition.SURPLUS,
            captured_at=LATER,
            vouched=vouched,
        )
        for capture_id, reference, vouched in (
            (ATTACHED, OURS, Vouched.ATTACHED),
            (ELSEWHERE, OTHER, None),
        )
    ]
    another = attrs.evolve(payment.attempts[0], reference=OTHER)
    return attrs.evolve(
        payment, attempts=(*payment.attempts, another), captures=(*payment.captures, *captures)
    )


def refund_of(capture_id: UUID) -> Refund:
    return Refund(
        refund_id=UUID(int=100),
        capture_id=capture_id,
        reference="r-1",
        amount=DUE,
        status=RefundStatus.REQUESTED,
        reason="asked for",
        actor="operator:o",
        created_at=LATER,
    )


def declined(payment: Payment, at: datetime) -> Settlement:
    return found(payment, Outcome.DECLINED, at, asked_by=OWN)


@pytest.mark.parametrize(
    ("went", "next_look"),
    [(None, None), (ITS, HOUR), (ATTACHED, None), (ELSEWHERE, None)],
    ids=["nothing", "its own money", "what was put to it", "what came elsewhere"],
)
def test_it_is_asked_about_by_its_own_name_twice_if_none_of_its_money_goes_back(
    went: UUID | None, next_look: timedelta | None
) -> None:
    before = beside(paid_under_another_name())
    if went is not None:
        before = attrs.evolve(before, refunds=(refund_of(went),))
    first = declined(before, LATER)
    assert first.payment.attempt(OURS).next_check_at == LATER + HOUR
    second = declined(first.payment, LATER + HOUR)
    due = None if next_look is None else LATER + HOUR + next_look
    assert second.payment.attempt(OURS).next_check_at == due


def questions(settlement: Settlement) -> list[tuple[ReviewKind, str]]:
    return [(e.kind, e.subject) for e in settlement.events if isinstance(e, ReviewOpened)]


def test_a_first_look_that_is_answered_with_silence_leaves_its_day_as_it_began() -> None:
    """Only a look at money that is here gets a whole day before it, and this is one at money that may be."""
    before = paid_under_another_name()
    until = before.attempt(OURS).watch_until
    late = LATER + 20 * HOUR
    silent = found(before, Outcome.NOTHING, late, asked_by=OWN).payment
    assert silent.attempt(OURS).watch_until == until
    told = found(before, Outcome.DECLINED, late, asked_by=OWN).payment
    assert told.attempt(OURS).watch_until == late + 24 * HOUR


def test_money_of_another_attempt_at_its_last_look_does_not_hide_that_nobody_told_of_its_own_name() -> None:
    before = paid_under_another_name()
    end = LATER + timedelta(days=1)
    for at in (LATER, end):
        before = found(before, Outcome.NOTHING, at, asked_by=OWN).payment
    last = found(before, Outcome.PAID, end + HOUR, capture_key="C-5", key_holder=OTHER, asked_by="C-5")
    assert last.rule is Rule.KEY_TAKEN
    assert questions(last) == [(ReviewKind.ORPHAN, f"{OURS}:C-5"), (ReviewKind.STUCK_UNKNOWN, OURS)]
    assert last.payment.attempt(OURS).next_check_at is None


def test_a_last_look_that_proves_nothing_of_what_was_declined_is_one_question() -> None:
    before = found(with_open_page(), Outcome.DECLINED).payment
    end = before.attempt(OURS).watch_until
    assert end is not None
    silent = found(before, Outcome.NOTHING, end).payment
    last = found(silent, Outcome.PAID, end + HOUR, amount=LESS)
    assert last.rule is Rule.NOT_ATTESTED
    assert questions(last) == [(ReviewKind.STUCK_UNKNOWN, OURS)]
    assert last.payment.attempt(OURS).next_check_at is None
