"""``GET /payments/``: the caller's payments, newest first, page by page."""

from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from payments.domain.errors import FieldError, InvalidRequest
from payments.entrypoints.http import cursors, reading
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.requests import HistoryRequest
from payments.entrypoints.http.schemas import History, PaymentLine


async def list_payments(desk: Desk, call: Call) -> Response:
    """Answer with one page of the caller's own payments."""
    wanted = reading.query(call.request, HistoryRequest)
    page = await desk.payments.list(
        user_id=call.caller.user,
        limit=wanted.limit,
        status=wanted.status,
        provider=wanted.provider,
        order_id=wanted.order_id,
        created_after=_utc(wanted.created_after, "created_after"),
        created_before=_utc(wanted.created_before, "created_before"),
        beyond=cursors.read(wanted.cursor) if wanted.cursor else None,
    )
    return json_answer(
        History(
            data=tuple(PaymentLine.of(summary) for summary in page.items),
            has_more=page.beyond is not None,
            next_cursor=cursors.written(page.beyond) if page.beyond else None,
        )
    )


def _utc(instant: datetime | None, name: str) -> datetime | None:
    try:
        return None if instant is None else instant.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRequest(errors=(FieldError(name, "It is out of range."),)) from error


LIST: Final = Operation(
    name="list_payments",
    method="GET",
    path="/payments/",
    handle=list_payments,
    summary="List your payments",
    description="Newest first. Follow next_cursor while has_more is true; new payments shift no page.",
    tag="Payments",
    who=Who.OWNER,
    scopes=(Scope.READ,),
    query=HistoryRequest,
    answers=(Answer(shape=History, description="One page."),),
    raises=(InvalidRequest,),
)
