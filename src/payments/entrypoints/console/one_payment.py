"""``/console/payments/{payment_id}/``: one payment, its whole story, and what may be done about it."""

from starlette.requests import Request
from starlette.responses import Response

from payments.domain.attempt import Attempt
from payments.domain.errors import PaymentNotFound, ReferenceNotFound
from payments.domain.payment import Payment
from payments.entrypoints.console import money_back
from payments.entrypoints.console.desk import Desk, Here
from payments.entrypoints.http import reading


async def show(desk: Desk, here: Here) -> Response:
    """Show amount, status, attempts, captures, the story, what we wait for and what may be done."""
    payment = await named(desk, here.request)
    return desk.page(
        here.request,
        "payment.html",
        payment=payment,
        attempts=payment.attempts[::-1],
        askable={a.reference for a in payment.attempts if may_ask(desk, a)},
        sendable=money_back.sendable(payment, here.caller),
        approvable=money_back.approvable(payment, here.caller),
        refusable=money_back.refusable(payment, here.caller),
        cancellable=payment.live_attempt if may_cancel(payment) else None,
        told=await desk.payments.explain(payment.payment_id, None),
    )


def may_ask(desk: Desk, attempt: Attempt) -> bool:
    """Whether there is a provider who could answer about ``attempt``."""
    provider = desk.payments.providers.by_name.get(attempt.provider)
    return provider is not None and provider.mode is attempt.mode


def may_cancel(payment: Payment) -> bool:
    """Whether cancelling could do anything; the provider may still say no."""
    return payment.live_attempt is not None and not payment.settling_capture and not payment.held_captures


async def named(desk: Desk, request: Request) -> Payment:
    """The payment that the path names.

    Raises:
        PaymentNotFound: there is none.
    """
    payment_id = reading.path_uuid(request, "payment_id")
    if payment_id is None:
        raise PaymentNotFound
    return await desk.payments.get(payment_id, None)


def attempt_named(payment: Payment, request: Request) -> Attempt:
    """The attempt of ``payment`` that the path names.

    Raises:
        ReferenceNotFound: it has no such attempt.
    """
    for attempt in payment.attempts:
        if attempt.reference == request.path_params["reference"]:
            return attempt
    raise ReferenceNotFound
