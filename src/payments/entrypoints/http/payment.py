"""``GET /payments/{payment_id}/``: one payment, for its owner."""

from typing import Final
from uuid import UUID

from starlette.responses import Response

from payments.domain.errors import PaymentNotFound
from payments.entrypoints.http import reading
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.fields import PaymentId
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.schemas import Payment


def named(call: Call) -> UUID:
    """The payment that the path names.

    Raises:
        PaymentNotFound: what cannot be an identifier is answered like one that is not there.
    """
    payment_id = reading.path_uuid(call.request, "payment_id")
    if payment_id is None:
        raise PaymentNotFound
    return payment_id


async def get(desk: Desk, call: Call) -> Response:
    """Answer with the payment, whole."""
    payment = await desk.payments.get(named(call), call.caller.user)
    return json_answer(Payment.whole(payment))


GET: Final = Operation(
    name="get_payment",
    method="GET",
    path="/payments/{payment_id}/",
    handle=get,
    summary="Get one payment",
    tag="Payments",
    who=Who.OWNER,
    scopes=(Scope.READ,),
    path_shapes={"payment_id": PaymentId},
    answers=(Answer(shape=Payment, description="The payment with its attempts and refunds."),),
    raises=(PaymentNotFound,),
)
