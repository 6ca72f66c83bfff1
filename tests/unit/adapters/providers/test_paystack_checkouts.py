"""What is sent to open a checkout (section 3), and what each answer means (sections 1.1 and 11)."""

from typing import Any

import attrs
import httpx
import pytest

from payments.adapters.providers.paystack.amounts import RANGES
from payments.adapters.secret import Secret
from payments.application.ports.providers import Checkout
from payments.domain.errors import (
    GatewayError,
    InvalidRequest,
    OutcomeUnknown,
    ProviderRejected,
    ProviderUnavailable,
    UnsupportedCurrency,
)
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.payment import Customer
from tests.unit.adapters.providers.paystack_account import (
    KEY,
    PAGE,
    REFERENCE,
    REQUEST,
    RETURN_URL,
    SETTINGS,
    Canned,
    account,
    hosted,
    refused,
    told,
)

pytestmark = pytest.mark.anyio


async def test_everything_paystack_needs_is_sent_as_json() -> None:
    opened = account(hosted())
    assert await opened.provider.checkouts.open(REQUEST) == Checkout(url=PAGE)
    (request,) = opened.requests
    assert (request.method, str(request.url)) == (
        "POST",
        "https://api.paystack.co/transaction/initialize",
    )
    assert request.headers["content-type"] == "application/json"
    assert opened.sent == [
        {
            "email": "wanjiru@shop.ke",
            "amount": 500000,
            "currency": "KES",
            "reference": REFERENCE,
            "callback_url": "https://pay.shop.ke/payments/verify/paystack/",
            "metadata": {
                "cancel_action": RETURN_URL,
                "custom_fields": [
                    {"display_name": "Order", "variable_name": "order_id", "value": "order_123"}
                ],
            },
        }
    ]


@pytest.mark.parametrize(
    ("amount", "currency", "subunits"),
    [
        ("0.10", "GHS", 10),
        ("3.00", "KES", 300),
        ("50.00", "NGN", 5000),
        ("2.00", "USD", 200),
        ("19.99", "USD", 1999),
        ("1.00", "ZAR", 100),
        ("1", "XOF", 100),
        ("12345", "XOF", 1234500),
        ("500000000", "XOF", 50_000_000_000),
    ],
)
async def test_every_currency_is_sent_in_hundredths_as_a_whole_number(
    amount: str, currency: str, subunits: int
) -> None:
    opened = account(hosted())
    await opened.provider.checkouts.open(attrs.evolve(REQUEST, amount=Money.of(amount, currency)))
    assert opened.sent[0]["amount"] == subunits
    assert opened.sent[0]["currency"] == currency


async def test_the_least_amounts_are_those_of_the_sheet() -> None:
    assert {code: str(span.least) for code, span in RANGES.items()} == {
        "NGN": "50.00 NGN",
        "USD": "2.00 USD",
        "GHS": "0.10 GHS",
        "ZAR": "1.00 ZAR",
        "KES": "3.00 KES",
        "XOF": "1 XOF",
    }


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("49.99", "NGN"),
        ("1.99", "USD"),
        ("0.09", "GHS"),
        ("0.99", "ZAR"),
        ("2.99", "KES"),
        ("0", "XOF"),
        ("1000000.01", "USD"),
        ("-5.00", "KES"),
        ("100.00", "ETB"),
        ("100.00", "EUR"),
        ("100.000", "KWD"),
    ],
)
async def test_an_amount_that_paystack_does_not_take_is_refused_before_any_call(
    amount: str, currency: str
) -> None:
    opened = account()
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(attrs.evolve(REQUEST, amount=Money.of(amount, currency)))
    assert opened.requests == []


@pytest.mark.parametrize("reference", ["", "p/..", "p?a", "p" * 41, "p a", "p_a", "p-ደስ"])
async def test_a_reference_that_paystack_does_not_take_is_refused_before_any_call(reference: str) -> None:
    opened = account()
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(attrs.evolve(REQUEST, reference=reference))
    assert opened.requests == []


