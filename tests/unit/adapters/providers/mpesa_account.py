"""An M-Pesa app whose Daraja answers what a test says, without a network."""

import json
from collections.abc import Callable
from typing import Any

import attrs
import httpx

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.providers import mpesa
from payments.adapters.providers.mpesa import MpesaSettings
from payments.adapters.providers.mpesa.settings import SANDBOX_PASSKEY, SANDBOX_SHORTCODE
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.secret import Secret
from payments.application.ports.providers import CheckoutRequest, Provider, Question, Urgency
from payments.application.ports.shared_state import SharedState
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.testing.clock import MovableClock

REFERENCE = "p-abcdefghijklmnopqrstuvwxyz"
NAME = "ws_CO_1007202409152617172396192"
CALLBACK_URL = "https://pay.shop.co.ke/payments/verify/stk/3f9c2a7be1d04c5f8a6b9e0d1c2f3a4b/"
SETTINGS = MpesaSettings(
    mode=Mode.TEST,
    consumer_key=Secret("key"),
    consumer_secret=Secret("secret"),
    shortcode=SANDBOX_SHORTCODE,
    passkey=Secret(SANDBOX_PASSKEY),
)
REQUEST = CheckoutRequest(
    reference=REFERENCE,
    amount=Money.of("250.00", "KES"),
    order_id="order_123",
    customer=Customer(email="wanjiku@shop.co.ke"),
    return_url="https://pay.shop.co.ke/",
    callback_url=CALLBACK_URL,
    phone="254712345678",
)


def question(urgency: Urgency = Urgency.PAYER, name: str | None = NAME) -> Question:
    return Question(reference=REFERENCE, provider_reference=name, amount=REQUEST.amount, urgency=urgency)


@attrs.frozen
class Canned:
    """What Daraja answers."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def said(status: int, body: Any) -> Canned:
    """An answer in JSON."""
    return Canned(status, json.dumps(body).encode())


def error(status: int, code: str, message: str) -> Canned:
    """An error in Daraja's shape (section 2.3)."""
    return said(status, {"requestId": "1c5b-4ba8", "errorCode": code, "errorMessage": message})


def accepted(name: str | None = NAME, code: str | int = "0") -> Canned:
    """A push that was taken in (section 3.2)."""
    told = {"MerchantRequestID": "2654-4b64", "CheckoutRequestID": name, "ResponseCode": code}
    return said(200, {key: value for key, value in told.items() if value is not None})


def result(code: str | int, text: str = "") -> Canned:
    """A final answer to a query (section 5)."""
    return said(
        200,
        {
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successsfully",
            "CheckoutRequestID": NAME,
            "ResultCode": code,
            "ResultDesc": text,
        },
    )


HTML = Canned(403, b"<html>Request blocked</html>", (("content-type", "text/html"),))
SPIKE = said(
    429,
    {
        "fault": {
            "faultstring": "Spike arrest violation.",
            "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
        }
    },
)


@attrs.frozen
class Account:
    """M-Pesa over canned answers, and every request it got but those for tokens."""

    provider: Provider
    requests: list[httpx.Request]
    token_requests: list[httpx.Request]
    clock: MovableClock

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The bodies."""
        return [json.loads(request.content) for request in self.requests]

    @property
    def bearers(self) -> list[str]:
        """The tokens the calls were made with."""
        return [request.headers["authorization"].removeprefix("Bearer ") for request in self.requests]


@attrs.define
class Daraja:
    """Answers one after the other; tokens are ``token-1``, ``token-2`` and so on unless said otherwise."""

    answers: list[Canned | Callable[[httpx.Request], Canned]]
    tokens: list[Canned]
    requests: list[httpx.Request] = attrs.field(factory=list)
    token_requests: list[httpx.Request] = attrs.field(factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/oauth/"):
            self.token_requests.append(request)
            fresh = {"access_token": f"token-{len(self.token_requests)}", "expires_in": "3599"}
            canned = self.tokens.pop(0) if self.tokens else said(200, fresh)
        else:
            self.requests.append(request)
            assert self.answers, f"{request.url.path} was called once more than this story answers"
            answer = self.answers.pop(0)
            canned = answer if isinstance(answer, Canned) else answer(request)
        return httpx.Response(canned.status, content=canned.body, headers=canned.headers)


def account(
    *answers: Canned | Callable[[httpx.Request], Canned],
    tokens: tuple[Canned, ...] = (),
    settings: MpesaSettings = SETTINGS,
    daraja: Daraja | None = None,
    shared_state: SharedState | None = None,
    clock: MovableClock | None = None,
) -> Account:
    """M-Pesa answering ``answers`` one after the other; a callable may raise.

    With ``daraja`` and ``shared_state`` of another account it is another process of the same service.
    """
    served = daraja or Daraja(list(answers), list(tokens))
    time = clock or MovableClock()
    client = httpx.AsyncClient(transport=httpx.MockTransport(served), trust_env=False)
    surroundings = Surroundings(
        client=client,
        clock=time,
        shared_state=shared_state or MemorySharedState(time),
        cipher=AesGcmCipher.of([b"the-key-of-all-processes"]),
    )
    return Account(mpesa.build(settings, surroundings), served.requests, served.token_requests, time)
