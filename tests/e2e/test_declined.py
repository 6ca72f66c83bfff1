"""A try to pay fails. That is not final: the page stays open, and another attempt may be made."""

import pytest

from tests.e2e.story import MAIL, Story

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


async def declined(story: Story) -> dict[str, str]:
    """A checkout on which one try was declined, with everybody told."""
    opened = await story.initiated()
    await story.browser.pay_from_an_empty_wallet(opened["checkout_url"])
    payment = await story.until_status(opened["payment_id"], "failed")
    assert payment["failure"]["code"] == "declined"
    order = await story.until_told("failed")
    assert order["reason"] == "declined"
    (mail,) = await story.until_mailed()
    assert "again" in mail["text"]
    return opened


async def test_declined_and_then_paid_on_the_same_page_without_a_word_to_us(story: Story) -> None:
    opened = await declined(story)

    await story.browser.pay(opened["checkout_url"])

    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.until_at_rest()
    await story.told_once("failed", "paid")
    assert len(await story.outside.mails(MAIL)) == 2
    await story.tells(
        opened["reference"],
        "The attempt failed: the provider declined it.",
        "The payment is failed for now",
        "The payment is processing again.",
        "The payment is paid.",
    )


async def test_declined_and_then_the_same_page_is_handed_out_again(story: Story) -> None:
    opened = await declined(story)

    again = await story.initiated()

    assert (again["reference"], again["checkout_url"]) == (opened["reference"], opened["checkout_url"])
    assert again["status"] == "processing"
    await story.browser.pay(again["checkout_url"])
    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.told_once("failed", "paid")
    assert len(await story.outside.chapa_calls("initialize")) == 1
    await story.tells(opened["reference"], "The same checkout was handed out again.", "The payment is paid.")


async def test_declined_twice_on_the_same_page_is_told_and_mailed_once(story: Story) -> None:
    opened = await declined(story)
    await story.initiated()
    # Chapa's times have whole seconds; a second try in the same one could not be told from the first.
    await story.outside.switch_chapa(opened["reference"], verify_reference="AP-another-transaction")

    await story.browser.pay_from_an_empty_wallet(opened["checkout_url"])

    await story.until_status(opened["payment_id"], "failed")
    await story.until_at_rest()
    await story.told_once("failed")
    assert len(await story.outside.mails(MAIL)) == 1
    await story.tells(opened["reference"], "It may be retried, and late money still counts.")


async def test_declined_and_then_a_new_attempt_because_the_order_changed(story: Story) -> None:
    first = await declined(story)
    await story.outside.put_order("order_1", amount="900.00")

    second = await story.initiated()

    assert second["reference"] != first["reference"]
    old = await story.outside.transaction(first["reference"])
    assert old["link"] == "cancelled", "nobody can pay twice by mistake"
    await story.browser.pay(second["checkout_url"])
    payment = await story.until_status(first["payment_id"], "success")
    assert payment["amount"] == payment["amount_received"] == "900.00"
    assert [attempt["status"] for attempt in payment["attempts"]] == ["failed", "succeeded"]
    await story.until_told("paid")
    await story.told_once("failed", "paid")
    await story.tells(
        second["reference"],
        "An attempt to collect 1000.00 ETB through chapa was put on record.",
        "Nobody can pay on its checkout any more.",
        "An attempt to collect 900.00 ETB through chapa was put on record.",
        "The payment is paid.",
    )
