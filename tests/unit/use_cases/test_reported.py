"""What callbacks say of an attempt's money, told from the payment and them alone."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs

from payments.application.ports.providers import Callback
from payments.application.records import Claim
from payments.application.reported import name_to_ask_by, uncounted, were_recorded
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture, Vouched
from payments.domain.evidence import Mode
from payments.domain.payment import Customer, Payment
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from tests.unit.use_cases.shop import birr

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
ATTEMPT = Attempt(
    reference="p-1",
    provider="mpesa",
    mode=Mode.TEST,
    amount=birr("1000.00"),
    order_version="1",
    claimed_at=NOW,
    watch_until=None,
    payable_until=None,
    next_check_at=None,
    status=AttemptStatus.SUCCEEDED,
    handed_out_at=NOW,
    phone="+254712345678",
)
RECORDED = Capture(
    capture_id=UUID(int=1),
    reference="p-1",
    provider="mpesa",
    mode=Mode.TEST,
    key="slip 1",
    amount=birr("1000.00"),
    disposition=Disposition.SETTLES,
    captured_at=NOW + timedelta(hours=1),
    vouched=Vouched.RECORDED,
)
PAYMENT = Payment(
    payment_id=UUID(int=3),
    order_id="order_1",
    payer="user_1",
    amount=birr("1000.00"),
    order_version="1",
    customer=Customer(),
    created_at=NOW,
    updated_at=NOW,
    status=PaymentStatus.SUCCESS,
    attempts=(ATTEMPT,),
    captures=(RECORDED,),
)
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


def test_a_record_by_a_name_as_long_as_our_requests_is_other_money_on_a_phone_and_the_same_on_a_page() -> (
    None
):
    named = attrs.evolve(ATTEMPT, provider_reference="ws_001")
    assert len(RECORDED.key) == len(named.provider_reference or "")
    on_a_phone = attrs.evolve(PAYMENT, attempts=(named,))
    on_a_page = attrs.evolve(PAYMENT, attempts=(attrs.evolve(named, phone=None),))
    assert not were_recorded(on_a_phone, "p-1", (), NOW)
    assert were_recorded(on_a_page, "p-1", (), NOW)
    assert not were_recorded(on_a_page, "p-1", (), RECORDED.captured_at)
