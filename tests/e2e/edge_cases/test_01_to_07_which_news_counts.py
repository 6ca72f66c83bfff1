"""Edge cases 1 to 7 (docs/edge-cases.md): news that comes late, twice, too early, in any order, or never."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.edge_cases.signing import by_chapa
from tests.e2e.story import MAIL, Story, problem, until

pytestmark = pytest.mark.anyio


async def a_page_at_paystack_and_then_one_at_chapa(story: Story) -> tuple[dict[str, Any], dict[str, Any]]:
    """A payer who thought better of it. Paystack closes no page: the first can still be paid on."""
    await story.owes("19.99", "USD")
    first = await story.initiated(provider="paystack")
    second = await story.initiated(provider="chapa")
    assert first["payment_id"] == second["payment_id"]
    return first, second


async def test_case_01_a_late_success_on_a_superseded_attempt_pays_the_order(story: Story) -> None:
    first, second = await a_page_at_paystack_and_then_one_at_chapa(story)

    await story.outside.act_at_paystack(first["reference"], "pay")

    payment = await story.until_status(first["payment_id"], "success")
    assert [(each["provider"], each["status"]) for each in payment["attempts"]] == [
        ("paystack", "succeeded"),
        ("chapa", "expired"),
    ]
    # Nobody shall pay on the newer page by mistake.
    await until(
        lambda: story.outside.transaction(second["reference"]), lambda told: told["link"] == "cancelled"
    )
    await story.until_told("paid")
    await story.told_once("paid")


async def test_case_02_an_order_paid_through_two_attempts_is_told_once_and_the_second_money_is_surplus(
    story: Story,
) -> None:
    first, second = await a_page_at_paystack_and_then_one_at_chapa(story)
    await story.outside.switch_paystack(refund_step_s=0.0)
    await story.browser.pay(second["checkout_url"])
    await story.until_status(first["payment_id"], "success")
    await story.until_told("paid")

    await story.outside.act_at_paystack(first["reference"], "pay")

    await until(story.reviews, lambda kinds: kinds == ["surplus"])
    assert (await story.payment(first["payment_id"]))["amount_received"] == "39.98"
    decided = await story.decide("surplus", "refund")
    assert decided["refund"]["amount"] == "19.99"
    story.clock.move(timedelta(seconds=31))
    await until(story.reviews, lambda kinds: kinds == [])
    payment = await story.payment(first["payment_id"])
    assert (payment["status"], payment["amount_refunded"]) == ("success", "19.99")
    await story.until_at_rest()
    await story.told_once("paid")


@pytest.mark.stories
async def test_case_03_money_that_arrives_before_the_call_that_opened_the_page_has_returned_is_not_lost(
    story: Story,
) -> None:
    # Long enough for the webhook to be found by a worker and settled, and less than what we wait for Chapa.
    await story.outside.switch_chapa(fault="slow", fault_on="initialize", fault_times=1, answer_delay_s=6)
    initiating = asyncio.create_task(story.initiate())
    (transaction,) = await until(story.outside.transactions, len)

    await story.outside.act(transaction["tx_ref"], "pay")

    await story.until_told("paid")
    # The webhook came first, so there is nothing left to pay, and no page is handed out.
    problem(await initiating, 400, "payment_already_processed")
    await story.told_once("paid")
    assert len(await story.outside.transactions()) == 1


WAYS: dict[str, dict[str, Any]] = {
    "webhook-first": {"after_payment": ["callback", "webhook", "redirect"]},
    "payer-first": {"after_payment": ["redirect", "callback", "webhook"]},
    "only-webhook": {"redirect_lost": True},
    "only-payer": {"webhook_lost": True},
    "neither": {"webhook_lost": True, "redirect_lost": True},
}


async def test_case_04_webhook_and_redirect_in_any_order_alone_or_neither_pay_the_order_once(
    story: Story,
) -> None:
    paid = {}
    for way, switches in WAYS.items():
        await story.owes("1000.00", "ETB", way)
        opened = await story.initiated(way)
        await story.outside.switch_chapa(opened["reference"], **{"callback_lost": True, **switches})
        await story.browser.pay(opened["checkout_url"])
        paid[way] = opened["payment_id"]
    assert (await story.payment(paid["neither"]))["status"] == "processing", "nobody has said a word"

    story.clock.move(timedelta(seconds=31))

    for way, payment_id in paid.items():
        await story.until_status(payment_id, "success")
        await story.until_told("paid", way)
    await story.until_at_rest()
    for way in WAYS:
        await story.told_once("paid", order_id=way)


async def test_case_05_the_same_event_many_times_at_the_same_instant_counts_once(story: Story) -> None:
    opened = await story.initiated()
    told = {"event": "charge.success", "tx_ref": opened["reference"], "status": "success"}
    await story.outside.switch_chapa(webhook_lost=True, callback_lost=True)
    await story.outside.act(opened["reference"], "pay")

    answers = await asyncio.gather(*(by_chapa(story, **told) for _ in range(8)))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert sorted(answer.json()["status"] for answer in answers) == ["duplicate"] * 7 + ["stored"]
    payment = await story.until_status(opened["payment_id"], "success")
    assert payment["amount_received"] == "1000.00"
    await story.until_told("paid")
    await story.until_at_rest()
    assert story.count("notices") == 1
    await story.told_once("paid")
    assert len(await story.outside.mails(MAIL)) == 1


async def test_case_06_a_retry_of_an_event_whose_first_handling_failed_is_no_loss(story: Story) -> None:
    await story.outside.switch_chapa(redirect_lost=True, callback_lost=True)
    opened = await story.initiated()
    await story.outside.switch_chapa(fault="html_500", fault_on="verify", fault_times=1000)
    await story.outside.act(opened["reference"], "pay")
    (webhook,) = await until(lambda: story.outside.webhooks(opened["reference"]), _delivered)
    await until(story.tries, lambda tries: tries > 0)

    assert await story.outside.redeliver(webhook) == 200

    # Received is not handled: the same bytes are no second notice, and the first is still to be dealt with.
    assert story.count("notices") == story.count("notices WHERE handled_at IS NULL") == 1
    assert (await story.payment(opened["payment_id"]))["status"] == "processing"
    await story.outside.switch_chapa(fault="none", fault_on="any", fault_times=None)
    story.clock.move(timedelta(minutes=1))
    await story.until_status(opened["payment_id"], "success")
    await story.until_at_rest()
    await story.told_once("paid")


def _delivered(webhooks: list[dict[str, Any]]) -> bool:
    return bool(webhooks) and all(webhook["tries"] for webhook in webhooks)


@pytest.mark.parametrize("word", ["failed", "pending"])
async def test_case_07_failed_or_pending_after_success_changes_nothing(story: Story, word: str) -> None:
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.until_at_rest()
    before = await story.payment(opened["payment_id"])
    asked = len(await story.outside.chapa_calls("verify", opened["reference"]))

    await story.outside.switch_chapa(opened["reference"], verify_status=word)
    answer = await by_chapa(
        story, event="charge.failed/cancelled", tx_ref=opened["reference"], status="failed/cancelled"
    )

    assert answer.status_code == 200
    await story.until_at_rest()
    assert len(await story.outside.chapa_calls("verify", opened["reference"])) > asked
    assert await story.payment(opened["payment_id"]) == before
    await story.told_once("paid")
    assert len(await story.outside.mails(MAIL)) == 1
