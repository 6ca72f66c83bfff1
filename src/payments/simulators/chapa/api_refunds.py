"""Refund and refund verify (fact sheet, section 7)."""

import json
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.chapa import formats, outcomes
from payments.simulators.chapa.api_answers import envelope, identify
from payments.simulators.chapa.simulation import Simulation
from payments.simulators.chapa.transactions import Refund, Transaction
from payments.simulators.chapa.validation import amount_of
from payments.simulators.request_bodies import WrongContentTypeError, read_fields

_LIVE_ONLY = "Refunds can only be processed in live mode"
_TOO_MUCH = "Refund amount cannot exceed the full transaction amount or be less than 0"


async def refund(simulation: Simulation, request: Request) -> JSONResponse:
    """Refund a payment named by Chapa's reference or by ours, wholly or in part; form or JSON."""
    caller = identify(simulation.config, request)
    if isinstance(caller, JSONResponse):
        return caller
    name = request.path_params["ref"]
    transaction = simulation.ledger.by_tx_ref(name) or simulation.ledger.by_name(name)
    tx_ref = None if transaction is None else transaction.tx_ref
    switches = simulation.switchboard.current(tx_ref)
    if caller.mode == "test" and switches.refunds == "live_only":
        return envelope(HTTPStatus.BAD_REQUEST, _LIVE_ONLY)
    if transaction is None or transaction.mode != caller.mode or name == transaction.token:
        return envelope(HTTPStatus.NOT_FOUND, "Transaction not found")
    try:
        fields = await read_fields(request)
    except WrongContentTypeError:
        fields = {}
    amount = _amount(simulation, transaction, fields)
    if isinstance(amount, JSONResponse):
        return amount
    started = outcomes.start_refund(
        simulation, transaction, amount, _text(fields.get("reason")), _text(fields.get("reference"))
    )
    message = "Refund initiated successfully. Processing time: 1-3 business days"
    return envelope(HTTPStatus.OK, message, "success", _started(started, transaction, switches.refund_shape))


def _amount(
    simulation: Simulation, transaction: Transaction, fields: dict[str, Any]
) -> Decimal | JSONResponse:
    if not transaction.paid:
        return envelope(HTTPStatus.BAD_REQUEST, "Payment not paid yet")
    reference = _text(fields.get("reference"))
    if reference is not None and any(other.reference == reference for other in simulation.ledger.refunds()):
        return envelope(HTTPStatus.BAD_REQUEST, "Refund reference has been used before")
    left = outcomes.left_to_refund(simulation, transaction)
    asked = left if fields.get("amount") is None else amount_of(fields["amount"])
    if asked is None or not 0 < asked <= left or transaction.status == "reversed":
        return envelope(HTTPStatus.BAD_REQUEST, _TOO_MUCH)
    return asked


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _started(refund: Refund, transaction: Transaction, shape: str) -> dict[str, Any]:
    return {
        "id": int(refund.created_at * 1000),
        "chapa_reference": transaction.reference,
        "bank_reference": None,
        "amount": refund.amount,
        shape: refund.ref,
        "currency": refund.currency,
        "status": "Refund Initiated",
        "reason": refund.reason,
        "merchant_reference": refund.reference,
        "created_at": formats.timestamp(refund.created_at),
        "updated_at": formats.timestamp(refund.updated_at),
    }


async def refund_verify(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with the state of a refund by the reference we were given for it."""
    caller = identify(simulation.config, request)
    if isinstance(caller, JSONResponse):
        return caller
    found = simulation.ledger.refund(request.path_params["ref"])
    transaction = None if found is None else simulation.ledger.by_tx_ref(found.tx_ref)
    if found is None or transaction is None or transaction.mode != caller.mode:
        return envelope(HTTPStatus.NOT_FOUND, "Refund not found")
    data = {
        "amount": formats.number(found.amount),
        "currency": found.currency,
        "ref_id": found.ref,
        "payment_reference": transaction.reference,
        "status": found.status,
    }
    return envelope(HTTPStatus.OK, "Refund verified successfully", "success", data)
