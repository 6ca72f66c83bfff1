"""Receipts that come after the money: learnt where they belong, and a question where they contradict it."""

from datetime import timedelta
from uuid import UUID

import attrs

from payments.domain import events as happened
from payments.domain.confirming import confirmed, receipt_learnt
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Outcome, Report, Rule
from payments.domain.payment import Change
from tests.unit.domain.one_page import (
    DUE,
    EVIDENCE_ID,
    LATER,
    LESS,
    OURS,
    found,
    paid,
    question,
    with_open_page,
)


def test_a_receipt_is_learnt_of_the_money_it_names_and_of_no_other() -> None:
    both = found(paid(), Outcome.PAID, capture_key="k").payment
    other = attrs.evolve(both.captures[0], capture_id=UUID(int=8), key="other")
    payment = attrs.evolve(both, captures=(other, *both.captures))
    report = Report(provider_reference="k", amount=DUE, receipt="R1")
    now = LATER + timedelta(minutes=1)
    learnt = receipt_learnt(payment, OURS, report, now=now)
    assert learnt.events == (happened.ReceiptLearnt(capture_id=EVIDENCE_ID, receipt="R1"),)
    assert [capture.receipt for capture in learnt.payment.captures] == [None, "R1"]
    assert learnt.payment.updated_at == now
    for nothing_new in (
        attrs.evolve(report, provider_reference="nobody's"),
        attrs.evolve(report, receipt=None),
    ):
        assert receipt_learnt(payment, OURS, nothing_new, now=now) == Change(payment)
    known = learnt.payment
    assert receipt_learnt(known, OURS, attrs.evolve(report, receipt="R2"), now=now) == Change(known)


def test_a_report_of_another_amount_is_a_question_about_that_money() -> None:
    report = Report(provider_reference="k", amount=LESS, receipt="R1")
    detail = "chapa reported 999.00 ETB afterwards; 1000.00 ETB was taken in."
    asked = receipt_learnt(paid(), OURS, report, now=LATER)
    assert asked == Change(paid(), (question(ReviewKind.DISPUTE, detail),))


def test_what_attests_no_amount_and_answers_to_no_name_of_ours_proves_nothing() -> None:
    attempt = with_open_page().attempts[0]
    answer = Answer(outcome=Outcome.PAID, word="0", capture_key=None)
    assert confirmed(attempt, answer, None, after=timedelta(0), now=LATER) is Rule.NOT_ATTESTED
