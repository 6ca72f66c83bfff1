"""The shop: a person picks an order and a provider, pays as that provider wants it, and sees it paid.

Plain forms do all of it; the script only saves the customer from reloading.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from payments.entrypoints.demo.pages import HEADERS, Answerer, Shop, first_of, form_of
from payments.entrypoints.demo.shop_view import Face, OrderView, view_of

_FOLLOWED: Final = frozenset({Face.CONFIRMING, Face.DELIVERY})


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
    story, mails, phone = await _around(shop, view)
    return shop.page(
        "order.html",
        status=status,
        order=view,
        problem=problem,
        story=story,
        mails=mails,
        phone=phone,
        revision=view.revision(len(mails), phone),
        # Money is here but somebody still has to be told, or somebody may be paying: look again soon.
        follow=view.face in _FOLLOWED
        or (view.face is Face.PAID and not mails and bool(view.customer["email"])),
    )


async def _around(
    shop: Shop, view: OrderView
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str | None]:
    """What happened to the order's payment, the mails about it, and the phone it is confirmed on."""
    if view.payment is None:
        return [], [], None
    payment_id = view.payment["payment_id"]
    story, mails, phone = await asyncio.gather(
        shop.client.story(payment_id),
        shop.client.mails(view.customer["email"], payment_id),
        _phone(shop, view),
    )
    return story, mails, phone


async def _phone(shop: Shop, view: OrderView) -> str | None:
    if view.payment is None or view.face is not Face.CONFIRMING or view.payment["provider"] != "mpesa":
        return None
    return await shop.client.phone_of(view.payment["payment_id"])


async def _revision(shop: Shop, request: Request) -> Response:
    order = await shop.client.order(request.path_params["order_id"])
    if order is None:
        return JSONResponse({"revision": None}, status_code=HTTPStatus.NOT_FOUND)
    view = await _viewed(shop, order, await shop.client.payment_of(order["id"]))
    _, mails, phone = await _around(shop, view)
    return JSONResponse({"revision": view.revision(len(mails), phone)}, headers=HEADERS)


async def _pay(shop: Shop, request: Request) -> Response:
    form = await form_of(request)
    order_id = request.path_params["order_id"]
    if await shop.client.order(order_id) is None:
        return shop.page("trouble.html", status=HTTPStatus.NOT_FOUND, told="You have no such order.")
    wish = {"provider": first_of(form, "provider"), "return_to": "shop"}
    if first_of(form, "phone_number"):
        wish["phone_number"] = first_of(form, "phone_number")
    answer = await shop.client.pay(order_id, wish)
    if answer.problem is not None:
        return await _order_page(shop, order_id, problem=answer.problem, status=answer.status)
    return RedirectResponse(answer.body["checkout_url"], status_code=HTTPStatus.SEE_OTHER, headers=HEADERS)


async def _come_back(shop: Shop, request: Request) -> Response:
    """Where the payments service sends payers: it tells the payment, and we show its order."""
    try:
        payment_id = UUID(request.query_params.get("payment_id", ""))
    except ValueError:
        return RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER)
    payment = await shop.client.payment(str(payment_id))
    where = "/" if payment is None else f"/shop/orders/{payment['order_id']}"
    return RedirectResponse(where, status_code=HTTPStatus.SEE_OTHER)


PAGES: Final[tuple[tuple[str, str, Answerer], ...]] = (
    ("/", "GET", _list),
    ("/shop/return", "GET", _come_back),
    ("/shop/orders/{order_id}", "GET", _show),
    ("/shop/orders/{order_id}/revision.json", "GET", _revision),
    ("/shop/orders/{order_id}/pay", "POST", _pay),
)
