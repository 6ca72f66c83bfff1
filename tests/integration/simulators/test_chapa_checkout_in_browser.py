"""The checkout as a person meets it: a phone's browser, without scripts."""

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browsing import STARTS_WITHIN_MS, expect
from tests.integration.simulators.serving import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.stories]


async def pay_on_a_phone(browser: Browser, sandbox: Sandbox, page_url: str) -> set[str]:
    """Fail once, leave, come back, pay, and return the hosts that were asked for anything."""
    context = await browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = await context.new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    await page.goto(page_url)
    await expect(page.get_by_role("heading", name="Buna Shop")).to_be_visible()

    await page.get_by_label("Phone number").fill("0911000000")
    await page.get_by_role("button", name="Pay 1,234.50 ETB").click()
    await expect(page.get_by_role("alert")).to_contain_text("declined the payment for 0911000000")

    await page.get_by_role("button", name="Leave unpaid").click()
    await page.get_by_role("link", name="Go back and pay").click()
    await page.get_by_text("More test numbers").click()
    await page.get_by_role("button", name="Awash Bank").first.click()
    await page.get_by_role("button", name="Confirm").click()
    await page.wait_for_url(f"{sandbox.merchant_url}/return?order=1")

    await page.goto(page_url)
    await expect(page.get_by_role("status")).to_contain_text("Awash Bank")
    await context.close()
    return hosts


async def test_a_person_fails_leaves_comes_back_and_pays(sandbox: Sandbox, chromium_path: str) -> None:
    customization = {"title": "Buna Shop", "description": "Order 1001 - Yirgacheffe"}
    page_url = await sandbox.opened("pay-1", amount="1234.5", customization=customization)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"], timeout=STARTS_WITHIN_MS
        )
        hosts = await pay_on_a_phone(browser, sandbox, page_url)
        await browser.close()
    assert hosts == {sandbox.url.removeprefix("http://"), sandbox.merchant_url.removeprefix("http://")}
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "success"
