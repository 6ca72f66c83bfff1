"""Ten thousand bodies for each provider, forged and signed: no failure, no effect, no call for strangers."""

import functools
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

import pytest
import structlog

from payments.domain.payment import Payment
from tests.hostile.bodies import corpus
from tests.hostile.forgeries import FORGERIES, Signer
from tests.hostile.providers_outside import CHAPA_SECRET, GENUINE, PAYSTACK_SECRET, Shop, open_shop

pytestmark = pytest.mark.anyio

COUNT: Final = 10_000
WORKED_ON: Final = 1_000
SEED: Final = 20_261_128
SOME_REFERENCE: Final = "p-" + "q" * 26
SIGNERS: Final = {
    "chapa": Signer(secret=CHAPA_SECRET, digest="sha256", header=b"x-chapa-signature"),
    "paystack": Signer(secret=PAYSTACK_SECRET, digest="sha512", header=b"x-paystack-signature"),
}
WRONG_TOKENS: Final = (
    "0" * 32,
    "f" * 32,
    "x",
    "%00",
    "null",
    "undefined",
    "p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "' OR 1=1 --",
    "0" * 4_000,
    "\u0660" * 32,
)
TAKEN: Final = {200, 400, 413}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """One line of log for each of sixty thousand requests would be all that is measured."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield await open_shop()
    finally:
        structlog.reset_defaults()


@functools.cache
def made(provider: str) -> list[bytes]:
    return corpus(SEED, GENUINE[provider](SOME_REFERENCE), COUNT)


def bodies(shop: Shop, provider: str) -> list[bytes]:
    """The corpus about the attempt that this shop has with ``provider``."""
    ours = shop.references[provider].encode()
    return [body.replace(SOME_REFERENCE.encode(), ours) for body in made(provider)]


async def payment(shop: Shop, provider: str) -> Payment:
    found = await shop.storage.reads.payment_of_order(f"order_{provider}")
    assert found is not None
    return found


def test_the_corpus_is_of_many_kinds_and_the_same_every_time() -> None:
    again = corpus(SEED, GENUINE["chapa"](SOME_REFERENCE), 1_000)
    assert again == made("chapa")[:1_000]
    for provider in GENUINE:
        assert len(set(made(provider))) == COUNT
        assert max(map(len, made(provider))) > 65_536
    assert len(FORGERIES) >= 30


@pytest.mark.parametrize("provider", SIGNERS)
async def test_a_forged_webhook_is_refused_stores_nothing_and_calls_nobody(shop: Shop, provider: str) -> None:
    before, called = shop.tables, shop.companies.calls.copy()
    answers: Counter[int] = Counter()
    passed = []
    for body, (name, forge) in zip(bodies(shop, provider), itertools.cycle(FORGERIES.items()), strict=False):
        status, _ = await shop.post(f"/payments/verify/{provider}/", forge(SIGNERS[provider], body), body)
        answers[status] += 1
        if status not in {401, 413}:
            passed.append((name, body))
    assert passed == []
    assert sum(answers.values()) == COUNT
    assert shop.tables is before
    assert shop.companies.calls == called


@pytest.mark.parametrize("provider", SIGNERS)
async def test_whatever_is_signed_is_stored_or_refused_and_nothing_else_happens(
    shop: Shop, provider: str
) -> None:
    before, called = shop.without_notices(), shop.companies.calls.copy()
    answers: Counter[int] = Counter()
    for body in bodies(shop, provider):
        status, _ = await shop.post(f"/payments/verify/{provider}/", SIGNERS[provider].genuine(body), body)
        answers[status] += 1
    assert set(answers) == TAKEN
    assert shop.without_notices() == before
    assert shop.companies.calls == called


@pytest.mark.parametrize("provider", GENUINE)
async def test_what_is_stored_decides_nothing_when_it_is_worked_on(shop: Shop, provider: str) -> None:
    was = await payment(shop, provider)
    path = f"/payments/verify/{provider}/"
    if provider not in SIGNERS:
        path = shop.companies.callback_url.removeprefix("http://pay.example")
    stored = 0
    for body in bodies(shop, provider)[:WORKED_ON]:
        headers = SIGNERS[provider].genuine(body) if provider in SIGNERS else []
        stored += (await shop.post(path, headers, body))[0] == 200
    assert stored > WORKED_ON / 5
    asked = sum(shop.companies.calls.values())
    while await shop.payments.process_notices():
        pass
    now = await payment(shop, provider)
    assert (now.status, now.captures) == (was.status, ())
    assert 0 < sum(shop.companies.calls.values()) - asked < WORKED_ON / 10
    assert shop.tables.messages == {}
    assert await shop.payments.check() == ()


async def test_a_report_to_no_address_of_ours_stores_nothing_and_calls_nobody(shop: Shop) -> None:
    before, called = shop.tables, shop.companies.calls.copy()
    paths = [
        f"/payments/verify/{name}/{token}/"
        for token, name in itertools.product(WRONG_TOKENS, ("mpesa", "stk", "chapa", "nobody"))
    ]
    paths += ["/payments/verify/mpesa/", "/payments/verify/stk/"]
    answers: Counter[int] = Counter()
    for body, path in zip(bodies(shop, "mpesa"), itertools.cycle(paths), strict=False):
        status, _ = await shop.post(path, [], body)
        answers[status] += 1
    assert set(answers) <= {404, 413}
    assert shop.tables is before
    assert shop.companies.calls == called


async def test_a_report_to_an_address_of_ours_is_stored_and_nothing_else_happens(shop: Shop) -> None:
    before, called = shop.without_notices(), shop.companies.calls.copy()
    path = shop.companies.callback_url.removeprefix("http://pay.example")
    answers: Counter[int] = Counter()
    for body in bodies(shop, "mpesa"):
        status, _ = await shop.post(path, [], body)
        answers[status] += 1
    assert set(answers) == {200, 413}
    assert shop.without_notices() == before
    assert shop.companies.calls == called


@pytest.mark.parametrize("provider", SIGNERS)
async def test_every_refusal_of_a_forgery_reads_alike(shop: Shop, provider: str) -> None:
    (body,) = corpus(SEED, GENUINE[provider](shop.references[provider])[:1], 1)
    named = [(b"x-request-id", b"one")]
    answers = {
        await shop.post(f"/payments/verify/{provider}/", [*named, *forge(SIGNERS[provider], body)], body)
        for forge in FORGERIES.values()
    }
    assert len(answers) == 1
