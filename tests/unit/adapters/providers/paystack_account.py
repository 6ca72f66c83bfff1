"""A Paystack account whose API answers what a test says, without a network."""

import json
from collections.abc import Callable
from typing import Any

import attrs
import httpx

from payments.adapters.providers import paystack
from payments.adapters.providers.paystack import PaystackSettings
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.secret import Secret
from payments.application.ports.providers import CheckoutRequest, Provider, Question
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.testing.clock import MovableClock

REFERENCE = "p-abcdefghijklmnopqrstuvwxyz"
QUESTION = Question(reference=REFERENCE, provider_reference=None, amount=Money.of("5000.00", "KES"))
RETURN_URL = "https://pay.shop.ke/payments/verify/paystack/?trx_ref=" + REFERENCE
REQUEST = CheckoutRequest(
    reference=REFERENCE,
    amount=Money.of("5000.00", "KES"),
    order_id="order_123",
    customer=Customer(
        email="wanjiru@shop.ke", first_name="Wanjiru", last_name="Kamau", phone_number="+254700000000"
    ),
    return_url=RETURN_URL,
)
KEY = "sk_test_" + "k" * 40
SETTINGS = PaystackSettings(mode=Mode.TEST, secret_key=Secret(KEY))
PAGE = "https://checkout.paystack.com/3ni8kdavz62431k"


@attrs.frozen
class Canned:
    """What Paystack answers."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def told(status: int, message: str, data: Any = None, **more: Any) -> Canned:
    """An answer that worked, in Paystack's envelope."""
    return Canned(status, json.dumps({"status": True, "message": message, "data": data, **more}).encode())


def refused(status: int, message: Any, code: str | None = None, kind: str | None = None) -> Canned:
    """An error in Paystack's envelope; many have neither code nor type."""
    body = {"status": False, "message": message}
    body |= {name: text for name, text in (("type", kind), ("code", code)) if text is not None}
    return Canned(status, json.dumps(body).encode())


def hosted(url: str = PAGE) -> Canned:
    data = {"authorization_url": url, "access_code": url.rsplit("/", 1)[-1], "reference": REFERENCE}
    return told(200, "Authorization URL created", data)


@attrs.frozen
class Account:
    """Paystack over canned answers, and every request it got."""

    provider: Provider
    requests: list[httpx.Request]

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The bodies."""
        return [json.loads(request.content) for request in self.requests]


def account(
    *answers: Canned | Callable[[httpx.Request], Canned], settings: PaystackSettings = SETTINGS
) -> Account:
    """Paystack answering ``answers`` one after the other; a callable may raise."""
    left = list(answers)
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        answer = left.pop(0)
        canned = answer if isinstance(answer, Canned) else answer(request)
        return httpx.Response(canned.status, content=canned.body, headers=canned.headers)

    client = httpx.AsyncClient(transport=httpx.MockTransport(handle), trust_env=False)
    return Account(paystack.build(settings, Surroundings(client=client, clock=MovableClock())), requests)
