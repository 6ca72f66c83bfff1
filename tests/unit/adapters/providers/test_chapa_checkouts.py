"""What is sent to open a checkout (section 2.1), and what each answer means (sections 2.2 and 2.3)."""

import re
from typing import Any

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.adapters.providers.chapa.checkouts import RANGES, checkout_fields
from payments.adapters.providers.chapa.payer_fields import local_phone, person_name, plain, plausible_email
from payments.adapters.secret import Secret
from payments.application.ports.providers import Checkout
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.payment import Customer
from tests.unit.adapters.providers.chapa_account import (
    PAGE,
    REFERENCE,
    REQUEST,
    SETTINGS,
    Canned,
    account,
    hosted,
    said,
)

pytestmark = pytest.mark.anyio


async def test_everything_chapa_takes_is_sent_as_json() -> None:
    opened = account(hosted())
    assert await opened.provider.checkouts.open(REQUEST) == Checkout(url=PAGE)
    (request,) = opened.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.chapa.co/v1/transaction/initialize")
    assert request.headers["content-type"] == "application/json"
    assert opened.sent == [
        {
            "amount": "250.00",
            "currency": "ETB",
            "tx_ref": REFERENCE,
            "return_url": REQUEST.return_url,
            "customization": {"description": "Order order_123"},
            "email": "sara@shop.et",
            "first_name": "Sara",
            "last_name": "Tesfaye",
            "phone_number": "0900123456",
        }
    ]


async def test_what_is_not_known_of_the_payer_is_left_out() -> None:
    opened = account(hosted())
    customer = Customer(email="someone@example.com", first_name=" \t", last_name=None, phone_number="12345")
    await opened.provider.checkouts.open(attrs.evolve(REQUEST, customer=customer))
    assert opened.sent[0].keys() == {"amount", "currency", "tx_ref", "return_url", "customization"}


async def test_the_shops_name_is_the_title() -> None:
    opened = account(hosted(), settings=attrs.evolve(SETTINGS, title="Sara's Books & Tea"))
    await opened.provider.checkouts.open(REQUEST)
    assert opened.sent[0]["customization"]["title"] == "Sara s Books Tea"


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("0.99", "ETB"), ("1000000.01", "ETB"), ("100.00", "KES"), ("0.00", "USD"), ("-5.00", "ETB")],
)
async def test_an_amount_that_chapa_does_not_take_is_refused_before_any_call(
    amount: str, currency: str
) -> None:
    opened = account()
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(attrs.evolve(REQUEST, amount=Money.of(amount, currency)))
    assert opened.requests == []


@pytest.mark.parametrize("reference", ["", "p/..", "p" * 51, "p a", "p-ደስ"])
async def test_a_reference_that_chapa_does_not_take_is_refused_before_any_call(reference: str) -> None:
    opened = account()
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(attrs.evolve(REQUEST, reference=reference))
    assert opened.requests == []


@given(
    minor=st.integers(min_value=100, max_value=100_000_000),
    code=st.sampled_from(sorted(RANGES)),
    order_id=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    customer=st.builds(
        Customer,
        email=st.none() | st.emails() | st.text(),
        first_name=st.none() | st.text(),
        last_name=st.none() | st.text(),
        phone_number=st.none() | st.text(alphabet="+0123456789 -()x"),
    ),
)
def test_whatever_we_know_every_limit_of_the_sheet_is_kept(
    minor: int, code: str, order_id: str, customer: Customer
) -> None:
    amount = attrs.evolve(RANGES[code].least, minor=minor)
    request = attrs.evolve(REQUEST, amount=amount, order_id=order_id, customer=customer)
    fields = checkout_fields(request, SETTINGS)
    assert re.fullmatch(r"\d{1,7}\.\d{2}", fields["amount"], re.ASCII)
    assert re.fullmatch(r"[A-Za-z0-9 _.-]{1,50}", fields["customization"]["description"])
    assert re.fullmatch(r"0[79]\d{8}", fields.get("phone_number", "0900123456"), re.ASCII)
    assert all(fields.values())
    assert all(name.isprintable() for key, name in fields.items() if key.endswith("_name"))


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("+251911223344", "0911223344"),
        ("251911223344", "0911223344"),
        ("00251911223344", "0911223344"),
        ("911223344", "0911223344"),
        ("0911223344", "0911223344"),
        ("+251 (0)911 22 33 44", ""),
        ("0711-22.33 44", "0711223344"),
        ("0111223344", ""),
        ("+254711223344", ""),
        ("09112233445", ""),
        ("०९११२२३३४४", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_phone_number_is_ethiopian_and_local_or_left_out(written: str | None, sent: str) -> None:
    assert local_phone(written) == sent


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (" sara@shop.et ", "sara@shop.et"),
        ("sara.t+x@mail.shop.co", "sara.t+x@mail.shop.co"),
        ("someone@example.com", ""),
        ("someone@mail.example.org", ""),
        ("a@shop.test", ""),
        ("a@shop.invalid", ""),
        ("a@localhost", ""),
        ("a@printer.local", ""),
        ("a@b", ""),
        ("a..b@shop.et", ""),
        (".a@shop.et", ""),
        ("a@-shop.et", ""),
        ("a@shop.e1", ""),
        ("a@b@shop.et", ""),
        ("sara", ""),
        ("ሳራ@shop.et", ""),
        ("x" * 65 + "@shop.et", ""),
        ("a@shop.et\nbcc: b@shop.et", ""),
        (None, ""),
    ],
)
def test_an_address_is_plausible_or_left_out(written: str | None, sent: str) -> None:
    assert plausible_email(written) == sent


