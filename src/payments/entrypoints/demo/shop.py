"""The shop: a person picks an order and a provider, pays on the simulated checkout, and sees it paid.

Plain forms do all of it; the script only saves the customer from reloading.
"""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from payments.entrypoints.demo.shop_client import ShopClient, ShopTrouble
from payments.entrypoints.demo.shop_view import Face, OrderView, name_of, view_of
from payments.entrypoints.demo.surroundings import DemoAddresses

_HEADERS: Final = {
    "Cache-Control": "no-store",
    # No form-action: browsers hold it against the redirect to the checkout, too.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Not no-referrer: that also takes the origin from a form, which is how we know the form is ours.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LARGEST_FORM_BYTES: Final = 4096


@attrs.frozen(kw_only=True)
class Shop:
    """What the pages need."""

    client: ShopClient
    addresses: DemoAddresses
    pages: Environment

    def page(self, name: str, *, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
        """The template ``name`` with these values, everything in them escaped."""
        text = self.pages.get_template(name).render(addresses=self.addresses, **values)
        return HTMLResponse(text, status_code=status, headers=_HEADERS)


def shop_routes(client: ShopClient, addresses: DemoAddresses) -> list[BaseRoute]:
    """``/`` and everything under ``/shop/``."""
    pages = Environment(
        loader=PackageLoader("payments.entrypoints.demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["provider_name"] = name_of
    shop = Shop(client=client, addresses=addresses, pages=pages)
    table = (
        ("/", "GET", _list),
        ("/shop/return", "GET", _come_back),
        ("/shop/orders/{order_id}", "GET", _show),
        ("/shop/orders/{order_id}/revision.json", "GET", _revision),
        ("/shop/orders/{order_id}/pay", "POST", _pay),
    )
    routes = [
        Route(path, partial(_or_trouble, shop, answer), methods=[method]) for path, method, answer in table
    ]
    return [*routes, Mount("/shop/assets", StaticFiles(packages=[("payments.entrypoints.demo", "static")]))]


async def _or_trouble(shop: Shop, answer: Any, request: Request) -> Response:
    try:
        response: Response = await answer(shop, request)
    except ShopTrouble as trouble:
        return shop.page("trouble.html", status=HTTPStatus.BAD_GATEWAY, told=str(trouble))
    return response


async def _list(shop: Shop, _request: Request) -> Response:
    orders, payments = await asyncio.gather(shop.client.orders(), shop.client.payments())
    views = await asyncio.gather(*(_viewed(shop, order, payments.get(order["id"])) for order in orders))
    return shop.page("orders.html", orders=views)


async def _viewed(shop: Shop, order: dict[str, Any], payment: dict[str, Any] | None) -> OrderView:
    return view_of(order, payment, await shop.client.offers(order["id"]))


async def _show(shop: Shop, request: Request) -> Response:
    return await _order_page(shop, request.path_params["order_id"], problem=None, status=HTTPStatus.OK)


async def _order_page(shop: Shop, order_id: str, *, problem: dict[str, Any] | None, status: int) -> Response:
    order = await shop.client.order(order_id)
    if order is None:
        return shop.page("trouble.html", status=HTTPStatus.NOT_FOUND, told="You have no such order.")
    view = await _viewed(shop, order, await shop.client.payment_of(order_id))
    story, mails = await _around(shop, view)
    return shop.page(
        "order.html",
        status=status,
        order=view,
        problem=problem,
        story=story,
        mails=mails,
        revision=view.revision(len(mails)),
        # Money is here but somebody still has to be told, or somebody may be paying: look again soon.
        follow=view.face is Face.CONFIRMING
        or (view.face is Face.PAID and not mails and bool(view.customer["email"])),
    )


async def _around(shop: Shop, view: OrderView) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    if view.payment is None:
        return [], []
    payment_id = view.payment["payment_id"]
    story, mails = await asyncio.gather(
        shop.client.story(payment_id), shop.client.mails(view.customer["email"], payment_id)
    )
    return story, mails


async def _revision(shop: Shop, request: Request) -> Response:
    order = await shop.client.order(request.path_params["order_id"])
    if order is None:
        return JSONResponse({"revision": None}, status_code=HTTPStatus.NOT_FOUND)
    view = await _viewed(shop, order, await shop.client.payment_of(order["id"]))
    _, mails = await _around(shop, view)
    return JSONResponse({"revision": view.revision(len(mails))}, headers=_HEADERS)


async def _pay(shop: Shop, request: Request) -> Response:
    if request.headers.get("origin", shop.addresses.public) not in _origins(shop, request):
        return shop.page("trouble.html", status=HTTPStatus.FORBIDDEN, told="That form was not on this page.")
    form = await _form(request)
    order_id = request.path_params["order_id"]
    if await shop.client.order(order_id) is None:
        return shop.page("trouble.html", status=HTTPStatus.NOT_FOUND, told="You have no such order.")
    wish = {"provider": form.get("provider", ""), "return_to": "shop"}
    if form.get("phone_number"):
        wish["phone_number"] = form["phone_number"]
    answer = await shop.client.pay(order_id, wish)
    if answer.problem is not None:
        return await _order_page(shop, order_id, problem=answer.problem, status=answer.status)
    return RedirectResponse(answer.body["checkout_url"], status_code=HTTPStatus.SEE_OTHER, headers=_HEADERS)


async def _come_back(shop: Shop, request: Request) -> Response:
    """Where the payments service sends payers: it tells the payment, and we show its order."""
    try:
        payment_id = UUID(request.query_params.get("payment_id", ""))
    except ValueError:
        return RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER)
    payment = await shop.client.payment(str(payment_id))
    where = "/" if payment is None else f"/shop/orders/{payment['order_id']}"
    return RedirectResponse(where, status_code=HTTPStatus.SEE_OTHER)


def _origins(shop: Shop, request: Request) -> frozenset[str]:
    """Our own origin, by the name in the settings and by the one this request used."""
    return frozenset({shop.addresses.public, f"http://{request.headers.get('host', '')}"})


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM_BYTES:
            raise ShopTrouble("That was more than a form of this shop can hold.")
    fields = parse_qs(body.decode("utf-8", "replace"))
    return {name: values[0].strip() for name, values in fields.items()}
