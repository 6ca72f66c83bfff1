"""What the payments service calls: one order, and the news about its payment."""

import hmac
import json
from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.calls import Calls
from payments.simulators.documents import Documents
from payments.simulators.orders.config import OrdersSimulatorConfig, OrdersSwitches
from payments.simulators.orders.records import Records
from payments.simulators.orders.seeds import Order
from payments.simulators.orders.signatures import why_not_genuine
from payments.simulators.switchboard import Switchboard

PAYMENT_STATUSES = ("paid", "failed", "pay_on_delivery", "refunded", "partially_refunded")
_SETTLED = frozenset({"paid", "refunded", "partially_refunded"})


@attrs.frozen(kw_only=True)
class OrdersService:
    """What the endpoints, pages and controls share."""

    config: OrdersSimulatorConfig
    documents: Documents
    switchboard: Switchboard[OrdersSwitches]
    records: Records
    calls: Calls


def error(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status_code=status)


def refusal(fault: str) -> JSONResponse:
    """Return the answer of a call that a fault kept from being carried out."""
    if fault == "rate_limited":
        return error(HTTPStatus.TOO_MANY_REQUESTS, "too many requests")
    return error(HTTPStatus.SERVICE_UNAVAILABLE, "the orders service is down")


def order_view(order: Order) -> dict[str, Any]:
    """Return an order as an orders service answers it (docs/http.md), with its payment status."""
    return {
        "id": order.id,
        "user_id": order.user_id,
        "amount": order.amount,
        "currency": order.currency,
        "payable": order.payable,
        "version": order.version,
        "customer": order.customer,
        "title": order.title,
        "payment_status": order.payment_status,
    }


def _known_token(service: OrdersService, request: Request) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme == "Bearer" and hmac.compare_digest(token.encode(), service.config.token.encode())


async def get_order(service: OrdersService, request: Request) -> JSONResponse:
    if not _known_token(service, request):
        return error(HTTPStatus.UNAUTHORIZED, "a bearer token is required")
    order = service.records.order(request.path_params["order_id"])
    if order is None:
        return error(HTTPStatus.NOT_FOUND, "no such order")
    return JSONResponse(order_view(order))


async def patch_order(service: OrdersService, request: Request) -> JSONResponse:
    """Take a message about an order's payment, and keep it with what became of it."""
    order_id = request.path_params["order_id"]
    raw = await request.body()
    body = _object(raw)
    answer, outcome = _took(service, request, raw, body)
    service.records.add_message(
        order_id=order_id,
        webhook_id=request.headers.get("webhook-id"),
        outcome=outcome,
        status=answer.status_code,
        sequence=None if body is None else body.get("sequence"),
        payment_status=None if body is None else body.get("payment_status"),
        body=raw.decode("utf-8", "replace"),
        headers={name: value for name, value in request.headers.items() if name.startswith("webhook-")},
    )
    return answer


def _took(
    service: OrdersService, request: Request, raw: bytes, body: dict[str, Any] | None
) -> tuple[JSONResponse, str]:
    refused = _why_refused(service, request, raw, body)
    order = service.records.order(request.path_params["order_id"])
    if refused is not None:
        return refused, "refused"
    if order is None or body is None:
        return error(HTTPStatus.NOT_FOUND, "no such order"), "refused"
    if service.records.has_taken(request.headers["webhook-id"]):
        return JSONResponse({**order_view(order), "ignored": "duplicate"}), "duplicate"
    if body["sequence"] <= order.sequence:
        return JSONResponse({**order_view(order), "ignored": "sequence"}), "stale"
    if order.cancelled and body["payment_status"] == "paid":
        return error(HTTPStatus.CONFLICT, "the order was cancelled"), "refused"
    changed = attrs.evolve(
        order,
        payment_status=body["payment_status"],
        payment_id=body.get("payment_id"),
        refunded_amount=body.get("refunded_amount"),
        reason=body.get("reason"),
        sequence=body["sequence"],
        payable=order.payable and body["payment_status"] not in _SETTLED,
    )
    service.records.put(changed)
    return JSONResponse(order_view(changed)), "applied"


def _why_refused(
    service: OrdersService, request: Request, raw: bytes, body: dict[str, Any] | None
) -> JSONResponse | None:
    if not _known_token(service, request):
        return error(HTTPStatus.UNAUTHORIZED, "a bearer token is required")
    reason = why_not_genuine(request.headers, raw, service.config.signing_secrets)
    if reason is not None:
        return error(HTTPStatus.UNAUTHORIZED, reason)
    forced = service.switchboard.current(request.path_params["order_id"]).patch_answer
    if forced is not None:
        return error(forced, "refused because patch_answer says so")
    if body is None:
        return error(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    sequence = body.get("sequence")
    if body.get("payment_status") not in PAYMENT_STATUSES or type(sequence) is not int or sequence < 1:
        return error(HTTPStatus.UNPROCESSABLE_ENTITY, "payment_status or sequence is missing or wrong")
    return None


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
