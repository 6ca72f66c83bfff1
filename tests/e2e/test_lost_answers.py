"""Chapa accepted, and its answer never reached us: nobody has the page, and nobody is charged twice."""

import asyncio

import pytest

from tests.e2e.story import Story, until

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


@pytest.mark.parametrize("fault", ["reset_after", "truncated", "cut_off", "html_500_after"])
async def test_an_answer_lost_after_chapa_accepted_costs_one_click_and_no_money(
    story: Story, fault: str
) -> None:
    await story.outside.switch_chapa(fault=fault, fault_on="initialize", fault_times=1)

    told = await story.refused(504, "outcome_unknown")
    assert (await story.payment(told["payment_id"]))["status"] == "pending"
    opened = await story.initiated()

    lost, new = await story.outside.transactions()
    assert (lost["link"], new["link"]) == ("cancelled", "open")
    assert opened["reference"] == new["tx_ref"]
    await story.browser.pay(opened["checkout_url"])
    payment = await story.until_status(told["payment_id"], "success")
    assert payment["amount_received"] == "1000.00"
    await story.until_told("paid")
    await story.told_once("paid")
    await story.tells(
        opened["reference"],
        "The provider's answer was lost, so the outcome is unknown",
        "Nobody can pay on its checkout any more.",
        "The payment is paid.",
    )


async def test_an_answer_without_a_usable_page_is_unknown_too(story: Story) -> None:
    await story.outside.switch_chapa(checkout_url="foreign")

    await story.refused(504, "outcome_unknown")

    (attempt,) = (await story.payment(await _payment_id(story)))["attempts"]
    assert (attempt["status"], attempt["reason"]) == ("unknown", None)
    await story.tells(attempt["reference"], "is pending: nobody was given anything to pay with yet.")


async def test_money_on_a_page_whose_address_was_lost_is_found(story: Story) -> None:
    await story.outside.switch_chapa(fault="reset_after", fault_on="initialize", fault_times=1)
    told = await story.refused(504, "outcome_unknown")
    (lost,) = await story.outside.transactions()

    await story.outside.act(lost["tx_ref"], "pay")

    await story.until_status(told["payment_id"], "success")
    await story.until_told("paid")
    await story.told_once("paid")
    await story.tells(lost["tx_ref"], "The payment is processing: the payer has something", "is paid.")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("rate_limited", 503, "provider_unavailable"), ("html_500", 504, "outcome_unknown")],
)
async def test_chapa_does_nothing_and_the_next_click_gets_a_page(
    story: Story, fault: str, status: int, code: str
) -> None:
    await story.outside.switch_chapa(fault=fault, fault_on="initialize", fault_times=1)

    answer = await story.initiate()
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert int(answer.headers["retry-after"]) >= 1
    opened = await story.initiated()

    (only,) = await story.outside.transactions()
    assert only["tx_ref"] == opened["reference"]
    await story.tells(opened["reference"], "The provider opened a checkout, and the payer was sent there.")


async def test_chapa_says_no(story: Story) -> None:
    await story.outside.switch_chapa(merchant="blocked")

    told = await story.refused(502, "provider_rejected")

    (attempt,) = (await story.payment(told["payment_id"]))["attempts"]
    assert (attempt["status"], attempt["reason"]) == ("failed", "refused")
    await story.tells(attempt["reference"], "The attempt failed: the provider refused to open a checkout.")


@pytest.mark.stories
async def test_a_real_timeout_with_a_second_click_meanwhile(story: Story) -> None:
    """Chapa accepts, and says nothing for ten seconds. The second click waits, then gets a page."""
    await story.outside.switch_chapa(fault="never_answer", fault_on="initialize", fault_times=1)
    first = asyncio.create_task(story.client.post(*_click(), json={"provider": "chapa"}, timeout=30))
    await until(story.outside.transactions, len)

    second = await story.client.post(*_click(), json={"provider": "chapa"}, timeout=30)

    assert (await first).status_code == 504
    assert second.status_code == 200, second.text
    lost, new = await story.outside.transactions()
    assert (lost["link"], new["tx_ref"]) == ("cancelled", second.json()["reference"])
    await story.browser.pay(second.json()["checkout_url"])
    await story.until_status(second.json()["payment_id"], "success")
    await story.tells(new["tx_ref"], "The provider's answer was lost (", "The payment is paid.")


def _click() -> tuple[str]:
    return ("/payments/initiate/order_1/",)


async def _payment_id(story: Story) -> str:
    listed = (await story.client.get("/payments/")).json()["data"]
    return str(listed[0]["payment_id"])
