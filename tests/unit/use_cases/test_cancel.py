"""Cancel (docs/model.md section 5)."""

import asyncio

import pytest

from payments.application.ports.providers import CheckoutRequest
from payments.domain.errors import (
    AttemptInFlight,
    OutcomeUnknown,
    PaymentInFlight,
    PaymentInReview,
    PaymentNotFound,
    PaymentSettled,
)
from payments.domain.events import Reason
from payments.domain.evidence import Answer
from payments.domain.payment import Payment
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from tests.unit.use_cases.shop import (
    CLOSED,
    IN_FLIGHT,
    NOT_FOUND,
    NOTHING,
    PAYABLE,
    Shop,
    birr,
    refused,
    turns,
)

pytestmark = pytest.mark.anyio


async def cancel(shop: Shop) -> Payment:
    payment = await shop.payment()
    return await shop.kit.payments.cancel(payment.payment_id, "user_1", "payer:user_1")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (PAYABLE, Reason.CANCELLED_BY_PAYER),
        (NOT_FOUND, Reason.CANCELLED_BY_PAYER),
        # What the provider says is applied first: it had ended by itself.
        (CLOSED, Reason.TIMED_OUT),
    ],
    ids=["payable", "not_found", "closed"],
)
async def test_a_page_nobody_is_paying_on_is_closed(shop: Shop, answer: Answer, reason: Reason) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, answer)

    payment = await cancel(shop)

    attempt = payment.attempt(opened.reference)
    assert (payment.status, attempt.status) == (PaymentStatus.FAILED, AttemptStatus.EXPIRED)
    assert (attempt.reason, attempt.page_closed) == (reason, True)
    assert await shop.told() == ["failed"]


@pytest.mark.parametrize("answer", [IN_FLIGHT, NOTHING], ids=["in_flight", "nothing"])
async def test_a_page_somebody_may_be_paying_on_is_not(shop: Shop, answer: Answer) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, answer)

    error = await refused(PaymentInFlight, cancel(shop))

    assert error.retry_after_s == 30.0
    assert (await shop.attempt(opened.reference)).status is AttemptStatus.OPEN
    shop.skip(minutes=60)
    payment = await cancel(shop)
    assert payment.attempt(opened.reference).status is AttemptStatus.EXPIRED, "past its time it is"
    await shop.kit.work()


async def test_a_checkout_that_is_being_opened_is_not_cancelled(shop: Shop) -> None:
    blocked = asyncio.Event()

    async def wait(_request: CheckoutRequest) -> None:
        await blocked.wait()

    shop.provider.before_opening = wait
    opening = asyncio.create_task(shop.initiate())
    await turns()

    error = await refused(AttemptInFlight, cancel(shop))
    blocked.set()
    await opening

    assert error.retry_after_s == 1.0


async def test_a_page_whose_address_was_lost_is_cancelled_without_waiting(shop: Shop) -> None:
    shop.provider.trouble.append(OutcomeUnknown("The answer was lost."))
    shop.provider.accepts_in_trouble = True
    await shop.initiate_refused(OutcomeUnknown)

    payment = await cancel(shop)

    (attempt,) = payment.attempts
    assert (attempt.status, attempt.page_closed) == (AttemptStatus.EXPIRED, True)
    assert payment.status is PaymentStatus.PENDING
    assert await shop.told() == []


async def test_a_paid_payment_is_not_cancelled(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    found_out = await refused(PaymentSettled, cancel(shop))
    known = await refused(PaymentSettled, cancel(shop))

    assert found_out.title == known.title == "Payment already processed"
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_a_payment_in_review_is_not_cancelled(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("1.00"))

    await refused(PaymentInReview, cancel(shop))

    assert (await shop.payment()).captures[0].disposition is Disposition.HELD


async def test_without_a_live_attempt_nothing_changes(shop: Shop) -> None:
    await shop.initiate()
    before = await cancel(shop)

    assert await cancel(shop) == before
    assert shop.provider.calls["cancel"] == 1


async def test_a_foreign_payment_looks_absent(shop: Shop) -> None:
    opened = await shop.initiate()

    await refused(PaymentNotFound, shop.kit.payments.cancel(opened.payment_id, "user_2", "payer:user_2"))

    assert (await shop.attempt(opened.reference)).status is AttemptStatus.OPEN


async def test_an_operator_may_cancel_anybodys(shop: Shop) -> None:
    opened = await shop.initiate()

    payment = await shop.kit.payments.cancel(opened.payment_id, None, "operator:op_1")

    assert payment.attempt(opened.reference).status is AttemptStatus.EXPIRED


async def test_money_that_arrives_after_a_cancel_still_settles_the_payment(shop: Shop) -> None:
    opened = await shop.initiate()
    await cancel(shop)
    shop.provider.pays(opened.reference)

    await shop.pass_minutes(1)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    assert await shop.told() == ["failed", "paid"]


async def test_a_page_that_could_not_be_cancelled_still_expires_and_is_cancelled_later(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.forgets_to_cancel = True

    payment = await cancel(shop)
    assert payment.attempt(opened.reference).status is AttemptStatus.EXPIRED
    assert not payment.attempt(opened.reference).page_closed

    shop.provider.forgets_to_cancel = False
    await shop.kit.work()
    assert (await shop.attempt(opened.reference)).page_closed
