"""``.../captures/{capture_id}/refund/`` and ``.../refunds/{refund_id}/approve|refuse/``: send money back.

For operators whose token allows refunds, too; whoever asked for one cannot approve it,
and whoever owes the payment neither asks for one, nor approves or refuses it.
"""

import secrets
from typing import Final
from uuid import UUID, uuid5

import structlog
from starlette.requests import Request
from starlette.responses import Response
from structlog.typing import FilteringBoundLogger

from payments.domain.capture import Capture
from payments.domain.errors import RefundNotAwaiting, RefundNotFound
from payments.domain.payment import Payment
from payments.domain.persons import refuse_payer
from payments.domain.refund import Refund, refundable
from payments.domain.refunding import refund_of
from payments.domain.transitions import RefundStatus
from payments.entrypoints.console.desk import Desk, Here
from payments.entrypoints.console.one_payment import named
from payments.entrypoints.http import reading
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.problems import INSUFFICIENT_SCOPE, NOT_FOUND, Refused

_LONGEST_MARK: Final = 64


async def ask(desk: Desk, here: Here) -> Response:
    """Show the form that sends money of one capture back."""
    _require_refunds(here)
    payment = await named(desk, here.request)
    refuse_payer(payment, here.caller.actor)
    capture = _capture_named(payment, here.request)
    return desk.page(
        here.request,
        "refund.html",
        payment=payment,
        capture=capture,
        left=refundable(capture, payment.refunds),
        # Sent twice, this form is one refund.
        mark=secrets.token_urlsafe(16),
    )


async def refund(desk: Desk, here: Here) -> Response:
    """Set the money aside, send it back, and show how far that came."""
    _require_refunds(here)
    payment = await named(desk, here.request)
    capture = _capture_named(payment, here.request)
    mark = here.fields.get("mark", "")[:_LONGEST_MARK]
    made = await desk.payments.refund(
        payment.payment_id,
        amount=here.fields.get("amount", "").strip(),
        reason=here.fields.get("reason", ""),
        actor=here.caller.actor,
        capture_id=capture.capture_id,
        refund_id=uuid5(payment.payment_id, f"console refund {here.caller.user} {mark}"),
    )
    return await _told(desk, here, payment, made, "operator_refunded")


async def confirm_approval(desk: Desk, here: Here) -> Response:
    """Say what approving does, with the button that does it."""
    return await _confirmed(desk, here, "approve_refund.html")


async def approve(desk: Desk, here: Here) -> Response:
    """Approve, send, and show how far that came."""
    _require_refunds(here)
    payment = await named(desk, here.request)
    made = await desk.payments.approve_refund(
        payment.payment_id, _refund_named(here.request), approver=here.caller.actor
    )
    return await _told(desk, here, payment, made, "operator_approved_refund")


async def confirm_refusal(desk: Desk, here: Here) -> Response:
    """Say what refusing does, with the form that does it."""
    return await _confirmed(desk, here, "refuse_refund.html")


async def refuse(desk: Desk, here: Here) -> Response:
    """Refuse; nothing is sent."""
    _require_refunds(here)
    payment = await named(desk, here.request)
    made = await desk.payments.refuse_refund(
        payment.payment_id,
        _refund_named(here.request),
        actor=here.caller.actor,
        reason=here.fields.get("reason", ""),
    )
    return await _told(desk, here, payment, made, "operator_refused_refund")


async def _confirmed(desk: Desk, here: Here, page: str) -> Response:
    _require_refunds(here)
    payment = await named(desk, here.request)
    refuse_payer(payment, here.caller.actor)
    waiting = refund_of(payment, _refund_named(here.request))
    if waiting.status is not RefundStatus.AWAITING_APPROVAL:
        raise RefundNotAwaiting
    return desk.page(here.request, page, payment=payment, refund=waiting)


async def _told(desk: Desk, here: Here, payment: Payment, made: Refund, event: str) -> Response:
    log: FilteringBoundLogger = structlog.get_logger("payments.console")
    await log.ainfo(
        event,
        actor=here.caller.actor,
        payment_id=str(payment.payment_id),
        refund_id=str(made.refund_id),
        status=made.status.value,
    )
    return desk.page(here.request, "refunded.html", payment=payment, refund=made)


def _require_refunds(here: Here) -> None:
    """Return if the token of this visit allows refunds.

    Raises:
        Refused: 403, it does not.
    """
    if not here.caller.may(Scope.REFUND):
        needed = Scope.REFUND.value
        raise Refused(INSUFFICIENT_SCOPE, f"Sign in with a token that has the scope {needed}, too.")


def _capture_named(payment: Payment, request: Request) -> Capture:
    capture_id = reading.path_uuid(request, "capture_id")
    for capture in payment.captures:
        if capture.capture_id == capture_id:
            return capture
    raise Refused(NOT_FOUND)


def _refund_named(request: Request) -> UUID:
    refund_id = reading.path_uuid(request, "refund_id")
    if refund_id is None:
        raise RefundNotFound
    return refund_id
