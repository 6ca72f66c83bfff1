"""The checkout as a person meets it: a phone's browser, without scripts."""

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browsing import STARTS_WITHIN_MS, expect
from tests.integration.simulators.paystack import PaystackSandbox

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.stories]


async def pay_on_a_phone(browser: Browser, sandbox: PaystackSandbox, page_url: str) -> set[str]:
    """Be declined, leave, come back, mistype a PIN, pay, and return the hosts asked for anything."""
    context = await browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = await context.new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    await page.goto(page_url)
    await expect(page.get_by_role("heading", name="Buna Shop")).to_be_visible()

    await page.get_by_text("Another number").click()
    await page.get_by_label("Phone number").fill("0711000000")
    await page.get_by_role("button", name="Pay 1,234.50 KES").first.click()
    await expect(page.get_by_role("alert")).to_contain_text("declined the payment for 0711000000")

    await page.get_by_role("button", name="Leave unpaid").click()
    await page.get_by_role("link", name="Go back and pay").click()
    await page.get_by_text("More test cards").click()
    await page.get_by_role("button", name="Card 7812").click()
    await page.get_by_label("PIN").fill("9999")
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_role("alert")).to_contain_text("Incorrect PIN")

    await page.get_by_role("button", name="M-PESA").click()
    await page.wait_for_url(f"{sandbox.merchant_url}/return?trxref=ord-1&reference=ord-1")
    await page.goto(page_url)
    await expect(page.get_by_role("status")).to_contain_text("Mobile money")
    await context.close()
    return hosts


async def test_a_person_is_declined_leaves_comes_back_and_pays(
    paystack: PaystackSandbox, chromium_path: str
) -> None:
    page_url = await paystack.opened("ord-1", amount=123450, label="Buna Shop")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"], timeout=STARTS_WITHIN_MS
        )
        hosts = await pay_on_a_phone(browser, paystack, page_url)
        await browser.close()
    assert hosts == {paystack.url.removeprefix("http://"), paystack.merchant_url.removeprefix("http://")}
    assert (await paystack.verified("ord-1"))["status"] == "success"
