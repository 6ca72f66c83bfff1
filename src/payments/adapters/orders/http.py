"""The orders service over HTTP (docs/http.md, "What an orders service has to do")."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import quote

import attrs
import httpx

from payments.adapters.http_client import Call, Reply, whole_reply
from payments.adapters.orders.mapping import order_of
from payments.adapters.orders.signing import Signer
from payments.adapters.retry_after import retry_after_s
from payments.application.ports.clock import Clock
from payments.application.ports.orders import Order, Orders
from payments.application.records import Message
from payments.domain.errors import DeliveryFailed, MessageRefused, OrdersUnavailable

GET_BUDGET_S: Final = 3.0
TELL_BUDGET_S: Final = 10.0
TELLS_AT_ONCE: Final = 16
"""So many messages are on their way at once: a service that hangs when it is told must leave connections to
those who ask it for an order, and a portion of fifty still ends within its lease."""

_MOST_ANSWER_BYTES: Final = 65_536
_WAIT_S: Final = 2.0
_MOST_WAIT_S: Final = 60.0
_REFUSALS: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY})
_NOTHING_WAS_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@attrs.frozen(kw_only=True)
class HttpOrders(Orders):
    """Asks and tells an orders service at ``url``. Times are budgets for the whole exchange, in seconds."""

    _client: httpx.AsyncClient
    _url: str
    _token: str = attrs.field(repr=False)
    _signer: Signer
    _clock: Clock
    _get_budget_s: float = GET_BUDGET_S
    _tell_budget_s: float = TELL_BUDGET_S
    _telling: asyncio.Semaphore = attrs.field(
        factory=lambda: asyncio.Semaphore(TELLS_AT_ONCE), init=False, eq=False, repr=False
    )

    @classmethod
    def of(
        cls, client: httpx.AsyncClient, *, url: str, token: str, signing_secrets: Sequence[str], clock: Clock
    ) -> Self:
        """The orders service at ``url``; ``signing_secrets`` are ``whsec_…``, all active.

        Raises:
            ValueError: a signing secret has not this form.
        """
        signer = Signer.of(signing_secrets)
        return cls(client=client, url=url.rstrip("/"), token=token, signer=signer, clock=clock)

    async def get(self, order_id: str) -> Order | None:
        try:
            async with asyncio.timeout(self._get_budget_s):
                answer = await self._ask(order_id)
        except TimeoutError as error:
            raise OrdersUnavailable(
                "The orders service did not answer in time.", retry_after_s=_WAIT_S
            ) from error
        except httpx.HTTPError as error:
            raise OrdersUnavailable(
                f"The orders service gave no answer ({type(error).__name__}).", retry_after_s=_WAIT_S
            ) from error
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise OrdersUnavailable(
                f"The orders service answered {answer.status}.",
                retry_after_s=min(self._asked_to_wait_s(answer) or _WAIT_S, _MOST_WAIT_S),
            )
        try:
            return order_of(answer.body, order_id)
        except ValueError as error:
            raise OrdersUnavailable(
                f"The orders service's answer makes no sense: {error}.", retry_after_s=_WAIT_S
            ) from error

    async def tell(self, message: Message) -> None:
        async with self._telling:
            await self._tell(message)

    async def _tell(self, message: Message) -> None:
        signature = self._signer.headers(str(message.message_id), self._clock.now(), message.body)
        headers = {"content-type": "application/json", **signature}
        try:
            async with asyncio.timeout(self._tell_budget_s):
                answer = await self._call("PATCH", message.order_id, headers, message.body)
        except TimeoutError as error:
            raise DeliveryFailed("The orders service did not answer in time.") from error
        except httpx.HTTPError as error:
            raise DeliveryFailed(f"The orders service gave no answer ({type(error).__name__}).") from error
        if answer.status in _REFUSALS:
            raise MessageRefused(f"The orders service refused the message with {answer.status}.")
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise DeliveryFailed(
                f"The orders service answered {answer.status}.", retry_after_s=self._asked_to_wait_s(answer)
            )

    async def _ask(self, order_id: str) -> Reply:
        try:
            return await self._call("GET", order_id, {})
        except _NOTHING_WAS_SENT:
            return await self._call("GET", order_id, {})

    async def _call(
        self, method: str, order_id: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Reply:
        call = Call(
            method=method,
            url=f"{self._url}/orders/{quote(order_id, safe='')}/",
            headers={"authorization": f"Bearer {self._token}", "accept": "application/json", **headers},
            body=body,
        )
        return await whole_reply(self._client, call, most_bytes=_MOST_ANSWER_BYTES)

    def _asked_to_wait_s(self, answer: Reply) -> float | None:
        return retry_after_s(answer.header("retry-after"), self._clock.now())
