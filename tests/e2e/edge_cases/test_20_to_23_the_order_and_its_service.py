"""Cases 20 to 23: the orders service is down, refuses, cancels or edits, or we die before it is told."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.edge_cases.scripted import Scripted
from tests.e2e.story import MAIL, ORDER, Story, until
from tests.integration.http.door import problem

pytestmark = pytest.mark.anyio


async def paid_while(story: Story, **switches: object) -> dict[str, Any]:
    """The checkout of an order that is paid while its service behaves so."""
    opened = await story.initiated()
    await story.outside.switch_orders(ORDER, **switches)
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")
    return opened


@pytest.mark.stories
async def test_case_20_killed_between_commit_and_telling_it_tells_everybody_once(story: Story) -> None:
    opened = await paid_while(story, down=True)
    await story.service.kill()
    told = story.rows("SELECT state FROM messages WHERE destination = 'orders'")
    assert told == [("pending",)], "it was committed with the money"

    await story.outside.switch_orders(ORDER, down=False)
    await story.start_again(after=timedelta(minutes=6))

    await story.until_told("paid")
    await story.until_mailed()
    await story.until_at_rest()
    await story.told_once("paid")
    mails = await story.outside.mails(MAIL)
    # The blow may come between the mail server's yes and our note of it.
    assert len({mail["message_id"] for mail in mails}) == 1, "repeated at most under its own Message-ID"
    await story.tells(opened["reference"], "The payment is paid.", "message 1, 'paid', was delivered")


async def test_case_21_an_orders_service_that_was_down_is_told_when_it_is_back(scripted: Scripted) -> None:
    opened = await scripted.initiated()
    scripted.kit.orders.down = True
    scripted.provider.pays(opened["reference"])
    await scripted.ask(opened["reference"])
    await scripted.pass_time(minutes=10, step=timedelta(minutes=1))
    assert (await scripted.payment(opened["payment_id"]))["status"] == "success"
    assert len(scripted.kit.notifier.sent) == 1, "the payer does not wait for the shop"

    scripted.kit.orders.down = False
    await scripted.pass_time(minutes=6, step=timedelta(minutes=1))

    assert await scripted.told() == ["paid"]
    assert await scripted.kinds() == []


async def test_case_21_paid_that_is_refused_for_good_is_kept_and_put_before_a_person(
    scripted: Scripted,
) -> None:
    opened = await scripted.initiated()
    scripted.kit.orders.refusing = True
    scripted.provider.pays(opened["reference"])
    await scripted.ask(opened["reference"])
    await scripted.pass_time(minutes=10, step=timedelta(minutes=1))

    assert await scripted.kinds() == ["paid_after_cancel"]
    payment = await scripted.payment(opened["payment_id"])
    assert (payment["status"], payment["amount_received"]) == ("success", "1000.00")
    assert await scripted.told() == [], "it is parked, and asked about, and not repeated"


async def test_case_22_a_cancelled_order_has_its_open_page_closed(scripted: Scripted) -> None:
    opened = await scripted.initiated()
    scripted.kit.order(payable=False)

    problem(await scripted.initiate(), 409, "order_not_payable")

    payment = await scripted.payment(opened["payment_id"])
    assert (payment["status"], payment["failure"]["code"]) == ("failed", "order_closed")
    assert scripted.provider.calls["cancel"] == 1


async def test_case_22_money_for_an_order_cancelled_meanwhile_is_kept_and_goes_back_when_a_person_says_so(
    story: Story,
) -> None:
    await story.outside.switch_chapa(refunds="allowed", refund_settles_after_s=0.0)
    opened = await story.initiated()
    await story.outside.put_order(ORDER, payable=False, cancelled=True)
    await story.outside.switch_orders(ORDER, patch_answer=409)

    await story.browser.pay(opened["checkout_url"])

    await until(story.reviews, lambda kinds: kinds == ["paid_after_cancel"])
    assert (await story.payment(opened["payment_id"]))["status"] == "success", "the money is there"
    await story.decide("paid_after_cancel", "refund")
    await until(lambda: story.outside.chapa_calls("refund"), len)
    await until(lambda: requested(story), bool)
    story.clock.move(timedelta(seconds=31))
    await until(story.reviews, lambda kinds: kinds == [])
    payment = await story.payment(opened["payment_id"])
    assert (payment["status"], payment["amount_refunded"]) == ("success", "1000.00")
    assert len(await story.outside.chapa_calls("refund")) == 1


async def requested(story: Story) -> bool:
    """Whether what Chapa answered to the refund is written down."""
    return story.count("refunds WHERE provider_reference IS NOT NULL") == 1


async def test_case_23_an_order_that_changes_while_its_page_is_open_hears_what_was_paid(story: Story) -> None:
    opened = await story.initiated()
    await story.outside.put_order(ORDER, amount="1200.00")

    await story.browser.pay(opened["checkout_url"])

    order = await story.until_told("paid")
    told = json.loads(order["messages"][0]["body"])
    assert (told["amount"], told["currency"]) == ("1000.00", "ETB"), "the page's amount never changes"
    payment = await story.payment(opened["payment_id"])
    assert (payment["amount"], payment["amount_received"]) == ("1000.00", "1000.00")


async def test_case_23_the_next_click_owes_the_new_total_and_money_of_the_old_page_is_held(
    scripted: Scripted,
) -> None:
    first = await scripted.initiated()
    scripted.kit.order(amount="1200.00")
    second = await scripted.initiated()
    assert second["reference"] != first["reference"]
    assert (await scripted.payment(first["payment_id"]))["amount"] == "1200.00"

    scripted.provider.pays(first["reference"])
    await scripted.ask(first["reference"])

    payment = await scripted.payment(first["payment_id"])
    assert (payment["status"], payment["amount_received"]) == ("processing", "1000.00")
    assert await scripted.kinds() == ["amount_mismatch"]
    assert await scripted.told() == []