def test_a_name_keeps_the_letters_of_every_script_and_nothing_else() -> None:
    assert person_name("  አበበ\u200b\x00  ቢቂላ<script> ") == "አበበ ቢቂላ script"
    assert person_name("Ngũgĩ O’Neill-d'Or Jr.") == "Ngũgĩ O’Neill-d'Or Jr."
    assert len(person_name("x" * 500)) == 50


def test_title_and_description_are_plain_and_short() -> None:
    assert plain("Café & Söhne: #1 / ደስ", 50) == "Cafe Sohne 1"
    assert plain("x" * 60, 16) == "x" * 16


def live(url: str) -> Any:
    return attrs.evolve(
        SETTINGS, mode=Mode.LIVE, secret_key=Secret("CHASECK-" + "k" * 32), base_url=f"{url}/v1"
    )


SIMULATED = attrs.evolve(SETTINGS, base_url="http://127.0.0.1:8000/simulators/chapa/v1")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (SETTINGS, PAGE),
        (live("https://api.chapa.co"), PAGE),
        (SIMULATED, "http://127.0.0.1:8000/checkout/payment/x"),
        (SIMULATED, "https://127.0.0.1/checkout/payment/x"),
        (SIMULATED, PAGE),
        (live("https://chapa.proxy.shop.et"), "https://chapa.proxy.shop.et/checkout/payment/x"),
        (live("https://chapa.proxy.shop.et"), PAGE),
    ],
)
async def test_a_page_of_chapas_own_is_handed_out(settings: Any, url: str) -> None:
    opened = account(hosted(url), settings=settings)
    assert (await opened.provider.checkouts.open(REQUEST)).url == url


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (SETTINGS, "http://checkout.chapa.co/checkout/payment/x"),
        (SETTINGS, "https://checkout.chapa.co.evil.example/x"),
        (SETTINGS, "https://checkout.chapa.co@evil.example/x"),
        (SETTINGS, "https://user:password@checkout.chapa.co/x"),
        (SETTINGS, "https://evil.example\\@checkout.chapa.co/x"),
        (SETTINGS, "https://xcheckout.chapa.co/x"),
        (SETTINGS, "https://api.chapa.co/x"),
        (SETTINGS, "javascript:alert(1)"),
        (SETTINGS, "//checkout.chapa.co/x"),
        (SETTINGS, "https://checkout.chapa.co/x\nset-cookie: a=b"),
        (SETTINGS, "https://checkout.chapa.co:x/"),
        (SETTINGS, ""),
        (SIMULATED, "http://localhost:8000/checkout/payment/x"),
        (SIMULATED, "http://checkout.chapa.co/checkout/payment/x"),
        (live("https://chapa.proxy.shop.et"), "http://chapa.proxy.shop.et/checkout/payment/x"),
    ],
)
async def test_any_other_page_leaves_the_outcome_unknown(settings: Any, url: str) -> None:
    with pytest.raises(OutcomeUnknown):
        await account(hosted(url), settings=settings).provider.checkouts.open(REQUEST)


