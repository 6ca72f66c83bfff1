"""One token for all processes, and what is done when it is refused (fact sheet, sections 2.1 and 2.2)."""

import asyncio
from datetime import timedelta

import attrs
import httpx
import pytest

from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.secret import Secret
from payments.domain.errors import ProviderRejected, ProviderUnavailable, StorageUnavailable
from payments.testing.clock import MovableClock
from tests.unit.adapters.providers.mpesa_account import (
    HTML,
    REQUEST,
    SETTINGS,
    Account,
    Canned,
    Daraja,
    accepted,
    account,
    error,
    said,
)

pytestmark = pytest.mark.anyio

REFUSED = error(404, "404.001.03", "Invalid Access Token")
NOT_ENABLED = "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found"


def fault(status: int, text: str) -> Canned:
    """A refusal in the shape of Daraja's gateway (section 2.3)."""
    return said(status, {"fault": {"faultstring": text, "detail": {"errorcode": "keymanagement.service"}}})


def two_processes(*answers: Canned) -> tuple[Account, Account, Daraja]:
    daraja, clock = Daraja(list(answers), []), MovableClock()
    shared = MemorySharedState(clock)
    one, other = (account(daraja=daraja, shared_state=shared, clock=clock) for _ in range(2))
    return one, other, daraja


async def test_a_token_is_asked_for_with_key_and_secret() -> None:
    opened = account(accepted())
    await opened.provider.checkouts.open(REQUEST)
    (request,) = opened.token_requests
    assert request.headers["authorization"] == "Basic a2V5OnNlY3JldA=="
    assert str(request.url).endswith("/oauth/v1/generate?grant_type=client_credentials")
    assert opened.bearers == ["token-1"]


async def test_processes_share_one_token() -> None:
    one, other, daraja = two_processes(accepted(), accepted(), accepted())
    for process in (one, other, one):
        await process.provider.checkouts.open(REQUEST)
    assert one.bearers == ["token-1"] * 3
    assert len(daraja.token_requests) == 1


async def test_many_who_need_a_token_at_once_fetch_one() -> None:
    one, other, daraja = two_processes(*[accepted()] * 10)
    await asyncio.gather(*(p.provider.checkouts.open(REQUEST) for p in [one, other] * 5))
    assert len(daraja.token_requests) == 1


async def test_a_token_is_kept_where_all_processes_can_read_it_and_nobody_else() -> None:
    clock = MovableClock()
    shared = MemorySharedState(clock)
    opened = account(accepted(), shared_state=shared, clock=clock)
    await opened.provider.checkouts.open(REQUEST)
    assert "token-1" not in repr([getattr(shared, field.name) for field in attrs.fields(type(shared))])


@pytest.mark.parametrize("life", ["3599", 3599, "3600"])
async def test_a_token_is_renewed_a_minute_before_it_ends(life: str | int) -> None:
    first = said(200, {"access_token": "first", "expires_in": life})
    opened = account(accepted(), accepted(), accepted(), tokens=(first,))
    await opened.provider.checkouts.open(REQUEST)
    opened.clock.advance(timedelta(seconds=int(life) - 61))
    await opened.provider.checkouts.open(REQUEST)
    opened.clock.advance(timedelta(seconds=2))
    await opened.provider.checkouts.open(REQUEST)
    assert opened.bearers == ["first", "first", "token-2"]


@pytest.mark.parametrize(
    "refusal",
    [
        REFUSED,
        error(404, "404.001.04", "Invalid Authentication Header"),
        error(400, "400.003.01", "Error Occurred - Invalid Access Token"),
        error(401, "401.002.01", "Error Occurred - Invalid Access Token - abc"),
        error(401, "401.001", "Error Occurred - Invalid Access Token"),
        fault(401, "Invalid Access Token"),
    ],
)
async def test_a_refused_token_is_renewed_and_the_push_sent_again_once(refusal: Canned) -> None:
    opened = account(accepted(), refusal, accepted())
    await opened.provider.checkouts.open(REQUEST)
    opened.clock.advance(timedelta(seconds=60))
    await opened.provider.checkouts.open(REQUEST)
    assert opened.bearers == ["token-1", "token-1", "token-2"]


async def test_a_token_refused_twice_is_our_configuration() -> None:
    opened = account(accepted(), REFUSED, REFUSED)
    await opened.provider.checkouts.open(REQUEST)
    opened.clock.advance(timedelta(seconds=60))
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(REQUEST)
    assert len(opened.requests) == 3


