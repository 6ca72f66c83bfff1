"""What a payer or an operator is shown: the story, the history, the offers, the backlog."""

import attrs
import pytest

from payments.application.records import Claim
from payments.domain.errors import (
    InvalidRequest,
    OrderNotFound,
    OrdersUnavailable,
    OutcomeUnknown,
    PaymentNotFound,
    ReferenceNotFound,
)
from payments.domain.transitions import PaymentStatus
from tests.unit.use_cases.shop import Shop, birr, refused

pytestmark = pytest.mark.anyio


async def test_the_story_tells_what_happened_by_which_rule_in_order(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference, detail="Not enough money.")
    await shop.hear(opened.reference, Claim.FAILED)
    await shop.kit.work()
    shop.skip(minutes=1)
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.kit.work()

    story = await shop.kit.payments.explain(opened.payment_id, "user_1")

    told = " | ".join(step.what for step in story.steps)
    expected = (
        "An attempt to collect 1000.00 ETB through scripted was put on record.",
        "The provider opened a checkout, and the payer was sent there.",
        "The attempt failed: the provider declined it. Not enough money.",
        "The payment is failed for now: the provider declined it. It may be retried.",
        "asked because of an operator's question, answered 'success'",
        "1000.00 ETB arrived",
        "The payment is paid.",
    )
    places = [told.index(sentence) for sentence in expected]
    assert places == sorted(places)
    assert [step.at for step in story.steps] == sorted(step.at for step in story.steps)
    assert story.summary == "1000.00 ETB for order order_1 is paid through scripted."
    assert (story.waiting_for, story.next_check_at, story.may_do) == ((), None, ())
    verdicts = {step.verdict: step.rule for step in story.steps if step.source == "evidence"}
    assert set(verdicts) == {"declined", "settled"}
    assert {step.source for step in story.steps} == {"evidence", "change", "notice", "message"}


