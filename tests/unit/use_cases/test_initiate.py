"""Initiate, in the order of docs/model.md 4: when there is a checkout, when another, and when none."""

from datetime import timedelta

import attrs
import pytest

from payments.application.ports.providers import Flow
from payments.domain.errors import (
    InvalidRequest,
    OrderNotFound,
    OrderNotPayable,
    OrdersUnavailable,
    OutcomeUnknown,
    PaymentAlreadyProcessed,
    PaymentInFlight,
    PaymentInReview,
    UnsupportedAmount,
    UnsupportedCurrency,
    UnsupportedProvider,
)
from payments.domain.events import Reason
from payments.domain.evidence import Answer, Outcome
from payments.domain.initiation import Step, Wish, plan
from payments.domain.money import Money
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.testing import ScriptedProvider, in_memory_payments
from tests.unit.use_cases.shop import (
    CLOSED,
    IN_FLIGHT,
    NOT_FOUND,
    NOTHING,
    PAYABLE,
    InterruptedStorage,
    Shop,
    birr,
    refused,
)

pytestmark = pytest.mark.anyio


async def test_a_provider_that_needs_an_address_is_asked_for_no_page_without_one() -> None:
    provider = ScriptedProvider(needs_email=True)
    kit = in_memory_payments(provider)
    order = kit.order()
    kit.orders.put(attrs.evolve(order, customer=attrs.evolve(order.customer, email=None)))

    error = await refused(InvalidRequest, kit.payments.initiate("order_1", "user_1", "scripted"))

    assert [each.pointer for each in error.errors] == ["/provider"]
    assert provider.calls["open"] == 0
    assert await kit.unit_of_work.reads.payment_of_order("order_1") is None, "nothing was claimed"
    offers = {each.provider: each for each in await kit.payments.offers("order_1", "user_1")}
    assert (offers["scripted"].available, offers["scripted"].detail) == (False, error.detail)
    kit.orders.put(order)
    assert (await kit.payments.initiate("order_1", "user_1", "scripted")).checkout_url


# 1. What is settled or in review is said before the orders service is asked.


async def test_a_first_initiate_hands_out_a_checkout(shop: Shop) -> None:
    opened = await shop.initiate()

    assert opened.checkout_url == f"https://scripted.example/pay/{opened.reference}"
    assert (opened.status, opened.provider, opened.flow) == (
        PaymentStatus.PROCESSING,
        "scripted",
        Flow.HOSTED_PAGE,
    )
    assert opened.expires_at == shop.kit.clock.now() + timedelta(minutes=60)
    request = shop.provider.opened[opened.reference]
    assert request.amount == birr("1000.00")
    assert request.return_url == (
        f"http://payments.example/payments/verify/scripted/?trx_ref={opened.reference}"
    )


