"""The reason that is told is that of the attempt which failed just now."""

import json

import pytest

from payments.application.records import summary_of
from tests.unit.use_cases.shop import Shop

pytestmark = pytest.mark.anyio


async def test_an_older_page_that_is_handed_out_again_and_declined_again_speaks_for_itself(
    shop: Shop,
) -> None:
    first = await shop.initiate()
    shop.provider.declines(first.reference, detail="The card has expired.")
    await shop.ask(first.reference)
    shop.provider.forgets_to_cancel = True
    second = await shop.initiate(provider="other")
    await shop.kit.payments.cancel(second.payment_id, "user_1", "payer:user_1")
    again = await shop.initiate()
    assert again.reference == first.reference

    shop.provider.declines(first.reference, fingerprint="second", detail="The card is empty.")
    payment = await shop.ask(first.reference)

    trail = await shop.kit.unit_of_work.reads.audit_of(payment.payment_id)
    failed = [event for event in json.loads(trail[-1].events) if event["event"] == "PaymentFailed"]
    assert [event["reason"] for event in failed] == ["declined"]
    line = summary_of(payment)
    assert (line.reference, line.failure) == (first.reference, "declined")
    assert line.failure_detail == "The card is empty."
    explained = await shop.kit.payments.explain(payment.payment_id, "user_1")
    assert "the provider declined it" in explained.summary
