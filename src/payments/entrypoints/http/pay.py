"""``/pay/{token}/``: our own page for payers whose provider has none, and how it stands."""

import re
from contextlib import suppress
from typing import Final

from starlette.responses import Response
from structlog.contextvars import bind_contextvars

from payments.application.answers import Face, PayerPage
from payments.domain import errors
from payments.domain.errors import ReferenceNotFound, StorageError
from payments.entrypoints.http.answering import json_answer, page
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.problems import NOT_FOUND, Refused
from payments.entrypoints.http.schemas import PageStatus
from payments.entrypoints.http.verify import BUDGET_S, COALESCE_S

_TOKEN: Final = re.compile(r"[0-9a-f]{32}")
_MOVING: Final = frozenset({Face.CONFIRM, Face.DELIVER, Face.WAIT, Face.HELD})
"""What may still become something else while the page is looked at."""
_ASKED: Final = frozenset({Face.CONFIRM, Face.WAIT})


async def show(desk: Desk, call: Call) -> Response:
    """Show what to do, or what became of it. Looking changes nothing."""
    root = call.request.scope.get("root_path", "")
    try:
        shown = await _shown(desk, call)
    except ReferenceNotFound:
        if "text/html" not in call.request.headers.get("accept", ""):
            raise Refused(NOT_FOUND) from None
        return _page(desk, status=404, root=root, face="gone", shown=None)
    return _page(desk, status=200, root=root, face=shown.face.value, shown=shown)


async def status(desk: Desk, call: Call) -> Response:
    """Say how it stands. While a prompt is open its provider is asked, as when a payer comes back."""
    try:
        shown = await _shown(desk, call)
        if call.request.method != "HEAD" and not shown.on_delivery and shown.face in _ASKED:
            with suppress(StorageError):
                await desk.payments.settle(shown.reference, "page", coalesce_s=COALESCE_S, budget_s=BUDGET_S)
            shown = await _shown(desk, call)
    except ReferenceNotFound:
        raise Refused(NOT_FOUND) from None
    said = PageStatus(status=shown.status, payment_status=shown.payment_status, face=shown.face)
    return _unlisted(json_answer(said))


async def _shown(desk: Desk, call: Call) -> PayerPage:
    token = call.request.path_params["token"]
    if not _TOKEN.fullmatch(token):
        raise ReferenceNotFound
    shown = await desk.payments.page(token)
    bind_contextvars(reference=shown.reference)
    return shown


def _page(desk: Desk, *, status: int, root: str, face: str, shown: PayerPage | None) -> Response:
    moving = shown is not None and shown.face in _MOVING
    template = desk.pages.get_template("pay.html")
    answer = page(template.render(face=face, shown=shown, moving=moving, root=root))
    answer.status_code = status
    return _unlisted(answer)


def _unlisted(answer: Response) -> Response:
    """Caching and referrers are forbidden for every answer of ours; these stay out of search engines, too."""
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


PAGE: Final = Operation(
    name="payer_page",
    method="GET",
    path="/pay/{token}/",
    handle=show,
    summary="What the payer has to do, and what became of it",
    tag="Paying",
    who=Who.ANYONE,
    path_shapes={"token": str},
    answers=(Answer(media_type="text/html", description="A page for people."),),
    raises=(NOT_FOUND,),
    documented=False,
)

STATUS: Final = Operation(
    name="payer_page_status",
    method="GET",
    path="/pay/{token}/status/",
    handle=status,
    summary="How the payer's page stands",
    description="What the page polls. It says nothing about a person. A page is dead 24 hours after its end.",
    tag="Paying",
    who=Who.ANYONE,
    path_shapes={"token": str},
    answers=(Answer(shape=PageStatus, description="How it stands."),),
    raises=(NOT_FOUND, errors.StorageUnavailable, errors.StorageBusy, errors.StaleVersion),
)
