"""Money that goes back, from the shop's request to the order and the payer's mailbox."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.e2e.story import Story, problem, token, until

pytestmark = pytest.mark.anyio

ASKED_AFTER = timedelta(seconds=31)
"""By then the schedule has a refund asked about that its provider had not ended when it took it on."""


async def paid(story: Story) -> dict[str, Any]:
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")
    return opened


async def asked(story: Story, payment_id: str, amount: str, *, key: str) -> httpx.Response:
    refunder = {"Authorization": f"Bearer {token('clerk', scope='payments:refund')}", "Idempotency-Key": key}
    body = {"amount": amount, "reason": "it came back"}
    return await story.post(f"/payments/{payment_id}/refunds/", json=body, headers=refunder)


async def test_a_part_and_then_the_rest_goes_back_and_order_and_payer_are_told(story: Story) -> None:
    await story.outside.switch_chapa(refunds="allowed", refund_settles_after_s=0.0)
    opened = await paid(story)
    payment_id = opened["payment_id"]

    part = await asked(story, payment_id, "250.00", key="part")
    again = await asked(story, payment_id, "250.00", key="part")

    assert part.status_code == again.status_code == 201
    assert part.json()["refund_id"] == again.json()["refund_id"]
    story.clock.move(ASKED_AFTER)
    order = await story.until_told("partially_refunded")
    assert order["refunded_amount"] == "250.00"
    problem(await asked(story, payment_id, "750.01", key="more"), 409, "refund_too_large")

    assert (await asked(story, payment_id, "750.00", key="rest")).status_code == 201
    story.clock.move(ASKED_AFTER)
    order = await story.until_told("refunded")
    assert order["refunded_amount"] == "1000.00"
    await story.until_mailed(3)
    payment = await until(lambda: story.payment(payment_id), lambda p: p["amount_refunded"] == "1000.00")
    assert payment["status"] == "success"
    assert [refund["status"] for refund in payment["refunds"]] == ["succeeded", "succeeded"]
    await story.tells(
        opened["reference"],
        "250.00 ETB was set aside to go back: it came back",
        "The refund was asked for.",
        "The refund succeeded.",
        "message 3, 'partially_refunded', was delivered",
    )
