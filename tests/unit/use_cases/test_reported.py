"""What callbacks say of an attempt's money, told from the payment and them alone."""

import attrs

from payments.application.ports.providers import Callback
from payments.application.records import Claim
from payments.application.reported import name_to_ask_by, uncounted, were_recorded
from payments.domain.capture import Vouched
from tests.unit.domain.one_page import LATER, OURS, START, paid

PAID_ONCE = paid()
ATTEMPT = attrs.evolve(PAID_ONCE.attempt(OURS), phone="+254712345678")
RECORDED = attrs.evolve(PAID_ONCE.captures[0], key="slip 1", vouched=Vouched.RECORDED)
PAYMENT = attrs.evolve(PAID_ONCE, attempts=(ATTEMPT,), captures=(RECORDED,))
PAID = Callback(claim=Claim.PAID, word="0", provider_reference="ws_1")
FAILED = Callback(claim=Claim.FAILED, word="1032", provider_reference="ws_2")


def test_the_name_that_no_answer_brought_is_the_one_that_was_said_to_be_paid() -> None:
    nothing_here = attrs.evolve(PAYMENT, captures=())
    assert name_to_ask_by(nothing_here, ATTEMPT, (PAID, FAILED)) == "ws_1"
    assert name_to_ask_by(PAYMENT, ATTEMPT, (PAID, FAILED)) == "ws_1"
    assert name_to_ask_by(nothing_here, ATTEMPT, (FAILED,)) == "ws_2"


def test_what_a_person_recorded_is_what_was_said_to_be_paid_whatever_else_was_declined() -> None:
    assert uncounted(PAYMENT, ATTEMPT, (PAID, FAILED)) == ()
    assert uncounted(attrs.evolve(PAYMENT, captures=()), ATTEMPT, (PAID, FAILED)) == ("ws_1",)


def test_a_record_by_a_name_as_long_as_our_own_is_other_money_on_a_phone_and_the_same_on_a_page() -> None:
    named = attrs.evolve(ATTEMPT, provider_reference="ws_001")
    assert len(RECORDED.key) == len(named.provider_reference or "")
    on_a_phone = attrs.evolve(PAYMENT, attempts=(named,))
    on_a_page = attrs.evolve(PAYMENT, attempts=(attrs.evolve(named, phone=None),))
    assert not were_recorded(on_a_phone, OURS, (), START)
    assert were_recorded(on_a_page, OURS, (), START)
    assert not were_recorded(on_a_page, OURS, (), LATER)


def test_as_many_as_were_said_to_be_paid_and_are_not_here_are_to_be_recorded() -> None:
    assert were_recorded(PAYMENT, OURS, (PAID, FAILED), START), "what was declined is no payment"
    another = attrs.evolve(PAID, provider_reference="ws_3")
    assert not were_recorded(PAYMENT, OURS, (PAID, another), START)


def test_all_receipts_that_one_payment_was_reported_with_are_names_of_it() -> None:
    """The record is by the first of them: it answers for that payment, and stands for the other one."""
    on_a_page = attrs.evolve(PAYMENT, attempts=(attrs.evolve(ATTEMPT, phone=None),))
    reports = [attrs.evolve(PAID, receipt=receipt) for receipt in (RECORDED.key, "slip 2")]
    another = attrs.evolve(PAID, provider_reference="ws_3")
    assert were_recorded(on_a_page, OURS, (*reports, another), START)
