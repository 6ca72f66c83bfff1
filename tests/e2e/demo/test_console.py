"""An operator on a phone signs in at the console, finds a payment, asks, cancels and signs out."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Page

from tests.browsing import expect
from tests.e2e.demo.conftest import Demonstration
from tests.e2e.demo.visiting import Visit, visiting

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.stories]

CANARY = '"><img src=x onerror=alert(1)><script>alert(1)</script>'


async def opened_checkout(demonstration: Demonstration, order_id: str) -> Any:
    """A checkout of a new order, and what ``/demo.json`` tells."""
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
        told = (await client.get(f"{demonstration.url}/demo.json")).json()
        order = {"amount": "1250.00", "currency": "ETB"}
        put = await client.put(f"{told['simulators']['orders']}/_sim/orders/{order_id}", json=order)
        put.raise_for_status()
        answer = await client.post(
            f"{told['api']}/payments/initiate/{order_id}/",
            json={"provider": "chapa"},
            headers={"Authorization": f"Bearer {told['token']}"},
        )
        return answer.raise_for_status().json(), told


async def sign_in(visit: Visit, told: Any) -> Page:
    await visit.page.goto(f"{told['console']}sign-in/")
    await visit.fits_the_screen()
    await visit.page.get_by_label("Bearer token").fill(told["operator_token"])
    await visit.page.get_by_role("button", name="Sign in").click()
    await expect(visit.page.get_by_role("heading", name="Overview")).to_be_visible()
    return visit.page


async def test_an_operator_finds_a_payment_asks_about_it_and_cancels_it(
    demonstration: Demonstration, chromium_path: str
) -> None:
    order_id = "order_at_the_console_1"
    checkout, told = await opened_checkout(demonstration, order_id)
    async with visiting(demonstration, chromium_path, script=False) as visit:
        page = await sign_in(visit, told)
        await visit.fits_the_screen()
        await page.get_by_role("link", name="Payments", exact=True).last.click()
        await page.get_by_role("searchbox").fill(checkout["reference"])
        await page.get_by_role("button", name="Search").click()
        await visit.fits_the_screen()
        await page.get_by_role("link", name=order_id).click()
        await expect(page.get_by_text("1,250.00 ETB").first).to_be_visible()
        await visit.fits_the_screen()

        await page.get_by_role("link", name="Ask Chapa now").click()
        await visit.fits_the_screen()
        await page.get_by_role("button", name="Ask now").click()
        await expect(page.get_by_text("It answered “pending”.")).to_be_visible()
        await page.get_by_role("link", name="Back to the payment").click()
        await expect(page.get_by_text("asked because of an operator's question")).to_be_visible()

        await page.get_by_role("link", name="Cancel the live attempt").click()
        await visit.fits_the_screen()
        await page.get_by_role("button", name="Cancel the attempt").click()
        await expect(page.get_by_role("heading", name="The attempt is cancelled")).to_be_visible()
        await page.get_by_role("link", name="Back to the payment").click()
        assert await page.get_by_role("link", name="Cancel the live attempt").count() == 0

        await page.get_by_role("link", name="Reviews").click()
        await expect(page.get_by_role("heading", name="Open reviews")).to_be_visible()
        await visit.fits_the_screen()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("You are signed out.")).to_be_visible()
        assert await page.context.cookies() == []


async def test_a_browser_runs_nothing_that_was_typed_into_the_search(
    demonstration: Demonstration, chromium_path: str
) -> None:
    _, told = await opened_checkout(demonstration, "order_at_the_console_2")
    async with visiting(demonstration, chromium_path) as visit:
        page = await sign_in(visit, told)
        await page.goto(f"{told['console']}payments/")
        await page.get_by_role("searchbox").fill(CANARY)
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_text(f"Nothing is called {CANARY}")).to_be_visible()
        await expect(page.get_by_role("searchbox")).to_have_value(CANARY)


async def test_the_cookie_goes_to_the_console_alone_and_to_no_script(
    demonstration: Demonstration, chromium_path: str
) -> None:
    _, told = await opened_checkout(demonstration, "order_at_the_console_3")
    async with visiting(demonstration, chromium_path) as visit:
        page = await sign_in(visit, told)
        (cookie,) = await page.context.cookies()
        assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == ("/console", True, "Strict")
        assert await page.evaluate("document.cookie") == ""
        async with page.expect_request(lambda sent: urlsplit(sent.url).path == "/docs") as asked:
            await visit.open("/docs")
        assert "cookie" not in await (await asked.value).all_headers()
