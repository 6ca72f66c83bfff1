"""``/console/reviews/``: the questions that wait for a person, newest first."""

from typing import Annotated, Final

import attrs
from msgspec import Meta
from starlette.responses import Response

from payments.entrypoints.console.desk import Desk, Here
from payments.entrypoints.http import cursors, reading

_A_PAGE: Final = 25


@attrs.frozen(kw_only=True)
class Wanted:
    """Which page."""

    cursor: Annotated[str, Meta(pattern=cursors.PATTERN)] | None = None


async def show(desk: Desk, here: Here) -> Response:
    """Show one page of open reviews."""
    wanted = reading.query(here.request, Wanted)
    beyond = cursors.read(wanted.cursor) if wanted.cursor else None
    page = await desk.payments.reviews(limit=_A_PAGE, beyond=beyond)
    return desk.page(
        here.request,
        "reviews.html",
        reviews=page.items,
        newest=beyond is not None,
        older=cursors.written(page.beyond) if page.beyond else None,
    )
