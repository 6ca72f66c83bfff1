"""Money that arrives after we had given up on it still counts."""

from datetime import timedelta

import pytest

from tests.e2e.story import Story, problem, until

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


async def test_a_page_nobody_paid_is_closed_and_money_that_was_on_its_way_still_counts(story: Story) -> None:
    opened = await story.initiated()
    story.clock.move(timedelta(minutes=61))
    payment = await story.until_status(opened["payment_id"], "failed")
    assert payment["failure"]["code"] == "timed_out"
    assert (await story.outside.transaction(opened["reference"]))["link"] == "cancelled"
    await story.until_told("failed")
    assert await story.outside.mails("sara@shop.et") == []

    await story.outside.act(opened["reference"], "pay")

    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.told_once("failed", "paid")
    await story.tells(
        opened["reference"],
        "The attempt expired: nobody paid in time. Money for it would still count.",
        "The payment is failed for now: nobody paid in time. It may be retried.",
        "The payment is paid.",
    )


async def test_money_two_days_late_is_found_although_nobody_says_a_word(story: Story) -> None:
    await story.outside.switch_chapa(webhook_lost=True)
    opened = await story.initiated()
    story.clock.move(timedelta(minutes=61))
    await story.until_status(opened["payment_id"], "failed")
    # Whoever asks just now has not been told of any money yet.
    await story.until_nobody_asks(opened["reference"])
    await story.outside.act(opened["reference"], "pay")

    story.clock.move(timedelta(days=2))

    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.tells(opened["reference"], "asked because of the schedule", "The payment is paid.")


async def test_cancelled_by_the_payer(story: Story) -> None:
    opened = await story.initiated()

    answer = await story.post(f"/payments/{opened['payment_id']}/cancel/")

    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["failure"]["code"]) == ("failed", "cancelled_by_payer")
    assert told["checkout_url"] is None
    assert (await story.outside.transaction(opened["reference"]))["link"] == "cancelled"
    page = await story.browser.open(opened["checkout_url"])
    assert page.status_code == 410
    again = await story.post(f"/payments/{opened['payment_id']}/cancel/")
    assert again.json()["updated_at"] == told["updated_at"], "cancelling twice changes nothing"
    order = await story.until_told("failed")
    assert order["reason"] == "cancelled_by_payer"
    await story.told_once("failed")
    await story.tells(opened["reference"], "The attempt expired: it was cancelled.")


async def test_cancelled_by_the_payer_whose_money_was_already_on_its_way(story: Story) -> None:
    opened = await story.initiated()
    await story.post(f"/payments/{opened['payment_id']}/cancel/")
    # Otherwise the news of the money might overtake this.
    await story.until_told("failed")

    await story.outside.act(opened["reference"], "pay")

    await story.until_status(opened["payment_id"], "success")

    await story.until_told("paid")
    await story.until_at_rest()
    await story.told_once("failed", "paid")
    problem(await story.initiate(), 400, "payment_already_processed")
    await story.tells(opened["reference"], "it was cancelled. Money for it would still count", "is paid.")


async def test_a_superseded_attempt_is_paid_after_all_and_the_shop_hears_of_it(story: Story) -> None:
    first = await story.initiated()
    await story.outside.put_order("order_1", amount="900.00")
    second = await story.initiated()
    assert second["reference"] != first["reference"]
    assert (await story.payment(first["payment_id"]))["status"] == "processing", "no flicker to failed"

    await story.outside.act(first["reference"], "pay")

    # 1000.00 arrived, and 900.00 is owed since the order was edited: a person decides.
    await until(story.reviews, lambda kinds: kinds == ["amount_mismatch"])
    payment = await story.payment(first["payment_id"])
    assert (payment["status"], payment["amount_received"]) == ("processing", "1000.00")
    await story.browser.pay(second["checkout_url"])
    await story.until_status(first["payment_id"], "success")
    await story.until_told("paid")
    await story.told_once("paid")
    await story.tells(second["reference"], "another attempt took its place", "The payment is paid.")


async def test_two_attempts_of_one_order_are_both_paid_and_the_second_is_surplus(story: Story) -> None:
    first = await story.initiated()
    # A version without another amount: the page is replaced, and what it asked for is still what is owed.
    await story.outside.put_order("order_1", title="Another title")
    second = await story.initiated()
    await story.browser.pay(second["checkout_url"])
    await story.until_status(first["payment_id"], "success")

    await story.outside.act(first["reference"], "pay")

    await until(story.reviews, lambda kinds: kinds == ["surplus"])
    payment = await story.payment(first["payment_id"])
    assert payment["amount_received"] == "2000.00"
    await story.until_told("paid")
    await story.until_at_rest()
    await story.told_once("paid")
    assert len(await story.outside.mails("sara@shop.et")) == 1
    await story.tells(first["reference"], "more money arrived than was owed", "it is more than was owed")


async def test_late_money_on_a_superseded_attempt_pays_and_closes_the_newer_page(story: Story) -> None:
    first = await story.initiated()
    await story.outside.put_order("order_1", title="Another title")
    second = await story.initiated()

    await story.outside.act(first["reference"], "pay")

    await story.until_status(first["payment_id"], "success")
    await story.until_told("paid")
    newer = await until(
        lambda: story.outside.transaction(second["reference"]), lambda told: told["link"] == "cancelled"
    )
    assert newer["status"] == "pending"
    await story.told_once("paid")
    await story.tells(first["reference"], "The payment is paid.", "Nobody can pay on its checkout any more.")


async def test_money_that_goes_back_at_the_provider_is_taken_in(story: Story) -> None:
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")

    await story.outside.act(opened["reference"], "refund")

    order = await story.until_told("refunded")
    assert order["refunded_amount"] == "1000.00"
    payment = await story.payment(opened["payment_id"])
    assert (payment["status"], payment["amount_refunded"]) == ("success", "1000.00")
    assert await story.reviews() == ["dispute"]
    await story.told_once("paid", "refunded")
    problem(await story.initiate(), 400, "payment_already_processed")
    await story.tells(opened["reference"], "1000.00 ETB went back", "went back at the provider")
