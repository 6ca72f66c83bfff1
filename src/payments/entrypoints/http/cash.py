"""Cash: ``POST /payments/verify/cash/`` for collectors, ``/payments/cash/`` for who takes it from them."""

from typing import Final

from starlette.responses import Response
from structlog.contextvars import bind_contextvars

from payments.domain import errors
from payments.domain.collection import AtTheDoor, CashRecord
from payments.domain.errors import FieldError, InvalidRequest
from payments.domain.money import Money
from payments.entrypoints.http import reading
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.requests import CashRequest, CollectionRequest, HandoverRequest
from payments.entrypoints.http.schemas import Cash, CashInHand, Collection, Handover


async def collect(desk: Desk, call: Call) -> Response:
    """Take a collector's record in."""
    said = await reading.json_body(call.request, CollectionRequest)
    record = CashRecord(
        collection_id=said.collection_id,
        collector=call.caller.user,
        outcome=said.outcome,
        amount=_collected(said),
        reference=said.reference,
        order_id=said.order_id,
        delivery_code=said.delivery_code,
        reason=said.reason or "",
    )
    kept = await desk.payments.collect_cash(record)
    if kept.payment_id is not None:
        bind_contextvars(payment_id=str(kept.payment_id), collection_id=kept.collection_id)
    return json_answer(Collection.of(kept))


async def cash_in_hand(desk: Desk, call: Call) -> Response:
    """Answer with what each collector holds."""
    wanted = reading.query(call.request, CashRequest)
    found = await desk.payments.cash(wanted.collector)
    return json_answer(Cash(data=tuple(CashInHand.of(in_hand) for in_hand in found)))


async def hand_over(desk: Desk, call: Call) -> Response:
    """Record that a collector brought cash in."""
    said = await reading.json_body(call.request, HandoverRequest)
    kept = await desk.payments.hand_over_cash(
        said.handover_id, said.collector, said.collections, call.caller.actor
    )
    return json_answer(Handover.of(kept))


def _collected(said: CollectionRequest) -> Money | None:
    """What was collected. A refused delivery may say what was due; it is checked, and it brings nothing."""
    missing = [name for name in ("amount", "currency") if getattr(said, name) is None]
    if len(missing) == 1 or (missing and said.outcome is AtTheDoor.COLLECTED):
        raise InvalidRequest(errors=tuple(FieldError(f"/{name}", "It is required.") for name in missing))
    return None if missing else Money.of(said.amount, said.currency)


COLLECT: Final = Operation(
    name="collect_cash",
    method="POST",
    path="/payments/verify/cash/",
    handle=collect,
    summary="Record what happened at the door",
    description=(
        "A collector's record is the evidence: `collected` settles the payment, is held when the amount or "
        "currency is another one, or is surplus when the order is paid already; `refused` declines the "
        "attempt. It is never the payer's own. The same `collection_id` with the same body is answered the "
        "same. Money for an order without a cash attempt is stored, and a person decides."
    ),
    tag="Cash",
    who=Who.COLLECTOR,
    scopes=(Scope.COLLECT,),
    takes=CollectionRequest,
    answers=(Answer(shape=Collection, description="The record as it is kept."),),
    raises=(
        errors.ReferenceNotFound,
        errors.PaymentNotFound,
        errors.CollectorIsPayer,
        errors.CollectionConflict,
        errors.WrongDeliveryCode,
        errors.CashCodeLocked,
        errors.InvalidMoney,
    ),
)

LIST: Final = Operation(
    name="list_cash",
    method="GET",
    path="/payments/cash/",
    handle=cash_in_hand,
    summary="What collectors hold and have not handed in",
    tag="Cash",
    who=Who.OPERATOR,
    scopes=(Scope.OPERATE,),
    query=CashRequest,
    answers=(Answer(shape=Cash, description="By collector and currency."),),
)

HAND_OVER: Final = Operation(
    name="hand_over_cash",
    method="POST",
    path="/payments/cash/handovers/",
    handle=hand_over,
    summary="Record that a collector handed cash in",
    description="All of the named collections, or none of them. The same hand-over is answered the same.",
    tag="Cash",
    who=Who.OPERATOR,
    scopes=(Scope.OPERATE,),
    takes=HandoverRequest,
    answers=(Answer(shape=Handover, description="The hand-over as it is kept."),),
    raises=(errors.HandoverConflict,),
)
