"""``/payments/verify/{provider}/``: the payer comes back (GET), the provider has news (POST)."""

import re
from typing import Final

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from structlog.contextvars import bind_contextvars
from structlog.typing import FilteringBoundLogger

from payments.domain import errors
from payments.domain.errors import InboxFull, ReferenceNotFound, StorageError, UnsupportedProvider
from payments.entrypoints.http import reading
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.fields import REFERENCE_PATTERN, CallbackToken, ProviderName
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.problems import CONTENT_TOO_LARGE, NOT_FOUND, REQUEST_TIMEOUT, Refused
from payments.entrypoints.http.requests import ReturnRequest
from payments.entrypoints.http.schemas import CallbackReceipt, NoticeReceipt

COALESCE_S: Final = 10.0
"""However often payers come back, a provider is asked about one reference this seldom."""
BUDGET_S: Final = 3.0
"""How long a payer waits for the provider's answer before seeing "confirming"."""

NEUTRAL_NAME: Final = "stk"
"""Stands for a provider in the addresses it reports to: M-Pesa refuses those that hold its own name."""

_NAMES: Final = ("trx_ref", "tx_ref", "trxref", "reference")
_REFERENCE: Final = re.compile(REFERENCE_PATTERN.removesuffix("$"))


async def come_back(desk: Desk, call: Call) -> Response:
    """Ask the provider, then send the payer's browser to the page of the attempt."""
    provider = call.request.path_params["provider"]
    if provider not in desk.payments.providers.by_name:
        raise Refused(NOT_FOUND)
    reference = _reference(call.request)
    # Prefetchers and link checkers send HEAD: nobody came back.
    if reference is None or call.request.method == "HEAD":
        return _away(desk.returns.neutral())
    try:
        payment = await desk.payments.settle(reference, "redirect", coalesce_s=COALESCE_S, budget_s=BUDGET_S)
    except ReferenceNotFound:
        return _away(desk.returns.neutral())
    except StorageError as error:
        # A payer who has just paid is told "confirming", which is true, and not shown a problem document.
        log: FilteringBoundLogger = structlog.get_logger("payments.http")
        await log.aerror("return_not_settled", provider=provider, error=str(error))
        return _away(desk.returns.neutral())
    attempt = payment.attempt(reference)
    if attempt.provider != provider:
        return _away(desk.returns.neutral())
    bind_contextvars(payment_id=str(payment.payment_id), reference=reference)
    return _away(desk.returns.address(attempt.return_to, payment.payment_id, payment.status))


async def take_notice(desk: Desk, call: Call) -> Response:
    """Store a provider's message and acknowledge it; whoever works on it is woken afterwards."""
    body = await reading.raw_body(call.request)
    headers = call.request.headers.items()
    try:
        received = await desk.payments.receive_notice(call.request.path_params["provider"], headers, body)
    except UnsupportedProvider as error:
        raise Refused(NOT_FOUND) from error
    except InboxFull as full:
        await _say_full(desk, call.request.path_params["provider"], full)
        raise
    response = json_answer(NoticeReceipt(status="stored" if received.stored else "duplicate"))
    if desk.on_notice is not None:
        response.background = BackgroundTask(_wake, desk)
    return response


async def _say_full(desk: Desk, provider: str, full: InboxFull) -> None:
    desk.measures.refused_notice(provider)
    if full.first:
        log: FilteringBoundLogger = structlog.get_logger("payments.http")
        await log.awarning("inbox_full", provider=provider, most=desk.settings.notices.unknown)


async def take_callback(desk: Desk, call: Call) -> Response:
    """Store what a provider reports to a secret address and acknowledge it; then wake whoever works on it."""
    name = call.request.path_params["provider"]
    provider = desk.payments.providers.by_name.get(name)
    if name != NEUTRAL_NAME and (provider is None or provider.callbacks is None):
        raise Refused(NOT_FOUND)
    body = await reading.raw_body(call.request)
    try:
        taken = await desk.payments.receive_callback(call.request.path_params["token"], body)
    except ReferenceNotFound as error:
        raise Refused(NOT_FOUND) from error
    return Response(taken.body, media_type="application/json", background=BackgroundTask(_wake, desk))


async def _wake(desk: Desk) -> None:
    if desk.on_notice is not None:
        desk.on_notice()


def _reference(request: Request) -> str | None:
    """The one reference the query names, however often; None if it names none, two, or what cannot be ours.

    Our address has it as ``trx_ref`` already, and nobody knows what a provider adds to an address that has a
    query.
    """
    values = {value for name, value in request.query_params.multi_items() if name in _NAMES}
    if len(values) != 1:
        return None
    value = values.pop()
    return value if _REFERENCE.fullmatch(value) else None


def _away(address: str) -> Response:
    return RedirectResponse(address, status_code=302)


RETURN: Final = Operation(
    name="return_from_checkout",
    method="GET",
    path="/payments/verify/{provider}/",
    handle=come_back,
    summary="Where a provider sends the payer's browser",
    description=(
        "Asks the provider about the reference and sends the browser on to the configured page, with the "
        "payment's identifier and status. Nothing in the address decides anything; an unknown reference is "
        "sent on, too, with neither."
    ),
    tag="Providers",
    who=Who.ANYONE,
    path_shapes={"provider": ProviderName},
    query=ReturnRequest,
    answers=(
        Answer(
            status=302,
            media_type="",
            description="On to the return page.",
            headers={"Location": "The configured page, with payment_id and status."},
        ),
    ),
    raises=(NOT_FOUND,),
)

NOTICE: Final = Operation(
    name="receive_notice",
    method="POST",
    path="/payments/verify/{provider}/",
    handle=take_notice,
    summary="Where a provider sends its webhooks",
    description=(
        "Authenticated by the provider's own signature over the raw bytes. 200 means that the notice is on "
        "disk, or already was. Its contents decide nothing: the provider is asked."
    ),
    tag="Providers",
    who=Who.PROVIDER,
    path_shapes={"provider": ProviderName},
    takes=bytes,
    answers=(Answer(shape=NoticeReceipt, description="Stored, now or earlier."),),
    raises=(
        NOT_FOUND,
        REQUEST_TIMEOUT,
        CONTENT_TOO_LARGE,
        errors.NoticeForged,
        errors.NoticeMalformed,
        errors.InboxFull,
    ),
)

CALLBACK: Final = Operation(
    name="receive_callback",
    method="POST",
    path="/payments/verify/{provider}/{token}/",
    handle=take_callback,
    summary="Where a provider without signatures reports",
    description=(
        "The address is the secret: each attempt and each refund has its own, under the provider's name or "
        "`stk`. 200 means that the body is on disk, whatever it says; the provider is asked. An address that "
        "was given to nobody is answered 404, and nothing is stored."
    ),
    tag="Providers",
    who=Who.PROVIDER,
    path_shapes={"provider": ProviderName, "token": CallbackToken},
    takes=bytes,
    answers=(Answer(shape=CallbackReceipt, description="Stored, now or earlier."),),
    raises=(NOT_FOUND, REQUEST_TIMEOUT, CONTENT_TOO_LARGE),
)
