"""``/console/reviews/{review_id}/decide/{decision}/``: decide on purpose, and see what came of it."""

from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import Response
from structlog.typing import FilteringBoundLogger

from payments.application import sentences
from payments.application.answers import ReviewStory
from payments.application.review_details import Details
from payments.domain.events import ReviewKind
from payments.domain.persons import refuse_payer
from payments.domain.reviewing import WayOut
from payments.entrypoints.console.desk import Desk, Here
from payments.entrypoints.console.one_review import named
from payments.entrypoints.console.wording import OUTCOMES, WAYS
from payments.entrypoints.http.problems import NOT_FOUND, Kind, Refused

NOT_OFFERED: Final = Kind(409, "decision_not_offered", "This cannot be decided here any more")


async def confirm(desk: Desk, here: Here) -> Response:
    """Say what deciding so does, with the form that does it."""
    story = await named(desk, here.request)
    way = _way(here.request)
    _refuse_what_is_not_offered(story, way)
    if story.payment is not None:
        refuse_payer(story.payment, here.caller.actor)
    about_refund = story.review.kind is ReviewKind.REFUND_UNKNOWN
    return desk.page(
        here.request,
        "decide.html",
        review=story.review,
        payment=story.payment,
        capture=story.capture,
        decision=way.value,
        way=WAYS[way],
        outcomes=OUTCOMES[about_refund],
        asks_amount=not about_refund,
    )


async def decide(desk: Desk, here: Here) -> Response:
    """Decide, and show the question as it then stands; a refusal says why."""
    story = await named(desk, here.request)
    way = _way(here.request)
    sent = here.fields
    await desk.payments.resolve(
        story.review.review_id,
        way.value,
        sent.get("reason", ""),
        here.caller.actor,
        Details(
            reference=_given(sent.get("reference")),
            paid_under=_given(sent.get("paid_under")),
            outcome=_given(sent.get("outcome")),
            provider_reference=_given(sent.get("provider_reference")),
            amount=_given(sent.get("amount")),
        ),
    )
    log: FilteringBoundLogger = structlog.get_logger("payments.console")
    await log.ainfo(
        "operator_decided",
        actor=here.caller.actor,
        review_id=str(story.review.review_id),
        kind=story.review.kind.value,
        decision=way.value,
    )
    after = await named(desk, here.request)
    return desk.page(
        here.request,
        "decided.html",
        review=after.review,
        refund=after.refund,
        summary=sentences.summary(after.payment) if after.payment else None,
    )


def _way(request: Request) -> WayOut:
    try:
        return WayOut(request.path_params["decision"])
    except ValueError:
        raise Refused(NOT_FOUND) from None


def _refuse_what_is_not_offered(story: ReviewStory, way: WayOut) -> None:
    """Whoever opens an old page learns what became of the question, before they write a reason."""
    if way not in story.ways_out:
        told = sentences.of_review(story.review) if story.review.decision else "It has no such way out."
        raise Refused(NOT_OFFERED, told)


def _given(field: str | None) -> str | None:
    """What was written into a field; forms send empty ones, too."""
    return (field or "").strip() or None
