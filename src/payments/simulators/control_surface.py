"""The part of `/_sim/` that every simulated provider has: switches, calls, webhooks, reset."""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from payments.simulators.calls import Calls, control_body
from payments.simulators.deliveries import Deliveries, Delivery
from payments.simulators.documents import Documents
from payments.simulators.switchboard import Switchboard, SwitchError
from payments.simulators.timers import Timers


class Controllable(Protocol):
    """What a simulation must have; `subject_field` is the provider's word for our reference."""

    @property
    def subject_field(self) -> str: ...
    @property
    def documents(self) -> Documents: ...
    @property
    def switchboard(self) -> Switchboard[Any]: ...
    @property
    def calls(self) -> Calls: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def timers(self) -> Timers: ...


Handler = Callable[[Controllable, Request], Awaitable[JSONResponse]]


def shared_control_routes(simulation: Controllable, *, deliveries: str = "webhooks") -> list[Route]:
    """Return the routes of the surface that do not depend on what the provider sells.

    `deliveries` is the provider's word for what it sends.
    """
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/switches", _read_switches),
        ("PUT", "/switches", _set_switches),
        ("GET", "/calls", _list_calls),
        ("GET", f"/{deliveries}", partial(_list_deliveries, deliveries)),
        ("POST", f"/{deliveries}/{{id}}/redeliver", _redeliver),
        ("POST", "/reset", _reset),
    )
    return [Route(path, partial(handler, simulation), methods=[method]) for method, path, handler in table]


def problem(status: int, detail: str) -> JSONResponse:
    """Return how the surface says no."""
    return JSONResponse({"error": detail}, status_code=status)


async def _read_switches(simulation: Controllable, _request: Request) -> JSONResponse:
    return JSONResponse(simulation.switchboard.overview())


async def _set_switches(simulation: Controllable, request: Request) -> JSONResponse:
    try:
        changes = await control_body(request)
        simulation.switchboard.change(changes, request.query_params.get(simulation.subject_field))
    except (SwitchError, ValueError) as error:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    return JSONResponse(simulation.switchboard.overview())


async def _list_calls(simulation: Controllable, request: Request) -> JSONResponse:
    return JSONResponse(simulation.calls.overview(dict(request.query_params)))


async def _list_deliveries(word: str, simulation: Controllable, request: Request) -> JSONResponse:
    sent = [_view(simulation, delivery) for delivery in simulation.deliveries.all()]
    found = [
        delivery
        for delivery in sent
        if all(str(delivery.get(name)) == value for name, value in request.query_params.items())
    ]
    pending = sum(delivery["state"] == "pending" for delivery in found)
    return JSONResponse({"count": len(found), "pending": pending, word: found})


async def _redeliver(simulation: Controllable, request: Request) -> JSONResponse:
    delivery = simulation.deliveries.get(request.path_params["id"])
    if delivery is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown delivery")
    return JSONResponse(_view(simulation, await simulation.deliveries.send_now(delivery)))


async def _reset(simulation: Controllable, _request: Request) -> JSONResponse:
    simulation.deliveries.forget()
    simulation.timers.forget()
    simulation.documents.clear()
    return JSONResponse({"reset": True})


def _view(simulation: Controllable, delivery: Delivery) -> dict[str, Any]:
    view = attrs.asdict(delivery)
    return {**view, simulation.subject_field: view.pop("subject")}
