"""Cases 32 and 33: words that look like failures, and what a provider's fields can hold."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.story import Story, until

pytestmark = pytest.mark.anyio

LONGEST = "order_" + "Z" * 58
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


async def ended_with(story: Story, code: str) -> dict[str, Any]:
    """An order of its own, whose prompt ends with this code: the payment as it then stands."""
    order_id = f"order_{code}"
    await story.owes("1500.00", "KES", order_id)
    opened = await story.initiated(order_id, provider="mpesa")
    (prompt,) = await story.outside.prompts(state="live")
    await story.outside.act_on_prompt(prompt["checkout_request_id"], "result", code=code)
    payment = await story.until_status(opened["payment_id"], "failed")
    # Questions to M-Pesa take turns: by now the next one is due.
    story.clock.move(timedelta(seconds=1))
    return payment


async def test_case_32_mpesa_codes_of_a_try_that_failed_give_advice_and_another_try(story: Story) -> None:
    for code, advice in (
        ("1032", "cancelled on the phone"),
        ("1037", "did not answer"),
        ("1019", "ran out"),
        ("1001", "Another M-Pesa request was open"),
    ):
        payment = await ended_with(story, code)
        assert payment["failure"]["code"] == "declined"
        assert advice in payment["failure"]["message"]

    # That a payer should wait is advice, and nothing of ours (ADR 0040).
    for order_id in ("order_1032", "order_1037"):
        again = await story.initiated(order_id, provider="mpesa")
        await story.outside.on_the_phone("approve")
        await story.until_status(again["payment_id"], "success")
        payment = await story.payment(again["payment_id"])
        assert [attempt["status"] for attempt in payment["attempts"]] == ["failed", "succeeded"]
        await story.until_told("paid", order_id)
        story.clock.move(timedelta(seconds=1))


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
    sent, names = {}, {}
    for provider, currency in (("chapa", "ETB"), ("paystack", "NGN"), ("mpesa", "KES")):
        names[provider] = f"{LONGEST[:-3]}{currency}"
        await story.owes("1500.00", currency, names[provider])
        sent[provider] = await story.initiated(names[provider], provider=provider)

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
    assert {len(name) for name in names.values()} == {64}
    assert names["mpesa"].endswith(mpesa["AccountReference"])
    assert len(mpesa["TransactionDesc"]) <= 13


def body_of(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """What the one call carried."""
    (call,) = calls
    body: dict[str, Any] = json.loads(call["body"])
    return body
