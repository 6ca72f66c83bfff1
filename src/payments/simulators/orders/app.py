"""The simulated orders service as a Starlette application."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from payments.simulators.calls import Calls, Endpoint
from payments.simulators.documents import Documents
from payments.simulators.orders import api, control
from payments.simulators.orders.api import OrdersService
from payments.simulators.orders.config import OrdersSimulatorConfig, OrdersSwitches
from payments.simulators.orders.records import Records
from payments.simulators.pages import styles_of
from payments.simulators.switchboard import Switchboard

Handler = Callable[[OrdersService, Request], Awaitable[Response]]


def create_orders_simulator(config: OrdersSimulatorConfig) -> Starlette:
    """Return the simulator.

    Serve it, or mount it and hold it open with `payments.simulators.lifespans.running`.
    """
    documents = Documents(config.state_path)
    service = OrdersService(
        config=config,
        documents=documents,
        switchboard=Switchboard(documents, OrdersSwitches()),
        records=Records(documents),
        calls=Calls(documents),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        with documents.open():
            if config.seeded:
                service.records.seed()
            yield

    endpoint = _ByMethod(
        _endpoint(service, "get", api.get_order), _endpoint(service, "patch", api.patch_order)
    )
    routes: list[BaseRoute] = [
        Route("/orders/{order_id}", endpoint, methods=["GET", "PATCH"]),
        Route("/orders/{order_id}/", endpoint, methods=["GET", "PATCH"]),
        Mount("/_sim", routes=_control_routes(service)),
        Route("/", partial(control.overview, service)),
        styles_of(Path(__file__).parent),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


class _ByMethod:
    """One path, two endpoints."""

    def __init__(self, get: Endpoint, patch: Endpoint) -> None:
        self._get, self._patch = get, patch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = self._patch if scope["method"] == "PATCH" else self._get
        await chosen(scope, receive, send)


def _endpoint(service: OrdersService, name: str, handler: Handler) -> Endpoint:
    return Endpoint(
        name=name,
        subject_field="order_id",
        subject=_order_id,
        answer=partial(handler, service),
        take_fault=partial(_take_fault, service),
        delay_s=lambda order_id: service.switchboard.current(order_id).answer_delay_s,
        refusal=api.refusal,
        stamp=_as_it_is,
        calls=service.calls,
    )


def _as_it_is(_response: Response) -> None:
    """Add nothing: an orders service has no gateway in front."""


async def _order_id(request: Request) -> str | None:
    return str(request.path_params["order_id"])


def _take_fault(service: OrdersService, order_id: str | None, endpoint: str) -> str:
    if service.switchboard.current(order_id).down:
        return "unavailable"
    return service.switchboard.take_fault(order_id, endpoint)


def _control_routes(service: OrdersService) -> list[BaseRoute]:
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/switches", control.read_switches),
        ("PUT", "/switches", control.set_switches),
        ("GET", "/calls", control.list_calls),
        ("GET", "/orders", control.list_orders),
        ("GET", "/orders/{order_id}", control.show_order),
        ("PUT", "/orders/{order_id}", control.put_order),
        ("POST", "/orders/{order_id}/cancel", control.cancel_order),
        ("GET", "/messages", control.list_messages),
        ("POST", "/reset", control.reset),
    )
    return [Route(path, partial(handler, service), methods=[method]) for method, path, handler in table]
