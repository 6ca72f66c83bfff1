"""Checklist rows 4 and 6, from the payer's side: the page, its forms, and where it ends."""

import asyncio
import re
from html.parser import HTMLParser

import httpx
import pytest

from payments.simulators.chapa import ChapaSimulatorConfig, create_chapa_simulator
from tests.integration.simulators.serving import TEST_KEY, Sandbox, address_of, listening, serving

pytestmark = pytest.mark.anyio


class Addresses(HTMLParser):
    """Every address a page makes a browser ask for or go to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "action"}]


async def test_the_page_shows_what_is_paid_and_needs_nothing_from_elsewhere(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened(
        "pay-1",
        amount="1234.50",
        customization={
            "title": "Coffee shop",
            "description": "Order 17",
            "logo": "https://elsewhere.et/l.png",
        },
    )
    page = await sandbox.client.get(page_url)
    assert page.status_code == 200
    for shown in ("Coffee shop", "Order 17", "1,234.50 ETB", "telebirr", "0900123456", "0700123456"):
        assert shown in page.text
    addresses = Addresses()
    addresses.feed(page.text)
    assert addresses.scripts == 0
    assert all(address.startswith(("/", "data:")) for address in addresses.found)
    assert "style=" not in page.text
    for address in re.findall(r'href="(/static/[^"]+)"', page.text):
        assert (await sandbox.client.get(address)).status_code == 200


@pytest.mark.parametrize(
    ("method", "number"),
    [("telebirr", "0900112233"), ("cbebirr", "0900881111"), ("mpesa", "0700881111"), ("ebirr", "0900123456")],
)
async def test_a_test_wallet_pays_and_leads_back_to_the_shop(
    sandbox: Sandbox, method: str, number: str
) -> None:
    page_url = await sandbox.opened("pay-1")
    answer = await sandbox.client.post(f"{page_url}/pay", data={"wallet": f"{method}:{number}"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{sandbox.merchant_url}/return?order=1"
    data = (await sandbox.verify("pay-1")).json()["data"]
    assert (data["status"], data["method"], data["phone_number"]) == ("success", method, number)


@pytest.mark.parametrize("typed", ["+251 900 123 456", "251900123456", "900123456", "0900-123456"])
async def test_a_number_may_be_typed_in_any_usual_way(sandbox: Sandbox, typed: str) -> None:
    page_url = await sandbox.opened("pay-1")
    form = {"method": "telebirr", "phone_number": typed}
    assert (await sandbox.client.post(f"{page_url}/pay", data=form)).status_code == 303
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "success"


@pytest.mark.parametrize(
    "form",
    [
        {"method": "telebirr", "phone_number": "0911000000"},
        {"method": "telebirr", "phone_number": "0700123456"},
        {"method": "mpesa", "phone_number": "0900123456"},
        {"method": "awash_bank", "phone_number": "0900123456", "otp": "54321"},
    ],
)
async def test_any_other_number_fails_and_the_page_stays_open(sandbox: Sandbox, form: dict[str, str]) -> None:
    page_url = await sandbox.opened("pay-1")
    answer = await sandbox.client.post(f"{page_url}/pay", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, httpx.URL(page_url).path)
    again = await sandbox.client.get(page_url)
    assert again.status_code == 200
    assert "Not paid." in again.text
    assert "10 tries left" in again.text
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "failed"
    assert (await sandbox.hooks(1))[0].body.startswith(b'{"event":"charge.failed/cancelled"')
    assert sandbox.merchant.at("/return") == []


async def test_a_failed_payment_can_be_paid_on_the_same_page(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened("pay-1")
    await sandbox.client.post(f"{page_url}/fail")
    answer = await sandbox.client.post(f"{page_url}/pay", data={"wallet": "telebirr:0900123456"})
    assert answer.headers["location"].startswith(sandbox.merchant_url)
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "success"


async def test_the_link_closes_after_ten_more_tries(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened("pay-1")
    for _ in range(11):
        await sandbox.client.post(f"{page_url}/fail")
    closed = await sandbox.client.get(page_url)
    assert closed.status_code == 410
    assert "expired" in closed.text
    await sandbox.client.post(f"{page_url}/pay", data={"wallet": "telebirr:0900123456"})
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "failed"


async def test_leaving_sends_nothing_and_the_link_can_still_be_paid(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened("pay-1")
    left = await sandbox.client.post(f"{page_url}/leave")
    assert "left without paying" in left.text
    assert f"{sandbox.merchant_url}/return?order=1" in left.text
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "pending"
    assert await sandbox.webhooks() == []
    assert (await sandbox.client.get(page_url)).status_code == 200


async def test_a_bank_asks_for_its_code(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened("pay-1")
    asked = await sandbox.client.post(f"{page_url}/pay", data={"wallet": "awash_bank:0900123456"})
    assert asked.status_code == 200
    assert "One-time code" in asked.text
    form = {"wallet": "awash_bank:0900123456", "otp": "12345"}
    assert (await sandbox.client.post(f"{page_url}/pay", data=form)).status_code == 303
    assert (await sandbox.verify("pay-1")).json()["data"]["status"] == "success"


async def test_a_double_click_pays_once(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened("pay-1")
    click = {"wallet": "telebirr:0900123456"}
    await asyncio.gather(*(sandbox.client.post(f"{page_url}/pay", data=click) for _ in range(8)))
    await asyncio.gather(*(sandbox.act("pay-1", "pay") for _ in range(4)))
    assert len(await sandbox.webhooks()) == 1


async def test_a_paid_page_says_so_and_leads_back(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")
    page = await sandbox.client.get(page_url)
    assert page.status_code == 200
    assert "Paid." in page.text
    assert f"{sandbox.merchant_url}/return?order=1" in page.text
    await sandbox.client.post(f"{page_url}/pay", data={"wallet": "telebirr:0900123456"})
    assert len(await sandbox.webhooks()) == 1


async def test_a_cancelled_page_says_so(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened("pay-1")
    await sandbox.client.put("/v1/transaction/cancel/pay-1")
    page = await sandbox.client.get(page_url)
    assert page.status_code == 410
    assert "cancelled" in page.text


async def test_an_expired_page_says_so() -> None:
    bound = listening()
    config = ChapaSimulatorConfig(public_url=address_of(bound), webhook_secret="s", link_window_s=0)
    async with serving(create_chapa_simulator(config), bound) as url, httpx.AsyncClient() as client:
        answer = await client.post(
            f"{url}/v1/transaction/initialize",
            json={"amount": "5", "currency": "ETB", "tx_ref": "late"},
            headers={"Authorization": f"Bearer {TEST_KEY}"},
        )
        page = await client.get(answer.json()["data"]["checkout_url"])
    assert page.status_code == 410
    assert "expired" in page.text


async def test_an_unknown_page_says_so_and_a_reference_is_no_token(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    await sandbox.act("pay-1", "pay")
    reference = (await sandbox.verify("pay-1")).json()["data"]["reference"]
    for token in ("nothing", reference):
        assert (await sandbox.client.get(f"/checkout/payment/{token}")).status_code == 404


async def test_a_lost_redirect_leaves_the_payer_on_the_receipt(sandbox: Sandbox) -> None:
    await sandbox.switch(redirect_lost=True)
    page_url = await sandbox.opened("pay-1")
    answer = await sandbox.client.post(f"{page_url}/pay", data={"wallet": "telebirr:0900123456"})
    assert answer.headers["location"] == httpx.URL(page_url).path


async def test_what_the_shop_wrote_is_escaped(sandbox: Sandbox) -> None:
    page_url = await sandbox.opened("pay-1", phone_number="0911234567")
    page = await sandbox.client.post(f"{page_url}/pay", data={"method": "<b>", "phone_number": "<script>"})
    assert page.status_code == 400
    assert "<script>" not in page.text


async def test_the_overview_lists_the_transactions(sandbox: Sandbox) -> None:
    await sandbox.opened("pay-1")
    page = await sandbox.client.get("/")
    assert "pay-1" in page.text
    assert "100.50 ETB" in page.text
