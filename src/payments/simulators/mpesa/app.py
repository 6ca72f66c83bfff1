"""The simulated Daraja as a Starlette application."""

import json
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
from payments.simulators.control_surface import shared_control_routes
from payments.simulators.mpesa import (
    api_c2b,
    api_oauth,
    api_push,
    api_query,
    api_requests,
    control,
    gateway_faults,
    outcomes,
    phone,
    requests,
    validation,
)
from payments.simulators.mpesa.api_answers import error
from payments.simulators.mpesa.call_log import redacted
from payments.simulators.mpesa.config import MpesaSimulatorConfig
from payments.simulators.mpesa.simulation import Simulation, simulation_of
from payments.simulators.pages import styles_of

Handler = Callable[[Simulation, Request], Awaitable[Response]]


def create_mpesa_simulator(config: MpesaSimulatorConfig) -> Starlette:
    """Return the simulator.

    Serve it, or mount it and hold it open with `payments.simulators.lifespans.running`.
    """
    simulation = simulation_of(config)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        actions = {
            "answer": partial(outcomes.answer_by_itself, simulation),
            "close": partial(outcomes.close, simulation),
            "no_answer": partial(outcomes.no_answer, simulation),
            "end": partial(outcomes.end_answered, simulation),
            "late_success": partial(outcomes.succeed_late, simulation),
            "finish": partial(requests.finish, simulation),
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
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _not_a_route})


def _api_routes(simulation: Simulation) -> list[BaseRoute]:
    table: tuple[tuple[str, str, Handler], ...] = (
        ("/oauth/v1/generate", "oauth", api_oauth.generate),
        ("/mpesa/stkpush/v1/processrequest", "push", api_push.push),
        ("/mpesa/stkpushquery/v1/query", "query", api_query.query),
        ("/mpesa/reversal/v1/request", "reversal", api_requests.reversal),
        ("/mpesa/transactionstatus/v1/query", "status", api_requests.status),
        ("/mpesa/c2b/v1/registerurl", "c2b_register", api_c2b.register),
        ("/mpesa/c2b/v2/registerurl", "c2b_register", api_c2b.register),
        ("/mpesa/c2b/v1/simulate", "c2b_simulate", api_c2b.simulate),
        ("/mpesa/c2b/v2/simulate", "c2b_simulate", api_c2b.simulate),
    )
    return [Route(path, _endpoint(simulation, name, handler)) for path, name, handler in table]


def _endpoint(simulation: Simulation, name: str, handler: Handler) -> Endpoint:
    return Endpoint(
        name=name,
        subject_field="phone",
        subject=partial(_phone, simulation),
        answer=partial(_answer, simulation, handler),
        take_fault=simulation.switchboard.take_fault,
        delay_s=lambda number: simulation.switches(number).answer_delay_s,
        refusal=gateway_faults.refusal,
        stamp=lambda _response: None,
        calls=simulation.calls,
        not_carried_out=gateway_faults.REFUSED,
        replaced=gateway_faults.REPLACED,
        redact=redacted,
    )


async def _answer(simulation: Simulation, handler: Handler, request: Request) -> Response:
    """Answer, with the ids of errors left out where a switch says that they are null (2.3)."""
    response = await handler(simulation, request)
    if simulation.switches(None).error_ids == "null" and response.status_code >= HTTPStatus.BAD_REQUEST:
        try:
            body = json.loads(bytes(response.body))
        except ValueError:
            return response
        if "requestId" in body:
            return JSONResponse({**body, "requestId": None}, status_code=response.status_code)
    return response


async def _phone(simulation: Simulation, request: Request) -> str | None:
    """Return the number of the payer a call concerns: named in it, or that of its prompt or receipt."""
    try:
        fields = await validation.fields_of(request)
    except validation.MalformedError:
        return None
    for name in ("PhoneNumber", "Msisdn"):
        if (number := validation.text_of(fields.get(name))) is not None:
            return number
    prompt = simulation.ledger.prompt(str(fields.get("CheckoutRequestID")))
    if prompt is not None:
        return prompt.phone
    return requests.phone_of(simulation, str(fields.get("TransactionID")))


def _control_routes(simulation: Simulation) -> list[BaseRoute]:
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/prompts", control.list_prompts),
        ("GET", "/prompts/{id}", control.show_prompt),
        ("POST", "/prompts/{id}/result", control.end_prompt),
        ("POST", "/prompts/{id}/{action}", control.act),
        ("GET", "/payments", control.list_payments),
        ("POST", "/payments/{receipt}/reverse", control.reverse_payment),
        ("GET", "/reversals", control.list_reversals),
        ("GET", "/statuses", control.list_statuses),
        ("POST", "/reversals/{id}/{action}", control.end_reversal),
        ("POST", "/statuses/{id}/{action}", control.end_reversal),
        ("GET", "/phones/{phone}/messages", control.text_messages),
        ("POST", "/tokens/revoke", control.revoke_tokens),
        ("POST", "/initiator/unlock", control.unlock_initiator),
        ("GET", "/certificate", control.certificate),
        ("POST", "/reset", control.reset),
    )
    own = [Route(path, partial(handler, simulation), methods=[method]) for method, path, handler in table]
    # The first that fits is taken, and so our reset is.
    return [*own, *shared_control_routes(simulation, deliveries="callbacks")]


def _page_routes(simulation: Simulation) -> list[BaseRoute]:
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/", phone.overview),
        ("GET", "/phone/", phone.phones),
        ("GET", "/phone/{phone}/", phone.show),
        ("POST", "/phone/{phone}/answer", phone.answer),
        ("POST", "/phone/{phone}/settings", phone.set_up),
    )
    return [Route(path, partial(handler, simulation), methods=[method]) for method, path, handler in table]


async def _not_a_route(_request: Request, problem: Exception) -> JSONResponse:
    """Answer an unknown path or method in Daraja's error body."""
    status = problem.status_code if isinstance(problem, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return error(status, "405.001", "Method Not Allowed")
    return error(status, "404.001.01", "Resource not found")
