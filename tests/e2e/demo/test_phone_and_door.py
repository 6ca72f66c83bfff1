"""The two ways that leave the page, in a browser: a prompt on the simulated phone, and cash at the door."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.browsing import expect
from tests.e2e.demo.conftest import Demonstration
from tests.e2e.demo.newcomer import WITHIN_S, Newcomer
from tests.e2e.demo.visiting import visiting

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.stories]

WITHIN_MS = WITHIN_S * 1000


@pytest.fixture
async def newcomer(demonstration: Demonstration) -> AsyncIterator[Newcomer]:
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
        yield Newcomer(client, demonstration.url)


async def test_a_payer_confirms_on_the_phone_while_our_page_follows(
    demonstration: Demonstration, newcomer: Newcomer, chromium_path: str
) -> None:
    order_id = await newcomer.has_ordered("865.00", "KES", phone_number="+254712000333")
    async with visiting(demonstration, chromium_path) as visit:
        page = visit.page
        await visit.open(f"/shop/orders/{order_id}")
        await expect(page.get_by_label("Your M-Pesa number")).to_have_value("+254712000333")
        await visit.fits_the_screen()
        async with page.expect_popup() as opened:
            await page.get_by_role("link", name="Open it beside this page").click()
        phone = await opened.value
        await page.get_by_role("button", name="Pay 865.00 KES").click()
        await expect(page.get_by_role("heading", name="Confirm on your phone")).to_be_visible()
        await visit.fits_the_screen()
        # Nobody reloads: the phone looks for prompts, and our page asks what became of this one.
        await phone.get_by_role("button", name="Send").click(timeout=WITHIN_MS)
        await expect(page.get_by_role("heading", name="Paid")).to_be_visible(timeout=WITHIN_MS)
        await page.get_by_role("link", name="back to the shop").click()
        await expect(page.get_by_role("link", name=order_id).get_by_text("Paid")).to_be_visible()


async def test_a_payer_gives_the_code_to_the_collector_who_hands_the_cash_over(
    demonstration: Demonstration, newcomer: Newcomer, chromium_path: str
) -> None:
    order_id = await newcomer.has_ordered("95.50", "GHS")
    async with visiting(demonstration, chromium_path) as visit:
        page = visit.page
        await visit.open(f"/shop/orders/{order_id}")
        await page.get_by_label("Cash on delivery").check()
        await page.get_by_role("button", name="Pay 95.50 GHS").click()
        code = await page.get_by_label("Delivery code").inner_text()
        await visit.fits_the_screen()
        await visit.open(f"/shop/orders/{order_id}")
        await expect(page.get_by_role("heading", name="Have 95.50 GHS ready")).to_be_visible()
        await page.get_by_role("link", name="be the collector").click()
        await expect(page.get_by_label("Amount")).to_have_value("95.50")
        await page.get_by_label("Delivery code").fill(code)
        await page.get_by_role("button", name="Collected").click()
        await expect(page.get_by_text(f"{order_id}: 95.50 GHS")).to_be_visible()
        await visit.fits_the_screen()
        pile = page.locator("form").filter(has_text=order_id)
        await pile.get_by_role("button", name="Hand it over at the desk").click()
        await expect(page.get_by_role("heading", name="Handed over")).to_be_visible()
        assert await page.get_by_text(order_id).count() == 0
        await visit.open(f"/shop/orders/{order_id}")
        await expect(page.get_by_text("Paid. Thank you!")).to_be_visible(timeout=WITHIN_MS)
