"""The control surface of the simulated orders service; the package's docstring lists it."""

import re
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from pathlib import Path
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from payments.simulators.calls import control_body
from payments.simulators.orders.api import OrdersService, error, order_view
from payments.simulators.orders.seeds import Order
from payments.simulators.pages import pages_of
from payments.simulators.switchboard import SwitchError

_PAGES = pages_of(Path(__file__).parent)
_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EDITABLE = frozenset({"user_id", "amount", "currency", "title", "payable", "customer", "cancelled"})


async def read_switches(service: OrdersService, _request: Request) -> JSONResponse:
    return JSONResponse(service.switchboard.overview())


async def set_switches(service: OrdersService, request: Request) -> JSONResponse:
    try:
        changes = await control_body(request)
        service.switchboard.change(changes, request.query_params.get("order_id"))
    except (SwitchError, ValueError) as mistake:
        return error(HTTPStatus.UNPROCESSABLE_ENTITY, str(mistake))
    return JSONResponse(service.switchboard.overview())


async def list_calls(service: OrdersService, request: Request) -> JSONResponse:
    return JSONResponse(service.calls.overview(dict(request.query_params)))


def _view(order: Order, messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {**order_view(order), **attrs.asdict(order), "messages": messages}


async def list_orders(service: OrdersService, _request: Request) -> JSONResponse:
    messages: dict[str, list[dict[str, Any]]] = {}
    for message in service.records.messages():
        messages.setdefault(message["order_id"], []).append(message)
    views = [_view(order, messages.get(order.id, [])) for order in service.records.orders()]
    return JSONResponse({"count": len(views), "orders": views})


async def show_order(service: OrdersService, request: Request) -> JSONResponse:
    order = service.records.order(request.path_params["order_id"])
    if order is None:
        return error(HTTPStatus.NOT_FOUND, "no such order")
    return JSONResponse(_view(order, service.records.messages(order.id)))


async def put_order(service: OrdersService, request: Request) -> JSONResponse:
    """Create an order, or edit one and raise its version."""
    order_id = request.path_params["order_id"]
    try:
        changes = await control_body(request)
        known = service.records.order(order_id)
        order = _created(order_id, changes) if known is None else _edited(known, changes)
    except ValueError as mistake:
        return error(HTTPStatus.UNPROCESSABLE_ENTITY, str(mistake))
    service.records.put(order)
    return JSONResponse(
        _view(order, service.records.messages(order.id)),
        status_code=HTTPStatus.CREATED if known is None else HTTPStatus.OK,
    )


def _created(order_id: str, fields: dict[str, Any]) -> Order:
    if not _ORDER_ID.fullmatch(order_id):
        raise ValueError("an order's id is one to 64 letters, digits, '-' or '_'")
    blank = Order(
        id=order_id,
        amount="100.00",
        currency="ETB",
        customer={"email": None, "first_name": None, "last_name": None, "phone_number": None},
        version=0,
    )
    return _edited(blank, fields)


def _edited(order: Order, changes: dict[str, Any]) -> Order:
    if unknown := sorted(set(changes) - _EDITABLE):
        raise ValueError(f"cannot be set: {', '.join(unknown)}; these can: {', '.join(sorted(_EDITABLE))}")
    try:
        Decimal(changes.get("amount", order.amount))
    except (InvalidOperation, TypeError) as mistake:
        raise ValueError("amount must be decimal text") from mistake
    return attrs.evolve(order, version=order.version + 1, **changes)


async def cancel_order(service: OrdersService, request: Request) -> JSONResponse:
    order = service.records.order(request.path_params["order_id"])
    if order is None:
        return error(HTTPStatus.NOT_FOUND, "no such order")
    cancelled = _edited(order, {"payable": False, "cancelled": True})
    service.records.put(cancelled)
    return JSONResponse(_view(cancelled, service.records.messages(cancelled.id)))


async def list_messages(service: OrdersService, request: Request) -> JSONResponse:
    messages = service.records.messages(request.query_params.get("order_id"))
    return JSONResponse({"count": len(messages), "messages": messages})


async def reset(service: OrdersService, _request: Request) -> JSONResponse:
    service.documents.clear()
    if service.config.seeded:
        service.records.seed()
    return JSONResponse({"reset": True})


async def overview(service: OrdersService, request: Request) -> Response:
    """Show the orders, and what the payments service said of each."""
    return _PAGES.render(
        request, "orders.html", orders=service.records.orders(), messages=service.records.messages()
    )
