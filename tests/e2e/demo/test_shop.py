"""A newcomer in a browser on a phone-sized page pays and reads the mail; nothing leaves the machine."""

from urllib.parse import urlsplit

import httpx
import pytest

from tests.browsing import expect
from tests.e2e.demo.conftest import Demonstration
from tests.e2e.demo.visiting import visiting

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.stories]


async def test_a_newcomer_pays_an_order_and_reads_the_mail(
    demonstration: Demonstration, chromium_path: str
) -> None:
    async with visiting(demonstration, chromium_path) as visit:
        page = visit.page
        await visit.open("/")
        await visit.fits_the_screen()
        await page.get_by_text("Berbere and mitmita").click()
        await visit.fits_the_screen()
        await page.get_by_role("button", name="Pay 249.75 ETB").click()
        await expect(page.get_by_text("no real money moves")).to_be_visible()
        await visit.fits_the_screen()
        await visit.pay_with_the_first_wallet()
        await expect(page.get_by_text("Paid. Thank you!")).to_be_visible(timeout=30_000)
        assert urlsplit(page.url).path == "/shop/orders/order_1002"
        # Nobody reloads: the page follows until the mail is there.
        await page.get_by_role("link", name="read the mail").click(timeout=30_000)
        await expect(
            page.get_by_role("heading", name="Payment received: 249.75 ETB for order order_1002")
        ).to_be_visible()
        await visit.open("/shop/orders/order_1002")
        await page.get_by_text("What happened so far").click()
        await expect(page.get_by_text("The payment is paid.")).to_be_visible()
        assert await page.get_by_role("button", name="Pay").count() == 0
        await visit.open("/")
        await expect(page.get_by_role("link", name="Berbere and mitmita").get_by_text("Paid")).to_be_visible()


@pytest.mark.stories
async def test_whoever_is_declined_tries_again_and_pays(
    demonstration: Demonstration, chromium_path: str
) -> None:
    async with visiting(demonstration, chromium_path) as visit:
        page = visit.page
        await visit.open("/shop/orders/order_1003")
        await page.get_by_role("button", name="Pay 19.99 USD").click()
        await page.get_by_role("button", name="Fail this try").click()
        await expect(page.get_by_text("Not paid.")).to_be_visible()
        await visit.open("/shop/orders/order_1003")
        await expect(page.get_by_role("heading", name="Not paid yet")).to_be_visible(timeout=30_000)
        await page.get_by_role("button", name="Pay 19.99 USD").click()
        await visit.pay_with_the_first_wallet()
        await expect(page.get_by_text("Paid. Thank you!")).to_be_visible(timeout=30_000)


@pytest.mark.stories
async def test_it_works_without_scripts(demonstration: Demonstration, chromium_path: str) -> None:
    async with visiting(demonstration, chromium_path, script=False) as visit:
        page = visit.page
        await visit.open("/")
        await page.get_by_text("Jebena, clay").click()
        await page.get_by_role("button", name="Pay 320.00 ETB").click()
        await page.get_by_role("button", name="Leave unpaid").click()
        await visit.open("/shop/orders/order_no_email")
        await page.get_by_role("link", name="Go on paying").click()
        await visit.pay_with_the_first_wallet()
        await expect(page.get_by_text("Paid. Thank you!")).to_be_visible(timeout=30_000)
        await expect(page.get_by_text("no mail is sent")).to_be_visible()


async def test_what_cannot_be_paid_says_why(demonstration: Demonstration, chromium_path: str) -> None:
    reasons = {
        "order_zero": "Chapa does not take 0.00 ETB.",
        "order_not_payable": "The shop says that this order cannot be paid now.",
    }
    async with visiting(demonstration, chromium_path) as visit:
        await visit.open("/")
        for reason in reasons.values():
            await expect(visit.page.get_by_text(reason).first).to_be_visible()
        for order_id, reason in reasons.items():
            await visit.open(f"/shop/orders/{order_id}")
            await expect(visit.page.get_by_text(reason)).to_be_visible()
            assert await visit.page.get_by_role("button", name="Pay").count() == 0
        await visit.open("/shop/orders/order_1005")
        await expect(visit.page.get_by_text("it moves whole shillings only")).to_be_visible()
        await expect(visit.page.get_by_role("radio", name="M-Pesa")).to_be_disabled()


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/shop/orders/order_foreign", 404, "You have no such order."),
        ("/shop/orders/absent", 404, "You have no such order."),
        ("/shop/return?payment_id=nonsense&status=success", 303, ""),
        ("/shop/return", 303, ""),
    ],
)
async def test_an_address_that_leads_nowhere_is_answered_plainly(
    demonstration: Demonstration, path: str, status: int, sentence: str
) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
        answer = await client.get(f"{demonstration.url}{path}")
    assert answer.status_code == status
    assert sentence in answer.text
    if status == 404:
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")


async def test_a_problem_of_the_api_is_shown_to_the_customer(demonstration: Demonstration) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
        answer = await client.post(
            f"{demonstration.url}/shop/orders/order_1004/pay", data={"provider": "chapa"}
        )
        unknown = await client.post(
            f"{demonstration.url}/shop/orders/order_1004/pay", data={"provider": "<b>"}
        )
        large = await client.post(
            f"{demonstration.url}/shop/orders/order_1004/pay", data={"provider": "x" * 40_000}
        )
    assert answer.status_code == 422
    assert "unsupported_currency" in answer.text
    assert "chapa does not take KES." in answer.text
    assert unknown.status_code == 422
    assert "<b>" not in unknown.text
    assert large.status_code == 502
