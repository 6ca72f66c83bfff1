"""The whole service in this process, asked without a server in front of it."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TextIO

import attrs
import jwt
from starlette.types import ASGIApp, Message, Scope

from bench.instructions.outside import AMOUNT, CURRENCY, order_of
from payments.adapters.notifiers.memory import MemoryNotifier
from payments.application.payments import Payments
from payments.bootstrap import Parts, open_payments
from payments.entrypoints.http import create_app
from payments.entrypoints.logging import configure_logging
from payments.settings import Settings
from payments.testing import MovableClock

AUTH_KEY = "the-key-that-signs-tokens-of-counted-callers"
WEBHOOK_SECRET = "the-secret-that-signs-counted-webhooks"
IN_2100_S = 4_102_444_800

_JSON = (b"content-type", b"application/json")


def settings(database: str, outside: str) -> Settings:
    """As in production, but for where the database and everybody else is; ``database`` is a file."""
    return Settings.from_env(
        {
            "PAYMENTS_DATABASE_URL": f"sqlite:///{database}",
            "PAYMENTS_AUTH_KEY": AUTH_KEY,
            "PAYMENTS_DATA_KEYS": "the-key-that-seals-counted-notices",
            "PAYMENTS_PROVIDERS": "chapa",
            "PAYMENTS_CHAPA_SECRET_KEY": "CHASECK_TEST-counted0000000000000000000000",
            "PAYMENTS_CHAPA_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "PAYMENTS_CHAPA_BASE_URL": outside,
            "PAYMENTS_ORDERS_URL": outside,
            "PAYMENTS_ORDERS_TOKEN": "the-token-that-orders-want",
            "PAYMENTS_ORDERS_SIGNING_SECRETS": "whsec_Y291bnRlZC1zaWduaW5nLXNlY3JldC0wMDAwMDAwMDE=",
            "PAYMENTS_LOG_FORMAT": "json",
        }
    )


@attrs.frozen(kw_only=True)
class Asked:
    """A request, ready to be handed over; what the caller has to do for it is not the service's."""

    method: str
    path: str
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    def scope(self) -> Scope:
        """The request as the server hands it over."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 40000),
            "scheme": "http",
            "root_path": "",
            "method": self.method,
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query,
            "headers": [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"counted"), *self.headers],
            "state": {},
        }


def initiation(user: str, number: int) -> Asked:
    """``user`` wants to pay one of their orders through Chapa."""
    path = f"/payments/initiate/{order_of(user, number)}/"
    return Asked(method="POST", path=path, headers=(bearer(user), _JSON), body=b'{"provider":"chapa"}')


def look(user: str, path: str, query: bytes = b"") -> Asked:
    """``user`` wants to see something."""
    return Asked(method="GET", path=path, query=query, headers=(bearer(user),))


def notice(reference: str) -> Asked:
    """A webhook of Chapa's that says that ``reference`` was paid (fact sheet, section 6)."""
    told = {
        "event": "charge.success",
        "type": "API",
        "tx_ref": reference,
        "reference": f"AP{reference[-20:]}",
        "status": "success",
        "amount": AMOUNT,
        "currency": CURRENCY,
        "charge": "35.00",
        "mode": "test",
        "payment_method": "telebirr",
        "email": "sara@shop.et",
        "first_name": "Sara",
        "last_name": "Tesfaye",
    }
    body = json.dumps(told, separators=(",", ":")).encode()
    signature = hmac.digest(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hex().encode()
    headers = (_JSON, (b"x-chapa-signature", signature))
    return Asked(method="POST", path="/payments/verify/chapa/", headers=headers, body=body)


def bearer(user: str) -> tuple[bytes, bytes]:
    """The header that ``user`` calls with."""
    claims = {"sub": user, "exp": IN_2100_S, "token_type": "access"}
    return b"authorization", f"Bearer {jwt.encode(claims, AUTH_KEY, algorithm='HS256')}".encode()


@attrs.frozen
class Service:
    """The use-cases, the HTTP application over them, and their clock."""

    payments: Payments
    app: ASGIApp
    clock: MovableClock

    async def answer(self, asked: Asked) -> bytes:
        """The body of the answer.

        Raises:
            RuntimeError: it was not answered with 200.
        """
        sent: list[Message] = []
        coming = iter(({"type": "http.request", "body": asked.body, "more_body": False},))

        async def receive() -> Message:
            return next(coming, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(asked.scope(), receive, send)
        body = b"".join(message.get("body", b"") for message in sent)
        if sent[0]["status"] != HTTPStatus.OK:
            raise RuntimeError(f"{asked.method} {asked.path} was answered {sent[0]['status']}: {body!r}")
        return body

    async def initiated(self, user: str, times: int) -> list[str]:
        """The references of so many new payments of ``user``."""
        answers = [await self.answer(initiation(user, number)) for number in range(times)]
        return [json.loads(answer)["reference"] for answer in answers]


@asynccontextmanager
async def open_service(settings: Settings, logs: TextIO) -> AsyncIterator[Service]:
    """The service with its own SQLite and HTTP client; time stands still, and mails are kept in memory."""
    clock = MovableClock()
    parts = Parts(clock=clock, notifier=MemoryNotifier())
    configure_logging(settings.logging, logs)
    async with open_payments(settings, parts) as payments:
        yield Service(payments, create_app(payments, settings), clock)
