"""Money that does not match is held for a person: never paid, never failed."""

import pytest

from tests.e2e.story import MAIL, Story, problem, until

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


async def held(story: Story, **attested: str) -> dict[str, str]:
    """A checkout whose payment Chapa attests differently from what was asked."""
    opened = await story.initiated()
    await story.outside.switch_chapa(opened["reference"], **attested)
    page = await story.browser.pay(opened["checkout_url"])
    assert page.status_code == 200
    payment = await until(lambda: story.payment(opened["payment_id"]), lambda told: told["in_review"])
    assert payment["status"] == "processing"
    await story.until_at_rest()
    return opened


async def test_a_wrong_amount_is_held_for_review(story: Story) -> None:
    opened = await held(story, verify_amount="1.00")

    payment = await story.payment(opened["payment_id"])
    assert (payment["amount_received"], payment["checkout_url"] is None) == ("1.00", False)
    told = await story.refused(409, "payment_in_review")
    assert told["payment_id"] == opened["payment_id"]
    cancel = await story.post(f"/payments/{opened['payment_id']}/cancel/")
    problem(cancel, 409, "payment_in_review")
    await story.told_once()
    assert await story.outside.mails(MAIL) == []
    assert await story.reviews() == ["amount_mismatch"]
    await story.tells(
        opened["reference"],
        "1.00 ETB arrived and is held; the shop will accept it or return it.",
        "it is held until a person decides",
        "A person's decision: amount_mismatch.",
    )


async def test_a_wrong_currency_is_held_for_review(story: Story) -> None:
    opened = await held(story, verify_currency="USD")

    payment = await story.payment(opened["payment_id"])
    assert payment["amount_received"] == "0.00", "dollars are no birr"
    await story.refused(409, "payment_in_review")
    await story.told_once()
    assert await story.reviews() == ["currency_mismatch"]
    await story.tells(opened["reference"], "1000.00 USD arrived and is held", "currency_mismatch")


@pytest.mark.parametrize(
    "attested", [{"verify_mode": "live"}, {"verify_tx_ref": "p-aaaaaaaaaaaaaaaaaaaaaaaaaa"}]
)
async def test_money_of_another_world_or_another_reference_pays_nothing(
    story: Story, attested: dict[str, str]
) -> None:
    opened = await story.initiated()
    await story.outside.switch_chapa(opened["reference"], **attested)

    page = await story.browser.pay(opened["checkout_url"])

    assert page.url.params["status"] == "processing"
    await until(story.reviews, lambda kinds: kinds == ["orphan"])
    payment = await story.payment(opened["payment_id"])
    assert (payment["status"], payment["amount_received"], payment["in_review"]) == (
        "processing",
        "0.00",
        False,
    )
    await story.told_once()
    await story.tells(opened["reference"], "A person has to decide (orphan)")