async def test_a_paid_order_is_refused_before_the_orders_service_is_asked(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    shop.kit.orders.down = True

    error = await shop.initiate_refused(PaymentAlreadyProcessed)

    assert error.title == "Payment already processed"
    assert error.facts == {"payment_id": str(opened.payment_id)}


async def test_a_fully_refunded_order_stays_refused(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    shop.provider.pays(opened.reference, outcome=Outcome.RETURNED)
    await shop.ask(opened.reference)

    await shop.initiate_refused(PaymentAlreadyProcessed)


async def test_held_money_is_refused_as_in_review_before_the_orders_service_is_asked(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("10.00"))
    await shop.ask(opened.reference)
    shop.kit.orders.down = True

    await shop.initiate_refused(PaymentInReview)


async def test_what_is_settled_is_told_to_its_payer_alone(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)

    await shop.initiate_refused(OrderNotFound, user_id="user_2")


# 2. The order.


async def test_absent_and_foreign_orders_are_refused_alike(shop: Shop) -> None:
    absent = await shop.initiate_refused(OrderNotFound, order_id="order_404")
    foreign = await shop.initiate_refused(OrderNotFound, user_id="user_2")

    assert (absent.detail, absent.facts) == (foreign.detail, foreign.facts)
    assert shop.provider.calls["open"] == 0


async def test_without_its_orders_service_nothing_is_claimed(shop: Shop) -> None:
    shop.kit.orders.down = True

    await shop.initiate_refused(OrdersUnavailable)

    assert await shop.kit.unit_of_work.reads.payment_of_order("order_1") is None


async def test_without_its_orders_service_a_payer_hears_which_payment_is_under_way(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.kit.orders.down = True

    to_the_payer = await shop.initiate_refused(OrdersUnavailable)
    to_another = await shop.initiate_refused(OrdersUnavailable, user_id="user_2")

    assert (to_the_payer.detail, to_the_payer.retry_after_s) == ("The orders service is down.", 1.0)
    assert to_the_payer.facts == {"payment_id": str(opened.payment_id)}
    assert to_another.facts == {}


async def test_an_order_that_is_not_payable_is_refused(shop: Shop) -> None:
    shop.kit.order(payable=False)

    await shop.initiate_refused(OrderNotPayable)

    assert shop.provider.calls["open"] == 0


async def test_an_order_closed_while_a_page_is_open_has_the_page_cancelled(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.kit.order(payable=False)

    await shop.initiate_refused(OrderNotPayable)

    attempt = await shop.attempt(opened.reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.EXPIRED, Reason.ORDER_CLOSED)
    assert attempt.page_closed


async def test_an_order_closed_after_it_was_paid_is_found_to_be_paid(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    shop.kit.order(payable=False)

    await shop.initiate_refused(PaymentAlreadyProcessed)


async def test_an_order_closed_while_the_payer_pays_keeps_the_attempt_and_says_when_to_come_back(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, IN_FLIGHT)
    shop.kit.order(payable=False)

    error = await shop.initiate_refused(OrderNotPayable)

    assert (await shop.attempt(opened.reference)).status is AttemptStatus.OPEN
    assert error.retry_after_s == 30.0


async def test_what_a_provider_cannot_take_is_refused_in_words(shop: Shop) -> None:
    shop.kit.order("order_0", amount="0.00")
    shop.kit.order("order_half", amount="0.50")
    shop.kit.order("order_yen", amount="1000", currency="JPY")

    await shop.initiate_refused(UnsupportedAmount, order_id="order_0")
    small = await shop.initiate_refused(UnsupportedAmount, order_id="order_half")
    yen = await shop.initiate_refused(UnsupportedCurrency, order_id="order_yen")
    unknown = await shop.initiate_refused(UnsupportedProvider, provider="paystuck")

    assert [error.errors[0].pointer for error in (small, yen, unknown)] == ["/provider"] * 3
    assert shop.provider.calls["open"] == 0


# 3. No live attempt.


async def test_after_a_decline_the_same_page_is_handed_out_again(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.ask(opened.reference)

    again = await shop.initiate()

    assert (again.reference, again.checkout_url) == (opened.reference, opened.checkout_url)
    assert again.status is PaymentStatus.PROCESSING
    assert (await shop.attempt(opened.reference)).status is AttemptStatus.OPEN
    assert shop.provider.calls["open"] == 1


async def test_a_declined_page_on_which_other_money_came_and_went_is_not_handed_out_again(shop: Shop) -> None:
    """Nobody would ask about it any more: its money is known already (simulated history 7650)."""
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.ask(opened.reference)
    await shop.attests(opened.reference, amount=Money.of("1000.00", "USD"))
    await shop.ask(opened.reference)
    await shop.attests_returned(opened.reference)
    await shop.ask(opened.reference)

    again = await shop.initiate()

    assert again.reference != opened.reference
    assert not (await shop.attempt(opened.reference)).live
    assert await shop.kit.payments.check() == ()


async def test_a_declined_page_that_nobody_asks_about_any_more_is_not_handed_out_again(shop: Shop) -> None:
    """What is paid there might not be seen (simulated history 6216)."""
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.ask(opened.reference)
    payment, now = await shop.payment(), shop.kit.clock.now()
    (declined,) = payment.attempts
    wish = Wish(
        provider="scripted", mode=declined.mode, amount=declined.amount, order_version=declined.order_version
    )
    assert plan(payment, wish, now).step is Step.REOPEN

    unwatched = attrs.evolve(payment, attempts=(attrs.evolve(declined, next_check_at=None),))

    assert plan(unwatched, wish, now).step is Step.CLAIM


async def test_who_is_handed_the_open_page_again_comes_back_where_was_said_last(
    shop: Shop,
) -> None:
    opened = await shop.initiate()

    for named, comes_back in (("app", "app"), (None, "app"), ("shop", "shop")):
        again = await shop.kit.payments.initiate("order_1", "user_1", "scripted", return_to=named)
        assert (again, shop.provider.calls["open"]) == (opened, 1)
        assert (await shop.attempt(opened.reference)).return_to == comes_back
    await shop.kit.work()


async def test_a_page_that_is_paid_while_it_is_handed_out_again_is_handed_out_to_nobody() -> None:
    storage = InterruptedStorage()
    kit = in_memory_payments(unit_of_work=storage)
    kit.order()
    opened = await kit.payments.initiate("order_1", "user_1", "scripted")
    kit.provider.pays(opened.reference)

    storage.meanwhile = lambda: kit.payments.settle(opened.reference)
    again = kit.payments.initiate("order_1", "user_1", "scripted", return_to="app")
    await refused(PaymentAlreadyProcessed, again)


@pytest.mark.parametrize("why", ["another provider", "less than a minute left", "the order changed"])
async def test_a_declined_page_that_does_not_serve_gives_way_to_a_new_one(shop: Shop, why: str) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.ask(opened.reference)
    if why == "less than a minute left":
        shop.skip(minutes=59, seconds=1)
    if why == "the order changed":
        shop.kit.order(amount="900.00")

    again = await shop.initiate(provider="other" if why == "another provider" else "scripted")

    assert again.reference != opened.reference
    closed = await shop.attempt(opened.reference)
    assert (closed.status, closed.page_closed) == (AttemptStatus.FAILED, True)
    assert shop.provider.calls["cancel"] == 1
    await shop.kit.work()


async def test_after_an_expiry_a_new_reference_is_claimed(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.pass_minutes(75)

    again = await shop.initiate()

    assert again.reference != opened.reference
    payment = await shop.payment()
    assert [a.status for a in payment.attempts] == [AttemptStatus.EXPIRED, AttemptStatus.OPEN]
    assert payment.status is PaymentStatus.PROCESSING


async def test_amount_and_version_follow_the_order_at_each_claim(shop: Shop) -> None:
    await shop.initiate()
    shop.kit.order(amount="900.00")

    again = await shop.initiate()

    payment = await shop.payment()
    assert payment.amount == payment.attempt(again.reference).amount == birr("900.00")
    assert payment.attempts[0].amount == birr("1000.00")


# 4. A live attempt.


async def test_the_open_page_is_handed_out_again(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.skip(minutes=58)

    again = await shop.initiate()

    assert again == opened
    assert (shop.provider.calls["open"], shop.provider.calls["check"]) == (1, 0)
    await shop.kit.work()


@pytest.mark.parametrize("why", ["another provider", "less than a minute left", "the order changed"])
async def test_an_open_page_that_does_not_serve_is_replaced_without_a_flicker(shop: Shop, why: str) -> None:
    opened = await shop.initiate()
    if why == "less than a minute left":
        shop.skip(minutes=59, seconds=1)
    if why == "the order changed":
        shop.kit.order(amount="900.00")

    again = await shop.initiate(provider="other" if why == "another provider" else "scripted")

    replaced = await shop.attempt(opened.reference)
    assert (replaced.status, replaced.reason) == (AttemptStatus.EXPIRED, Reason.SUPERSEDED)
    assert replaced.page_closed
    assert (await shop.payment()).status is PaymentStatus.PROCESSING
    assert (await shop.attempt(again.reference)).status is AttemptStatus.OPEN
    assert await shop.told() == [], "switching never flickers to failed"
    await shop.kit.work()


# 5. Replacing it: the present provider is asked first.


async def switched(shop: Shop, answer: Answer) -> str:
    """The reference of an open attempt, about which its provider answers so."""
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, answer)
    return opened.reference


async def test_an_attempt_found_to_be_paid_is_not_replaced(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    await shop.initiate_refused(PaymentAlreadyProcessed, provider="other")

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    assert shop.other.calls["open"] == 0


async def test_an_attempt_found_with_the_wrong_money_is_not_replaced(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("999.00"))

    await shop.initiate_refused(PaymentInReview, provider="other")

    assert shop.other.calls["open"] == 0


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (PAYABLE, AttemptStatus.EXPIRED),
        (NOT_FOUND, AttemptStatus.EXPIRED),
        (CLOSED, AttemptStatus.EXPIRED),
        (Answer(outcome=Outcome.DECLINED, word="failed", fingerprint="x"), AttemptStatus.FAILED),
    ],
    ids=["payable", "not_found", "closed", "declined"],
)
async def test_an_attempt_nobody_is_paying_gives_way(
    shop: Shop, answer: Answer, status: AttemptStatus
) -> None:
    reference = await switched(shop, answer)

    again = await shop.initiate(provider="other")

    ended = await shop.attempt(reference)
    assert (ended.status, ended.page_closed) == (status, True)
    assert (await shop.attempt(again.reference)).status is AttemptStatus.OPEN


@pytest.mark.parametrize("answer", [IN_FLIGHT, NOTHING], ids=["in_flight", "nothing"])
async def test_an_attempt_somebody_may_be_paying_does_not_give_way(shop: Shop, answer: Answer) -> None:
    reference = await switched(shop, answer)

    error = await shop.initiate_refused(PaymentInFlight, provider="other")

    payment = await shop.payment()
    assert error.facts == {
        "payment_id": str(payment.payment_id),
        "provider": "scripted",
        "checkout_url": f"https://scripted.example/pay/{reference}",
        "next_action": {"type": "redirect"},
    }
    assert error.retry_after_s == 30.0
    assert payment.attempt(reference).status is AttemptStatus.OPEN
    assert shop.other.calls["open"] == 0


@pytest.mark.parametrize("answer", [IN_FLIGHT, NOTHING], ids=["in_flight", "nothing"])
async def test_past_its_time_even_that_one_is_superseded(shop: Shop, answer: Answer) -> None:
    reference = await switched(shop, answer)
    shop.skip(minutes=60)

    again = await shop.initiate(provider="other")

    assert (await shop.attempt(reference)).reason is Reason.SUPERSEDED
    assert again.provider == "other"
    await shop.kit.work()


async def test_late_money_on_a_superseded_attempt_settles_and_closes_the_new_page(shop: Shop) -> None:
    first = await shop.initiate()
    second = await shop.initiate(provider="other")
    shop.provider.pays(first.reference)

    await shop.pass_minutes(1)

    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    assert payment.attempt(first.reference).status is AttemptStatus.SUCCEEDED
    newer = payment.attempt(second.reference)
    assert (newer.status, newer.reason, newer.page_closed) == (
        AttemptStatus.EXPIRED,
        Reason.SUPERSEDED,
        True,
    )
    assert await shop.told() == ["paid"]


# 6. An unknown one.


async def unknown(shop: Shop, *, accepted: bool = True) -> str:
    shop.provider.trouble.append(OutcomeUnknown("The answer was lost."))
    shop.provider.accepts_in_trouble = accepted
    error = await shop.initiate_refused(OutcomeUnknown)
    assert error.retry_after_s is not None
    live = (await shop.payment()).live_attempt
    assert live is not None
    assert error.facts == {"payment_id": str((await shop.payment()).payment_id)}
    return live.reference


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_page_whose_address_was_lost_is_cancelled_and_replaced_without_waiting(
    shop: Shop, *, accepted: bool
) -> None:
    reference = await unknown(shop, accepted=accepted)

    again = await shop.initiate()

    lost = await shop.attempt(reference)
    assert (lost.status, lost.page_closed) == (AttemptStatus.EXPIRED, accepted)
    assert again.reference != reference
    assert (await shop.payment()).status is PaymentStatus.PROCESSING
    assert shop.provider.calls["check"] == 1, "asked once"
    assert await shop.told() == []


async def test_it_gives_way_even_if_the_provider_answers_nothing(shop: Shop) -> None:
    reference = await unknown(shop)
    shop.provider.answers(reference, NOTHING)

    again = await shop.initiate()

    assert again.reference != reference


async def test_money_for_it_is_found_when_it_is_asked_about(shop: Shop) -> None:
    reference = await unknown(shop)
    shop.provider.pays(reference)

    await shop.initiate_refused(PaymentAlreadyProcessed)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_somebody_seen_paying_on_it_keeps_it(shop: Shop) -> None:
    reference = await unknown(shop)
    shop.provider.answers(reference, IN_FLIGHT)

    await shop.initiate_refused(PaymentInFlight)

    assert (await shop.attempt(reference)).status is AttemptStatus.OPEN
