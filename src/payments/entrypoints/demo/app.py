"""One application: the shop, ``/demo.json``, the simulators, and the service under everything else."""

from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from payments.entrypoints.demo.shop import shop_routes
from payments.entrypoints.demo.shop_client import ShopClient
from payments.entrypoints.demo.surroundings import MOUNT, DemoAddresses
from payments.settings import Settings

_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@attrs.frozen(kw_only=True)
class Demo:
    """What the pages and ``/demo.json`` tell."""

    settings: Settings
    addresses: DemoAddresses
    token: str = attrs.field(repr=False)
    operator_token: str = attrs.field(repr=False)
    """Signs an operator in at the console."""
    chapa_secret_key: str = attrs.field(repr=False)
    chapa_webhook_secret: str = attrs.field(repr=False)
    simulators: Starlette


@attrs.frozen
class LoopbackOnly:
    """Refuses requests that came by another name: a page elsewhere whose name was made to point here."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_loopback(dict(scope["headers"]).get(b"host", b"")):
            refusal = PlainTextResponse(
                "The demonstration answers to 127.0.0.1 and localhost only.\n",
                status_code=HTTPStatus.MISDIRECTED_REQUEST,
            )
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)


def create_demo(demo: Demo, service: ASGIApp, client: ShopClient) -> ASGIApp:
    """The application to be served; the simulators are held open by whoever serves it."""
    routes: list[BaseRoute] = [
        Route("/demo.json", partial(_told, demo, client)),
        *shop_routes(client, demo.addresses),
        Route(MOUNT, _to_simulators),
        Mount(MOUNT, demo.simulators),
        Mount("/", service),
    ]
    return LoopbackOnly(Starlette(routes=routes))


async def _told(demo: Demo, client: ShopClient, _request: Request) -> Response:
    """Enough for a script, or for a third-party client of a provider, to be pointed at the simulators."""
    at = demo.addresses
    return JSONResponse(
        {
            "token": demo.token,
            "operator_token": demo.operator_token,
            "api": at.public,
            "console": at.console,
            "orders": [_order(order) for order in await client.orders()],
            "simulators": {
                "chapa": at.chapa,
                # What this version does not bring is null, so that readers need not guess.
                "paystack": None,
                "mpesa": None,
                "orders": at.orders,
                "mailbox": at.mailbox,
            },
            "credentials": {
                "chapa": {
                    "secret_key": demo.chapa_secret_key,
                    "webhook_secret": demo.chapa_webhook_secret,
                },
                "paystack": None,
                "mpesa": None,
            },
        },
        headers={"Cache-Control": "no-store"},
    )


def _order(order: dict[str, Any]) -> dict[str, Any]:
    told = ("id", "user_id", "title", "amount", "currency", "payable", "payment_status", "customer")
    return {name: order[name] for name in told}


async def _to_simulators(_request: Request) -> Response:
    return RedirectResponse(f"{MOUNT}/")


def _is_loopback(host: bytes) -> bool:
    try:
        return urlsplit(f"//{host.decode('latin-1')}").hostname in _HOSTS
    except ValueError:
        return False