@pytest.mark.parametrize("refusal", [error(401, "401.002.01", NOT_ENABLED), fault(401, NOT_ENABLED)])
async def test_a_product_that_is_not_enabled_is_not_asked_for_again(refusal: Canned) -> None:
    opened = account(refusal)
    with pytest.raises(ProviderRejected):
        await opened.provider.checkouts.open(REQUEST)
    assert (len(opened.requests), len(opened.token_requests)) == (1, 1)


async def test_whoever_meets_an_old_token_takes_the_new_one_that_another_process_fetched() -> None:
    one, other, daraja = two_processes(accepted(), REFUSED, accepted(), accepted())
    await one.provider.checkouts.open(REQUEST)
    one.clock.advance(timedelta(seconds=60))
    await one.provider.checkouts.open(REQUEST)
    await other.provider.checkouts.open(REQUEST)
    assert other.bearers[-1] == "token-2"
    assert len(daraja.token_requests) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Canned(400, b""), ProviderRejected),
        (error(400, "400.008.01", "Invalid Authentication passed"), ProviderRejected),
        (Canned(401, b"{}"), ProviderRejected),
        (HTML, ProviderUnavailable),
        (Canned(503, b"<html>"), ProviderUnavailable),
        (Canned(500, b""), ProviderUnavailable),
        (Canned(200, b"<html>"), ProviderUnavailable),
        (said(200, {"access_token": "", "expires_in": "3599"}), ProviderUnavailable),
        (said(200, {"access_token": "a b", "expires_in": "3599"}), ProviderUnavailable),
        (said(200, {"access_token": "x"}), ProviderUnavailable),
        (said(200, {"access_token": "x", "expires_in": "soon"}), ProviderUnavailable),
    ],
)
async def test_without_a_token_nothing_is_sent(answer: Canned, kind: type[Exception]) -> None:
    opened = account(tokens=(answer,))
    with pytest.raises(kind):
        await opened.provider.checkouts.open(REQUEST)
    assert opened.requests == []


async def test_a_token_whose_answer_is_lost_means_that_nothing_was_sent() -> None:
    class Cut(Daraja):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ReadError("cut off", request=request)

    opened = account(daraja=Cut([], []))
    with pytest.raises(ProviderUnavailable):
        await opened.provider.checkouts.open(REQUEST)


async def test_who_waited_for_a_token_that_did_not_come_is_told_so() -> None:
    opened = account(tokens=(Canned(503, b""),) * 9)
    calls = (opened.provider.checkouts.open(REQUEST) for _ in range(5))
    troubles = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(trouble) for trouble in troubles} == {ProviderUnavailable}
    assert len(opened.token_requests) == 1


@pytest.mark.parametrize("life", ["9" * 400, 10**17])
async def test_a_token_is_kept_for_a_day_at_most_whatever_daraja_says(life: str | int) -> None:
    first = said(200, {"access_token": "first", "expires_in": life})
    opened = account(accepted(), accepted(), tokens=(first,))
    await opened.provider.checkouts.open(REQUEST)
    opened.clock.advance(timedelta(days=1))
    await opened.provider.checkouts.open(REQUEST)
    assert opened.bearers == ["first", "token-2"]


async def test_whoever_gives_up_waiting_does_not_end_the_fetch_for_the_others() -> None:
    written = asyncio.Event()

    class Slow(MemorySharedState):
        async def remember(self, key: str, value: bytes, *, lifetime_s: float) -> None:
            await written.wait()
            await super().remember(key, value, lifetime_s=lifetime_s)

    clock = MovableClock()
    opened = account(accepted(), shared_state=Slow(clock), clock=clock)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await opened.provider.checkouts.open(REQUEST)
    written.set()
    await asyncio.sleep(0.01)
    await opened.provider.checkouts.open(REQUEST)
    assert (opened.bearers, len(opened.token_requests), clock.monotonic()) == (["token-1"], 1, 0.0)


async def test_shared_state_that_is_gone_means_that_nothing_was_sent() -> None:
    class Gone(MemorySharedState):
        async def recall(self, key: str) -> bytes | None:
            raise StorageUnavailable

    clock = MovableClock()
    opened = account(shared_state=Gone(clock), clock=clock)
    with pytest.raises(ProviderUnavailable):
        await opened.provider.checkouts.open(REQUEST)


async def test_another_app_has_another_token() -> None:
    daraja, clock = Daraja([accepted(), accepted()], []), MovableClock()
    shared = MemorySharedState(clock)
    for key in ("key", "another-key"):
        settings = attrs.evolve(SETTINGS, consumer_key=Secret(key))
        opened = account(daraja=daraja, shared_state=shared, clock=clock, settings=settings)
        await opened.provider.checkouts.open(REQUEST)
    assert len(daraja.token_requests) == 2
