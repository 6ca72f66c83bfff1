"""``POST /payments/initiate/{order_id}/``: from an order to a checkout the payer can pay on."""

from contextlib import suppress
from typing import Final
from uuid import UUID

import attrs
import msgspec
from starlette.responses import Response
from structlog.contextvars import bind_contextvars

from payments.application.answers import Answered
from payments.domain import errors
from payments.domain.errors import FieldError, GatewayError, InvalidRequest, PaymentsError
from payments.entrypoints.http import once, reading
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.fields import OrderId
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.requests import InitiateRequest
from payments.entrypoints.http.schemas import Checkout


async def initiate(desk: Desk, call: Call) -> Response:
    """Answer with a checkout: the one that is open if it serves, else a new one."""
    order_id = reading.path_text(call.request, "order_id", OrderId)
    key = reading.idempotency_key(call.request)
    wish = await reading.json_body(call.request, InitiateRequest)
    if wish.return_to is not None and not desk.returns.knows(wish.return_to):
        known = ", ".join(desk.returns.keys) or "none is configured; leave it out"
        raise InvalidRequest(errors=(FieldError("/return_to", f"Use one of: {known}."),))

    async def checkout() -> Answered:
        try:
            initiated = await desk.payments.initiate(
                order_id=order_id,
                user_id=call.caller.user,
                provider=wish.provider,
                phone_number=wish.phone_number,
                return_to=wish.return_to,
            )
        except PaymentsError as trouble:
            await _name(desk, trouble)
            raise
        bind_contextvars(payment_id=str(initiated.payment_id), reference=initiated.reference)
        return Answered(status=200, body=msgspec.json.encode(Checkout.of(initiated)), final=True)

    if key is None:
        return once.response(await checkout())
    said = (order_id, call.caller.user, attrs.asdict(wish))
    return await once.answer(desk, call, INITIATE, key=key, said=said, produce=checkout)


async def _name(desk: Desk, trouble: PaymentsError) -> None:
    """Name in the log what ``trouble`` is about.

    Where an answer was lost, money may come under a reference that a restored database does not know.
    """
    payment_id = trouble.facts.get("payment_id")
    if payment_id is None:
        return
    bind_contextvars(payment_id=payment_id)
    if isinstance(trouble, GatewayError):
        with suppress(PaymentsError):
            payment = await desk.payments.get(UUID(payment_id), None)
            bind_contextvars(reference=payment.attempts[-1].reference)


INITIATE: Final = Operation(
    name="initiate_payment",
    method="POST",
    path="/payments/initiate/{order_id}/",
    handle=initiate,
    summary="Open a checkout for an order",
    description=(
        "Answers with a page the payer can pay on now. Asking again while it is open answers the same page. "
        "With an Idempotency-Key, the same request gets the same answer for 24 hours."
    ),
    tag="Paying",
    who=Who.OWNER,
    scopes=(Scope.WRITE,),
    path_shapes={"order_id": OrderId},
    takes=InitiateRequest,
    once=True,
    answers=(
        Answer(
            shape=Checkout,
            description="Send the payer to checkout_url.",
            headers={"Idempotency-Replayed": "true when this is the stored answer to an earlier request."},
        ),
    ),
    raises=(
        errors.PaymentAlreadyProcessed,
        errors.OrderNotFound,
        errors.OrderNotPayable,
        errors.PaymentInReview,
        errors.AttemptInFlight,
        errors.PaymentInFlight,
        errors.IdempotencyKeyInFlight,
        errors.IdempotencyKeyReused,
        errors.UnsupportedProvider,
        errors.UnsupportedCurrency,
        errors.UnsupportedAmount,
        errors.InvalidMoney,
        errors.ProviderRejected,
        errors.ProviderUnavailable,
        errors.OrdersUnavailable,
        errors.OutcomeUnknown,
    ),
)
