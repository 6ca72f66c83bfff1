"""Whether the orders service answers, and takes our token."""

from http import HTTPStatus
from typing import Final

import attrs
import httpx

from payments.adapters.date_header import ahead_s
from payments.adapters.http_client import ORDERS_TOTAL_S, exchange
from payments.adapters.unreachable import unreachable
from payments.application.ports.clock import Clock
from payments.application.ports.self_check import Finding, SelfCheck, State
from payments.domain.errors import GatewayError

_PART: Final = "orders"
_NO_ORDER: Final = "payments-doctor"
_TOKEN_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@attrs.frozen(kw_only=True)
class OrdersSelfCheck(SelfCheck):
    """Asks for an order that cannot exist: a good service answers 404 to a good token."""

    _client: httpx.AsyncClient
    _url: str
    _token: str = attrs.field(repr=False)
    _clock: Clock

    async def look(self) -> tuple[Finding, ...]:
        request = self._client.build_request(
            "GET",
            f"{self._url}/orders/{_NO_ORDER}/",
            headers={"authorization": f"Bearer {self._token}", "accept": "application/json"},
        )
        try:
            reply = await exchange(self._client, request, total_s=ORDERS_TOTAL_S)
        except GatewayError as error:
            return (unreachable(_PART, self._url, error.__cause__ or error, "PAYMENTS_ORDERS_URL"),)
        state, what, remedy = _meaning(reply.status)
        ahead = ahead_s(reply.header("date"), self._clock.now())
        return (Finding(part=_PART, state=state, what=f"{self._url} {what}", remedy=remedy, ahead_s=ahead),)


def _meaning(status: int) -> tuple[State, str, str]:
    if status == HTTPStatus.NOT_FOUND:
        return State.FINE, "answers, and takes our token.", ""
    if status in _TOKEN_REFUSED:
        return (
            State.WRONG,
            f"refuses our token (HTTP {status}).",
            "Set PAYMENTS_ORDERS_TOKEN to the bearer token it expects from us.",
        )
    if status == HTTPStatus.OK:
        return (
            State.WARNING,
            f"has an order called {_NO_ORDER}.",
            "It must answer 404 for orders that do not exist.",
        )
    return (
        State.WRONG,
        f"answers HTTP {status} where 404 was due: the order does not exist.",
        "Check that PAYMENTS_ORDERS_URL is where {url}/orders/{id}/ is answered, and that service's log.",
    )
