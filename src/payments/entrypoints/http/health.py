"""``/livez``, ``/readyz`` and ``/metrics``: for whoever runs the service."""

import asyncio
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from payments.domain.errors import StorageError, StorageUnavailable
from payments.entrypoints.http.answering import json_answer
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.problems import DRAINING, Refused
from payments.entrypoints.http.schemas import Health

_PATIENCE_S: Final = 2.0
_NEXT_PROCESS_S: Final = "5"
"""After so long another process answers here, or this one after its restart."""


async def live(_desk: Desk, _call: Call) -> Response:
    """Answer that the process runs."""
    return json_answer(Health(status="alive"))


async def ready(desk: Desk, call: Call) -> Response:
    """Answer whether requests should be sent here: the database answers and we are not shutting down."""
    if call.request.app.state.draining:
        raise Refused(DRAINING, Retry_After=_NEXT_PROCESS_S)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await desk.payments.backlog()
    except TimeoutError as error:
        raise StorageUnavailable from error
    return json_answer(Health(status="ready"))


async def metrics(desk: Desk, _call: Call) -> Response:
    """Answer with everything that was measured; a silent database is one of the measures."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            desk.measures.backlog(await desk.payments.backlog())
    except (StorageError, TimeoutError):
        desk.measures.backlog(None)
    return Response(desk.measures.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


LIVE: Final = Operation(
    name="live",
    method="GET",
    path="/livez",
    handle=live,
    summary="Whether the process runs",
    tag="Operations",
    who=Who.ANYONE,
    answers=(Answer(shape=Health, description="It runs."),),
)

READY: Final = Operation(
    name="ready",
    method="GET",
    path="/readyz",
    handle=ready,
    summary="Whether requests should be sent here",
    tag="Operations",
    who=Who.ANYONE,
    answers=(Answer(shape=Health, description="The database answers."),),
    raises=(DRAINING,),
)

METRICS: Final = Operation(
    name="metrics",
    method="GET",
    path="/metrics",
    handle=metrics,
    summary="Measures in Prometheus' text format",
    tag="Operations",
    who=Who.ANYONE,
    answers=(Answer(media_type="text/plain", description="Requests by route, and what waits."),),
)
