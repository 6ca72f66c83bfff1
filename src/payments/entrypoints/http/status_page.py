"""``/payments/return/``: our own page for payers who come back, when the shop has none."""

from typing import Final

from starlette.responses import Response

from payments.domain.transitions import PaymentStatus
from payments.entrypoints.http.answering import page
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.return_pages import STATUS_PAGE

_SHOWN: Final = {PaymentStatus.SUCCESS.value: "paid", PaymentStatus.FAILED.value: "unpaid"}


async def show(desk: Desk, call: Call) -> Response:
    """Show paid, not paid yet, or confirming: whatever else the address says is confirming, too."""
    told = call.request.query_params.getlist("status")
    face = _SHOWN.get(told[0], "confirming") if len(told) == 1 else "confirming"
    template = desk.pages.get_template("return.html")
    return page(template.render(face=face, root=call.request.scope.get("root_path", "")))


STATUS: Final = Operation(
    name="return_page",
    method="GET",
    path=STATUS_PAGE,
    handle=show,
    summary="Where payers land when the shop has no page of its own",
    tag="Providers",
    who=Who.ANYONE,
    answers=(Answer(media_type="text/html", description="A page for people."),),
    documented=False,
)
