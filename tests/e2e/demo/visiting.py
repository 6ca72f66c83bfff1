"""A browser on a phone that looks at the demonstration, and is watched while it does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import attrs
from playwright.async_api import Page, Request, async_playwright

from tests.browsing import STARTS_WITHIN_MS
from tests.e2e.demo.conftest import Demonstration

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@attrs.frozen
class Visit:
    """One newcomer's browser, and what it was seen to do."""

    page: Page
    url: str
    hosts: set[str] = attrs.field(factory=set)
    complaints: list[str] = attrs.field(factory=list)

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.url}{path}")

    async def pay_with_the_first_wallet(self) -> None:
        await self.page.locator("button.choice").first.click()

    async def fits_the_screen(self) -> None:
        # A page that has only just been navigated to has no document yet.
        await self.page.wait_for_load_state()
        wide = await self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert not wide, f"{self.page.url} is wider than the phone"


@asynccontextmanager
async def visiting(
    demonstration: Demonstration, chromium: str, *, script: bool = True
) -> AsyncIterator[Visit]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=list(QUIET), timeout=STARTS_WITHIN_MS
        )
        context = await browser.new_context(
            viewport={"width": 390, "height": 844}, java_script_enabled=script
        )
        page = await context.new_page()
        visit = Visit(page, demonstration.url)

        def asked(request: Request) -> None:
            visit.hosts.add(urlsplit(request.url).hostname or urlsplit(request.url).scheme)

        page.on("request", asked)
        page.on("console", lambda message: visit.complaints.append(message.text))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        try:
            yield visit
        finally:
            await browser.close()
        assert visit.hosts <= {"127.0.0.1", "data"}
        assert visit.complaints == []
