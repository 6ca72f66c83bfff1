"""An order is paid, whichever of the three ways the news takes."""

from datetime import timedelta

import pytest

from payments.application.sequences import place_of
from tests.e2e.story import ORDER, Story, problem

pytestmark = pytest.mark.anyio


async def the_order_is_paid_and_everybody_knows(story: Story, payment_id: str) -> None:
    payment = await story.until_status(payment_id, "success")
    assert (payment["amount"], payment["amount_received"]) == ("1000.00", "1000.00")
    order = await story.until_told("paid")
    assert order["payment_id"] == payment_id
    (mail,) = await story.until_mailed()
    assert ORDER in mail["text"]
    await story.until_at_rest()
    await story.told_once("paid")
    assert len(await story.outside.mails("sara@shop.et")) == 1


@pytest.mark.on_both
async def test_paid_and_the_webhook_comes_first(story: Story) -> None:
    opened = await story.initiated()
    assert opened["status"] == "processing"

    page = await story.browser.pay(opened["checkout_url"])

    assert page.status_code == 200
    assert page.url.params["payment_id"] == opened["payment_id"]
    assert "trx_ref" not in str(page.url), "the page is told the payment and its status only"
    await the_order_is_paid_and_everybody_knows(story, opened["payment_id"])
    (webhook,) = await story.outside.webhooks(opened["reference"])
    assert webhook["state"] == "delivered"
    await story.tells(
        opened["reference"],
        "is paid through chapa",
        "chapa sent a notice, 'charge.success'",
        "1000.00 ETB arrived",
        "The payment is paid.",
        "The orders service: message 1, 'paid', was delivered.",
    )


async def test_paid_and_the_payer_is_back_first(story: Story) -> None:
    # By itself the webhook would come half a second later, and on a busy machine overtake the payer.
    await story.outside.switch_chapa(webhook_lost=True)
    opened = await story.initiated()

    page = await story.browser.pay(opened["checkout_url"])

    assert page.url.params["status"] == "success", "the payer's return alone settles it"
    assert story.count("notices") == 0
    await the_order_is_paid_and_everybody_knows(story, opened["payment_id"])
    (webhook,) = await story.outside.webhooks(opened["reference"])
    assert await story.outside.redeliver(webhook) == 200
    await story.until_at_rest()
    await story.told_once("paid")
    await story.tells(
        opened["reference"],
        "asked because of the payer's return, answered 'success'",
        "The payment is paid.",
        "chapa sent a notice, 'charge.success' (handled: known already)",
    )


async def test_paid_and_neither_arrives_so_that_only_the_schedule_finds_it(story: Story) -> None:
    await story.outside.switch_chapa(webhook_lost=True, redirect_lost=True)
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    assert (await story.payment(opened["payment_id"]))["status"] == "processing"

    story.clock.move(timedelta(seconds=31))

    await the_order_is_paid_and_everybody_knows(story, opened["payment_id"])
    assert story.count("notices") == 0
    await story.tells(
        opened["reference"], "asked because of the schedule, answered 'success'", "The payment is paid."
    )


async def test_a_paid_order_answers_that_it_is_processed(story: Story) -> None:
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")

    told = problem(await story.initiate(), 400, "payment_already_processed")

    assert told["error"] == "Payment already processed"
    assert told["payment_id"] == opened["payment_id"]
    assert len(await story.outside.chapa_calls("initialize")) == 1
    cancelled = await story.post(f"/payments/{opened['payment_id']}/cancel/")
    assert problem(cancelled, 409, "payment_settled")["error"] == "Payment already processed"
    await story.tells(opened["reference"], "1000.00 ETB for order order_1 is paid through chapa.")


async def test_a_payment_in_dollars_is_paid_to_the_cent(story: Story) -> None:
    await story.outside.put_order("order_2", user_id="sara", amount="19.99", currency="USD")
    opened = await story.initiated("order_2")
    await story.browser.pay(opened["checkout_url"], wallet="mpesa:0700123456")

    payment = await story.until_status(opened["payment_id"], "success")

    assert (payment["amount_received"], payment["currency"]) == ("19.99", "USD")
    order = await story.until_told("paid", "order_2")
    assert place_of(order["sequence"]) == 1
    await story.tells(opened["reference"], "19.99 USD for order order_2 is paid through chapa.")
