"""The checkout from the payer's side: the page, its forms, and where it ends (sheet 4, 12)."""

import asyncio
import re
from html.parser import HTMLParser

import httpx
import pytest

from payments.simulators.paystack.instruments import CARDS, DECLINED, Card
from tests.integration.simulators.paystack import GOOD_CARD, PaystackSandbox, serving_paystack
from tests.integration.simulators.serving import Merchant

pytestmark = pytest.mark.anyio

MPESA = "mobile_money:+254710000000"


class Addresses(HTMLParser):
    """Every address a page makes a browser ask for or go to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "action"}]


async def test_the_page_shows_what_is_paid_and_needs_nothing_from_elsewhere(
    paystack: PaystackSandbox,
) -> None:
    page_url = await paystack.opened("ord-1", amount=123450, label="Buna Shop")
    page = await paystack.client.get(page_url)
    assert page.status_code == 200
    for shown in ("Buna Shop", "1,234.50 KES", "ord-1", "M-PESA", "+254710000000", "Card 4081"):
        assert shown in page.text
    addresses = Addresses()
    addresses.feed(page.text)
    assert addresses.scripts == 0
    assert all(address.startswith(("/", "data:")) for address in addresses.found)
    assert "style=" not in page.text
    for address in re.findall(r'href="(/static/[^"]+)"', page.text):
        assert (await paystack.client.get(address)).status_code == 200


@pytest.mark.parametrize(
    ("callback", "location"),
    [
        ("/return", "/return?trxref=Ord.1%3D&reference=Ord.1%3D"),
        ("/return?order=1", "/return?order=1&trxref=Ord.1%3D&reference=Ord.1%3D"),
        ("/return#top", "/return?trxref=Ord.1%3D&reference=Ord.1%3D#top"),
    ],
)
async def test_a_payment_leads_back_with_both_names_of_the_reference(
    paystack: PaystackSandbox, callback: str, location: str
) -> None:
    page_url = await paystack.opened("Ord.1=", callback_url=f"{paystack.merchant_url}{callback}")
    answer = await paystack.client.post(f"{page_url}/pay", data={"with": GOOD_CARD})
    assert (answer.status_code, answer.headers["location"]) == (302, f"{paystack.merchant_url}{location}")
    assert (await paystack.verified("Ord.1="))["status"] == "success"
    assert len(paystack.merchant.at("/hook")) == 1


@pytest.mark.parametrize("callback", [None, "javascript:alert(1)", "shop", "http://"])
async def test_without_an_address_the_payer_stays_on_the_receipt(
    paystack: PaystackSandbox, callback: str | None
) -> None:
    page_url = await paystack.opened("ord-1", callback_url=callback)
    answer = await paystack.client.post(f"{page_url}/pay", data={"with": GOOD_CARD})
    assert (answer.status_code, answer.headers["location"]) == (303, httpx.URL(page_url).path)
    receipt = await paystack.client.get(page_url)
    assert "Paid." in receipt.text
    assert "Return to the shop" not in receipt.text


async def test_the_dashboards_address_is_for_transactions_without_one() -> None:
    async with serving_paystack(Merchant(), callback_url="https://shop.example/back") as sandbox:
        page_url = await sandbox.opened("ord-1", callback_url=None)
        answer = await sandbox.client.post(f"{page_url}/pay", data={"with": GOOD_CARD})
    assert answer.headers["location"] == "https://shop.example/back?trxref=ord-1&reference=ord-1"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.number[-4:])
async def test_each_test_card_does_what_the_sheet_says(paystack: PaystackSandbox, card: Card) -> None:
    page_url = await paystack.opened("ord-1")
    form = {"with": "card", "number": card.number, "cvv": card.cvv, "expiry": "01/31"}
    for step, expected in card.asks:
        asked = await paystack.client.post(f"{page_url}/pay", data=form)
        assert asked.status_code == 200
        assert (await paystack.verified("ord-1"))["status"] == "ongoing"
        form[step] = expected or "0551234987"
    answer = await paystack.client.post(f"{page_url}/pay", data=form)
    data = await paystack.verified("ord-1")
    if card.declined is None:
        assert answer.status_code == 302
        assert (data["status"], data["authorization"]["last4"]) == ("success", card.number[-4:])
        assert data["authorization"]["reusable"] is card.reusable
        assert (data["authorization"]["exp_month"], data["authorization"]["exp_year"]) == ("01", "2031")
    else:
        assert answer.status_code == 303
        assert (data["status"], data["gateway_response"]) == ("abandoned", card.declined)


@pytest.mark.parametrize(
    ("form", "status", "reason"),
    [
        ({"with": "card", "number": "4111 1111 1111 1111", "cvv": "408"}, "abandoned", DECLINED),
        ({"with": "card", "number": "4084084084084081", "cvv": "000"}, "abandoned", DECLINED),
        ({"with": "card:507850785078507812", "pin": "9999"}, "failed", "Incorrect PIN"),
        ({"with": "card:5060666666666666666", "pin": "1234", "otp": "1"}, "failed", "Incorrect OTP"),
        ({"with": "card:5192602720584796", "bank": "declined"}, "failed", "Bank declined the payment"),
        (
            {"with": "mobile_money", "phone": "0711111111"},
            "abandoned",
            "M-PESA declined the payment for 0711111111",
        ),
    ],
)
async def test_anything_else_fails_and_the_page_stays_open(
    paystack: PaystackSandbox, form: dict[str, str], status: str, reason: str
) -> None:
    page_url = await paystack.opened("ord-1")
    answer = await paystack.client.post(f"{page_url}/pay", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, httpx.URL(page_url).path)
    again = await paystack.client.get(page_url)
    assert "Not paid." in again.text
    assert reason in again.text
    data = await paystack.verified("ord-1")
    assert (data["status"], data["gateway_response"]) == (status, reason)
    await paystack.client.post(f"{page_url}/pay", data={"with": GOOD_CARD})
    assert (await paystack.verified("ord-1"))["status"] == "success"


@pytest.mark.parametrize(
    ("currency", "typed"),
    [("KES", "+254710000000"), ("KES", "0710 000 000"), ("GHS", "0551234987"), ("GHS", "+233551234987")],
)
async def test_the_test_numbers_pay_however_they_are_written(
    paystack: PaystackSandbox, currency: str, typed: str
) -> None:
    page_url = await paystack.opened("ord-1", currency=currency)
    form = {"with": "mobile_money", "phone": typed}
    assert (await paystack.client.post(f"{page_url}/pay", data=form)).status_code == 302
    assert (await paystack.verified("ord-1"))["channel"] == "mobile_money"


async def test_orange_money_asks_for_its_code(paystack: PaystackSandbox) -> None:
    page_url = await paystack.opened("ord-1", currency="XOF")
    form = {"with": "mobile_money:0700000000"}
    asked = await paystack.client.post(f"{page_url}/pay", data=form)
    assert "one-time code" in asked.text
    await paystack.client.post(f"{page_url}/pay", data={**form, "otp": "1234"})
    assert (await paystack.verified("ord-1"))["status"] == "success"


@pytest.mark.parametrize(
    ("channels", "shown", "hidden"),
    [
        (["mobile_money"], "M-PESA", "test card"),
        (["card"], "test card", "M-PESA"),
        (["ussd", "bank"], "Ussd", "test card"),
        (None, "Bank transfer", "Ussd"),
        (["no such"], "test card", "Ussd"),
    ],
)
async def test_the_page_offers_the_channels_the_shop_chose(
    paystack: PaystackSandbox, channels: list[str] | None, shown: str, hidden: str
) -> None:
    page = await paystack.client.get(await paystack.opened("ord-1", channels=channels))
    assert shown in page.text
    assert hidden not in page.text


async def test_a_channel_that_was_not_offered_is_not_taken(paystack: PaystackSandbox) -> None:
    page_url = await paystack.opened("ord-1", channels=["card"])
    for form in ({"with": MPESA}, {"with": "ussd"}, {"with": "card", "number": ""}, {}):
        assert (await paystack.client.post(f"{page_url}/pay", data=form)).status_code == 400
    assert (await paystack.verified("ord-1"))["log"] is None


async def test_another_channel_pays_at_once(paystack: PaystackSandbox) -> None:
    page_url = await paystack.opened("ord-1")
    assert (await paystack.client.post(f"{page_url}/pay", data={"with": "bank_transfer"})).status_code == 302
    assert (await paystack.verified("ord-1"))["channel"] == "bank_transfer"


async def test_cancelling_goes_where_the_shop_said(paystack: PaystackSandbox) -> None:
    cancel = f"{paystack.merchant_url}/cancelled?order=1"
    page_url = await paystack.opened("ord-1", metadata={"cancel_action": cancel})
    answer = await paystack.client.post(f"{page_url}/cancel")
    assert (answer.status_code, answer.headers["location"]) == (302, cancel)
    assert (await paystack.verified("ord-1"))["status"] == "abandoned"
    assert (await paystack.client.get(page_url)).status_code == 200


@pytest.mark.parametrize("metadata", [None, {"cancel_action": "javascript:alert(1)"}, {"cancel_action": 7}])
@pytest.mark.parametrize("button", ["cancel", "leave"])
async def test_otherwise_the_payer_stays_and_nothing_is_sent(
    paystack: PaystackSandbox, metadata: object, button: str
) -> None:
    page_url = await paystack.opened("ord-1", metadata=metadata)
    answer = await paystack.client.post(f"{page_url}/{button}")
    assert answer.status_code == 200
    assert "without paying" in answer.text
    assert await paystack.webhooks() == []
    assert (await paystack.verified("ord-1"))["status"] == "abandoned"


async def test_money_in_flight_can_arrive_after_the_payer_left(paystack: PaystackSandbox) -> None:
    await paystack.switch("ord-1", late_success_after_leaving_s=1.0)
    page_url = await paystack.opened("ord-1")
    await paystack.client.post(f"{page_url}/cancel")
    assert (await paystack.verified("ord-1"))["status"] == "abandoned"
    await paystack.hooks(1)
    assert (await paystack.verified("ord-1"))["status"] == "success"


async def test_one_try_can_be_declined_by_hand(paystack: PaystackSandbox) -> None:
    page_url = await paystack.opened("ord-1")
    await paystack.client.post(f"{page_url}/decline")
    assert (await paystack.verified("ord-1"))["gateway_response"] == DECLINED


async def test_a_double_click_pays_once(paystack: PaystackSandbox) -> None:
    page_url = await paystack.opened("ord-1")
    click = {"with": GOOD_CARD}
    await asyncio.gather(*(paystack.client.post(f"{page_url}/pay", data=click) for _ in range(8)))
    await asyncio.gather(*(paystack.act("ord-1", "pay") for _ in range(4)))
    assert len(await paystack.webhooks()) == 1


async def test_a_paid_page_says_so_and_leads_back(paystack: PaystackSandbox) -> None:
    page_url = await paystack.opened("ord-1")
    await paystack.act("ord-1", "pay")
    page = await paystack.client.get(page_url)
    assert "Paid." in page.text
    assert f"{paystack.merchant_url}/return?trxref=ord-1&amp;reference=ord-1" in page.text
    for button in ("pay", "decline", "cancel", "leave"):
        answer = await paystack.client.post(f"{page_url}/{button}", data={"with": GOOD_CARD})
        assert "Paid." in answer.text
    assert len(await paystack.webhooks()) == 1


async def test_a_lost_redirect_leaves_the_payer_on_the_receipt(paystack: PaystackSandbox) -> None:
    await paystack.switch(redirect_lost=True)
    page_url = await paystack.opened("ord-1")
    answer = await paystack.client.post(f"{page_url}/pay", data={"with": GOOD_CARD})
    assert answer.headers["location"] == httpx.URL(page_url).path


async def test_an_unknown_page_says_so_and_a_reference_is_no_code(paystack: PaystackSandbox) -> None:
    await paystack.opened("ord-1")
    for code in ("nothing", "ord-1"):
        assert (await paystack.client.get(f"/checkout/{code}")).status_code == 404
        assert (await paystack.client.post(f"/checkout/{code}/pay")).status_code == 404


async def test_what_others_wrote_is_escaped(paystack: PaystackSandbox) -> None:
    page_url = await paystack.opened("ord-1", label="<script>alert(1)</script>")
    phone = "<script>0711111111"
    await paystack.client.post(f"{page_url}/pay", data={"with": "mobile_money", "phone": phone})
    page = await paystack.client.get(page_url)
    assert "declined" in page.text
    assert "<script" not in page.text


async def test_the_overview_lists_the_transactions(paystack: PaystackSandbox) -> None:
    await paystack.opened("ord-1")
    page = await paystack.client.get("/")
    assert "ord-1" in page.text
    assert "5,000.00 KES" in page.text
