"""The payer's page as a person meets it: on a phone, with scripts and without."""

import pytest
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from payments.domain.collection import AtTheDoor, CashRecord
from payments.domain.money import Money
from payments.entrypoints.http import create_app
from payments.testing import InMemoryPayments, cash_on_delivery, in_memory_payments
from tests.browsing import STARTS_WITHIN_MS, expect
from tests.integration.http.door import SETTINGS
from tests.serving import serving

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.stories]

PHONE: ViewportSize = {"width": 360, "height": 740}


async def opened(kit: InMemoryPayments) -> tuple[str, str, str]:
    """The path of a cash attempt's page, its reference and its delivery code."""
    kit.order()
    checkout = await kit.payments.initiate("order_1", "user_1", "cash")
    code = await kit.delivery_code(checkout.checkout_url)
    return "/pay/" + checkout.checkout_url.split("/pay/")[1], checkout.reference, code


async def a_phone(browser: Browser, *, scripts: bool) -> Page:
    """A page that fails the test when anything in it goes wrong."""
    context = await browser.new_context(viewport=PHONE, java_script_enabled=scripts)
    page = await context.new_page()
    page.on("console", lambda told: pytest.fail(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    return page


async def test_a_payer_reads_the_code_and_sees_it_paid(chromium_path: str) -> None:
    kit = in_memory_payments(cash=cash_on_delivery())
    path, reference, code = await opened(kit)
    async with serving(create_app(kit.payments, SETTINGS)) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"], timeout=STARTS_WITHIN_MS
        )
        page = await a_phone(browser, scripts=True)
        hosts: set[str] = set()
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        await page.clock.install()
        await page.goto(url + path)
        await expect(page.get_by_role("heading", name="Pay on delivery")).to_be_visible()
        await expect(page.get_by_label("Delivery code")).to_have_text(code)
        overflowing = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert not overflowing

        plain = await a_phone(browser, scripts=False)
        await plain.goto(url + path)
        await expect(plain.get_by_label("Delivery code")).to_have_text(code)

        record = CashRecord(
            collection_id="c-1",
            collector="rider_7",
            outcome=AtTheDoor.COLLECTED,
            amount=Money.of("1000.00", "ETB"),
            reference=reference,
            delivery_code=code,
        )
        await kit.payments.collect_cash(record)
        await page.clock.fast_forward(3_000)
        await expect(page.get_by_role("heading", name="Paid")).to_be_visible()
        await expect(page.get_by_text(code)).to_have_count(0)
        await browser.close()
    assert hosts == {url.removeprefix("http://")}
