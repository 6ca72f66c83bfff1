"""Cases 32 and 33: words that look like failures, and what a provider's fields can hold."""

import json
from typing import Any

import pytest

from tests.e2e.story import ORDER, Story, until

pytestmark = pytest.mark.anyio

LONGEST = "order_" + "Z" * 57 + "9"
"""The longest name that an order may have."""


async def test_case_32_abandoned_at_paystack_is_no_failure(story: Story) -> None:
    await story.owes("1500.00", "NGN")
    opened = await story.initiated(provider="paystack")
    await story.outside.act_at_paystack(opened["reference"], "abandon")
    back = await story.client.get(f"/payments/verify/paystack/?reference={opened['reference']}")
    assert back.status_code == 302
    assert len(await story.outside.paystack_calls("verify", opened["reference"])) == 1
    assert (await story.payment(opened["payment_id"]))["status"] == "processing"
    await story.tells(opened["reference"], "answered 'abandoned'")

    await story.outside.act_at_paystack(opened["reference"], "pay")

    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.told_once("paid")


async def test_case_32_mpesa_codes_of_a_try_that_failed_give_advice_and_another_try(story: Story) -> None:
    for code, advice in (
        ("1032", "cancelled on the phone"),
        ("1037", "did not answer"),
        ("1019", "ran out"),
        ("1001", "Another M-Pesa request was open"),
    ):
        order_id = f"order_{code}"
        await story.owes("1500.00", "KES", order_id)
        opened = await story.initiated(order_id, provider="mpesa")
        (prompt,) = await story.outside.prompts(state="live")

        await story.outside.act_on_prompt(prompt["checkout_request_id"], "result", code=code)

        payment = await story.until_status(opened["payment_id"], "failed")
        assert payment["failure"]["code"] == "declined"
        assert advice in payment["failure"]["message"]
        again = await story.initiated(order_id, provider="mpesa")
        assert again["reference"] != opened["reference"]
        (prompt,) = await story.outside.prompts(state="live")
        await story.outside.act_on_prompt(prompt["checkout_request_id"], "approve")
        await story.until_status(opened["payment_id"], "success")


async def test_case_32_still_processing_at_mpesa_is_no_information(story: Story) -> None:
    await story.owes("1500.00", "KES")
    opened = await story.initiated(provider="mpesa")

    page = await story.browser.open(f"{opened['checkout_url']}status/")

    assert page.status_code == 200
    await until(lambda: story.outside.mpesa_calls("query"), len)
    payment = await story.payment(opened["payment_id"])
    assert (payment["status"], payment["attempts"][0]["status"]) == ("processing", "open")
    await story.told_once()


async def test_case_33_what_is_sent_fits_each_providers_fields_however_long_an_orders_name_is(
    story: Story,
) -> None:
    sent = {}
    for provider, currency in (("chapa", "ETB"), ("paystack", "NGN"), ("mpesa", "KES")):
        name = f"{LONGEST[: -len(currency)]}{currency}"
        assert len(name) == 64
        await story.owes("1500.00", currency, name)
        sent[provider] = await story.initiated(name, provider=provider)

    chapa = body_of(await story.outside.chapa_calls("initialize"))
    assert chapa["tx_ref"] == sent["chapa"]["reference"]
    assert len(chapa["tx_ref"]) <= 50
    paystack = body_of(await story.outside.paystack_calls("initialize"))
    assert paystack["reference"] == sent["paystack"]["reference"]
    assert "_" not in paystack["reference"]
    assert int(paystack["amount"]) == 150_000, "whole kobo"
    mpesa = body_of(await story.outside.mpesa_calls("push"))
    assert mpesa["Amount"] == 1500, "whole shillings"
    assert len(mpesa["AccountReference"]) <= 12
    assert name.endswith(mpesa["AccountReference"])
    assert len(mpesa["TransactionDesc"]) <= 13


def body_of(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """What the one call carried."""
    (call,) = calls
    body: dict[str, Any] = json.loads(call["body"])
    return body
