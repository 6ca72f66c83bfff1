"""The simulated Chapa as a Starlette application."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from payments.simulators.calls import Endpoint
from payments.simulators.chapa import (
    api_checkout,
    api_lists,
    api_refunds,
    checkout,
    control,
    outcomes,
)
from payments.simulators.chapa.announcements import announce_success
from payments.simulators.chapa.api_answers import Gateway, envelope, refusal
from payments.simulators.chapa.config import ChapaSimulatorConfig
from payments.simulators.chapa.simulation import Simulation, simulation_of
from payments.simulators.control_surface import shared_control_routes
from payments.simulators.pages import styles_of
from payments.simulators.request_bodies import WrongContentTypeError, read_fields

Handler = Callable[[Simulation, Request], Awaitable[Response]]


def create_chapa_simulator(config: ChapaSimulatorConfig) -> Starlette:
    """Return the simulator.

    Serve it, or mount it and hold it open with `payments.simulators.lifespans.running`.
    """
    simulation = simulation_of(config)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        actions = {
            "late_success": partial(_late_success, simulation),
            "settle_refund": partial(_settle_refund, simulation),
        }
        with simulation.documents.open():
            async with simulation.deliveries.running(), simulation.timers.running(actions):
                yield

    routes: list[BaseRoute] = [
        Mount("/v1", routes=_api_routes(simulation)),
        Mount("/_sim", routes=_control_routes(simulation)),
        *_page_routes(simulation),
        styles_of(Path(__file__).parent),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _not_a_route})


def _api_routes(simulation: Simulation) -> list[BaseRoute]:
    table: tuple[tuple[str, str, str, Handler], ...] = (
        ("POST", "/transaction/initialize", "initialize", api_checkout.initialize),
        ("GET", "/transaction/verify/{tx_ref}", "verify", api_checkout.verify),
        ("PUT", "/transaction/cancel/{tx_ref}", "cancel", api_checkout.cancel),
        ("POST", "/refund/{ref}", "refund", api_refunds.refund),
        ("GET", "/refund/{ref}/verify", "refund_verify", api_refunds.refund_verify),
        ("GET", "/banks", "banks", api_lists.banks),
        ("GET", "/currency_supported", "currency_supported", api_lists.currency_supported),
        ("GET", "/transactions", "transactions", api_lists.transactions),
        ("GET", "/transaction/events/{ref}", "events", api_lists.events),
    )
    gateway = Gateway()
    return [
        Route(path, _endpoint(simulation, gateway, name, handler), methods=[method], name=name)
        for method, path, name, handler in table
    ]


def _endpoint(simulation: Simulation, gateway: Gateway, name: str, handler: Handler) -> Endpoint:
    return Endpoint(
        name=name,
        subject_field=simulation.subject_field,
        subject=_tx_ref,
        answer=partial(handler, simulation),
        take_fault=simulation.switchboard.take_fault,
        delay_s=lambda tx_ref: simulation.switchboard.current(tx_ref).answer_delay_s,
        refusal=refusal,
        stamp=gateway.stamp,
        calls=simulation.calls,
    )


async def _tx_ref(request: Request) -> str | None:
    """Return the reference a call concerns: in its path, or among its fields."""
    for name in ("tx_ref", "ref"):
        if name in request.path_params:
            return str(request.path_params[name])
    try:
        tx_ref = (await read_fields(request)).get("tx_ref")
    except WrongContentTypeError:
        return None
    return tx_ref if isinstance(tx_ref, str) else None


def _control_routes(simulation: Simulation) -> list[BaseRoute]:
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/transactions", control.list_transactions),
        ("GET", "/transactions/{tx_ref}", control.show_transaction),
        ("POST", "/transactions/{tx_ref}/{action}", control.act),
        ("GET", "/refunds", control.list_refunds),
        ("POST", "/refunds/{ref}/{action}", control.end_refund),
    )
    return [
        *(Route(path, partial(handler, simulation), methods=[method]) for method, path, handler in table),
        *shared_control_routes(simulation),
    ]


def _page_routes(simulation: Simulation) -> list[BaseRoute]:
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/", checkout.overview),
        ("GET", "/checkout/payment/{token}", checkout.show),
        ("POST", "/checkout/payment/{token}/pay", checkout.pay),
        ("POST", "/checkout/payment/{token}/fail", checkout.fail),
        ("POST", "/checkout/payment/{token}/leave", checkout.leave),
    )
    return [Route(path, partial(handler, simulation), methods=[method]) for method, path, handler in table]


def _late_success(simulation: Simulation, tx_ref: str) -> None:
    transaction = simulation.ledger.by_tx_ref(tx_ref)
    if transaction is not None and not transaction.paid:
        announce_success(simulation, outcomes.succeed(simulation, transaction, "telebirr", "0900123456"))


def _settle_refund(simulation: Simulation, ref: str) -> None:
    refund = simulation.ledger.refund(ref)
    if refund is not None and refund.status == "initiated":
        outcomes.end_refund(simulation, refund, "refunded")


async def _not_a_route(_request: Request, error: Exception) -> JSONResponse:
    """Answer an unknown path or method in Chapa's envelope."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    return envelope(status, HTTPStatus(status).phrase)
