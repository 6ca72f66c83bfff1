"""The process dies, or is asked to stop, at the worst moments: nothing is lost and nobody pays twice."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from tests.e2e.story import MAIL, Story, until

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


async def test_killed_between_claim_and_record(story: Story) -> None:
    """Chapa has a page, and our process dies before it hears of it."""
    await story.outside.switch_chapa(fault="slow", answer_delay_s=60, fault_on="initialize", fault_times=1)
    click = asyncio.create_task(story.initiate())
    (lost,) = await until(story.outside.transactions, len)
    assert story.rows("SELECT reference, status FROM attempts") == [(lost["tx_ref"], "claimed")]

    await story.service.kill()
    with pytest.raises(httpx.TransportError):
        await click
    await story.start_again(after=timedelta(seconds=61))
    opened = await story.initiated()

    old, new = await story.outside.transactions()
    assert (old["link"], new["link"], new["tx_ref"]) == ("cancelled", "open", opened["reference"])
    await story.browser.pay(opened["checkout_url"])
    payment = await story.until_status(opened["payment_id"], "success")
    assert payment["amount_received"] == "1000.00"
    await story.until_told("paid")
    await story.told_once("paid")
    await story.tells(
        opened["reference"],
        "An attempt to collect 1000.00 ETB through chapa was put on record.",
        "Its claim grew too old.",
        "Nobody can pay on its checkout any more.",
        "The payment is paid.",
    )


async def test_killed_between_claim_and_record_and_clicked_again_at_once(story: Story) -> None:
    """Within a minute the claim may be another process's: whoever clicks is told to wait, and not charged."""
    await story.outside.switch_chapa(fault="slow", answer_delay_s=60, fault_on="initialize", fault_times=1)
    click = asyncio.create_task(story.initiate())
    await until(story.outside.transactions, len)
    await story.service.kill()
    with pytest.raises(httpx.TransportError):
        await click
    await story.start()
    waiting = asyncio.create_task(story.initiate())
    await until(lambda: story.outside.order_calls("order_1", "get"), lambda calls: len(calls) == 2)

    story.clock.move(timedelta(seconds=13))

    answer = await waiting
    assert (answer.status_code, answer.json()["code"]) == (409, "attempt_in_flight")
    assert answer.headers["retry-after"] == "1"
    assert len(await story.outside.transactions()) == 1
    ((reference,),) = story.rows("SELECT reference FROM attempts")
    await story.tells(reference, "is pending: nobody was given anything to pay with yet.")


async def test_killed_between_claim_and_record_and_paid_all_the_same(story: Story) -> None:
    await story.outside.switch_chapa(fault="slow", answer_delay_s=60, fault_on="initialize", fault_times=1)
    click = asyncio.create_task(story.initiate())
    (lost,) = await until(story.outside.transactions, len)
    await story.service.kill()
    with pytest.raises(httpx.TransportError):
        await click
    await story.start()

    await story.outside.act(lost["tx_ref"], "pay")

    order = await story.until_told("paid")
    payment = await story.payment(order["payment_id"])
    assert (payment["status"], payment["amount_received"]) == ("success", "1000.00")
    await story.told_once("paid")
    await story.tells(lost["tx_ref"], "chapa sent a notice", "The payment is paid.")


@pytest.mark.on_both
async def test_killed_between_notice_and_settle(story: Story) -> None:
    """The webhook is acknowledged and on disk; the process dies while it asks Chapa about it."""
    opened = await story.initiated()
    await story.outside.switch_chapa(
        fault="never_answer", fault_on="verify", fault_times=1, redirect_lost=True
    )
    await story.browser.pay(opened["checkout_url"])
    await until(lambda: story.outside.chapa_calls("verify"), len)
    (webhook,) = await story.outside.webhooks(opened["reference"])
    assert webhook["tries"][-1]["status"] == 200, "what we acknowledged is never lost"

    await story.service.kill()
    assert story.count("notices WHERE handled_at IS NULL") == 1
    await story.start_again(after=timedelta(seconds=61))

    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.until_at_rest()
    await story.told_once("paid")
    assert len(await story.outside.mails(MAIL)) == 1
    await story.tells(opened["reference"], "chapa sent a notice, 'charge.success'", "The payment is paid.")


async def test_killed_between_settle_and_telling(story: Story) -> None:
    """The payment is paid on disk; the process dies while it tells the orders service."""
    opened = await story.initiated()
    await story.outside.switch_orders("order_1", fault="never_answer", fault_on="patch", fault_times=1)
    await story.browser.pay(opened["checkout_url"])
    await until(lambda: story.outside.order_calls("order_1", "patch"), len)

    await story.service.kill()
    await story.start_again(after=timedelta(seconds=61))

    await until(lambda: story.outside.order_calls("order_1", "patch"), lambda calls: len(calls) == 2)
    await story.until_at_rest()
    order = await story.outside.order("order_1")
    assert [message["outcome"] for message in order["messages"]] == ["applied", "duplicate"]
    assert len({message["webhook_id"] for message in order["messages"]}) == 1
    mails = await story.until_mailed()
    assert len({mail["message_id"] for mail in mails}) == 1, "repeated at most under its own Message-ID"
    await story.tells(opened["reference"], "The orders service: message 1, 'paid', was delivered")


async def test_killed_again_and_again_it_still_tells_the_truth(story: Story) -> None:
    opened = await story.initiated()
    await story.outside.act(opened["reference"], "pay")
    for _ in range(4):
        await story.service.kill()
        await story.start_again(after=timedelta(seconds=61))

    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.until_at_rest()
    order = await story.outside.order("order_1")
    assert [m["outcome"] for m in order["messages"] if m["outcome"] == "applied"] == ["applied"]
    await story.tells(opened["reference"], "The payment is paid.")


async def test_asked_to_stop_it_finishes_what_is_under_way_and_takes_nothing_new(story: Story) -> None:
    await story.outside.switch_chapa(fault="slow", answer_delay_s=1, fault_on="initialize", fault_times=1)
    click = asyncio.create_task(story.initiate())
    await until(story.outside.transactions, len)

    stopping = asyncio.create_task(story.service.terminate())
    answer = await click
    assert await stopping == 0

    assert answer.status_code == 200, "the payer who had clicked got the page"
    opened = answer.json()
    # Else it may come when the service is there again, and before the sweep asks.
    await story.outside.switch_chapa(opened["reference"], webhook_lost=True)
    await story.outside.act(opened["reference"], "pay")
    await story.start_again(after=timedelta(seconds=31))
    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.told_once("paid")
    await story.tells(opened["reference"], "asked because of the schedule", "The payment is paid.")


async def test_asked_to_stop_while_the_outbox_is_stuck_it_stops_in_time_and_tells_later(story: Story) -> None:
    opened = await story.initiated()
    await story.outside.switch_orders("order_1", down=True)
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")

    assert await story.service.terminate(within_s=29.0) == 0

    await story.outside.switch_orders("order_1", down=False)
    await story.start_again(after=timedelta(seconds=61))
    await story.until_told("paid")
    await story.until_at_rest()
    await story.told_once("paid")
    await story.tells(opened["reference"], "The payment is paid.", "message 1, 'paid', was delivered")
