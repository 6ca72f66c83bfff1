"""An issuer's published keys over real HTTP: rotated, slow, silent, wrong, and asked only so often."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import attrs
import jwt
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from payments.adapters.http_client import MOST_ANSWER_BYTES, open_http_client
from payments.adapters.identity.jwks import JwksKeys, open_jwks
from payments.bootstrap import Parts, open_payments
from payments.domain.errors import ConfigurationInvalid, IdentityUnavailable
from payments.entrypoints.http import create_app
from payments.settings import AuthSettings, Settings
from payments.testing import MovableClock, in_memory_payments
from tests.integration.http.door import AUDIENCE, ISSUER, SETTINGS, Door, open_door, problem
from tests.issuers import Issuer, ec_issuer
from tests.ports import free_port
from tests.serving import plain_client, serving

pytestmark = pytest.mark.anyio

OLD: Final = ec_issuer("old")
NEW: Final = ec_issuer("new")


@attrs.define
class Endpoint:
    """Where an issuer publishes its keys; it does as told, and counts who asks."""

    issuers: list[Issuer] = attrs.field(factory=lambda: [OLD])
    headers: dict[str, str] = attrs.field(factory=dict)
    answer: Callable[[], Response] | None = None
    """What is said in place of the keys."""
    waits_for: asyncio.Event | None = None
    asked: list[Request] = attrs.field(factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/keys", self.tell)])

    async def tell(self, request: Request) -> Response:
        self.asked.append(request)
        if self.waits_for is not None:
            await self.waits_for.wait()
        if self.answer is not None:
            return self.answer()
        if "etag" in self.headers and request.headers.get("if-none-match") == self.headers["etag"]:
            return Response(status_code=304, headers=self.headers)
        return self.said({"keys": [issuer.jwk() for issuer in self.issuers]})

    def said(self, document: Any) -> Response:
        return Response(json.dumps(document), headers=self.headers, media_type="application/json")

    async def was_asked(self, times: int) -> None:
        """Return once it was asked this often."""
        async with asyncio.timeout(30):
            while len(self.asked) < times:  # noqa: ASYNC110 -- a list tells nobody that it grew
                await asyncio.sleep(0.005)


@attrs.frozen(kw_only=True)
class Stage:
    endpoint: Endpoint
    clock: MovableClock
    keys: JwksKeys

    def pass_s(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    async def knows(self, issuer: Issuer) -> bool:
        key = await self.keys.named(issuer.kid or "")
        if key is not None:
            jwt.decode(issuer.good(), key, algorithms=["ES256"], audience=AUDIENCE)
        return key is not None

    async def renewed(self, issuer: Issuer = OLD) -> None:
        """Ask for a key until what was begun beside it has ended."""
        await self.knows(issuer)
        fetching = self.keys._fetching
        if fetching is not None:
            await asyncio.wait({fetching})


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged(Endpoint()) as opened:
        yield opened


@asynccontextmanager
async def staged(endpoint: Endpoint, *, fetch_s: float = 3.0) -> AsyncIterator[Stage]:
    clock = MovableClock()
    async with (
        serving(endpoint.app()) as address,
        open_http_client() as client,
        open_jwks(client, clock, url=f"{address}/keys", algorithm="ES256", fetch_s=fetch_s) as keys,
    ):
        yield Stage(endpoint=endpoint, clock=clock, keys=keys)


async def test_nothing_is_fetched_before_a_key_is_asked_for_and_then_once(stage: Stage) -> None:
    assert stage.endpoint.asked == []
    assert [await stage.knows(OLD) for _ in range(3)] == [True] * 3
    assert len(stage.endpoint.asked) == 1
    assert "jwk-set+json" in stage.endpoint.asked[0].headers["accept"]
    assert "authorization" not in stage.endpoint.asked[0].headers


async def test_a_hundred_callers_at_once_share_one_fetch(stage: Stage) -> None:
    stage.endpoint.waits_for = asyncio.Event()
    asking = [asyncio.create_task(stage.knows(OLD)) for _ in range(100)]
    await stage.endpoint.was_asked(1)
    # Whoever gives up waiting does not end it for the others.
    asking[0].cancel()
    stage.endpoint.waits_for.set()
    assert await asyncio.gather(*asking[1:]) == [True] * 99
    assert len(stage.endpoint.asked) == 1


async def test_a_key_signed_with_as_soon_as_it_was_published_is_found(stage: Stage) -> None:
    assert await stage.knows(OLD)
    stage.endpoint.issuers = [OLD, NEW]
    stage.pass_s(11)
    assert await stage.knows(NEW)
    assert await stage.knows(OLD)
    stage.endpoint.issuers = [NEW]
    stage.pass_s(301)
    await stage.renewed()
    assert not await stage.knows(OLD)
    assert await stage.knows(NEW)


async def test_a_flood_of_unknown_names_costs_one_fetch_in_ten_seconds(stage: Stage) -> None:
    assert await stage.knows(OLD)
    for _ in range(6):
        stage.pass_s(5)
        names = [f"made-up-{number}" for number in range(50)]
        assert await asyncio.gather(*map(stage.keys.named, names)) == [None] * 50
    assert len(stage.endpoint.asked) == 1 + 3
    assert await stage.knows(OLD)


async def test_a_flood_while_the_endpoint_is_down_is_bounded_too(stage: Stage) -> None:
    stage.endpoint.answer = lambda: Response(status_code=503)
    for _ in range(3):
        told = await asyncio.gather(
            *(stage.keys.named(f"made-up-{number}") for number in range(50)), return_exceptions=True
        )
        assert all(isinstance(each, IdentityUnavailable) for each in told)
    assert len(stage.endpoint.asked) == 1
    stage.endpoint.answer = None
    stage.pass_s(11)
    assert await stage.knows(OLD)


async def test_a_known_key_works_while_the_endpoint_is_down_and_nobody_waits(stage: Stage) -> None:
    assert await stage.knows(OLD)
    stage.endpoint.answer = lambda: Response(status_code=500)
    stage.pass_s(301)
    await stage.renewed()
    stage.endpoint.waits_for = asyncio.Event()
    for hours in range(1, 24):
        stage.pass_s(3600)
        async with asyncio.timeout(10):
            assert await stage.knows(OLD), hours
        # What may or may not be a key of today is not called a forgery.
        if hours % 8 == 0:
            stage.endpoint.waits_for.set()
            with pytest.raises(IdentityUnavailable):
                await stage.keys.named("new")
            stage.endpoint.waits_for.clear()
    stage.endpoint.waits_for.set()


async def test_a_known_key_is_not_believed_for_ever(stage: Stage) -> None:
    assert await stage.knows(OLD)
    stage.endpoint.answer = lambda: Response(status_code=500)
    stage.pass_s(24 * 3600 + 1)
    with pytest.raises(IdentityUnavailable) as caught:
        await stage.knows(OLD)
    assert caught.value.retry_after_s == 10.0
    stage.endpoint.answer = None
    stage.pass_s(11)
    assert await stage.knows(OLD)


async def test_a_key_withdrawn_while_nobody_called_is_not_used_again(stage: Stage) -> None:
    assert await stage.knows(OLD)
    stage.endpoint.issuers = [NEW]
    stage.pass_s(6 * 3600)
    assert not await stage.knows(OLD)


@pytest.mark.parametrize(
    ("headers", "fresh_s"),
    [
        ({}, 300),
        ({"cache-control": "public, max-age=900"}, 900),
        ({"cache-control": 'max-age="900"'}, 900),
        ({"cache-control": "max-age=900", "age": "600"}, 300),
        ({"cache-control": "max-age=1"}, 60),
        ({"cache-control": "no-store"}, 60),
        ({"cache-control": "no-cache, max-age=900"}, 60),
        ({"cache-control": "max-age=999999999"}, 3600),
        ({"cache-control": "max-age=-1"}, 300),
        ({"cache-control": "s-maxage=900"}, 300),
    ],
)
async def test_the_answer_says_how_long_it_is_fresh_within_bounds(
    headers: dict[str, str], fresh_s: float
) -> None:
    async with staged(Endpoint(headers=headers)) as stage:
        await stage.renewed()
        stage.pass_s(fresh_s - 1)
        await stage.renewed()
        assert len(stage.endpoint.asked) == 1
        stage.pass_s(2)
        await stage.renewed()
        assert len(stage.endpoint.asked) == 2


async def test_an_unchanged_set_is_not_sent_again(stage: Stage) -> None:
    stage.endpoint.headers = {"etag": '"1"', "cache-control": "max-age=60"}
    assert await stage.knows(OLD)
    for _ in range(3):
        stage.pass_s(61)
        await stage.renewed()
    assert [each.headers.get("if-none-match") for each in stage.endpoint.asked] == [None, *['"1"'] * 3]
    # A confirmed set is as good as a new one: it lives on for a day.
    stage.endpoint.answer = lambda: Response(status_code=500)
    stage.pass_s(23 * 3600)
    assert await stage.knows(OLD)


WRONG: Final[dict[str, Callable[[], Response]]] = {
    "404": lambda: Response(status_code=404),
    "204": lambda: Response(status_code=204),
    "304 to nothing": lambda: Response(status_code=304),
    "moved": lambda: Response(status_code=302, headers={"location": "/keys2"}),
    "html": lambda: Response("<html>a login page</html>", media_type="text/html"),
    "a list": lambda: Response("[]"),
    "no keys": lambda: Response("{}"),
    "keys no list": lambda: Response('{"keys": {}}'),
    "duplicate members": lambda: Response('{"keys": [], "keys": []}'),
    "cut off": lambda: Response('{"keys": ['),
    "nested too deep": lambda: Response("[" * 5000),
    "too many keys": lambda: Response(json.dumps({"keys": [OLD.jwk()] * 101})),
    "too large": lambda: Response(b'{"keys": []' + b" " * MOST_ANSWER_BYTES + b"}"),
    "a bomb": lambda: Response(b"x", headers={"content-encoding": "br"}),
}


@pytest.mark.parametrize("name", WRONG)
async def test_an_answer_that_is_no_key_set_changes_nothing(name: str) -> None:
    async with staged(Endpoint(answer=WRONG[name])) as stage:
        with pytest.raises(IdentityUnavailable):
            await stage.keys.named("old")
        stage.endpoint.answer = None
        stage.pass_s(11)
        assert await stage.knows(OLD)
        stage.endpoint.answer = WRONG[name]
        stage.pass_s(301)
        await stage.renewed()
        assert await stage.knows(OLD)


async def test_a_slow_endpoint_is_not_waited_for_longer_than_agreed() -> None:
    released = asyncio.Event()
    async with staged(Endpoint(waits_for=released), fetch_s=0.2) as stage:
        async with asyncio.timeout(10):
            with pytest.raises(IdentityUnavailable):
                await stage.keys.named("old")
        released.set()


async def test_a_fetch_under_way_ends_with_the_process() -> None:
    released = asyncio.Event()
    endpoint = Endpoint(waits_for=released)
    async with staged(endpoint) as stage:
        asking = asyncio.create_task(stage.keys.named("old"))
        await endpoint.was_asked(1)
        await stage.keys.stop()
        with pytest.raises(asyncio.CancelledError):
            await asking
        released.set()


def settings_for(url: str) -> Settings:
    auth = AuthSettings(jwks_url=url, algorithm="ES256", issuer=ISSUER, audience=AUDIENCE)
    return attrs.evolve(SETTINGS, auth=auth, database_url="memory://")


async def test_the_first_call_while_the_issuer_is_unreachable_is_503_and_not_401(stage: Stage) -> None:
    stage.endpoint.answer = lambda: Response(status_code=503)
    kit = in_memory_payments()
    kit = attrs.evolve(kit, payments=attrs.evolve(kit.payments, caller_keys=stage.keys))
    headers = {"Authorization": f"Bearer {OLD.good()}"}
    async with open_door(kit, settings_for("http://127.0.0.1:9/keys")) as door:
        for _ in range(2):
            answer = await door.client.get("/payments/", headers=headers)
            problem(answer, 503, "identity_unavailable")
            assert int(answer.headers["retry-after"]) == 10
        # What no issuer of ours can have signed is refused without asking anybody.
        assert await refused(door, OLD.good(alg="HS256"))
        assert await refused(door, OLD.good(kid=None))
        assert len(stage.endpoint.asked) == 1
        stage.endpoint.answer = None
        stage.pass_s(11)
        assert (await door.client.get("/payments/", headers=headers)).status_code == 200


async def refused(door: Door, token: str) -> bool:
    answer = await door.client.get("/payments/", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 401


async def test_a_service_opened_with_its_settings_admits_whoever_the_issuer_signs_for() -> None:
    endpoint = Endpoint()
    kit = in_memory_payments()
    kit.order()
    async with serving(endpoint.app()) as address:
        settings = settings_for(f"{address}/keys")
        async with (
            open_payments(settings, Parts(orders=kit.orders)) as payments,
            serving(create_app(payments, settings)) as service,
            plain_client(service) as client,
        ):
            good = await client.get("/payments/", headers={"Authorization": f"Bearer {OLD.good()}"})
            forged = await client.get(
                "/payments/", headers={"Authorization": f"Bearer {ec_issuer('old').good()}"}
            )
    assert (good.status_code, forged.status_code) == (200, 401)
    assert len(endpoint.asked) == 1


async def test_nobody_listening_is_503_at_the_first_call() -> None:
    kit = in_memory_payments()
    settings = settings_for(f"http://127.0.0.1:{free_port()}/keys")
    async with (
        open_payments(settings, Parts(orders=kit.orders)) as payments,
        serving(create_app(payments, settings)) as service,
        plain_client(service) as client,
    ):
        answer = await client.get("/payments/", headers={"Authorization": f"Bearer {OLD.good()}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_unavailable")


def test_an_application_over_payments_opened_without_the_keys_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="without the issuer's keys"):
        create_app(in_memory_payments().payments, settings_for("http://127.0.0.1:9/keys"))