@pytest.mark.parametrize(
    "email", [None, "", "  ", "wanjiru", "a@b", "a b@shop.ke", "a@shop.ke\nbcc: b@shop.ke"]
)
async def test_an_order_without_a_usable_address_is_refused_before_any_call_and_the_remedy_named(
    email: str | None,
) -> None:
    opened = account()
    customer = Customer(email=email, first_name=None, last_name=None, phone_number="+254700000000")
    with pytest.raises(ProviderRejected, match="customer an e-mail address, or choose another provider"):
        await opened.provider.checkouts.open(attrs.evolve(REQUEST, customer=customer))
    assert opened.requests == []
    assert opened.provider.emails is not None
    with pytest.raises(InvalidRequest, match="customer an e-mail address, or choose another provider"):
        opened.provider.emails.usable(email)


async def test_euros_are_refused_before_any_call_with_the_reason() -> None:
    opened = account()
    with pytest.raises(UnsupportedCurrency, match="Paystack itself does not take EUR") as caught:
        opened.provider.takes(Money.of("100.00", "EUR"))
    assert "KES" in caught.value.errors[0].detail
    with pytest.raises(ProviderRejected, match="Paystack itself does not take EUR"):
        await opened.provider.checkouts.open(attrs.evolve(REQUEST, amount=Money.of("100.00", "EUR")))
    assert opened.requests == []


async def test_euros_are_sent_where_the_settings_name_them() -> None:
    opened = account(hosted(), settings=attrs.evolve(SETTINGS, currencies=("KES", "EUR")))
    euros = Money.of("100.00", "EUR")
    opened.provider.takes(euros)
    await opened.provider.checkouts.open(attrs.evolve(REQUEST, amount=euros))
    assert (opened.sent[0]["amount"], opened.sent[0]["currency"]) == (10000, "EUR")


async def test_a_currency_the_account_lacks_is_refused_before_any_call() -> None:
    opened = account(settings=attrs.evolve(SETTINGS, currencies=("NGN",)))
    with pytest.raises(UnsupportedCurrency, match="paystack does not take KES"):
        opened.provider.takes(REQUEST.amount)
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(REQUEST)
    assert opened.requests == []


def test_there_is_no_closing_a_checkout() -> None:
    assert account().provider.cancellations is None


def live(url: str) -> Any:
    return attrs.evolve(SETTINGS, mode=Mode.LIVE, secret_key=Secret("sk_live_" + "k" * 40), base_url=url)


SIMULATED = attrs.evolve(SETTINGS, base_url="http://127.0.0.1:8000/simulators/paystack")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (SETTINGS, PAGE),
        (live("https://api.paystack.co"), PAGE),
        (SIMULATED, "http://127.0.0.1:8000/simulators/paystack/checkout/x"),
        (SIMULATED, "https://127.0.0.1/checkout/x"),
        (SIMULATED, PAGE),
        (live("https://paystack.proxy.shop.ke"), "https://paystack.proxy.shop.ke/x"),
        (live("https://paystack.proxy.shop.ke"), PAGE),
    ],
)
async def test_a_page_of_paystacks_own_is_handed_out(settings: Any, url: str) -> None:
    opened = account(hosted(url), settings=settings)
    assert (await opened.provider.checkouts.open(REQUEST)).url == url


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (SETTINGS, "http://checkout.paystack.com/x"),
        (SETTINGS, "https://checkout.paystack.com.evil.example/x"),
        (SETTINGS, "https://checkout.paystack.com@evil.example/x"),
        (SETTINGS, "https://user:password@checkout.paystack.com/x"),
        (SETTINGS, "https://evil.example\\@checkout.paystack.com/x"),
        (SETTINGS, "https://xcheckout.paystack.com/x"),
        (SETTINGS, "https://api.paystack.co/x"),
        (SETTINGS, "javascript:alert(1)"),
        (SETTINGS, "//checkout.paystack.com/x"),
        (SETTINGS, "https://checkout.paystack.com/x\nset-cookie: a=b"),
        (SETTINGS, "https://checkout.paystack.com:x/"),
        (SETTINGS, ""),
        (SIMULATED, "http://localhost:8000/checkout/x"),
        (SIMULATED, "http://checkout.paystack.com/x"),
        (live("https://paystack.proxy.shop.ke"), "http://paystack.proxy.shop.ke/x"),
    ],
)
async def test_any_other_page_leaves_the_outcome_unknown(settings: Any, url: str) -> None:
    with pytest.raises(OutcomeUnknown):
        await account(hosted(url), settings=settings).provider.checkouts.open(REQUEST)


VALIDATION = "validation_error"


