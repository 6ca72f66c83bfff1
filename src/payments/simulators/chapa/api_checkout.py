"""Initialize, verify and cancel (fact sheet, sections 2, 4 and 5)."""

import time
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.chapa import formats
from payments.simulators.chapa.api_answers import envelope, identify
from payments.simulators.chapa.simulation import Simulation
from payments.simulators.chapa.switches import ChapaSwitches
from payments.simulators.chapa.transactions import Transaction
from payments.simulators.chapa.validation import CURRENCIES, amount_of, field_errors
from payments.simulators.request_bodies import WrongContentTypeError, read_fields

_WRONG_CONTENT_TYPE = (
    "Incorrect header settings Please check if content-type is present and set to application/json"
)


async def initialize(simulation: Simulation, request: Request) -> JSONResponse:
    """Create a transaction and answer with its checkout link, or with every complaint at once."""
    caller = identify(simulation.config, request)
    if isinstance(caller, JSONResponse):
        return caller
    try:
        fields = await read_fields(request)
    except WrongContentTypeError:
        return envelope(HTTPStatus.BAD_REQUEST, _WRONG_CONTENT_TYPE)
    tx_ref = fields.get("tx_ref")
    switches = simulation.switchboard.current(tx_ref if isinstance(tx_ref, str) else None)
    if (refused := _refused(simulation, switches, fields)) is not None:
        return refused
    transaction = _opened(simulation, fields, caller.mode)
    simulation.ledger.put(transaction)
    return envelope(HTTPStatus.OK, "Hosted Link", "success", _link(simulation, switches, transaction))


def _refused(simulation: Simulation, switches: ChapaSwitches, fields: dict[str, Any]) -> JSONResponse | None:
    if switches.merchant == "api_disabled":
        return envelope(HTTPStatus.NOT_FOUND, "Payments through API is disabled, please contact us")
    if switches.merchant == "blocked":
        return envelope(HTTPStatus.BAD_REQUEST, "User can't receive payments")
    if errors := field_errors(fields):
        return envelope(HTTPStatus.BAD_REQUEST, errors)
    if fields["currency"] not in CURRENCIES:
        return envelope(HTTPStatus.BAD_REQUEST, "Invalid currency, currency is not supported")
    if simulation.ledger.by_tx_ref(fields["tx_ref"]) is not None:
        return envelope(HTTPStatus.BAD_REQUEST, "Transaction reference has been used before")
    return None


def _opened(simulation: Simulation, fields: dict[str, Any], mode: str) -> Transaction:
    now = time.time()
    amount = amount_of(fields["amount"])
    if amount is None:
        raise ValueError("the amount was validated before")
    customization = fields.get("customization") or {}
    phone_number = fields.get("phone_number")
    return Transaction(
        tx_ref=fields["tx_ref"],
        token=formats.token(),
        mode=mode,
        amount=formats.cents(amount),
        currency=fields["currency"],
        email=fields.get("email"),
        first_name=fields.get("first_name"),
        last_name=fields.get("last_name"),
        phone_number=None if phone_number is None else str(phone_number),
        callback_url=fields.get("callback_url"),
        return_url=fields.get("return_url"),
        title=customization.get("title"),
        description=customization.get("description"),
        logo=customization.get("logo"),
        meta=fields.get("meta"),
        created_at=now,
        updated_at=now,
        expires_at=now + simulation.config.link_window_s,
        events=({"message": "Checkout link created", "type": "log", "at": now},),
    )


def _link(simulation: Simulation, switches: ChapaSwitches, transaction: Transaction) -> dict[str, str]:
    if switches.checkout_url == "missing":
        return {}
    if switches.checkout_url == "foreign":
        return {"checkout_url": f"https://checkout.chapa.example/checkout/payment/{transaction.token}"}
    return {"checkout_url": simulation.checkout_url(transaction)}


async def verify(simulation: Simulation, request: Request) -> JSONResponse:
    """Answer with what is known of our `tx_ref`, with the observed or the documented quirks."""
    caller = identify(simulation.config, request, unknown_key="Invalid API Key")
    if isinstance(caller, JSONResponse):
        return caller
    tx_ref = request.path_params["tx_ref"]
    switches = simulation.switchboard.current(tx_ref)
    documented = switches.verify_quirks == "docs"
    transaction = simulation.ledger.by_tx_ref(tx_ref)
    if transaction is None:
        if documented:
            return envelope(HTTPStatus.NOT_FOUND, "Invalid transaction or Transaction not found")
        return envelope(HTTPStatus.BAD_REQUEST, "Invalid transaction reference")
    if transaction.mode != caller.mode:
        keys, what = (
            ("Live", "a test transaction") if caller.mode == "live" else ("Test", "a live transaction")
        )
        return envelope(HTTPStatus.UNAUTHORIZED, f"{keys} secret keys can't be used to verify {what}")
    if documented and transaction.status == "pending" and switches.verify_status is None:
        return envelope(HTTPStatus.NOT_FOUND, "Payment not paid yet", None)
    message = "Payment details" if documented else "Payment details fetched successfully"
    return envelope(HTTPStatus.OK, message, "success", _details(transaction, switches))


def _details(transaction: Transaction, switches: ChapaSwitches) -> dict[str, Any]:
    amount = switches.verify_amount or transaction.amount
    details = {
        "first_name": transaction.first_name,
        "last_name": transaction.last_name,
        "email": transaction.email,
        "phone_number": transaction.phone_number,
        "currency": switches.verify_currency or transaction.currency,
        "amount": amount if switches.verify_amount_as == "string" else formats.number(amount),
        "charge": None if transaction.charge is None else formats.number(transaction.charge),
        "mode": switches.verify_mode or transaction.mode,
        "method": transaction.method if transaction.status != "pending" else None,
        "type": "API" if transaction.paid else "Unknown",
        "status": switches.verify_status or transaction.status,
        "reference": switches.verify_reference or transaction.reference,
        "tx_ref": switches.verify_tx_ref or transaction.tx_ref,
        "customization": transaction.customization,
        "meta": transaction.meta,
        "created_at": formats.timestamp(transaction.created_at),
        "updated_at": formats.timestamp(transaction.updated_at),
    }
    if switches.verify_quirks == "docs":
        del details["phone_number"]
    return details


async def cancel(simulation: Simulation, request: Request) -> JSONResponse:
    """Close the link for good; the status stays what it was. What Chapa says of a paid one is not known."""
    caller = identify(simulation.config, request)
    if isinstance(caller, JSONResponse):
        return caller
    transaction = simulation.ledger.by_tx_ref(request.path_params["tx_ref"])
    if transaction is None or transaction.mode != caller.mode:
        return envelope(HTTPStatus.NOT_FOUND, "Payment link not found")
    now = time.time()
    if transaction.link(now) != "open":
        return envelope(HTTPStatus.BAD_REQUEST, "Payment link already expired")
    cancelled = transaction.changed(now, "Checkout link cancelled by the merchant", cancelled=True)
    simulation.ledger.put(cancelled)
    late_s = simulation.switchboard.current(transaction.tx_ref).late_success_after_cancel_s
    if late_s is not None:
        simulation.timers.set("late_success", transaction.tx_ref, late_s)
    data = {
        "tx_ref": cancelled.tx_ref,
        "amount": formats.number(cancelled.amount),
        "currency": cancelled.currency,
        "created_at": formats.timestamp(cancelled.created_at),
        "updated_at": formats.timestamp(cancelled.updated_at),
    }
    return envelope(HTTPStatus.OK, "Checkout link expired successfully", "success", data)
