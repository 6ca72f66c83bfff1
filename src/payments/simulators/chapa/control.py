"""What `/_sim/` does to transactions and refunds; the package's docstring lists it all."""

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.calls import control_body
from payments.simulators.chapa import outcomes
from payments.simulators.chapa.announcements import announce_success
from payments.simulators.chapa.simulation import Simulation
from payments.simulators.chapa.transactions import Refund, Transaction
from payments.simulators.chapa.validation import amount_of
from payments.simulators.control_surface import problem


def _view(simulation: Simulation, transaction: Transaction, refunds: Sequence[Refund]) -> dict[str, Any]:
    return {
        **attrs.asdict(transaction),
        "link": transaction.link(time.time()),
        "checkout_url": simulation.checkout_url(transaction),
        "refunds": [attrs.asdict(refund) for refund in refunds],
    }


async def list_transactions(simulation: Simulation, _request: Request) -> JSONResponse:
    refunds: dict[str, list[Refund]] = {}
    for refund in simulation.ledger.refunds():
        refunds.setdefault(refund.tx_ref, []).append(refund)
    views = [_view(simulation, one, refunds.get(one.tx_ref, ())) for one in simulation.ledger.all()]
    return JSONResponse({"count": len(views), "transactions": views})


async def show_transaction(simulation: Simulation, request: Request) -> JSONResponse:
    transaction = simulation.ledger.by_tx_ref(request.path_params["tx_ref"])
    if transaction is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown tx_ref")
    return JSONResponse(_view(simulation, transaction, simulation.ledger.refunds(transaction.tx_ref)))


Act = Callable[[Simulation, Transaction, dict[str, Any]], str | None]


async def act(simulation: Simulation, request: Request) -> JSONResponse:
    """Carry out one of the actions on a transaction; 409 tells why it cannot be."""
    try:
        body = await control_body(request)
        transaction = simulation.ledger.by_tx_ref(request.path_params["tx_ref"])
        action = _ACTIONS.get(request.path_params["action"])
        if transaction is None or action is None:
            return problem(HTTPStatus.NOT_FOUND, "unknown tx_ref or action")
        refused = action(simulation, transaction, body)
    except ValueError as error:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    if refused is not None:
        return problem(HTTPStatus.CONFLICT, refused)
    return await show_transaction(simulation, request)


def _pay(simulation: Simulation, transaction: Transaction, body: dict[str, Any]) -> str | None:
    if transaction.paid:
        return "already paid"
    method = str(body.get("method") or "telebirr")
    paid = outcomes.succeed(simulation, transaction, method, str(body.get("phone_number") or "0900123456"))
    announce_success(simulation, paid)
    return None


def _fail(simulation: Simulation, transaction: Transaction, body: dict[str, Any]) -> str | None:
    if transaction.paid:
        return "already paid"
    outcomes.fail(
        simulation, transaction, body.get("method"), str(body.get("reason") or "The payment was declined")
    )
    return None


def _abandon(simulation: Simulation, transaction: Transaction, _body: dict[str, Any]) -> str | None:
    outcomes.abandon(simulation, transaction)
    return None


def _refund(simulation: Simulation, transaction: Transaction, body: dict[str, Any]) -> str | None:
    left = outcomes.left_to_refund(simulation, transaction)
    amount = left if body.get("amount") is None else amount_of(body["amount"])
    if amount is None:
        raise ValueError("amount must be a number")
    if not transaction.paid or not Decimal(0) < amount <= left:
        return "nothing, or less than that, is left to refund"
    started = outcomes.start_refund(simulation, transaction, amount, "dashboard", None)
    outcomes.end_refund(simulation, started, "refunded")
    return None


def _reverse(simulation: Simulation, transaction: Transaction, _body: dict[str, Any]) -> str | None:
    if not transaction.paid:
        return "not paid"
    outcomes.reverse(simulation, transaction)
    return None


_ACTIONS: dict[str, Act] = {
    "pay": _pay,
    "fail": _fail,
    "abandon": _abandon,
    "refund": _refund,
    "reverse": _reverse,
}


async def list_refunds(simulation: Simulation, _request: Request) -> JSONResponse:
    refunds = [attrs.asdict(refund) for refund in simulation.ledger.refunds()]
    return JSONResponse({"count": len(refunds), "refunds": refunds})


async def end_refund(simulation: Simulation, request: Request) -> JSONResponse:
    refund = simulation.ledger.refund(request.path_params["ref"])
    status = {"settle": "refunded", "reverse": "reversed"}.get(request.path_params["action"])
    if refund is None or status is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown refund or action")
    return JSONResponse(attrs.asdict(outcomes.end_refund(simulation, refund, status)))
