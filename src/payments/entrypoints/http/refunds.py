"""``/payments/{payment_id}/refunds/``: money that goes back, and a second person's word about it."""

from typing import Final
from uuid import UUID, uuid5

import attrs
import msgspec
from starlette.responses import Response
from structlog.contextvars import bind_contextvars

from payments.application.answers import Answered
from payments.domain import errors
from payments.domain.errors import RefundNotFound
from payments.domain.transitions import RefundStatus
from payments.entrypoints.http import once, payment, reading
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.fields import PaymentId, RefundId
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.requests import RefundRefusal, RefundWish
from payments.entrypoints.http.schemas import RefundInFull, RefundList

_REPLAYED: Final = {"Idempotency-Replayed": "true when this is the stored answer to an earlier request."}


async def refund(desk: Desk, call: Call) -> Response:
    """Set the money aside, send it back, and answer with how far that came."""
    payment_id = payment.named(call)
    key = reading.required_idempotency_key(call.request)
    wish = await reading.json_body(call.request, RefundWish)

    async def given_back() -> Answered:
        made = await desk.payments.refund(
            payment_id,
            amount=wish.amount,
            reason=wish.reason,
            actor=_actor(call),
            capture_id=wish.capture_id,
            # Named after the key, so that a repetition finds the refund even if its answer was never kept.
            refund_id=uuid5(payment_id, f"refund {call.caller.user} {key}"),
        )
        bind_contextvars(payment_id=str(payment_id), refund_id=str(made.refund_id))
        status = 202 if made.status is RefundStatus.AWAITING_APPROVAL else 201
        body = msgspec.json.encode(RefundInFull.in_full(payment_id, made))
        return Answered(status=status, body=body, final=True)

    said = (str(payment_id), call.caller.user, attrs.asdict(wish))
    return await once.answer(desk, call, REFUND, key=key, said=said, produce=given_back)


async def list_refunds(desk: Desk, call: Call) -> Response:
    """Answer with the refunds of one payment, whoever owes it."""
    payment_id = payment.named(call)
    refunds = await desk.payments.refunds(payment_id)
    return json_answer(RefundList(data=tuple(RefundInFull.in_full(payment_id, each) for each in refunds)))


async def approve(desk: Desk, call: Call) -> Response:
    """Approve a refund that somebody else asked for, and send it."""
    payment_id, refund_id = payment.named(call), _named(call)
    made = await desk.payments.approve_refund(payment_id, refund_id, approver=_actor(call))
    return json_answer(RefundInFull.in_full(payment_id, made))


async def refuse(desk: Desk, call: Call) -> Response:
    """End a refund that waits for approval."""
    payment_id, refund_id = payment.named(call), _named(call)
    wish = await reading.json_body(call.request, RefundRefusal)
    made = await desk.payments.refuse_refund(payment_id, refund_id, actor=_actor(call), reason=wish.reason)
    return json_answer(RefundInFull.in_full(payment_id, made))


def _actor(call: Call) -> str:
    """Who gives money back is never its payer, whatever else the token allows."""
    return f"operator:{call.caller.user}"


def _named(call: Call) -> UUID:
    refund_id = reading.path_uuid(call.request, "refund_id")
    if refund_id is None:
        raise RefundNotFound
    return refund_id


REFUND: Final = Operation(
    name="refund_payment",
    method="POST",
    path="/payments/{payment_id}/refunds/",
    handle=refund,
    summary="Give money back",
    description=(
        "Anybody with the scope but the payer. "
        "Sets the amount aside, then asks the provider, once. The refund's status says how far that came: "
        "trouble at the provider is no problem document. An Idempotency-Key is required: the same key and "
        "the same request are the same refund."
    ),
    tag="Refunds",
    who=Who.REFUNDER,
    scopes=(Scope.REFUND,),
    path_shapes={"payment_id": PaymentId},
    takes=RefundWish,
    once=True,
    key_required=True,
    answers=(
        Answer(status=201, shape=RefundInFull, description="The refund.", headers=_REPLAYED),
        Answer(
            status=202,
            shape=RefundInFull,
            description="The refund waits for a second person's approval.",
            headers=_REPLAYED,
        ),
    ),
    raises=(
        errors.PaymentNotFound,
        errors.OperatorIsPayer,
        errors.NothingToRefund,
        errors.RefundTooLarge,
        errors.ReceiptPending,
        errors.IdempotencyKeyInFlight,
        errors.IdempotencyKeyReused,
        errors.InvalidMoney,
        errors.UnsupportedAmount,
        errors.UnsupportedProvider,
    ),
)

LIST: Final = Operation(
    name="list_refunds",
    method="GET",
    path="/payments/{payment_id}/refunds/",
    handle=list_refunds,
    summary="List the refunds of a payment",
    description="Oldest first, those made at the provider without us included.",
    tag="Refunds",
    who=Who.REFUNDER,
    scopes=(Scope.REFUND,),
    path_shapes={"payment_id": PaymentId},
    answers=(Answer(shape=RefundList, description="All of them."),),
    raises=(errors.PaymentNotFound,),
)

APPROVE: Final = Operation(
    name="approve_refund",
    method="POST",
    path="/payments/{payment_id}/refunds/{refund_id}/approve/",
    handle=approve,
    summary="Approve a refund",
    description="Another person than the one who asked for it, and than the payer. It is sent at once.",
    tag="Refunds",
    who=Who.REFUNDER,
    scopes=(Scope.REFUND,),
    path_shapes={"payment_id": PaymentId, "refund_id": RefundId},
    answers=(Answer(shape=RefundInFull, description="The refund."),),
    raises=(
        errors.PaymentNotFound,
        errors.RefundNotFound,
        errors.RefundNotAwaiting,
        errors.ApprovalByRequester,
        errors.OperatorIsPayer,
    ),
)

REFUSE: Final = Operation(
    name="refuse_refund",
    method="POST",
    path="/payments/{payment_id}/refunds/{refund_id}/refuse/",
    handle=refuse,
    summary="Refuse a refund that waits for approval",
    description=(
        "Nothing is sent, and its amount is free again. Who asked for it may do so, too; the payer may not."
    ),
    tag="Refunds",
    who=Who.REFUNDER,
    scopes=(Scope.REFUND,),
    path_shapes={"payment_id": PaymentId, "refund_id": RefundId},
    takes=RefundRefusal,
    answers=(Answer(shape=RefundInFull, description="The refund, failed."),),
    raises=(
        errors.PaymentNotFound,
        errors.RefundNotFound,
        errors.RefundNotAwaiting,
        errors.OperatorIsPayer,
    ),
)
