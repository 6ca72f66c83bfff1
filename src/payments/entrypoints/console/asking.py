"""``.../attempts/{reference}/ask/``: ask the provider now, and apply what it answers."""

import structlog
from starlette.responses import Response
from structlog.typing import FilteringBoundLogger

from payments.entrypoints.console.desk import Desk, Here
from payments.entrypoints.console.one_payment import attempt_named, named


async def confirm(desk: Desk, here: Here) -> Response:
    """Say what asking does, with the button that does it."""
    payment = await named(desk, here.request)
    attempt = attempt_named(payment, here.request)
    return desk.page(here.request, "ask.html", payment=payment, attempt=attempt)


async def ask(desk: Desk, here: Here) -> Response:
    """Ask, and show the answer, the rule that decided it and what it changed."""
    before = await named(desk, here.request)
    reference = attempt_named(before, here.request).reference
    # What is shown has addresses in it that no change may write down (docs/adr/0027).
    kept = await desk.payments.get.kept(before.payment_id, None)
    settled = await desk.payments.settle.ask(kept, reference, "operator")
    log: FilteringBoundLogger = structlog.get_logger("payments.console")
    await log.ainfo(
        "operator_asked",
        actor=here.caller.actor,
        payment_id=str(before.payment_id),
        reference=reference,
        rule=settled.rule.name.lower(),
    )
    return desk.page(
        here.request,
        "asked.html",
        payment=settled.payment,
        attempt=settled.attempt,
        answer=settled.answer,
        rule=settled.rule,
        changed=settled.payment.version != before.version,
    )
