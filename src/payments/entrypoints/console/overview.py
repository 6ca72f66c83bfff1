"""``/console/``: what waits, what is switched on, and the newest payments."""

from typing import Final

from starlette.responses import Response

from payments.entrypoints.console.desk import Desk, Here

_NEWEST: Final = 5


async def show(desk: Desk, here: Here) -> Response:
    """Show how much work waits for the service, and how much for people."""
    providers = desk.payments.providers.by_name
    return desk.page(
        here.request,
        "overview.html",
        backlog=await desk.payments.backlog(),
        newest=(await desk.payments.find(limit=_NEWEST)).items,
        providers=[providers[name] for name in sorted(providers)],
        caller=here.caller,
    )
