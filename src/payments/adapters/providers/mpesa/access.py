"""The access token of one app at Daraja, shared by all processes (fact sheet, sections 2.1 and 2.2).

A new token may end the one before, so there is one for everybody: the first who needs it fetches it, and the
others wait for what it got.
"""

import asyncio
import base64
import hashlib
from http import HTTPStatus
from typing import Final

import attrs
import structlog

from payments.adapters.http_client import Call, Reply, exchange
from payments.adapters.providers.mpesa.settings import MpesaSettings
from payments.adapters.providers.surroundings import Surroundings
from payments.application import strict_json
from payments.domain.errors import GatewayError, ProviderRejected, ProviderUnavailable, StorageError

REFRESHED_EARLY_S: Final = 60
"""A token is not used in its last minute."""

_FETCHING_S: Final = 6.0
"""For so long nobody else fetches; a fetch is over by then."""
_TROUBLE_S: Final = 1.0
"""For so long those who waited are told that the fetch failed."""
_POLL_S: Final = 0.05
_FETCH_TOTAL_S: Final = 5.0
_SHORTEST_LIFE_S: Final = 30
_LONGEST_LIFE_S: Final = 86_400
_LONGEST_TOKEN_CHARACTERS: Final = 4096
_WAIT_S: Final = 5.0
_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED})


@attrs.frozen(kw_only=True)
class AccessTokens:
    """One token at a time, sealed in the shared state."""

    _settings: MpesaSettings
    _surroundings: Surroundings
    _fetching: set[asyncio.Task[str]] = attrs.field(factory=set, init=False, eq=False, repr=False)
    """Held here, or they might be lost while nobody waits for them."""

    async def current(self, *, failed: str | None = None) -> str:
        """A token to call with; never ``failed``, which Daraja has just refused.

        Raises:
            ProviderRejected: Daraja does not know our consumer key or secret.
            ProviderUnavailable: there is none to be had at the moment. Nothing else was sent.
        """
        try:
            return await self._current(failed)
        except StorageError as trouble:
            raise ProviderUnavailable(
                "The token shared by our processes could not be read; nothing was sent.",
                retry_after_s=_WAIT_S,
            ) from trouble

    async def _current(self, failed: str | None) -> str:
        shared, clock = self._surroundings.shared_state, self._surroundings.clock
        give_up_at = clock.monotonic() + 2 * _FETCHING_S
        while clock.monotonic() < give_up_at:
            token = await self._kept()
            if token is not None and token != failed:
                return token
            # By the token it replaces: one that is refused at once is not waited for.
            if await shared.first_within(self._key(f"after:{_digest(failed or '')}"), _FETCHING_S):
                # Whoever gives up waiting must not end it for the others, nor lose what it brings: Daraja may
                # have ended the token before.
                fetching = asyncio.create_task(self._fetched())
                self._fetching.add(fetching)
                fetching.add_done_callback(self._fetching.discard)
                return await asyncio.shield(fetching)
            if await shared.recall(self._key("trouble")) is not None:
                break
            await clock.sleep(_POLL_S)
        raise ProviderUnavailable(
            "Daraja gives out no access token; nothing was sent.", retry_after_s=_WAIT_S
        )

    async def _kept(self) -> str | None:
        sealed = await self._surroundings.shared_state.recall(self._key("token"))
        if sealed is None:
            return None
        try:
            return self._surroundings.cipher.open(sealed).decode()
        except ValueError:
            # Sealed under a key that was taken out meanwhile: as good as none.
            return None

    async def _fetched(self) -> str:
        shared = self._surroundings.shared_state
        try:
            token, life_s = await self._fetch()
        except GatewayError:
            await shared.remember(self._key("trouble"), b"1", lifetime_s=_TROUBLE_S)
            raise
        sealed = self._surroundings.cipher.seal(token.encode())
        lifetime_s = max(life_s - REFRESHED_EARLY_S, min(life_s, _SHORTEST_LIFE_S) / 2)
        await shared.remember(self._key("token"), sealed, lifetime_s=lifetime_s)
        return token

    async def _fetch(self) -> tuple[str, int]:
        settings, client = self._settings, self._surroundings.client
        pair = f"{settings.consumer_key.reveal()}:{settings.consumer_secret.reveal()}"
        request = Call(
            method="GET",
            url=f"{settings.base_url}/oauth/v1/generate?grant_type=client_credentials",
            headers={
                "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
                "accept": "application/json",
            },
        )
        log = structlog.get_logger().bind(provider="mpesa", call="token")
        try:
            reply = await exchange(client, request, total_s=_FETCH_TOTAL_S)
        except GatewayError as trouble:
            log.warning("provider call", trouble=trouble.code)
            # Asking for a token moves no money: whatever became of it, nothing was done for the payer.
            raise ProviderUnavailable(
                "Daraja gives out no access token; nothing was sent.", retry_after_s=_WAIT_S
            ) from trouble
        log.info("provider call", status=reply.status)
        return _token_of(reply)

    def _key(self, what: str) -> str:
        # Another account or another address has another token.
        account = f"{self._settings.base_url} {self._settings.consumer_key.reveal()}"
        return f"mpesa:{what}:{_digest(account)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _token_of(reply: Reply) -> tuple[str, int]:
    """The token and its life in seconds."""
    if reply.status in _REFUSED:
        raise ProviderRejected(
            "M-Pesa does not accept our consumer key or secret: this service's configuration is wrong."
        )
    try:
        body = strict_json.read_object(reply.body)
        token, life_s = body.get("access_token"), int(str(body.get("expires_in")))
    except ValueError:
        token, life_s = None, 0
    usable = isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token
    if reply.status != HTTPStatus.OK or not usable or not token or len(token) > _LONGEST_TOKEN_CHARACTERS:
        raise ProviderUnavailable(
            "Daraja gives out no access token; nothing was sent.", retry_after_s=_WAIT_S
        )
    return str(token), min(max(life_s, 1), _LONGEST_LIFE_S)
