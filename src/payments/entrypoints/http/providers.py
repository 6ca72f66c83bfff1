"""``GET /payments/providers/``: what can pay an order."""

from typing import Final

from starlette.responses import Response

from payments.domain import errors
from payments.entrypoints.http import reading
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.requests import OffersRequest
from payments.entrypoints.http.schemas import Offer, Offers


async def offer(desk: Desk, call: Call) -> Response:
    """Answer with every provider and whether it can take this order's money."""
    wanted = reading.query(call.request, OffersRequest)
    offers = await desk.payments.offers(wanted.order_id, call.caller.user)
    return json_answer(Offers(data=tuple(Offer.of(each) for each in offers)))


OFFERS: Final = Operation(
    name="list_providers",
    method="GET",
    path="/payments/providers/",
    handle=offer,
    summary="List what can pay an order",
    description="Each provider, whether it can take the order's amount and currency, and what it needs.",
    tag="Paying",
    who=Who.OWNER,
    scopes=(Scope.READ,),
    query=OffersRequest,
    answers=(Answer(shape=Offers, description="Every provider that is switched on."),),
    raises=(errors.InvalidRequest, errors.InvalidMoney, errors.OrderNotFound, errors.OrdersUnavailable),
)
