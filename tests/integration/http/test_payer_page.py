"""Our own page for payers whose provider has none: what it says, to whom, and what it never says."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import attrs
import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from payments.application.ports.providers import Flow, Phones, Provider
from payments.domain.evidence import Answer, Outcome
from payments.testing import InMemoryPayments, ScriptedProvider, cash_on_delivery, in_memory_payments
from tests.integration.http.door import Door, bearer, open_door, problem

pytestmark = pytest.mark.anyio

PEOPLE = {"Accept": "text/html"}
PHONE = "254712345678"


@attrs.frozen
class AnyPhone(Phones):
    def normal(self, text: str | None) -> str:
        return text or PHONE


@attrs.define
class PromptingProvider(ScriptedProvider):
    """A scripted provider that prompts on a phone."""

    def provider(self, *, payable_for: timedelta = timedelta(minutes=5)) -> Provider:
        return attrs.evolve(
            ScriptedProvider.provider(self, payable_for=payable_for), flow=Flow.PROMPT, phones=AnyPhone()
        )

    async def open(self, request: Any) -> Any:
        return attrs.evolve(await ScriptedProvider.open(self, request), url=None)


@pytest.fixture
def kit() -> InMemoryPayments:
    return in_memory_payments(PromptingProvider(), cash=cash_on_delivery())


@pytest.fixture
async def door(kit: InMemoryPayments) -> AsyncIterator[Door]:
    async with open_door(kit) as opened:
        yield opened
        assert await opened.kit.payments.check() == ()


def path_of(checkout: dict[str, Any]) -> str:
    return httpx.URL(checkout["checkout_url"]).path


async def look(door: Door, path: str) -> httpx.Response:
    return await door.anonymous("GET", path, headers=PEOPLE)


async def status(door: Door, path: str) -> dict[str, Any]:
    answer = await door.anonymous("GET", f"{path}status/")
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def collected(door: Door, checkout: dict[str, Any], **said: Any) -> None:
    body = {
        "collection_id": "c-1",
        "reference": checkout["reference"],
        "outcome": "collected",
        "amount": "1000.00",
        "currency": "ETB",
        "delivery_code": await door.kit.delivery_code(checkout["checkout_url"]),
    } | said
    headers = bearer("rider_7", "payments:collect")
    answer = await door.client.post("/payments/verify/cash/", json=body, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_the_page_for_cash_shows_the_amount_and_the_code(door: Door) -> None:
    checkout = await door.initiated(provider="cash")
    page = await look(door, path_of(checkout))
    code = await door.kit.delivery_code(checkout["checkout_url"])
    assert page.status_code == 200
    assert "Pay on delivery" in page.text
    assert "1000.00 ETB" in page.text
    assert f">{code}</p>" in page.text
    assert await status(door, path_of(checkout)) == {
        "status": "open",
        "payment_status": "processing",
        "face": "deliver",
    }


async def test_the_page_for_a_prompt_masks_the_phone(door: Door) -> None:
    checkout = await door.initiated(phone_number=PHONE)
    assert checkout["next_action"] == {
        "type": "confirm_on_phone",
        "url": checkout["checkout_url"],
        "phone": "*********678",
    }
    page = await look(door, path_of(checkout))
    assert "Confirm on your phone" in page.text
    assert "*********678" in page.text
    assert PHONE not in page.text
    assert "712345" not in page.text


async def test_it_is_kept_by_nobody_and_loads_only_from_us(door: Door) -> None:
    checkout = await door.initiated(provider="cash")
    for path in (path_of(checkout), f"{path_of(checkout)}status/"):
        answer = await look(door, path)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    page = await look(door, path_of(checkout))
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert '<meta name="robots" content="noindex, nofollow">' in page.text
    script = await door.anonymous("GET", "/payments/assets/pay.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "user_1" not in page.text
    assert "sara@shop.et" not in page.text


async def test_both_spellings_of_the_address_work(door: Door) -> None:
    path = path_of(await door.initiated(provider="cash"))
    assert (await look(door, path.rstrip("/"))).status_code == 200
    assert (await look(door, f"{path}status")).status_code == 200


async def test_unknown_and_dead_pages_are_answered_alike(door: Door) -> None:
    checkout = await door.initiated(provider="cash")
    path = path_of(checkout)
    await collected(door, checkout)
    assert "There is nothing more" in (await look(door, path)).text
    door.kit.clock.advance(timedelta(hours=24))

    gone = [
        await look(door, f"/pay/{token}/") for token in (path.split("/")[2], "0" * 32, "nonsense", "A" * 32)
    ]

    assert {answer.status_code for answer in gone} == {404}
    assert len({answer.content for answer in gone}) == 1
    assert gone[0].headers["content-type"].startswith("text/html")
    for token in (path.split("/")[2], "0" * 32):
        problem(await door.anonymous("GET", f"/pay/{token}/status/"), 404, "not_found")
        problem(await door.anonymous("GET", f"/pay/{token}/"), 404, "not_found")


async def test_the_status_of_a_prompt_asks_its_provider_and_not_for_everybody(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.answers(checkout["reference"], Answer(outcome=Outcome.IN_FLIGHT, word="processing"))
    for _ in range(5):
        assert (await status(door, path_of(checkout)))["face"] == "confirm"
    assert door.kit.provider.calls["check"] == 1
    door.kit.provider.pays(checkout["reference"])
    door.kit.clock.advance(timedelta(seconds=11))
    assert await status(door, path_of(checkout)) == {
        "status": "succeeded",
        "payment_status": "success",
        "face": "paid",
    }
    assert "Paid" in (await look(door, path_of(checkout))).text


async def test_looking_and_head_ask_nobody(door: Door) -> None:
    checkout = await door.initiated()
    await look(door, path_of(checkout))
    for path in (path_of(checkout), f"{path_of(checkout)}status/"):
        head = await door.anonymous("HEAD", path)
        assert head.status_code == 200
    assert door.kit.provider.calls["check"] == 0
    cash = await door.initiated(provider="cash")
    await status(door, path_of(cash))
    # Once, when cash took the prompt's place.
    assert door.kit.provider.calls["check"] == 1


async def test_a_declined_prompt_says_why_and_what_to_do(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.declines(checkout["reference"], detail="The PIN was wrong <b>twice</b>.")
    assert (await status(door, path_of(checkout)))["face"] == "unpaid"
    page = (await look(door, path_of(checkout))).text
    assert "The PIN was wrong &lt;b&gt;twice&lt;/b&gt;." in page
    assert "Go back to the shop to try again" in page


async def test_a_prompt_that_can_no_longer_be_confirmed_is_being_asked_about(door: Door) -> None:
    checkout = await door.initiated()
    door.kit.provider.silent = True
    door.kit.clock.advance(timedelta(minutes=6))
    assert (await status(door, path_of(checkout)))["face"] == "wait"
    assert "Do not pay again" in (await look(door, path_of(checkout))).text


async def test_held_money_is_shown_as_what_arrived_and_what_was_due(door: Door) -> None:
    checkout = await door.initiated(provider="cash")
    await collected(door, checkout, amount="900.00")
    page = (await look(door, path_of(checkout))).text
    assert "<strong>900.00 ETB</strong> arrived, and <strong>1000.00 ETB</strong> was" in page
    assert "The shop will accept it or return it." in page


async def test_a_superseded_delivery_says_that_no_cash_is_due(door: Door) -> None:
    cash = await door.initiated(provider="cash")
    await door.initiated()
    assert "Hand no cash to the collector" in (await look(door, path_of(cash))).text
    assert (await status(door, path_of(cash)))["face"] == "elsewhere"


async def test_a_page_that_waits_is_renewed_without_scripts_too(door: Door) -> None:
    checkout = await door.initiated(provider="cash")
    waiting = (await look(door, path_of(checkout))).text
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in waiting
    await collected(door, checkout)
    ended = (await look(door, path_of(checkout))).text
    assert "refresh" not in ended
    assert "pay.js" not in ended


async def test_a_token_reaches_no_log(door: Door) -> None:
    token = path_of(await door.initiated(provider="cash")).split("/")[2]
    structlog.reset_defaults()
    with capture_logs() as lines:
        await look(door, f"/pay/{token}/")
        await look(door, f"/pay/{token}/status/")
        await look(door, f"/pay/{token}/nothing")
    assert len(lines) == 3
    assert token not in str(lines)
    assert [line["route"] for line in lines] == ["/pay/{token}/", "/pay/{token}/status/", "unmatched"]
