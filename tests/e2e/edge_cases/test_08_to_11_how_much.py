"""Edge cases 8 to 11 (docs/edge-cases.md): money that is too little, too much, foreign, or miscounted."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.e2e.story import MAIL, Story, until

pytestmark = pytest.mark.anyio


async def held(story: Story, opened: dict[str, Any], kind: str) -> dict[str, Any]:
    """The payment once its money is held: neither paid nor failed, nobody told, and nobody may pay again."""
    payment = await until(lambda: story.payment(opened["payment_id"]), lambda told: told["in_review"])
    assert payment["status"] == "processing"
    assert await story.reviews() == [kind]
    await story.until_at_rest()
    await story.told_once()
    assert await story.outside.mails(MAIL) == []
    await story.refused(409, "payment_in_review")
    return payment


async def test_case_08_less_than_was_due_is_held_for_review_and_never_failed(story: Story) -> None:
    await story.owes("1500.00", "KES")
    opened = await story.initiated(provider="paystack")

    await story.outside.act_at_paystack(opened["reference"], "pay", amount=140_000)

    payment = await held(story, opened, "amount_mismatch")
    assert payment["amount_received"] == "1400.00"
    decided = await story.decide("amount_mismatch", "accept")
    assert decided["payment"]["status"] == "success"
    await story.until_told("paid")
    await story.told_once("paid")


async def test_case_09_more_than_was_due_is_held_for_review_and_may_be_returned(story: Story) -> None:
    opened = await story.initiated()
    await story.outside.switch_chapa(opened["reference"], verify_amount="1500.00")
    await story.outside.switch_chapa(refunds="allowed", refund_settles_after_s=0.0)

    await story.browser.pay(opened["checkout_url"])

    payment = await held(story, opened, "amount_mismatch")
    assert payment["amount_received"] == "1500.00"
    decided = await story.decide("amount_mismatch", "refund")
    assert decided["refund"]["amount"] == "1500.00"
    assert (await story.payment(opened["payment_id"]))["status"] == "processing"


async def test_case_10_another_currency_is_held_for_review_and_counts_as_nothing(story: Story) -> None:
    await story.owes("1500.00", "KES")
    opened = await story.initiated(provider="paystack")

    await story.outside.act_at_paystack(opened["reference"], "pay", currency="NGN")

    payment = await held(story, opened, "currency_mismatch")
    assert payment["amount_received"] == "0.00", "naira are no shillings"
    await story.tells(opened["reference"], "1500.00 NGN arrived and is held")


UNITS: list[tuple[str, str, str, dict[str, Any]]] = [
    # Provider, what is due, and how its API is told.
    ("paystack", "19.99", "USD", {"amount": 1999}),
    ("paystack", "1500", "XOF", {"amount": 150_000}),
    ("mpesa", "1500.00", "KES", {"Amount": 1500}),
    ("chapa", "19.99", "USD", {"amount": "19.99"}),
]


async def test_case_11_each_provider_is_told_its_own_units_and_what_is_inexact_proves_nothing(
    story: Story,
) -> None:
    for number, (provider, amount, currency, told) in enumerate(UNITS):
        order_id = f"order_{provider}_{number}"
        await story.owes(amount, currency, order_id)
        opened = await story.initiated(order_id, provider=provider)
        assert (await story.payment(opened["payment_id"]))["amount"] == amount
        sent = (await told_to(story, provider))[-1]
        assert {name: sent[name] for name in told} == told
    # M-Pesa moves whole shillings: nothing is rounded.
    await story.owes("1500.50", "KES", "order_half")
    await story.refused(422, "unsupported_amount", "order_half", provider="mpesa")

    opened = await story.initiated()
    await story.outside.switch_chapa(opened["reference"], verify_amount="1000.005")
    page = await story.browser.pay(opened["checkout_url"])

    assert page.url.params["status"] == "processing"
    payment = await story.payment(opened["payment_id"])
    assert (payment["amount_received"], payment["in_review"]) == ("0.00", False)
    await until(story.tries, lambda tries: tries > 0)
    await story.outside.switch_chapa(opened["reference"], verify_amount="1000.00", verify_amount_as="string")
    story.clock.move(timedelta(minutes=1))
    payment = await story.until_status(opened["payment_id"], "success")
    assert payment["amount_received"] == "1000.00"


async def told_to(story: Story, provider: str) -> list[dict[str, Any]]:
    """The bodies a provider was sent to open checkouts with."""
    calls = {
        "paystack": partial(story.outside.paystack_calls, "initialize"),
        "chapa": partial(story.outside.chapa_calls, "initialize"),
        "mpesa": partial(story.outside.mpesa_calls, "push"),
    }
    return [json.loads(call["body"]) for call in await calls[provider]()]
