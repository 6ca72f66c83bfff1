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
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from payments.entrypoints.demo import collector as collector_pages
from payments.entrypoints.demo import shop as shop_pages
from payments.entrypoints.demo.collecting import Collecting
from payments.entrypoints.demo.pages import open_shop, routes_of
from payments.entrypoints.demo.shop_client import ShopClient
from payments.entrypoints.demo.state import DemoSecrets
from payments.entrypoints.demo.strip import WithStrip
from payments.entrypoints.demo.surroundings import MOUNT, DemoAddresses
from payments.settings import Settings
from payments.simulators.mpesa import SANDBOX_PASSKEY, SANDBOX_SHORTCODE

_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@attrs.frozen(kw_only=True)
class Demo:
    """What the pages and ``/demo.json`` tell."""

    settings: Settings
    addresses: DemoAddresses
    token: str = attrs.field(repr=False)
    operator_token: str = attrs.field(repr=False)
    """Signs an operator in at the console, and may send money back."""
    collector_token: str = attrs.field(repr=False)
    """Records what happened at the door."""
    secrets: DemoSecrets
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


def create_demo(demo: Demo, service: ASGIApp, client: ShopClient, collecting: Collecting) -> ASGIApp:
    """The application to be served; the simulators are held open by whoever serves it."""
    shop = open_shop(client, collecting, demo.addresses)
    routes: list[BaseRoute] = [
        Route("/demo.json", partial(_told, demo, client)),
        *routes_of(shop, (*shop_pages.PAGES, *collector_pages.PAGES)),
        Mount("/shop/assets", StaticFiles(packages=[("payments.entrypoints.demo", "static")])),
        Route(MOUNT, _to_simulators),
        Mount(MOUNT, demo.simulators),
        Mount("/", WithStrip(service)),
    ]
    return LoopbackOnly(Starlette(routes=routes))


async def _told(demo: Demo, client: ShopClient, _request: Request) -> Response:
    """Enough for a script, or for a third-party client of a provider, to be pointed at the simulators."""
    at = demo.addresses
    return JSONResponse(
        {
            "token": demo.token,
            "operator_token": demo.operator_token,
            "collector_token": demo.collector_token,
            "api": at.public,
            "console": at.console,
            "orders": [_order(order) for order in await client.orders()],
            "simulators": {
                "chapa": at.chapa,
                "paystack": at.paystack,
                "mpesa": at.mpesa,
                "orders": at.orders,
                "mailbox": at.mailbox,
            },
            "credentials": _credentials(demo.secrets),
        },
        headers={"Cache-Control": "no-store"},
    )


def _credentials(made: DemoSecrets) -> dict[str, dict[str, str]]:
    return {
        "chapa": {"secret_key": made.chapa_secret_key, "webhook_secret": made.chapa_webhook_secret},
        "paystack": {"secret_key": made.paystack_secret_key},
        "mpesa": {
            "consumer_key": made.mpesa_consumer_key,
            "consumer_secret": made.mpesa_consumer_secret,
            "shortcode": SANDBOX_SHORTCODE,
            "passkey": SANDBOX_PASSKEY,
        },
    }


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
