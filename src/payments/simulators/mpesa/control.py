"""The control surface under `/_sim/`; the package's docstring lists it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from payments.simulators.calls import control_body
from payments.simulators.control_surface import problem
from payments.simulators.mpesa import outcomes, payer_texts, requests, result_codes
from payments.simulators.mpesa.credentials import certificate_of
from payments.simulators.mpesa.prompts import Prompt, Request
from payments.simulators.mpesa.simulation import Simulation

Action = Callable[[Simulation, Prompt], object]


def _matching(rows: list[dict[str, Any]], request: HttpRequest) -> list[dict[str, Any]]:
    wanted = request.query_params.items()
    return [row for row in rows if all(str(row.get(name)) == value for name, value in wanted)]


def _prompt_view(simulation: Simulation, prompt: Prompt) -> dict[str, Any]:
    text = None if prompt.code is None else result_codes.on_callback(prompt.code)
    return {
        **attrs.asdict(prompt),
        "result": text,
        "text": payer_texts.prompt_text(simulation, prompt),
        "phone_url": simulation.phone_url(prompt.phone),
    }


async def list_prompts(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    views = [_prompt_view(simulation, prompt) for prompt in simulation.ledger.prompts()]
    found = _matching(views, request)
    return JSONResponse({"count": len(found), "prompts": found})


async def show_prompt(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    prompt = simulation.ledger.prompt(request.path_params["id"])
    if prompt is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown CheckoutRequestID")
    return JSONResponse(_prompt_view(simulation, prompt))


async def act(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    """Carry out what a payer does with a prompt; 409 says that it cannot be done any more."""
    prompt = simulation.ledger.prompt(request.path_params["id"])
    word = request.path_params["action"]
    action = _ACTIONS.get(word)
    if prompt is None or action is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown CheckoutRequestID or action")
    if word == "late_success":
        if prompt.code == result_codes.PAID:
            return problem(HTTPStatus.CONFLICT, "already paid")
    elif prompt.state != "live":
        return problem(HTTPStatus.CONFLICT, f"the prompt is {prompt.state}")
    action(simulation, prompt)
    return await show_prompt(simulation, request)


def _answering(word: str) -> Action:
    return lambda simulation, prompt: outcomes.answer(simulation, prompt, result_codes.ANSWERS[word])


_ACTIONS: dict[str, Action] = {
    **{word: _answering(word) for word in result_codes.ANSWERS},
    "ignore": outcomes.ignore,
    "late_success": outcomes.fail_then_succeed,
}


async def end_prompt(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    """Give a live prompt any result code at once."""
    try:
        code = (await control_body(request)).get("code")
    except ValueError as error:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    prompt = simulation.ledger.prompt(request.path_params["id"])
    if prompt is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown CheckoutRequestID")
    if not isinstance(code, str) or not code:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "code must be a result code as a text")
    if prompt.state == "ended":
        return problem(HTTPStatus.CONFLICT, "the prompt is ended")
    outcomes.end(simulation, prompt, code)
    return await show_prompt(simulation, request)


async def list_payments(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    found = _matching([attrs.asdict(payment) for payment in simulation.ledger.payments()], request)
    return JSONResponse({"count": len(found), "payments": found})


async def reverse_payment(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    """Reverse a payment in the portal: no message is sent to the shop."""
    payment = simulation.ledger.payment(request.path_params["receipt"])
    if payment is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown receipt")
    if payment.reversed_amount >= payment.amount:
        return problem(HTTPStatus.CONFLICT, "already reversed")
    return JSONResponse({"reversal_receipt": requests.reverse_by_hand(simulation, payment)})


async def list_reversals(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    found = _matching(_requests(simulation, "reversal"), request)
    return JSONResponse({"count": len(found), "reversals": found})


async def list_statuses(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    found = _matching(_requests(simulation, "status"), request)
    return JSONResponse({"count": len(found), "statuses": found})


def _requests(simulation: Simulation, kind: str) -> list[dict[str, Any]]:
    return [attrs.asdict(one) for one in simulation.ledger.requests(kind)]


async def end_reversal(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    """Settle a pending request by its `ConversationID`, fail it with a code, or let it time out."""
    try:
        code = (await control_body(request)).get("code", "11")
    except ValueError as error:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    pending = simulation.ledger.request(request.path_params["id"])
    action = request.path_params["action"]
    if pending is None or action not in {"settle", "fail", "time_out"}:
        return problem(HTTPStatus.NOT_FOUND, "unknown ConversationID or action")
    if pending.state != "pending":
        return problem(HTTPStatus.CONFLICT, f"the request is {pending.state}")
    _end(simulation, pending, action, str(code))
    ended = simulation.ledger.request(pending.conversation_id) or pending
    return JSONResponse(attrs.asdict(ended))


def _end(simulation: Simulation, pending: Request, action: str, code: str) -> None:
    if action == "settle":
        requests.finish(simulation, pending.conversation_id)
    elif action == "fail":
        requests.end(simulation, pending, code)
    else:
        requests.time_out(simulation, pending)


async def text_messages(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    messages = simulation.ledger.text_messages(request.path_params["phone"])
    return JSONResponse({"count": len(messages), "messages": messages})


async def revoke_tokens(simulation: Simulation, _request: HttpRequest) -> JSONResponse:
    simulation.tokens.revoke()
    return JSONResponse({"revoked": True})


async def unlock_initiator(simulation: Simulation, _request: HttpRequest) -> JSONResponse:
    simulation.initiator.forgive()
    return JSONResponse({"unlocked": True})


async def certificate(simulation: Simulation, _request: HttpRequest) -> Response:
    pem = certificate_of(simulation.initiator.key_pem())
    return Response(pem, media_type="application/x-pem-file")


async def reset(simulation: Simulation, _request: HttpRequest) -> JSONResponse:
    """Forget everything but the key: a certificate downloaded before stays good."""
    simulation.deliveries.forget()
    simulation.timers.forget()
    key = simulation.initiator.keep_key()
    simulation.documents.clear()
    if key is not None:
        simulation.initiator.put_key(key)
    simulation.query_limit.forget()
    return JSONResponse({"reset": True})
