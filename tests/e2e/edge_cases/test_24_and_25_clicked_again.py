"""Cases 24 and 25: who clicks twice, in two tabs, or again while the old page is still open."""

import asyncio

import httpx
import pytest

from payments.application.ports.providers import Checkout, CheckoutRequest
from payments.testing import ScriptedProvider
from tests.e2e.edge_cases.scripted import Scripted
from tests.e2e.story import ORDER, Story, until
from tests.integration.http.door import problem

pytestmark = pytest.mark.anyio


async def test_case_24_a_double_click_or_two_tabs_get_one_checkout(story: Story) -> None:
    first, second = await asyncio.gather(story.initiated(), story.initiated())
    later = await story.initiated()

    assert first == second == later
    assert len(await story.outside.chapa_calls("initialize")) == 1
    assert (story.count("payments"), story.count("attempts")) == (1, 1)


async def test_case_24_a_repeated_request_gets_the_stored_answer_and_another_one_does_not(
    scripted: Scripted,
) -> None:
    first = await with_key(scripted, "a-phone-that-tries-again")

    again = await with_key(scripted, "a-phone-that-tries-again")
    other = await with_key(scripted, "a-phone-that-tries-again", provider="other")

    assert first.status_code == 200
    assert again.content == first.content
    problem(other, 422, "idempotency_key_reused")
    assert scripted.provider.calls["open"] == 1


async def test_case_24_a_request_that_is_still_being_answered_tells_its_double_to_wait(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_answer, opens = asyncio.Event(), asyncio.Event(), ScriptedProvider.open

    async def opens_late(self: ScriptedProvider, request: CheckoutRequest) -> Checkout:
        asked.set()
        await may_answer.wait()
        return await opens(self, request)

    monkeypatch.setattr(ScriptedProvider, "open", opens_late)
    first = asyncio.create_task(with_key(scripted, "both"))
    async with asyncio.timeout(10):
        await asked.wait()

    second = await with_key(scripted, "both")
    may_answer.set()

    problem(second, 409, "idempotency_key_in_flight")
    assert int(second.headers["retry-after"]) >= 1
    assert (await first).status_code == 200
    assert scripted.provider.calls["open"] == 1


async def with_key(scripted: Scripted, key: str, provider: str = "scripted") -> httpx.Response:
    body, headers = {"provider": provider}, {"Idempotency-Key": key}
    return await scripted.client.post("/payments/initiate/order_1/", json=body, headers=headers)


async def test_case_25_a_replaced_page_is_closed_and_still_listened_to(story: Story) -> None:
    first = await story.initiated()
    await story.outside.put_order(ORDER, title="Another title")
    second = await story.initiated()
    assert second["reference"] != first["reference"]
    assert (await story.browser.open(first["checkout_url"])).status_code == 410
    assert (await story.outside.transaction(first["reference"]))["link"] == "cancelled"

    # The payer had confirmed on the phone before the page was closed.
    await story.outside.act(first["reference"], "pay")

    payment = await story.until_status(first["payment_id"], "success")
    assert {a["reference"]: a["status"] for a in payment["attempts"]} == {
        first["reference"]: "succeeded",
        second["reference"]: "expired",
    }
    await until(
        lambda: story.outside.transaction(second["reference"]), lambda told: told["link"] == "cancelled"
    )
    await story.until_told("paid")
    await story.told_once("paid")
