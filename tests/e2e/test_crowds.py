"""Many at once: one attempt, one message, one mail."""

import asyncio
import time
from datetime import timedelta

import pytest

from payments.entrypoints.http.verify import COALESCE_S
from tests.e2e.story import MAIL, PAYER, Story, until

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


async def test_a_double_click_gives_one_checkout(story: Story) -> None:
    first, second = await asyncio.gather(story.initiated(), story.initiated())

    assert first == second
    assert len(await story.outside.chapa_calls("initialize")) == 1
    await story.tells(first["reference"], "The provider opened a checkout, and the payer was sent there.")


async def test_a_hundred_initiates_at_once_make_one_attempt(story: Story) -> None:
    answers = await asyncio.gather(*(story.click() for _ in range(100)))

    assert [answer.text for answer in answers if answer.status_code != 200] == []
    (reference,) = {answer.json()["reference"] for answer in answers}
    assert len(await story.outside.chapa_calls("initialize")) == 1
    assert (story.count("payments"), story.count("attempts")) == (1, 1)
    await story.tells(reference, "is being paid through chapa; the attempt is open.")


@pytest.mark.on_both
async def test_a_hundred_identical_webhooks_tell_everybody_once(story: Story) -> None:
    opened = await story.initiated()
    await story.outside.switch_chapa(opened["reference"], webhook_copies=100)

    await story.browser.pay(opened["checkout_url"])

    webhooks = await until(
        lambda: story.outside.webhooks(opened["reference"]),
        lambda hooks: len(hooks) == 100 and all(hook["state"] == "delivered" for hook in hooks),
    )
    assert {hook["tries"][-1]["status"] for hook in webhooks} == {200}
    await story.until_told("paid")
    await story.until_at_rest()
    assert story.count("notices") == 1
    await story.told_once("paid")
    assert len(await story.outside.mails(MAIL)) == 1
    await story.tells(opened["reference"], "chapa sent a notice", "The payment is paid.")


async def test_a_duplicate_webhook_days_later_is_answered_200_and_asks_nobody(story: Story) -> None:
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")
    await story.until_at_rest()
    (webhook,) = await story.outside.webhooks(opened["reference"])
    asked = len(await story.outside.chapa_calls("verify"))
    story.clock.move(timedelta(days=2))

    assert await story.outside.redeliver(webhook) == 200

    await story.until_at_rest()
    assert story.count("notices") == 1
    assert len(await story.outside.chapa_calls("verify")) == asked
    await story.until_told("paid")
    await story.told_once("paid")
    await story.tells(opened["reference"], "The payment is paid.")


async def test_a_payer_who_comes_back_a_hundred_times_has_chapa_asked_once(story: Story) -> None:
    opened = await story.initiated()
    back = f"/payments/verify/chapa/?trx_ref={opened['reference']}"

    began = time.monotonic()
    answers = await asyncio.gather(*(story.client.get(back) for _ in range(100)))
    # Once in ten seconds, should a busy machine take longer than that.
    most = 1 + (time.monotonic() - began) // COALESCE_S

    assert {answer.status_code for answer in answers} == {302}
    assert 1 <= len(await story.outside.chapa_calls("verify")) <= most
    await story.tells(opened["reference"], "asked because of the payer's return, answered 'pending'")


async def test_the_same_idempotency_key_gets_the_same_answer_and_another_request_does_not(
    story: Story,
) -> None:
    key = {"Idempotency-Key": "a-key-of-the-shop"}

    first = await story.initiate(headers=key)
    again = await story.initiate(headers=key)
    other = await story.initiate("order_1001", headers=key)

    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    await story.tells(first.json()["reference"], "is being paid through chapa")


async def test_twenty_orders_are_paid_side_by_side(story: Story) -> None:
    names = [f"order_of_many_{number}" for number in range(20)]
    customer = {"email": MAIL, "first_name": "Sara", "last_name": "Tesfaye", "phone_number": None}
    for name in names:
        await story.outside.put_order(name, user_id=PAYER, amount="10.00", currency="ETB", customer=customer)

    async def pay(order_id: str) -> str:
        answer = await story.click(order_id)
        assert answer.status_code == 200, answer.text
        opened = answer.json()
        await story.browser.pay(opened["checkout_url"])
        await story.until_told("paid", order_id)
        return str(opened["reference"])

    references = await asyncio.gather(*(pay(name) for name in names))

    await story.until_at_rest()
    for name in names:
        await story.told_once("paid", order_id=name)
    assert len(await story.outside.mails(MAIL)) == 20
    first, cursor = [], ""
    while True:
        page = (
            await story.client.get("/payments/", params={"limit": 7} | ({"cursor": cursor} if cursor else {}))
        ).json()
        first += [payment["order_id"] for payment in page["data"]]
        if not page["has_more"]:
            break
        cursor = page["next_cursor"]
    assert sorted(first) == sorted(names), "the history pages through all of them, each once"
    await story.tells(references[0], "10.00 ETB for order order_of_many_0 is paid through chapa.")
