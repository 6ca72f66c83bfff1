"""Providers that lie, stall or flood: through the real gateways and the real HTTP client, over loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import attrs
import pytest
from starlette.types import Receive, Scope, Send

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.http_client import open_http_client
from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.providers import chapa, mpesa, paystack
from payments.adapters.providers.surroundings import Surroundings
from payments.application.ports.providers import Provider
from payments.domain.errors import GatewayError, OutcomeUnknown
from payments.domain.evidence import Answer, Outcome
from payments.testing import MovableClock
from tests.serving import serving
from tests.unit.adapters.providers import chapa_account, mpesa_account, paystack_account

pytestmark = pytest.mark.anyio

LONG_S: Final = 25.0
"""More than the ten seconds that a call may take, on a machine that is busy."""

Behaviour = Callable[[Send], Awaitable[None]]


async def answer(
    send: Send, body: bytes, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    kind = (b"content-type", b"application/json")
    await send({"type": "http.response.start", "status": status, "headers": [kind, *headers]})
    await send({"type": "http.response.body", "body": body})


def saying(body: Any, status: int = 200, **headers: str) -> Behaviour:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = tuple(
        (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()
    )
    return lambda send: answer(send, raw, status, named)


async def drips(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(0.2)


async def floods(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(200):
        await send({"type": "http.response.body", "body": b" " * 65_536, "more_body": True})
    await send({"type": "http.response.body", "body": b"{}"})


async def breaks_off(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"999")]})
    await send({"type": "http.response.body", "body": b'{"status"', "more_body": True})
    raise ConnectionAbortedError


NOWHERE: Final = "http://169.254.169.254/latest/meta-data/"
ADDRESSES: Final = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "//evil.example/pay",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https://evil.example/pay",
    "https://127.0.0.1.evil.example/pay",
    "http://127.0.0.1@evil.example/pay",
    "http://evil.example\\@127.0.0.1/pay",
    "http://127.0.0.1\\.evil.example/pay",
    "http://user:password@127.0.0.1/pay",
    "http://127.0.0.1\n.evil.example/pay",
    "http://127.0.0.1\t.evil.example/pay",
    "http://127.0.0.1/pay#https://evil.example",
    "http://[::1/pay",
    "http://127.0.0.1:99999/pay",
    "/pay",
    "",
    " ",
    "http://",
    "http://127\u30020\u30020\u30021.evil.example/",
    NOWHERE,
)
"""Where no payer may be sent."""

GARBLED: Final[dict[str, Behaviour]] = {
    "nothing": saying(b""),
    "html": saying(b"<html>Bad gateway</html>"),
    "html as 502": saying(b"<html>Bad gateway</html>", 502),
    "null": saying(None),
    "a list": saying([]),
    "a text": saying("success"),
    "not UTF-8": saying(b"\xff\xfe\x00"),
    "NaN": saying(b'{"status": NaN}'),
    "a huge number": saying(b'{"status": ' + b"9" * 5_000 + b"}"),
    "too deep": saying(b"[" * 50_000),
    "a key twice": saying(b'{"status": "success", "status": "failed"}'),
    "a lone surrogate": saying(b'{"status": "\\ud800"}'),
    "data a text": saying({"status": "success", "data": "https://evil.example"}),
    "data a number": saying({"status": True, "data": 1}),
    "status an object": saying({"status": {"a": 1}, "message": {"b": []}, "data": {}}),
    "ten megabytes": saying(b'{"a": "' + b"x" * 10_000_000 + b'"}'),
    "a flood without a length": floods,
    "gzip unasked": saying(b"\x1f\x8b\x08\x00", content_encoding="br"),
    "a broken answer": breaks_off,
    "a redirect to the metadata service": saying(b"", 302, location=NOWHERE),
    "a redirect that keeps the method": saying(b"", 307, location=NOWHERE),
    "a redirect to a file": saying(b"", 301, location="file:///etc/passwd"),
    "a redirect without an address": saying(b"", 303),
    "a status nobody knows": saying(b"{}", 299),
    "a cookie": saying({}, set_cookie="session=evil; Path=/"),
    "too many requests": saying({}, 429, retry_after="99999999999999999999"),
    "a teapot": saying({}, 418),
}
"""Answers that say nothing."""


@attrs.define
class Liar:
    """A provider at an address of its own, which notes every call."""

    behaviour: Behaviour
    paths: list[str] = attrs.field(factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.paths.append(scope["path"])
        if "/oauth/" in scope["path"]:
            await answer(send, b'{"access_token": "token", "expires_in": "3599"}')
        else:
            await self.behaviour(send)


@asynccontextmanager
async def believing(liar: Liar) -> AsyncIterator[dict[str, Provider]]:
    """Our gateways, pointed at ``liar``."""
    clock = MovableClock()
    async with serving(liar) as url, open_http_client() as client:
        surroundings = Surroundings(
            client=client,
            clock=clock,
            shared_state=MemorySharedState(clock),
            cipher=AesGcmCipher.of([b"the-key-of-all-processes"]),
        )
        yield {
            "chapa": chapa.build(attrs.evolve(chapa_account.SETTINGS, base_url=f"{url}/v1"), surroundings),
            "paystack": paystack.build(attrs.evolve(paystack_account.SETTINGS, base_url=url), surroundings),
            "mpesa": mpesa.build(attrs.evolve(mpesa_account.SETTINGS, base_url=url), surroundings),
        }


REQUESTS: Final = {
    "chapa": chapa_account.REQUEST,
    "paystack": paystack_account.REQUEST,
    "mpesa": mpesa_account.REQUEST,
}
QUESTIONS: Final = {
    "chapa": chapa_account.QUESTION,
    "paystack": paystack_account.QUESTION,
    "mpesa": mpesa_account.question(),
}


async def opened(provider: Provider, name: str) -> Any:
    async with asyncio.timeout(LONG_S):
        return await provider.checkouts.open(REQUESTS[name])


async def told(provider: Provider, name: str) -> Answer:
    """What the gateway makes of an answer."""
    async with asyncio.timeout(LONG_S):
        return await provider.checks.check(QUESTIONS[name])


def test_there_are_enough_of_them() -> None:
    assert len(ADDRESSES) + len(GARBLED) >= 40


@pytest.mark.parametrize("address", ADDRESSES, ids=range(len(ADDRESSES)))
async def test_no_payer_is_sent_anywhere_but_to_the_providers_own_page(address: str) -> None:
    data = {"checkout_url": address, "authorization_url": address, "reference": paystack_account.REFERENCE}
    for name, status in (("chapa", "success"), ("paystack", True)):
        liar = Liar(saying({"status": status, "message": "Hosted Link", "data": data}))
        async with believing(liar) as providers:
            with pytest.raises(GatewayError):
                await opened(providers[name], name)
        assert len(liar.paths) == 1


@pytest.mark.parametrize("kind", GARBLED)
async def test_what_says_nothing_opens_nothing_settles_nothing_and_leads_nowhere(kind: str) -> None:
    for name in REQUESTS:
        liar = Liar(GARBLED[kind])
        async with believing(liar) as providers:
            with pytest.raises(GatewayError):
                await opened(providers[name], name)
            # Trouble in asking is what the service takes for no information.
            with suppress(GatewayError):
                assert (await told(providers[name], name)).outcome is Outcome.NOTHING
        assert not [path for path in liar.paths if "meta-data" in path or "passwd" in path]


async def test_whoever_drips_is_left_after_ten_seconds() -> None:
    async with believing(Liar(drips)) as providers:
        trouble = await asyncio.gather(
            *(opened(provider, name) for name, provider in providers.items()), return_exceptions=True
        )
    assert [type(each) for each in trouble] == [OutcomeUnknown] * len(REQUESTS)


ECHOES: Final[dict[str, tuple[str, Any]]] = {
    "Chapa, another reference": ("chapa", {"tx_ref": "p-" + "z" * 26}),
    "Chapa, no reference": ("chapa", {"tx_ref": None}),
    "Chapa, another currency": ("chapa", {"currency": "USD"}),
    "Chapa, less": ("chapa", {"amount": 2.50}),
    "Chapa, more": ("chapa", {"amount": 25_000}),
    "Chapa, an amount with words": ("chapa", {"amount": "250.00 ETB"}),
    "Chapa, an amount in other digits": ("chapa", {"amount": "٢٥٠"}),
    "Chapa, an amount that is true": ("chapa", {"amount": True}),
    "Chapa, a negative amount": ("chapa", {"amount": -250}),
    "Chapa, another mode": ("chapa", {"mode": "live"}),
    "Paystack, another reference": ("paystack", {"reference": "p-" + "z" * 26}),
    "Paystack, another currency": ("paystack", {"currency": "NGN"}),
    "Paystack, less": ("paystack", {"amount": 1, "requested_amount": 1}),
    "Paystack, major units": ("paystack", {"amount": 5000, "requested_amount": 5000}),
    "Paystack, a text": ("paystack", {"amount": "5_000_00", "requested_amount": "5_000_00"}),
    "Paystack, the other domain": ("paystack", {"domain": "live"}),
}
PAID: Final = {
    "chapa": {
        "tx_ref": chapa_account.REFERENCE,
        "reference": "AP6vhG7tGbCQ",
        "status": "success",
        "amount": 250,
        "currency": "ETB",
        "mode": "test",
    },
    "paystack": {
        "id": 1,
        "domain": "test",
        "status": "success",
        "reference": paystack_account.REFERENCE,
        "amount": 500_000,
        "requested_amount": 500_000,
        "currency": "KES",
    },
}


@pytest.mark.parametrize("kind", ECHOES)
async def test_an_answer_about_something_else_is_never_taken_for_ours(kind: str) -> None:
    name, changed = ECHOES[kind]
    status: object = "success" if name == "chapa" else True
    for data, ours in ((PAID[name], True), (PAID[name] | changed, False)):
        async with believing(Liar(saying({"status": status, "message": "ok", "data": data}))) as providers:
            said = await told(providers[name], name)
            question = QUESTIONS[name]
            matches = (
                said.outcome is Outcome.PAID
                and said.reference == question.reference
                and said.amount == question.amount
                and said.mode is providers[name].mode
            )
            assert matches is ours, said
