"""A Chapa account whose API answers what a test says, without a network."""

import json
from collections.abc import Callable
from typing import Any

import attrs
import httpx

from payments.adapters.providers import chapa
from payments.adapters.providers.chapa import ChapaSettings
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.secret import Secret
from payments.application.ports.providers import CheckoutRequest, Provider, Question
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.testing.clock import MovableClock

REFERENCE = "p-abcdefghijklmnopqrstuvwxyz"
QUESTION = Question(reference=REFERENCE, provider_reference=None, amount=Money.of("250.00", "ETB"))
REQUEST = CheckoutRequest(
    reference=REFERENCE,
    amount=Money.of("250.00", "ETB"),
    order_id="order_123",
    customer=Customer(
        email="sara@shop.et", first_name="Sara", last_name="Tesfaye", phone_number="+251900123456"
    ),
    return_url="https://pay.shop.et/payments/verify/chapa/?trx_ref=" + REFERENCE,
)
SETTINGS = ChapaSettings(mode=Mode.TEST, secret_key=Secret("CHASECK_TEST-" + "k" * 32))
PAGE = "https://checkout.chapa.co/checkout/payment/aBcDeFgHiJkLmNoPqRsTu"


@attrs.frozen
class Canned:
    """What Chapa answers."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def said(status: int, message: Any, word: str | None = "failed", data: Any = None) -> Canned:
    """An answer in Chapa's envelope."""
    return Canned(status, json.dumps({"message": message, "status": word, "data": data}).encode())


def hosted(url: str = PAGE) -> Canned:
    return said(200, "Hosted Link", "success", {"checkout_url": url})


@attrs.frozen
class Account:
    """Chapa over canned answers, and every request it got."""

    provider: Provider
    requests: list[httpx.Request]

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The bodies."""
        return [json.loads(request.content) for request in self.requests]


def account(
    *answers: Canned | Callable[[httpx.Request], Canned], settings: ChapaSettings = SETTINGS
) -> Account:
    """Chapa answering ``answers`` one after the other; a callable may raise."""
    left = list(answers)
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        answer = left.pop(0)
        canned = answer if isinstance(answer, Canned) else answer(request)
        return httpx.Response(canned.status, content=canned.body, headers=canned.headers)

    client = httpx.AsyncClient(transport=httpx.MockTransport(handle), trust_env=False)
    return Account(chapa.build(settings, Surroundings(client=client, clock=MovableClock())), requests)
