"""Refunds of one capture, whatever is done to them in whatever order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from payments.domain import refunding
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture
from payments.domain.errors import RefundNotAwaiting, RefundTooLarge
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.payment import Change, Customer, Payment
from payments.domain.refund import Refund, refundable, refunded, reserved
from payments.domain.refunding import Wanted
from payments.domain.transitions import REFUND, AttemptStatus, Disposition, PaymentStatus, following

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
CAPTURED = Money.of("10.00", "ETB")
CAPTURE = Capture(
    capture_id=UUID(int=1),
    reference="p-1",
    provider="chapa",
    mode=Mode.TEST,
    key="AP1",
    amount=CAPTURED,
    disposition=Disposition.SETTLES,
    captured_at=NOW,
)
PAID = Payment(
    payment_id=UUID(int=2),
    order_id="order_1",
    payer="user_1",
    amount=CAPTURED,
    order_version="1",
    customer=Customer(),
    created_at=NOW,
    updated_at=NOW,
    status=PaymentStatus.SUCCESS,
    attempts=(
        Attempt(
            reference="p-1",
            provider="chapa",
            mode=Mode.TEST,
            amount=CAPTURED,
            order_version="1",
            claimed_at=NOW,
            watch_until=None,
            payable_until=None,
            next_check_at=None,
            status=AttemptStatus.SUCCEEDED,
            handed_out_at=NOW,
        ),
    ),
    captures=(CAPTURE,),
)

Step = Callable[[Payment, Refund, datetime], Change]
STEPS: dict[str, Step] = {
    "approve": lambda p, r, now: refunding.approve(p, r.refund_id, approver="operator:2", now=now),
    "refuse": lambda p, r, now: refunding.refuse(p, r, word="no", now=now),
    "request": lambda p, r, now: refunding.requested(p, r, request_id=UUID(int=9), now=now),
    "hand out": lambda p, r, now: refunding.by_hand(p, r, request_id=UUID(int=9), now=now),
    "lose": lambda p, r, now: refunding.lost(p, r, word="lost", now=now),
    "wait": lambda p, r, now: refunding.pending(p, r, word="pending", provider_reference="R1", now=now),
    "succeed": lambda p, r, now: refunding.succeeded(p, r, word="done", now=now),
    "fail": lambda p, r, now: refunding.failed(p, r, word="no", now=now),
}
MAYBE_OUT_OF_PLACE = {"request", "hand out"}
"""These are taken only where the refund is reserved: their callers look first, under the lock."""


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("reserve"), st.integers(1, 1100), st.booleans()),
            st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 5), st.booleans()),
        ),
        max_size=25,
    )
)
@settings(max_examples=80, deadline=None)
def test_whatever_happens_refunds_never_exceed_the_capture_and_walk_the_table(
    steps: list[tuple[str, int, bool]],
) -> None:
    payment, now = PAID, NOW
    for number, (name, value, waits) in enumerate(steps):
        now += timedelta(minutes=number)
        before = payment
        change = _taken(payment, name, value, number, now, waits=waits)
        payment = change.payment
        assert refunded(CAPTURE, payment.refunds) + reserved(CAPTURE, payment.refunds) <= CAPTURED
        assert payment.status is PaymentStatus.SUCCESS
        for old in before.refunds:
            new = refunding.refund_of(payment, old.refund_id)
            assert (new.amount, new.reference, new.capture_id) == (old.amount, old.reference, old.capture_id)
            status = old.status
            for event in change.events:
                if (status, type(event)) in REFUND and getattr(event, "refund_id", None) == old.refund_id:
                    status = following(REFUND, status, type(event))
            assert new.status is status


def _taken(payment: Payment, name: str, value: int, number: int, now: datetime, *, waits: bool) -> Change:
    """The change that one step makes; none where it is refused."""
    if name == "reserve":
        amount = Money(value, CAPTURED.currency)
        wanted = Wanted(
            refund_id=uuid5(PAID.payment_id, str(number)),
            reference=f"r-{number}",
            amount=amount,
            reason="broken",
            actor="operator:1",
            awaiting_approval=waits,
        )
        left = refundable(CAPTURE, payment.refunds)
        try:
            return refunding.reserve(payment, wanted, now=now)
        except RefundTooLarge:
            assert amount > left
            return Change(payment)
    if not payment.refunds:
        return Change(payment)
    refund = payment.refunds[value % len(payment.refunds)]
    if name in MAYBE_OUT_OF_PLACE and refund.status.value != "reserved":
        return Change(payment)
    try:
        return STEPS[name](payment, refund, now)
    except RefundNotAwaiting:
        return Change(payment)
