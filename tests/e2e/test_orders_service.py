"""The orders service is down, slow to agree, or refuses: it is told once, or a person is asked."""

import json
from datetime import timedelta
from functools import partial

import pytest

from payments.application.sequences import place_of
from tests.e2e.story import MAIL, ORDER, Story, until

pytestmark = [pytest.mark.anyio, pytest.mark.stories]

PAUSE = timedelta(minutes=8)
"""More than the longest between two tries to tell the orders service."""


async def paid_while(story: Story, **switches: object) -> dict[str, str]:
    opened = await story.initiated()
    await story.outside.switch_orders(ORDER, **switches)
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")
    return opened


def longer(calls: list[dict[str, object]], *, than: int) -> bool:
    return len(calls) > than


async def patches(story: Story) -> list[dict[str, object]]:
    return await story.outside.order_calls(ORDER, "patch")


async def test_an_orders_service_that_was_down_for_a_while_is_told_once(story: Story) -> None:
    opened = await paid_while(story, down=True)
    await until(lambda: patches(story), lambda calls: len(calls) >= 2)
    assert len(await story.until_mailed()) == 1, "the payer does not wait for the shop"

    await story.until_nobody_tells()
    await story.outside.switch_orders(ORDER, down=False)
    story.clock.move(timedelta(seconds=5))
    order = await story.until_told("paid")

    await story.until_at_rest()
    await story.told_once("paid")
    assert place_of(order["sequence"]) == 1
    bodies = {call["body"] for call in await patches(story)}
    assert len(bodies) == 1, "each try carries the same bytes"
    await story.tells(opened["reference"], "The orders service: message 1, 'paid', was delivered after")


async def test_an_orders_service_down_for_hours_is_told_when_it_is_back(story: Story) -> None:
    opened = await paid_while(story, down=True)
    for _ in range(6):
        # A try that failed before the clock moves and is written down after it is repeated later still.
        await story.until_nobody_tells()
        tries = len(await patches(story))
        story.clock.move(PAUSE)
        await until(lambda: patches(story), partial(longer, than=tries))
    await story.until_nobody_tells()
    await story.tells(
        opened["reference"], "is waiting to be delivered after", "Delivery of message 1, 'paid'"
    )
    await story.outside.switch_orders(ORDER, down=False)

    story.clock.move(PAUSE)

    await story.until_told("paid")
    await story.told_once("paid")


async def test_an_answer_lost_after_the_orders_service_agreed_repeats_the_same_message(story: Story) -> None:
    opened = await paid_while(story, fault="reset_after", fault_on="patch", fault_times=1)

    await story.until_told("paid")
    await story.until_at_rest()

    order = await story.outside.order(ORDER)
    assert [message["outcome"] for message in order["messages"]] == ["applied", "duplicate"]
    assert len({message["webhook_id"] for message in order["messages"]}) == 1
    await story.tells(
        opened["reference"], "The orders service: message 1, 'paid', was delivered after 2 tries"
    )


@pytest.mark.parametrize("status", [409, 410, 422])
async def test_paid_that_the_orders_service_refuses_for_good_is_parked_and_put_before_a_person(
    story: Story, status: int
) -> None:
    opened = await paid_while(story, patch_answer=status)

    await until(story.reviews, lambda kinds: kinds == ["paid_after_cancel"])

    await story.until_at_rest()
    assert len(await patches(story)) == 1
    assert story.rows("SELECT state FROM messages WHERE destination = 'orders'") == [("parked",)]
    assert len(await story.outside.mails(MAIL)) == 1
    payment = await story.payment(opened["payment_id"])
    assert payment["status"] == "success", "the money is there, whatever the shop says"
    await story.tells(
        opened["reference"],
        "was refused and is parked for a person",
        "A person's decision: paid_after_cancel.",
    )


async def test_without_its_orders_service_nobody_pays_and_nothing_is_claimed(story: Story) -> None:
    await story.outside.switch_orders(ORDER, down=True)

    told = await story.initiate()

    assert (told.status_code, told.json()["code"]) == (503, "orders_unavailable")
    assert int(told.headers["retry-after"]) >= 1
    assert story.count("payments") == 0
    await story.outside.switch_orders(ORDER, down=False)
    opened = await story.initiated()
    await story.tells(opened["reference"], "is being paid through chapa; the attempt is open.")


async def test_a_newer_message_overtakes_one_that_waits(story: Story) -> None:
    opened = await story.initiated()
    await story.outside.switch_orders(ORDER, down=True)
    await story.browser.pay_from_an_empty_wallet(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "failed")
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")
    await until(lambda: patches(story), len)

    await story.outside.switch_orders(ORDER, down=False)

    order = await story.until_told("paid")
    await story.until_at_rest()
    assert place_of(order["sequence"]) == 3
    await story.told_once("paid")
    assert json.loads(order["messages"][0]["body"])["payment_status"] == "paid"
    await story.tells(opened["reference"], "message 1, 'failed', was overtaken by a newer one")


async def test_an_order_that_was_closed_meanwhile_cannot_be_paid_and_its_page_is_cancelled(
    story: Story,
) -> None:
    opened = await story.initiated()
    await story.outside.put_order(ORDER, payable=False)

    await story.refused(409, "order_not_payable")

    payment = await story.until_status(opened["payment_id"], "failed")
    assert payment["failure"]["code"] == "order_closed"
    assert (await story.outside.transaction(opened["reference"]))["link"] == "cancelled"
    await story.tells(opened["reference"], "The attempt expired: the order can no longer be paid.")


async def test_a_mail_server_that_is_not_ready_gets_the_same_mail_later(story: Story) -> None:
    await story.outside.client.put(
        "/mailbox/_sim/switches", json={"fault": "refuse_for_now", "fault_times": 1}
    )
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])

    (mail,) = await story.until_mailed()

    await story.until_at_rest()
    assert mail["subject"]
    await story.tells(
        opened["reference"], "The payer's mail: message 2, 'confirmation', was delivered after 2"
    )
