"""``/console/payments/``: the payments of all payers, newest first; searched by name, filtered by status."""

from typing import Annotated, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

import attrs
from msgspec import Meta
from starlette.responses import Response

from payments.domain.transitions import PaymentStatus
from payments.entrypoints.console.desk import Desk, Here
from payments.entrypoints.console.wording import PAYMENT_LABELS
from payments.entrypoints.http import reading

_A_PAGE: Final = 25


@attrs.frozen(kw_only=True)
class Wanted:
    """What is looked for. Forms send empty fields, too."""

    q: Annotated[str, Meta(max_length=200)] = ""
    status: Literal["", "pending", "processing", "success", "failed"] = ""
    before: UUID | None = None
    """The last payment of the page before."""


async def show(desk: Desk, here: Here) -> Response:
    """Show one page of what was found."""
    wanted = reading.query(here.request, Wanted)
    name = wanted.q.strip()
    found = await desk.payments.find(
        name or None,
        status=PaymentStatus(wanted.status) if wanted.status else None,
        limit=_A_PAGE,
        beyond=wanted.before,
    )
    return desk.page(
        here.request,
        "payments.html",
        found=found.items,
        sought=name,
        chosen=wanted.status,
        filters=[("", "All", _query(q=name))]
        + [(s.value, label, _query(q=name, status=s.value)) for s, label in PAYMENT_LABELS.items()],
        newest=_query(q=name, status=wanted.status) if wanted.before else None,
        older=_query(q=name, status=wanted.status, before=str(found.beyond)) if found.beyond else None,
    )


def _query(**fields: str) -> str:
    """The query of a link, without its empty fields."""
    return "?" + urlencode({name: value for name, value in fields.items() if value})
