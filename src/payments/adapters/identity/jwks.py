"""The keys of an issuer that publishes them at an address (JWKS): kept, renewed, and missed gracefully.

A fetch happens at most once in :data:`LEAST_BETWEEN_S`, whatever callers send, and all who wait share it.
While the endpoint is down, known keys go on working until they are :data:`KEPT_S` old; what cannot be decided
then is IdentityUnavailable and never "no such key".
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

import attrs
import httpx
import structlog

from payments.adapters.http_client import Reply, exchange
from payments.adapters.identity.key_set import KeySet, read_key_set
from payments.application.ports.caller_keys import CallerKeys
from payments.application.ports.clock import Clock
from payments.domain.errors import GatewayError, IdentityUnavailable

FETCH_S: Final = 3.0
LEAST_BETWEEN_S: Final = 10.0
FRESH_S: Final = 300.0
"""For how long an answer that says nothing about it is not asked for again."""
LEAST_FRESH_S: Final = 60.0
MOST_FRESH_S: Final = 3600.0
"""What ``Cache-Control`` asks for counts within these bounds."""
KEPT_S: Final = 24 * 3600.0

_LATE_S: Final = 60.0
"""A set older than that beyond its freshness is renewed before it is used, and not beside it: a key that was
withdrawn must not be believed only because nobody called for hours."""
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?([0-9]{1,9})(?=[\s,\"]|$)", re.IGNORECASE)
_UNKEPT: Final = re.compile(r"(?:^|[\s,])no-(?:store|cache)(?=[\s,]|$)", re.IGNORECASE)
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,200}"')
_ACCEPT: Final = "application/jwk-set+json, application/json"

_log = structlog.get_logger(__name__)


class NoKeySet(ValueError):
    """The endpoint answered, but not with a key set; the sentence says what is wrong."""


@attrs.frozen(kw_only=True)
class HeldKeys:
    """What the endpoint said last. Instants are those of ``Clock.monotonic``."""

    keys: KeySet
    etag: str | None
    confirmed_at: float
    fresh_until: float


@asynccontextmanager
async def open_jwks(
    client: httpx.AsyncClient, clock: Clock, *, url: str, algorithm: str, fetch_s: float = FETCH_S
) -> AsyncIterator["JwksKeys"]:
    """The keys for ``algorithm`` at ``url``. Nothing is fetched before a key is asked for."""
    keys = JwksKeys(client, clock, url=url, algorithm=algorithm, fetch_s=fetch_s)
    try:
        yield keys
    finally:
        await keys.stop()


class JwksKeys(CallerKeys):
    """One key set of one process."""

    def __init__(
        self, client: httpx.AsyncClient, clock: Clock, *, url: str, algorithm: str, fetch_s: float
    ) -> None:
        self._client = client
        self._clock = clock
        self._url = url
        self._algorithm = algorithm
        self._fetch_s = fetch_s
        self._held: HeldKeys | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._may_fetch_at = clock.monotonic()
        self._failing = False
        """Whether the last fetch brought nothing."""

    async def named(self, key_id: str) -> Any | None:
        await self._renew()
        key = self._known(key_id)
        if key is None:
            # It may have been published since we asked; the issuer decides, not whoever made it up.
            await self._fetched()
            key = self._known(key_id)
        if key is None and (self._failing or self._usable() is None):
            wait_s = max(1.0, self._may_fetch_at - self._clock.monotonic())
            raise IdentityUnavailable(retry_after_s=wait_s)
        return key

    async def stop(self) -> None:
        """End the fetch under way, if there is one."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    async def _renew(self) -> None:
        """Begin a fetch when the keys are no longer fresh; wait for it when they are too old to be used."""
        held, now = self._held, self._clock.monotonic()
        if held is None or now < held.fresh_until:
            return
        # In an outage nobody waits: the keys that are known go on working beside each new try.
        if now >= held.fresh_until + _LATE_S and not self._failing:
            await self._fetched()
        else:
            self._begin()

    async def _fetched(self) -> None:
        """Wait for the fetch that is allowed now; return at once when none is."""
        fetching = self._begin()
        if fetching is not None:
            # Not awaited itself: whoever gives up waiting must not end it for the others.
            await asyncio.wait({fetching})
            fetching.result()

    def _begin(self) -> asyncio.Task[None] | None:
        now = self._clock.monotonic()
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if now < self._may_fetch_at:
            return None
        self._may_fetch_at = now + LEAST_BETWEEN_S
        self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        began = self._clock.monotonic()
        held = self._held
        try:
            reply = await ask(self._client, self._url, self._fetch_s, held.etag if held else None)
            self._held = self._taken(reply, began)
        except (GatewayError, NoKeySet) as trouble:
            self._failing = True
            _log.warning("caller_keys_not_renewed", trouble=str(trouble))
        else:
            self._failing = False

    def _taken(self, reply: Reply, began: float) -> HeldKeys:
        fresh_until = began + fresh_s(reply)
        if reply.status == HTTPStatus.NOT_MODIFIED and self._held is not None and self._held.etag:
            return attrs.evolve(self._held, confirmed_at=began, fresh_until=fresh_until)
        keys = keys_of(reply, self._algorithm)
        if self._held is None or self._held.keys.by_id.keys() != keys.by_id.keys():
            _log.info("caller_keys_changed", keys=sorted(keys.by_id), refused=keys.refused)
        etag = reply.header("etag")
        return HeldKeys(
            keys=keys,
            etag=etag if _ETAG.fullmatch(etag) else None,
            confirmed_at=began,
            fresh_until=fresh_until,
        )

    def _known(self, key_id: str) -> Any | None:
        held = self._usable()
        return None if held is None else held.keys.by_id.get(key_id)

    def _usable(self) -> HeldKeys | None:
        held = self._held
        return None if held is None or self._clock.monotonic() - held.confirmed_at > KEPT_S else held


async def ask(client: httpx.AsyncClient, url: str, total_s: float, etag: str | None = None) -> Reply:
    """The endpoint's answer, whatever it is.

    Raises:
        GatewayError: there was none.
    """
    headers = {"accept": _ACCEPT} | ({"if-none-match": etag} if etag else {})
    return await exchange(client, client.build_request("GET", url, headers=headers), total_s=total_s)


def keys_of(reply: Reply, algorithm: str) -> KeySet:
    """The keys in an answer of the endpoint.

    Raises:
        NoKeySet: it holds none that can be read.
    """
    if reply.status != HTTPStatus.OK:
        raise NoKeySet(f"The answer was HTTP {reply.status}.")
    try:
        return read_key_set(reply.body, algorithm)
    except ValueError as error:
        raise NoKeySet(f"The answer is no key set. {error}") from error


def fresh_s(reply: Reply) -> float:
    """For how long an answer may be used without asking (RFC 9111, section 4.2), within our bounds."""
    said = reply.header("cache-control")
    match = _MAX_AGE.search(said)
    if _UNKEPT.search(said):
        return LEAST_FRESH_S
    if match is None:
        return FRESH_S
    age = reply.header("age").strip()
    spent_s = int(age) if re.fullmatch(r"[0-9]{1,9}", age, re.ASCII) else 0
    return min(max(float(match[1]) - spent_s, LEAST_FRESH_S), MOST_FRESH_S)