@pytest.mark.parametrize(
    ("canned", "kind", "named"),
    [
        (said(400, {"amount": ["validation.required"]}), ProviderRejected, "amount: validation.required"),
        (
            said(
                400,
                {
                    "amount": ["validation.min.numeric"],
                    "tx_ref": ["The tx ref must not exceed 50 characters."],
                },
            ),
            ProviderRejected,
            "amount: validation.min.numeric; tx_ref: The tx ref must not exceed 50 characters.",
        ),
        (said(400, "Invalid currency, currency is not supported"), ProviderRejected, "Invalid currency"),
        (said(400, "User can't receive payments"), ProviderRejected, "User can't receive payments"),
        (said(400, "Incorrect header settings Please check"), ProviderRejected, "Incorrect header"),
        (said(404, "Payments through API is disabled, please contact us"), ProviderRejected, "disabled"),
        (said(403, "Forbidden"), ProviderRejected, "Forbidden"),
        (said(400, None), ProviderRejected, "400"),
        (said(401, "Invalid API Key or User doesn't exist"), ProviderRejected, "configuration"),
        (Canned(401, b"<html>"), ProviderRejected, "configuration"),
        (said(400, "Transaction reference has been used before"), OutcomeUnknown, "already"),
        (said(400, "Transaction reference has been used before\t"), OutcomeUnknown, "already"),
        (said(429, "Too many requests"), ProviderUnavailable, "later"),
        (said(500, "Server error"), OutcomeUnknown, "500"),
        (said(503, "Service Unavailable"), OutcomeUnknown, "503"),
        (said(408, "Timeout"), OutcomeUnknown, "408"),
        (Canned(500, b"<html>500</html>"), OutcomeUnknown, "500"),
        (Canned(400, b"<html>400</html>"), OutcomeUnknown, "400"),
        (Canned(403, b"blocked"), OutcomeUnknown, "403"),
        (Canned(302, b"", (("location", "https://elsewhere.example/"),)), OutcomeUnknown, "302"),
        (Canned(200, b'{"data":{"checkout_url":"https://checkout.chapa'), OutcomeUnknown, "link"),
        (Canned(200, b"<html>"), OutcomeUnknown, "link"),
        (said(200, "Hosted Link", "success"), OutcomeUnknown, "link"),
        (said(200, "Hosted Link", "success", {}), OutcomeUnknown, "link"),
        (
            said(200, "Hosted Link", "success", {"checkout_url": ["https://checkout.chapa.co/"]}),
            OutcomeUnknown,
            "link",
        ),
    ],
)
async def test_each_answer_without_a_page_is_one_of_three_errors(
    canned: Canned, kind: type[GatewayError], named: str
) -> None:
    opened = account(canned)
    with pytest.raises(GatewayError) as caught:
        await opened.provider.checkouts.open(REQUEST)
    assert type(caught.value) is kind
    assert named in caught.value.detail
    assert "CHASECK" not in caught.value.detail
    assert len(opened.requests) == 1


async def test_chapa_says_when_to_come_back() -> None:
    late = attrs.evolve(said(429, "Too many requests"), headers=(("retry-after", "17"),))
    with pytest.raises(ProviderUnavailable) as caught:
        await account(late).provider.checkouts.open(REQUEST)
    assert caught.value.retry_after_s == 17


async def test_an_order_is_not_unpayable_for_an_address_chapa_does_not_like() -> None:
    opened = account(said(400, {"email": ["validation.email"], "customization.title": ["no"]}), hosted())
    assert (await opened.provider.checkouts.open(REQUEST)).url == PAGE
    assert opened.sent[0].keys() - opened.sent[1].keys() == {"email", "customization"}


async def test_a_complaint_about_more_than_the_payer_is_final() -> None:
    opened = account(said(400, {"email": ["validation.email"], "currency": ["validation.in"]}))
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(REQUEST)
    assert len(opened.requests) == 1


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx.ConnectError("x"), ProviderUnavailable),
        (httpx.ConnectTimeout("x"), ProviderUnavailable),
        (httpx.PoolTimeout("x"), ProviderUnavailable),
        (httpx.ReadTimeout("x"), OutcomeUnknown),
        (httpx.ReadError("x"), OutcomeUnknown),
        (httpx.WriteError("x"), OutcomeUnknown),
        (httpx.WriteTimeout("x"), OutcomeUnknown),
        (httpx.RemoteProtocolError("x"), OutcomeUnknown),
        (httpx.DecodingError("x"), OutcomeUnknown),
    ],
)
async def test_trouble_on_the_way_is_never_repeated(trouble: Exception, kind: type[GatewayError]) -> None:
    def fail(_request: httpx.Request) -> Canned:
        raise trouble

    opened = account(fail)
    with pytest.raises(kind):
        await opened.provider.checkouts.open(REQUEST)
    assert len(opened.requests) == 1