@pytest.mark.parametrize(
    ("canned", "kind", "named"),
    [
        # Section 1.1, row by row.
        (refused(401, "Invalid key", "invalid_Key", VALIDATION), ProviderRejected, "configuration"),
        (refused(401, "No Authorization Header was found"), ProviderRejected, "configuration"),
        (Canned(401, b"<html>"), ProviderRejected, "configuration"),
        (
            refused(400, "Email Address is required", "missing_params", VALIDATION),
            ProviderRejected,
            "Email Address is required",
        ),
        (
            refused(400, "Invalid Email Address Passed", "invalid_email_address", VALIDATION),
            ProviderRejected,
            "Invalid Email Address Passed",
        ),
        (refused(400, "Invalid Amount Sent", None, VALIDATION), ProviderRejected, "Invalid Amount Sent"),
        (
            refused(400, '"amount" must be an integer', None, VALIDATION),
            ProviderRejected,
            "must be an integer",
        ),
        (
            refused(400, "Duplicate Transaction Reference", "duplicate_reference", VALIDATION),
            OutcomeUnknown,
            "already",
        ),
        (refused(400, "Duplicate Transaction Reference."), OutcomeUnknown, "already"),
        (refused(400, "Worded otherwise", "duplicate_reference"), OutcomeUnknown, "already"),
        (
            refused(400, "Currency not supported by merchant", None, VALIDATION),
            ProviderRejected,
            "Currency not supported by merchant",
        ),
        (refused(404, "Invalid Split code."), ProviderRejected, "Invalid Split code."),
        (refused(404, "Invalid Subaccount."), ProviderRejected, "Invalid Subaccount."),
        (refused(422, "Invalid params", "invalid_params", VALIDATION), ProviderRejected, "Invalid params"),
        (refused(403, "Your IP address is not allowed"), ProviderRejected, "not allowed"),
        (refused(400, None), ProviderRejected, "400"),
        (refused(429, "Rate limit exceeded!", "rate_limited", "api_error"), ProviderUnavailable, "later"),
        (Canned(429, b"slow down"), ProviderUnavailable, "later"),
        # Section 11's table, and what is no answer of Paystack's.
        (refused(500, "Server error", None, "api_error"), OutcomeUnknown, "500"),
        (refused(503, "Service Unavailable"), OutcomeUnknown, "503"),
        (refused(408, "Timeout"), OutcomeUnknown, "408"),
        (refused(425, "Too early"), OutcomeUnknown, "425"),
        (Canned(500, b"<html>500</html>"), OutcomeUnknown, "500"),
        (Canned(400, b"<html>400</html>"), OutcomeUnknown, "400"),
        (Canned(403, b"blocked"), OutcomeUnknown, "403"),
        (Canned(404, b'{"message":"no such route"}'), OutcomeUnknown, "404"),
        (told(400, "It worked, with the status of an error"), OutcomeUnknown, "400"),
        (Canned(302, b"", (("location", "https://elsewhere.example/"),)), OutcomeUnknown, "302"),
        (refused(200, "Refused, with the status of a success"), OutcomeUnknown, "200"),
        (
            Canned(200, b'{"status":true,"data":{"authorization_url":"https://checkout.'),
            OutcomeUnknown,
            "200",
        ),
        (Canned(200, b"<html>"), OutcomeUnknown, "200"),
        (told(200, "Authorization URL created"), OutcomeUnknown, "link"),
        (told(200, "Authorization URL created", {}), OutcomeUnknown, "link"),
        (told(200, "Authorization URL created", {"authorization_url": [PAGE]}), OutcomeUnknown, "link"),
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
    assert KEY not in caught.value.detail
    assert len(opened.requests) == 1


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ((("retry-after", "17"),), 17),
        ((("x-ratelimit-reset", "42"),), 42),
        ((("retry-after", "17"), ("x-ratelimit-reset", "42")), 17),
        ((("x-ratelimit-reset", "soon"),), 5),
        ((), 5),
    ],
)
async def test_paystack_says_when_to_come_back(headers: tuple[tuple[str, str], ...], wait_s: float) -> None:
    late = attrs.evolve(refused(429, "Rate limit exceeded!"), headers=headers)
    with pytest.raises(ProviderUnavailable) as caught:
        await account(late).provider.checkouts.open(REQUEST)
    assert caught.value.retry_after_s == wait_s


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
