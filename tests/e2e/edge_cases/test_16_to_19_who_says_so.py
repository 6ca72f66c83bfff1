"""Edge cases 16 to 19 (docs/edge-cases.md): whose money it is, and who may say that it is here."""

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.databases import Database
from tests.e2e.edge_cases.signing import UNHEARD_OF, by_chapa, by_paystack
from tests.e2e.outside_world import PAYSTACK_KEY, WEBHOOK_SECRET, Outside
from tests.e2e.story import Story, open_story, problem, until

pytestmark = pytest.mark.anyio

OLD_SECRET = "the-hash-that-chapa-knew-until-yesterday"
OLD_KEY = "sk_test_of_paystack_until_yesterday_0000000000000001"


async def test_case_16_a_webhook_for_a_reference_we_do_not_know_is_kept_and_put_before_a_person(
    story: Story,
) -> None:
    answer = await by_chapa(story, event="charge.success", tx_ref=UNHEARD_OF, status="success")

    assert (answer.status_code, answer.json()["status"]) == (200, "stored")
    await until(story.tries, lambda tries: tries > 0)
    assert await story.reviews() == []
    tries = await story.tries()
    story.clock.move(timedelta(hours=23))
    await until(story.tries, lambda now: now > tries)
    assert story.count("notices WHERE handled_at IS NULL") == 1, "its attempt may still turn up"

    story.clock.move(timedelta(hours=2))

    await until(story.reviews, lambda kinds: kinds == ["orphan"])
    await story.until_at_rest()
    assert await story.outside.chapa_calls("verify") == [], "there is nothing to ask about"
    assert story.count("captures") == 0


async def test_case_17_another_provider_another_tenant_or_another_mode_pays_nothing(story: Story) -> None:
    paid = await story.initiated()
    await story.browser.pay(paid["checkout_url"])
    await story.until_status(paid["payment_id"], "success")
    theirs = (await story.outside.transaction(paid["reference"]))["reference"]
    await story.owes("1000.00", "ETB", "order_2")
    opened = await story.initiated("order_2")
    reference = opened["reference"]

    # Paystack speaks of an attempt of Chapa's: nobody asks either of them.
    await story.until_at_rest()
    asked, tries = len(await story.outside.chapa_calls("verify")), await story.tries()
    answer = await by_paystack(story, event="charge.success", reference=reference, domain="test")
    assert answer.status_code == 200
    await until(story.tries, lambda now: now > tries)
    assert len(await story.outside.chapa_calls("verify")) == asked
    assert await story.outside.paystack_calls("verify") == []

    # Chapa attests live money, then money of another reference, then money that another order has already.
    await story.outside.switch_chapa(reference, webhook_lost=True, callback_lost=True, verify_mode="live")
    await story.outside.act(reference, "pay")
    for crossed in ({"verify_mode": "live"}, {"verify_tx_ref": UNHEARD_OF}, {"verify_reference": theirs}):
        await story.outside.switch_chapa(reference, **TRUE | crossed)
        # Whoever wants to cancel has the provider asked.
        answer = await story.post(f"/payments/{opened['payment_id']}/cancel/")
        problem(answer, 409, "payment_in_flight")
        payment = await story.payment(opened["payment_id"])
        told = (payment["status"], payment["amount_received"], payment["in_review"])
        assert told == ("processing", "0.00", False), crossed
    # One question for each transaction that somebody may miss.
    assert await story.reviews() == ["orphan", "orphan"]
    await story.told_once(order_id="order_2")


TRUE = {"verify_mode": None, "verify_tx_ref": None, "verify_reference": None}
"""Chapa attests what is the case."""


async def test_case_18_a_forged_callback_stores_nothing_and_one_to_the_right_address_decides_nothing(
    story: Story,
) -> None:
    await story.owes("1500.00", "KES")
    opened = await story.initiated(provider="mpesa")
    (prompt,) = await story.outside.prompts()
    forged = _success(prompt["checkout_request_id"])
    (push,) = await story.outside.mpesa_calls("push")
    address = urlsplit(json.loads(push["body"])["CallBackURL"]).path

    for path in ("/payments/verify/mpesa/", "/payments/verify/mpesa/guess/", f"{address[:-33]}{'0' * 32}/"):
        answer = await story.post(path, json=forged)
        assert answer.status_code == 404, path
    assert story.count("notices") == 0

    # Even whoever learnt the secret address only makes us ask, and M-Pesa knows of no money.
    answer = await story.post(address, json=forged)
    assert answer.status_code == 200
    await until(lambda: story.outside.mpesa_calls("query"), len)
    await until(story.tries, lambda tries: tries > 0)
    payment = await story.payment(opened["payment_id"])
    assert (payment["status"], payment["amount_received"]) == ("processing", "0.00")
    await story.outside.on_the_phone("cancel")
    await until(story.tries, lambda tries: tries > 1)
    # Two questions at once are one too many for M-Pesa: the second waits for its turn.
    story.clock.move(timedelta(seconds=6))
    await story.until_status(opened["payment_id"], "failed")
    assert story.count("captures") == 0


def _success(checkout_request_id: str) -> dict[str, object]:
    items = [{"Name": "Amount", "Value": 1500.0}, {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"}]
    said = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": checkout_request_id,
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": items},
    }
    return {"Body": {"stkCallback": said}}


@pytest.mark.stories
async def test_case_19_while_a_secret_is_rotated_both_sign_and_afterwards_the_old_one_does_not(
    outside: Outside, database: Database, tmp_path: Path
) -> None:
    both = {
        "PAYMENTS_CHAPA_WEBHOOK_SECRETS": f"{WEBHOOK_SECRET},{OLD_SECRET}",
        "PAYMENTS_PAYSTACK_WEBHOOK_KEYS": OLD_KEY,
    }
    async with open_story(outside, database, tmp_path, both) as story:
        for secret, key in ((WEBHOOK_SECRET, PAYSTACK_KEY), (OLD_SECRET, OLD_KEY)):
            for answer in await signed_with(story, secret, key):
                assert (answer.status_code, answer.json()["status"]) == (200, "stored")
        for answer in await signed_with(story, "a-secret-that-never-was-ours", "sk_test_of_nobody"):
            problem(answer, 401, "notice_forged")
        await story.service.terminate()

    (tmp_path / "afterwards").mkdir()
    async with open_story(outside, database, tmp_path / "afterwards") as story:
        for answer in await signed_with(story, OLD_SECRET, OLD_KEY):
            problem(answer, 401, "notice_forged")


async def signed_with(story: Story, secret: str, key: str) -> tuple[httpx.Response, httpx.Response]:
    """What two webhooks are answered, each different from all others."""
    return (
        await by_chapa(story, secret=secret, tx_ref=UNHEARD_OF, status="pending", signed_with=secret),
        await by_paystack(story, key=key, event="charge.success", reference=UNHEARD_OF, signed_with=key),
    )
