"""Cases 34 to 37: orders that ask for nothing, visitors who are no payers, and a page that is not there."""

import asyncio
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from payments.entrypoints.http.verify import COALESCE_S
from tests.e2e.edge_cases.scripted import Scripted
from tests.e2e.edge_cases.signing import by_chapa
from tests.e2e.story import ORDER, Story
from tests.integration.http.door import problem

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("provider", ["scripted", "cash"])
async def test_case_34_an_order_of_nothing_is_refused_and_nothing_is_claimed(
    scripted: Scripted, provider: str
) -> None:
    scripted.kit.order(amount="0.00")

    problem(await scripted.initiate(provider=provider), 422, "unsupported_amount")

    assert (await scripted.client.get("/payments/")).json()["data"] == []
    assert scripted.provider.calls["open"] == 0


async def test_case_34_a_provider_whose_minimum_is_higher_is_not_offered(story: Story) -> None:
    await story.outside.put_order(ORDER, amount="0.50")

    offers = (await story.client.get("/payments/providers/", params={"order_id": ORDER})).json()["data"]

    available = {offer["provider"]: offer["available"] for offer in offers}
    assert (available["chapa"], available["cash"]) == (False, True)
    (chapa,) = [offer for offer in offers if offer["provider"] == "chapa"]
    assert chapa["minimum"] == "1.00"
    await story.refused(422, "unsupported_amount")
    assert await story.outside.chapa_calls("initialize") == []


async def test_case_35_a_crawler_on_the_return_address_changes_nothing_and_is_led_nowhere_else(
    story: Story,
) -> None:
    opened = await story.initiated()
    lies = "status=success&amount=1&return_to=https://evil.example&next=//evil.example"
    back = f"/payments/verify/chapa/?trx_ref={opened['reference']}&{lies}"

    began = time.monotonic()
    looked = await asyncio.gather(*(preview(story, method, back) for method in ["HEAD", "GET"] * 25))
    # Once in ten seconds, should a busy machine take longer than that.
    most = 1 + (time.monotonic() - began) // COALESCE_S
    strange = await preview(story, "GET", f"/payments/verify/chapa/?trx_ref=p-{'z' * 26}&{lies}")

    home = urlsplit(story.service.environ["PAYMENTS_PUBLIC_URL"]).netloc
    for answer in (*looked, strange):
        assert answer.status_code == 302
        assert urlsplit(answer.headers["location"]).netloc == home
    seen = parse_qs(urlsplit(looked[1].headers["location"]).query)
    assert seen == {"payment_id": [opened["payment_id"]], "status": ["processing"]}
    assert urlsplit(strange.headers["location"]).query == ""
    asked = len(await story.outside.chapa_calls("verify"))
    assert 1 <= asked <= most, "all who look at once cause one question"
    assert (await story.payment(opened["payment_id"]))["status"] == "processing"


async def preview(story: Story, method: str, path: str) -> httpx.Response:
    return await story.client.request(method, path, headers={"authorization": ""})


def of_nobody(number: int) -> dict[str, Any]:
    """What a notice tells about a reference of our form that nobody gave out."""
    reference = f"p-{number:026d}".translate(str.maketrans("0189", "abcd"))
    return {"event": "charge.success", "tx_ref": reference, "status": "success", "amount": "1.00"}


async def test_case_36_a_flood_of_forged_notices_stores_nothing_and_asks_nobody(story: Story) -> None:
    answers = await asyncio.gather(*(by_chapa(story, secret="guessed", **of_nobody(n)) for n in range(30)))

    assert {answer.status_code for answer in answers} == {401}
    assert story.count("notices") == 0
    assert await story.outside.chapa_calls("verify") == []


async def test_case_36_a_flood_of_unknown_references_asks_nobody_and_holds_no_payer_up(story: Story) -> None:
    opened = await story.initiated()

    answers = await asyncio.gather(*(by_chapa(story, **of_nobody(n)) for n in range(40)))
    await story.browser.pay(opened["checkout_url"])

    assert {answer.status_code for answer in answers} == {200}
    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    of_others = f"notices WHERE handled_at IS NULL AND reference <> '{opened['reference']}'"
    assert story.count(of_others) == 40, "each is kept, to be looked at again"
    about = {call["tx_ref"] for call in await story.outside.chapa_calls("verify")}
    assert about == {opened["reference"]}


async def test_case_36_many_notices_about_one_reference_cause_one_question(scripted: Scripted) -> None:
    opened = await scripted.initiated()
    for number in range(20):
        assert (await scripted.hear(opened["reference"], number=number)).status_code == 200
    assert scripted.provider.calls["check"] == 0, "nobody waits for an answer while they are taken in"

    await scripted.kit.work()

    assert scripted.provider.calls["check"] == 1


async def test_case_37_success_without_a_page_is_unknown_and_hands_nothing_out(story: Story) -> None:
    await story.outside.switch_chapa(checkout_url="missing")

    told = await story.refused(504, "outcome_unknown")

    assert "checkout_url" not in told
    payment = await story.payment(told["payment_id"])
    assert (payment["status"], payment["attempts"][0]["status"]) == ("pending", "unknown")
    await story.outside.switch_chapa(checkout_url="ours")
    opened = await story.initiated()
    lost, new = await story.outside.transactions()
    assert (lost["link"], new["tx_ref"]) == ("cancelled", opened["reference"])
