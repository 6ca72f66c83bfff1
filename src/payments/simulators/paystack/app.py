"""The simulated Paystack as a Starlette application."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from payments.simulators.calls import Endpoint
from payments.simulators.control_surface import shared_control_routes
from payments.simulators.pages import styles_of
from payments.simulators.paystack import (
    api_charges,
    api_disputes,
    api_refunds,
    api_transactions,
    checkout,
    control,
    outcomes,
    refunds,
)
from payments.simulators.paystack.api_answers import RateLimit, fields_of, refusal
from payments.simulators.paystack.config import PaystackSimulatorConfig
from payments.simulators.paystack.paths import TidyPaths
from payments.simulators.paystack.simulation import Simulation, simulation_of

Handler = Callable[[Simulation, Request], Awaitable[Response]]


def create_paystack_simulator(config: PaystackSimulatorConfig) -> Starlette:
    """Return the simulator.

    Serve it, or mount it and hold it open with `payments.simulators.lifespans.running`.
    """
    simulation = simulation_of(config)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        actions = {
            "late_success": partial(outcomes.late_success, simulation),
            "advance_refund": partial(refunds.advance_refund, simulation),
        }
        with simulation.documents.open():
            async with simulation.deliveries.running(), simulation.timers.running(actions):
                yield

    routes: list[BaseRoute] = [
        *_api_routes(simulation),
        Mount("/_sim", routes=_control_routes(simulation)),
        *_page_routes(simulation),
        styles_of(Path(__file__).parent),
    ]
    return Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(TidyPaths)],
        exception_handlers={HTTPException: _not_a_route},
    )


def _api_routes(simulation: Simulation) -> list[BaseRoute]:
    table: tuple[tuple[str, str, str, Handler], ...] = (
        ("POST", "/transaction/initialize", "initialize", api_transactions.initialize),
        ("POST", "/transaction/charge_authorization", "charge_authorization", api_charges.authorized),
        ("GET", "/transaction/verify/{reference}", "verify", api_transactions.verify),
        ("GET", "/transaction/timeline/{name}", "timeline", api_transactions.timeline),
        ("GET", "/transaction/totals", "totals", api_transactions.totals),
        ("GET", "/transaction", "list", api_transactions.listing),
        ("GET", "/transaction/{id}", "fetch", api_transactions.fetch),
        ("POST", "/charge", "charge", api_charges.create),
        ("GET", "/charge/{reference}", "charge_check", api_charges.check),
        ("POST", "/charge/submit_{step}", "charge_step", api_charges.submit),
        ("POST", "/refund", "refund", api_refunds.create),
        ("GET", "/refund", "refunds", api_refunds.listing),
        ("GET", "/refund/{id}", "refund_fetch", api_refunds.fetch),
        ("POST", "/refund/retry_with_customer_details/{id}", "refund_retry", api_refunds.retry),
        ("GET", "/dispute", "disputes", api_disputes.listing),
        ("GET", "/dispute/transaction/{id}", "dispute_of", api_disputes.of_transaction),
        ("GET", "/dispute/{id}", "dispute", api_disputes.fetch),
        ("PUT", "/dispute/{id}", "dispute_update", api_disputes.update),
        ("POST", "/dispute/{id}/evidence", "dispute_evidence", api_disputes.add_evidence),
        ("GET", "/dispute/{id}/upload_url", "dispute_upload_url", api_disputes.upload_url),
        ("PUT", "/dispute/{id}/resolve", "dispute_resolve", api_disputes.resolve),
    )
    limit = RateLimit()
    return [
        Route(path, _endpoint(simulation, limit, name, handler), methods=[method], name=name)
        for method, path, name, handler in table
    ]


def _endpoint(simulation: Simulation, limit: RateLimit, name: str, handler: Handler) -> Endpoint:
    switchboard = simulation.switchboard

    def take_fault(reference: str | None, endpoint: str) -> str:
        over = limit.exceeded(switchboard.current(reference).calls_a_minute)
        return "rate_limited" if over else switchboard.take_fault(reference, endpoint)

    return Endpoint(
        name=name,
        subject_field=simulation.subject_field,
        subject=partial(_reference, simulation, name),
        answer=partial(handler, simulation),
        take_fault=take_fault,
        delay_s=lambda reference: switchboard.current(reference).answer_delay_s,
        refusal=refusal,
        stamp=lambda response: limit.stamp(switchboard.current().calls_a_minute, response),
        calls=simulation.calls,
    )


async def _reference(simulation: Simulation, name: str, request: Request) -> str | None:
    """Return the reference a call concerns: in its path, among its fields, or of the number it names."""
    path = request.path_params
    if "reference" in path:
        return str(path["reference"])
    if name.startswith("refund_") or name in {"dispute", "dispute_update", "dispute_resolve"}:
        ledger = simulation.ledger
        found = ledger.refund(path["id"]) if name.startswith("refund_") else ledger.dispute(path["id"])
        return None if found is None else _reference_of(simulation, found.transaction_id)
    fields = dict(request.query_params) if request.method == "GET" else await fields_of(request)
    reference = fields.get("reference")
    if isinstance(reference, str):
        return reference
    named = path.get("id") or path.get("name") or fields.get("transaction")
    return None if named is None else _reference_of(simulation, named)


def _reference_of(simulation: Simulation, named: object) -> str:
    transaction = simulation.ledger.by_id(str(named))
    return str(named) if transaction is None else transaction.reference


def _control_routes(simulation: Simulation) -> list[BaseRoute]:
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/transactions", control.list_transactions),
        ("GET", "/transactions/{reference}", control.show_transaction),
        ("POST", "/transactions/{reference}/{action}", control.act),
        ("GET", "/refunds", control.list_refunds),
        ("POST", "/refunds/{id}/{status}", control.move_refund),
        ("GET", "/disputes", control.list_disputes),
        ("POST", "/disputes/{id}/{action}", control.act_on_dispute),
    )
    return [
        *(Route(path, partial(handler, simulation), methods=[method]) for method, path, handler in table),
        *shared_control_routes(simulation),
    ]


def _page_routes(simulation: Simulation) -> list[BaseRoute]:
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/", checkout.overview),
        ("GET", "/checkout/{access_code}", checkout.show),
        ("POST", "/checkout/{access_code}/pay", checkout.pay),
        ("POST", "/checkout/{access_code}/decline", checkout.decline),
        ("POST", "/checkout/{access_code}/cancel", checkout.cancel),
        ("POST", "/checkout/{access_code}/leave", checkout.leave),
    )
    return [Route(path, partial(handler, simulation), methods=[method]) for method, path, handler in table]


async def _not_a_route(_request: Request, error: Exception) -> JSONResponse:
    """Answer an unknown path or method in Paystack's envelope."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    return JSONResponse({"status": False, "message": HTTPStatus(status).phrase}, status_code=status)
