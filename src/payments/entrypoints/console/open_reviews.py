"""``/console/reviews/``: the questions for people, newest first: those that wait, or those answered."""

from typing import Annotated, Final
from urllib.parse import urlencode

import attrs
from msgspec import Meta
from starlette.responses import Response

from payments.domain.review import ReviewState
from payments.entrypoints.console.desk import Desk, Here
from payments.entrypoints.http import cursors, reading

_A_PAGE: Final = 25


@attrs.frozen(kw_only=True)
class Wanted:
    """Which reviews, and which page of them."""

    state: ReviewState = ReviewState.OPEN
    cursor: Annotated[str, Meta(pattern=cursors.PATTERN)] | None = None


async def show(desk: Desk, here: Here) -> Response:
    """Show one page of reviews in one state."""
    wanted = reading.query(here.request, Wanted)
    beyond = cursors.read(wanted.cursor) if wanted.cursor else None
    page = await desk.payments.reviews(_A_PAGE, state=wanted.state, beyond=beyond)
    state = {} if wanted.state is ReviewState.OPEN else {"state": wanted.state.value}
    return desk.page(
        here.request,
        "reviews.html",
        reviews=page.items,
        state=wanted.state.value,
        newest=_query(**state) if beyond is not None else None,
        older=_query(**state, cursor=cursors.written(page.beyond)) if page.beyond else None,
    )


def _query(**fields: str) -> str:
    return f"?{urlencode(fields)}"