async def test_an_open_payment_says_what_we_wait_for_when_we_ask_next_and_what_may_be_done(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    await shop.ask(opened.reference)

    story = await shop.kit.payments.explain.by_reference(opened.reference)

    assert story.summary == (
        "1000.00 ETB for order order_1 is being paid through scripted; the attempt is open."
    )
    (waiting,) = story.waiting_for
    assert (
        f"scripted's answer about {opened.reference} (open; asked 1 times, last answer 'pending')" in waiting
    )
    assert story.next_check_at == (await shop.attempt(opened.reference)).next_check_at
    assert "Cancel the attempt." in story.may_do


async def test_what_is_left_of_refunded_money_is_waited_for_as_long_as_it_is_asked_about(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.kit.work()
    paid = await shop.kit.payments.explain(opened.payment_id, "user_1")
    assert (paid.waiting_for, paid.next_check_at) == ((), None)

    await shop.kit.payments.refund(
        opened.payment_id, amount="200.00", reason="broken", actor="operator:clerk"
    )
    await shop.kit.work()

    story = await shop.kit.payments.explain(opened.payment_id, "user_1")
    assert story.next_check_at is not None
    (waiting,) = story.waiting_for
    assert f"scripted's answer about {opened.reference} (succeeded; " in waiting


async def test_whoever_was_given_no_checkout_is_not_told_to_pay_on_it(shop: Shop) -> None:
    shop.provider.trouble = [OutcomeUnknown("the answer was lost")]
    await refused(OutcomeUnknown, shop.initiate())
    (line,) = (await shop.kit.payments.list("user_1")).items

    story = await shop.kit.payments.explain(line.payment_id, "user_1")

    assert story.may_do == ("Cancel the attempt.", "Initiate again to get a checkout.")


async def test_held_money_is_explained_as_the_shops_to_accept_or_return(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("999.00"))
    await shop.ask(opened.reference)

    story = await shop.kit.payments.explain(opened.payment_id, "user_1")

    assert story.summary.endswith("999.00 ETB arrived and is held; the shop will accept it or return it.")
    assert "A person's decision: amount_mismatch." in story.waiting_for
    assert story.may_do == ("Wait for the shop's decision about the money that arrived.",)


async def test_stories_are_told_to_their_payer_and_to_operators_alone(shop: Shop) -> None:
    opened = await shop.initiate()

    await refused(PaymentNotFound, shop.kit.payments.explain(opened.payment_id, "user_2"))
    await refused(ReferenceNotFound, shop.kit.payments.explain.by_reference("p-nobody"))
    await refused(PaymentNotFound, shop.kit.payments.get(opened.payment_id, "user_2"))

    assert (await shop.kit.payments.explain(opened.payment_id, None)).order_id == "order_1"


async def test_the_history_shows_the_payers_own_newest_first_page_by_page(shop: Shop) -> None:
    names = [f"order_{number}" for number in range(1, 8)]
    for name in names:
        shop.kit.order(name)
        await shop.initiate(name)
        shop.skip(seconds=1)

    first = await shop.kit.payments.list("user_1", 3)
    second = await shop.kit.payments.list("user_1", 3, beyond=first.beyond)
    third = await shop.kit.payments.list("user_1", 3, beyond=second.beyond)

    seen = [line.order_id for page in (first, second, third) for line in page.items]
    assert seen == names[::-1]
    assert third.beyond is None
    assert (await shop.kit.payments.list("user_2")).items == ()


async def test_the_history_can_be_narrowed(shop: Shop) -> None:
    shop.kit.order("order_2")
    opened = await shop.initiate()
    await shop.initiate("order_2", provider="other")
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    listing = shop.kit.payments.list

    paid = await listing("user_1", status=PaymentStatus.SUCCESS)
    of_other = await listing("user_1", provider="other")
    of_order = await listing("user_1", order_id="order_2")

    assert [line.order_id for line in paid.items] == ["order_1"]
    assert [line.order_id for line in of_other.items] == ["order_2"]
    assert [line.order_id for line in of_order.items] == ["order_2"]


@pytest.mark.parametrize("limit", [0, 101, -1])
async def test_a_page_has_one_to_a_hundred_lines(shop: Shop, limit: int) -> None:
    await refused(InvalidRequest, shop.kit.payments.list("user_1", limit))


async def test_offers_say_which_provider_takes_the_order_and_why_not(shop: Shop) -> None:
    shop.kit.order("order_jpy", amount="1000", currency="JPY")

    can = await shop.kit.payments.offers("order_1", "user_1")
    cannot = await shop.kit.payments.offers("order_jpy", "user_1")

    assert [(offer.provider, offer.available) for offer in can] == [
        ("cash", True),
        ("other", True),
        ("scripted", True),
    ]
    assert can[2].least == birr("1.00")
    assert [offer.available for offer in cannot] == [False, False, False]
    assert cannot[2].detail == "scripted does not take JPY."


async def test_where_nobody_may_pay_no_provider_is_available(shop: Shop) -> None:
    async def why() -> str:
        offers = await shop.kit.payments.offers("order_1", "user_1")
        assert not any(offer.available for offer in offers)
        (detail,) = {offer.detail for offer in offers}
        return detail

    shop.kit.order("order_1", payable=False)
    assert await why() == "The order cannot be paid."
    shop.kit.order("order_1")
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("10.00"))
    await shop.ask(opened.reference)
    assert await why() == "Money that arrived for this order is being looked at."


async def test_a_paid_order_is_offered_to_nobody_and_told_to_its_payer_alone(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)

    offers = await shop.kit.payments.offers("order_1", "user_1")
    assert {(offer.available, offer.detail) for offer in offers} == {(False, "The order is paid.")}
    shop.kit.orders.put(attrs.evolve(shop.kit.order(), user_id="user_2"))
    for user in ("user_1", "user_2"):
        await refused(OrderNotFound, shop.kit.payments.offers("order_1", user))


async def test_offers_are_for_the_owner_and_need_the_orders_service(shop: Shop) -> None:
    await refused(OrderNotFound, shop.kit.payments.offers("order_1", "user_2"))
    await refused(OrderNotFound, shop.kit.payments.offers("order_404", "user_1"))
    shop.kit.orders.down = True
    await refused(OrdersUnavailable, shop.kit.payments.offers("order_1", "user_1"))


async def test_the_backlog_counts_what_waits_and_how_long(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.hear("p-zzzzzzzzzzzzzzzzzzzzzzzzzz")
    shop.skip(seconds=30)

    waiting = await shop.kit.payments.backlog()
    assert (waiting.notices, waiting.messages) == (1, 2)
    assert (waiting.oldest_notice_age_s, waiting.oldest_message_age_s) == (30.0, 30.0)
    await shop.kit.work()
    assert (await shop.kit.payments.backlog()).messages == 0
