"""``POST /payments/{payment_id}/cancel/``: stop a try that nobody has paid."""

from typing import Final

from starlette.responses import Response

from payments.domain import errors
from payments.entrypoints.http import payment
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.fields import PaymentId
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.schemas import Payment


async def cancel(desk: Desk, call: Call) -> Response:
    """Stop the live attempt, if the provider says that nobody has paid it."""
    stopped = await desk.payments.cancel(payment.named(call), call.caller.owner, call.caller.actor)
    return json_answer(Payment.whole(stopped))


CANCEL: Final = Operation(
    name="cancel_payment",
    method="POST",
    path="/payments/{payment_id}/cancel/",
    handle=cancel,
    summary="Cancel the open checkout of a payment",
    description="The provider is asked first. Without an open checkout the payment is answered unchanged.",
    tag="Payments",
    who=Who.OWNER_OR_OPERATOR,
    scopes=(Scope.WRITE, Scope.OPERATE),
    path_shapes={"payment_id": PaymentId},
    answers=(Answer(shape=Payment, description="The payment afterwards."),),
    raises=(
        errors.PaymentNotFound,
        errors.PaymentSettled,
        errors.PaymentInReview,
        errors.AttemptInFlight,
        errors.PaymentInFlight,
        errors.OutcomeUnknown,
    ),
)
