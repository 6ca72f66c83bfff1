"""``POST /payments/initiate/{order_id}/``: from an order to a checkout the payer can pay on."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import msgspec
from starlette.responses import Response
from structlog.contextvars import bind_contextvars

from payments.application.answers import Answered
from payments.domain import errors
from payments.domain.errors import FieldError, InvalidRequest, PaymentsError
from payments.entrypoints.http import reading
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.fields import OrderId
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.problems import MEDIA_TYPE, problem_of
from payments.entrypoints.http.requests import InitiateRequest
from payments.entrypoints.http.schemas import Checkout

# Anything else may be answered differently tomorrow, so it is never kept under an Idempotency-Key.
_FINAL: Final = frozenset({400, 404, 422})


async def initiate(desk: Desk, call: Call) -> Response:
    """Answer with a checkout: the one that is open if it serves, else a new one."""
    order_id = reading.path_text(call.request, "order_id", OrderId)
    key = reading.idempotency_key(call.request)
    wish = await reading.json_body(call.request, InitiateRequest)
    if wish.return_to is not None and not desk.returns.knows(wish.return_to):
        known = ", ".join(desk.returns.keys) or "none is configured; leave it out"
        raise InvalidRequest(errors=(FieldError("/return_to", f"Use one of: {known}."),))

    async def checkout() -> Answered:
        initiated = await desk.payments.initiate(
            order_id=order_id,
            user_id=call.caller.user,
            provider=wish.provider,
            phone_number=wish.phone_number,
            return_to=wish.return_to,
        )
        bind_contextvars(payment_id=str(initiated.payment_id), reference=initiated.reference)
        return Answered(status=200, body=msgspec.json.encode(Checkout.of(initiated)), final=True)

    if key is None:
        return _response(await checkout())
    answered = await desk.payments.answer_once(
        user=call.caller.user,
        operation=INITIATE.name,
        key=key,
        fingerprint=_fingerprint(order_id, call.caller.user, wish),
        produce=_or_final_problem(desk, call, checkout),
    )
    return _response(answered)


def _or_final_problem(
    desk: Desk, call: Call, produce: Callable[[], Awaitable[Answered]]
) -> Callable[[], Awaitable[Answered]]:
    """``produce``, whose final problems are answers to be kept, too; the others are raised on."""

    async def produced() -> Answered:
        try:
            return await produce()
        except PaymentsError as error:
            problem = problem_of(error)
            if problem.kind.status not in _FINAL:
                raise
            body = desk.problems.body(problem, call.request_id)
            return Answered(status=problem.kind.status, body=body, final=True)

    return produced


def _response(answered: Answered) -> Response:
    media_type = "application/json" if answered.status < 400 else MEDIA_TYPE  # noqa: PLR2004 -- where HTTP's problems begin
    headers = {"Idempotency-Replayed": "true"} if answered.replayed else None
    return Response(answered.body, status_code=answered.status, headers=headers, media_type=media_type)


def _fingerprint(order_id: str, user: str, wish: InitiateRequest) -> str:
    """What makes two requests the same: method and path, user and body, however the body is spelled."""
    said = msgspec.json.encode([INITIATE.method, INITIATE.path, order_id, user, attrs.asdict(wish)])
    return hashlib.sha256(said).hexdigest()


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
