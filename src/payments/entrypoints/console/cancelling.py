"""``.../attempts/{reference}/cancel/``: stop a live attempt that nobody has paid."""

from typing import Final

import structlog
from starlette.responses import Response
from structlog.typing import FilteringBoundLogger

from payments.domain.payment import Payment
from payments.entrypoints.console.desk import Desk, Here
from payments.entrypoints.console.one_payment import attempt_named, named
from payments.entrypoints.http.problems import Kind, Refused

NOT_LIVE: Final = Kind(409, "attempt_not_live", "This attempt is not live")


async def confirm(desk: Desk, here: Here) -> Response:
    """Say what cancelling does, with the button that does it."""
    payment = await named(desk, here.request)
    attempt = attempt_named(payment, here.request)
    _refuse_another(payment, attempt.reference)
    return desk.page(here.request, "cancel.html", payment=payment, attempt=attempt)


async def cancel(desk: Desk, here: Here) -> Response:
    """Cancel, and show what became of it; a refusal says why, and what is then true."""
    payment = await named(desk, here.request)
    reference = attempt_named(payment, here.request).reference
    _refuse_another(payment, reference)
    after = await desk.payments.cancel(payment.payment_id, None, actor=here.caller.actor)
    log: FilteringBoundLogger = structlog.get_logger("payments.console")
    await log.ainfo(
        "operator_cancelled",
        actor=here.caller.actor,
        payment_id=str(payment.payment_id),
        reference=reference,
    )
    return desk.page(here.request, "cancelled.html", payment=after, attempt=after.attempt(reference))


def _refuse_another(payment: Payment, reference: str) -> None:
    """Whoever saw one attempt and pressed the button does not mean the one that took its place."""
    live = payment.live_attempt
    if live is None or live.reference != reference:
        raise Refused(NOT_LIVE, "It has ended, or another took its place meanwhile. Nothing was cancelled.")
