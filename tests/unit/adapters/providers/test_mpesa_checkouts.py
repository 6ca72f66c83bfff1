"""What is pushed to a phone (section 3.1), and what each answer means (sections 2.2, 2.3, 3.2 and 3.3)."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import attrs
import httpx
import pytest
from structlog.testing import capture_logs

from payments.adapters.providers.mpesa.checkouts import label_of, push_fields
from payments.adapters.providers.mpesa.credentials import password, timestamp
from payments.adapters.providers.mpesa.settings import SANDBOX_PASSKEY
from payments.application.ports.providers import Checkout, CheckoutRequest
from payments.domain.errors import (
    GatewayError,
    OutcomeUnknown,
    ProviderRejected,
    ProviderUnavailable,
    UnsupportedAmount,
    UnsupportedCurrency,
)
from payments.domain.money import Money
from tests.unit.adapters.providers.mpesa_account import (
    CALLBACK_URL,
    HTML,
    NAME,
    REQUEST,
    SETTINGS,
    SPIKE,
    Canned,
    accepted,
    account,
    error,
    said,
)

pytestmark = pytest.mark.anyio


async def test_everything_daraja_wants_is_pushed_as_json() -> None:
    opened = account(accepted())
    assert await opened.provider.checkouts.open(REQUEST) == Checkout(url=None, provider_reference=NAME)
    (request,) = opened.requests
    assert request.method == "POST"
    assert str(request.url) == "https://sandbox.safaricom.co.ke/mpesa/stkpush/v1/processrequest"
    assert request.headers["content-type"] == "application/json"
    at = timestamp(opened.clock.now())
    assert opened.sent == [
        {
            "BusinessShortCode": "174379",
            "Password": password("174379", SANDBOX_PASSKEY, at),
            "Timestamp": at,
            "TransactionType": "CustomerPayBillOnline",
            "Amount": 250,
            "PartyA": "254712345678",
            "PartyB": "174379",
            "PhoneNumber": "254712345678",
            "CallBackURL": CALLBACK_URL,
            "AccountReference": "order123",
            "TransactionDesc": "Order payment",
        }
    ]


async def test_a_till_is_paid_by_its_own_number() -> None:
    opened = account(accepted(), settings=attrs.evolve(SETTINGS, till="5001234"))
    await opened.provider.checkouts.open(REQUEST)
    (sent,) = opened.sent
    assert (sent["TransactionType"], sent["BusinessShortCode"], sent["PartyB"]) == (
        "CustomerBuyGoodsOnline",
        "174379",
        "5001234",
    )


# Vectors V1 of the fact sheet.
@pytest.mark.parametrize(
    ("shortcode", "at", "encoded"),
    [
        (
            "174379",
            "20210628092408",
            (
                "MTc0Mzc5YmZiMjc5ZjlhYTliZGJjZjE1OGU5N2RkNzFhNDY3Y2QyZTBjODkzMDU5YjEwZjc4ZTZiNzJhZGExZWQyYzkxOTIw"
                "MjEwNjI4MDkyNDA4"
            ),
        ),
        (
            "174379",
            datetime(2026, 2, 28, 21, 30, 5, tzinfo=UTC),
            (
                "MTc0Mzc5YmZiMjc5ZjlhYTliZGJjZjE1OGU5N2RkNzFhNDY3Y2QyZTBjODkzMDU5YjEwZjc4ZTZiNzJhZGExZWQyYzkxOTIw"
                "MjYwMzAxMDAzMDA1"
            ),
        ),
        (
            "600123",
            datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
            (
                "NjAwMTIzYmZiMjc5ZjlhYTliZGJjZjE1OGU5N2RkNzFhNDY3Y2QyZTBjODkzMDU5YjEwZjc4ZTZiNzJhZGExZWQyYzkxOTIw"
                "MjcwMTAxMDI1OTU5"
            ),
        ),
    ],
)
def test_a_password_is_made_as_daraja_makes_it(shortcode: str, at: str | datetime, encoded: str) -> None:
    written = at if isinstance(at, str) else timestamp(at)
    assert password(shortcode, SANDBOX_PASSKEY, written) == encoded


@pytest.mark.parametrize(
    ("order_id", "label"),
    [
        ("order_123", "order123"),
        ("123e4567-e89b-12d3-a456-426614174000", "426614174000"),
        ("a" * 64, "a" * 12),
        ("__--__", "order"),
    ],
)
def test_the_payers_sms_names_the_order_and_no_secret(order_id: str, label: str) -> None:
    assert label_of(order_id) == label
    assert re.fullmatch("[A-Za-z0-9]{1,12}", label)


@pytest.mark.parametrize(
    ("amount", "refusal", "says"),
    [
        ("100.50 KES", UnsupportedAmount, "whole shillings only"),
        ("0.50 KES", UnsupportedAmount, "does not take 0.50 KES"),
        ("0.00 KES", UnsupportedAmount, "does not take 0.00 KES"),
        ("250001.00 KES", UnsupportedAmount, "does not take 250001.00 KES"),
        ("100.00 ETB", UnsupportedCurrency, "does not take ETB"),
    ],
)
async def test_an_amount_that_mpesa_does_not_move_is_refused_before_any_call(
    amount: str, refusal: type[Exception], says: str
) -> None:
    opened = account()
    money = Money.of(*amount.split())
    with pytest.raises(refusal, match=says):
        opened.provider.takes(money)
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(attrs.evolve(REQUEST, amount=money))
    assert (opened.requests, opened.token_requests) == ([], [])


@pytest.mark.parametrize("amount", ["1.00", "100.00", "250000.00"])
def test_whole_shillings_are_taken(amount: str) -> None:
    money = Money.of(amount, "KES")
    account().provider.takes(money)
    assert push_fields(attrs.evolve(REQUEST, amount=money), SETTINGS, "x")["Amount"] == money.minor // 100


@pytest.mark.parametrize(
    "request_without", [attrs.evolve(REQUEST, phone=None), attrs.evolve(REQUEST, callback_url=None)]
)
async def test_without_a_phone_or_an_address_to_report_to_nothing_is_sent(
    request_without: CheckoutRequest,
) -> None:
    opened = account()
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(request_without)
    assert opened.requests == []


@pytest.mark.parametrize("answer", [accepted(), accepted(code=0), accepted("ws_CO_DMZ_123_456")])
async def test_a_push_that_was_taken_in_is_a_prompt(answer: Canned) -> None:
    checkout = await account(answer).provider.checkouts.open(REQUEST)
    assert checkout.url is None
    assert checkout.provider_reference == json.loads(answer.body)["CheckoutRequestID"]


SOAP = {"Envelope": {"Body": {"Fault": {"faultcode": "soapenv:Server"}}}}

REFUSALS: list[tuple[Canned, type[GatewayError]]] = [
    *(
        (error(400, "400.002.02", f"Bad Request - Invalid {field}"), ProviderRejected)
        for field in (
            "BusinessShortCode",
            "Timestamp",
            "Amount",
            "PhoneNumber",
            "CallBackURL",
            "AccountReference",
            "TransactionType",
            "Remarks",
        )
    ),
    (error(400, "400.002.02", "Threat Detected"), ProviderRejected),
    (error(400, "400.002.05", "Invalid Request Payload"), ProviderRejected),
    (error(404, "404.001.01", "Resource not found"), ProviderRejected),
    (error(404, "404.002.01", "Resource not found"), ProviderRejected),
    (error(404, "404.003.01", "Resource not found"), ProviderRejected),
    (error(405, "405.001", "Method Not Allowed"), ProviderRejected),
    (error(500, "500.001.1001", "Merchant does not exist"), ProviderRejected),
    (error(500, "500.001.1001", "[MerchantValidate] - Wrong credentials"), ProviderRejected),
    (error(500, "500.001.1001", "Wrong credentials"), ProviderRejected),
    (
        error(
            500,
            "500.001.1001",
            "Unable to lock subscriber, a transaction is already in process for the current subscriber",
        ),
        ProviderUnavailable,
    ),
    (error(500, "500.001.1001", ""), OutcomeUnknown),
    (error(500, "500.001.1001", "Something else"), OutcomeUnknown),
    (error(500, "500.003.02", "System is busy. Please try again"), ProviderUnavailable),
    (error(500, "500.003.02", "Error Occurred: Spike Arrest Violation"), ProviderUnavailable),
    (error(500, "500.003.03", "Quota Violation"), ProviderUnavailable),
    (error(500, "500.003.1001", "Internal Server Error"), OutcomeUnknown),
    (SPIKE, ProviderUnavailable),
    (HTML, OutcomeUnknown),
    (Canned(503, b"<html>"), OutcomeUnknown),
    (Canned(400, b"<html>"), OutcomeUnknown),
    (Canned(500, b""), OutcomeUnknown),
    (Canned(200, b""), OutcomeUnknown),
    (Canned(200, b"<html>"), OutcomeUnknown),
    (said(500, SOAP), OutcomeUnknown),
    (error(200, "500.001.1001", ""), OutcomeUnknown),
    (error(200, "400.002.02", "Bad Request"), OutcomeUnknown),
    (accepted(code="1"), OutcomeUnknown),
    (accepted(name=None), OutcomeUnknown),
    (accepted(name=""), OutcomeUnknown),
    (accepted(name="x" * 129), OutcomeUnknown),
]


@pytest.mark.parametrize(("answer", "kind"), REFUSALS)
async def test_every_other_answer_is_one_of_three_errors_and_is_never_sent_again(
    answer: Canned, kind: type[GatewayError]
) -> None:
    opened = account(answer)
    with pytest.raises(GatewayError) as raised:
        await opened.provider.checkouts.open(REQUEST)
    assert type(raised.value) is kind, raised.value.detail
    assert len(opened.requests) == 1


async def test_a_push_beyond_the_quota_is_tried_again_in_minutes_and_somebody_is_told() -> None:
    beyond = error(500, "500.003.03", "Error Occurred: Quota Violation")
    with pytest.raises(ProviderUnavailable) as raised, capture_logs() as lines:
        await account(beyond).provider.checkouts.open(REQUEST)
    assert raised.value.retry_after_s == 240.0
    assert [line["call"] for line in lines if line["log_level"] == "error"] == ["push"]


async def test_a_locked_phone_is_tried_again_in_a_minute() -> None:
    locked = error(500, "500.001.1001", "Unable to lock subscriber, a transaction is already in process")
    with pytest.raises(ProviderUnavailable, match="Finish it, or try again in a minute") as raised:
        await account(locked).provider.checkouts.open(REQUEST)
    assert raised.value.retry_after_s == 60.0


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx.ConnectError, ProviderUnavailable),
        (httpx.ConnectTimeout, ProviderUnavailable),
        (httpx.ReadTimeout, OutcomeUnknown),
        (httpx.ReadError, OutcomeUnknown),
        (httpx.WriteError, OutcomeUnknown),
        (httpx.RemoteProtocolError, OutcomeUnknown),
    ],
)
async def test_trouble_on_the_wire_is_not_sent_or_unknown(
    trouble: type[httpx.TransportError], kind: type[GatewayError]
) -> None:
    def cut(request: httpx.Request) -> Canned:
        raise trouble("cut off", request=request)

    opened = account(cut)
    with pytest.raises(kind):
        await opened.provider.checkouts.open(REQUEST)
    assert len(opened.requests) == 1


def test_nothing_secret_is_shown() -> None:
    shown: Any = repr(SETTINGS)
    assert SANDBOX_PASSKEY not in shown
