"""An order is paid, whichever of the three ways the news takes."""

from datetime import timedelta

import pytest

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
