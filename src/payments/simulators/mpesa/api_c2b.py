"""C2B in brief (fact sheet, section 9): URLs to register, and payments without a prompt."""

import time
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.mpesa import announcements, formats, validation
from payments.simulators.mpesa.access import admitted
from payments.simulators.mpesa.api_answers import error, server_error, threat
from payments.simulators.mpesa.prompts import Payment
from payments.simulators.mpesa.simulation import Simulation
from payments.simulators.mpesa.validation import Rule

_ALREADY = "URLs are already registered"
_LARGEST_AMOUNT = 250_000


async def register(simulation: Simulation, request: Request) -> JSONResponse:
    """Take in the two URLs of a shortcode."""
    fields = await admitted(simulation, request, "c2b_register")
    if isinstance(fields, JSONResponse):
        return fields
    switches = simulation.switches(None)
    rules = (
        Rule("ShortCode", validation.shortcode),
        Rule("ResponseType", validation.one_of("Completed", "Cancelled")),
        Rule("ConfirmationURL", validation.url(strict=switches.strict)),
        Rule("ValidationURL", validation.url(strict=switches.strict)),
    )
    if (no := validation.first_refusal(fields, rules)) is not None:
        return no
    shortcode = str(fields["ShortCode"])
    urls = {"confirmation_url": fields["ConfirmationURL"], "validation_url": fields["ValidationURL"]}
    if switches.strict and any(validation.has_forbidden_word(url) for url in urls.values()):
        return threat()
    if shortcode != simulation.config.shortcode:
        return server_error("Merchant does not exist")
    again = simulation.documents.get("c2b_urls", shortcode) is not None
    if again and switches.c2b_again == "refused":
        return error(HTTPStatus.INTERNAL_SERVER_ERROR, "500.003.1001", _ALREADY)
    response_type = fields["ResponseType"]
    simulation.documents.put("c2b_urls", shortcode, {**urls, "response_type": response_type})
    return _accepted(simulation, "Success")


async def simulate(simulation: Simulation, request: Request) -> JSONResponse:
    """Let a payer pay the shortcode by hand; validation is off unless a switch turns it on."""
    fields = await admitted(simulation, request, "c2b_simulate")
    if isinstance(fields, JSONResponse):
        return fields
    rules = (
        Rule("ShortCode", validation.shortcode),
        Rule("CommandID", validation.one_of("CustomerPayBillOnline", "CustomerBuyGoodsOnline")),
        Rule("Amount", validation.whole_amount(_LARGEST_AMOUNT)),
        Rule("Msisdn", validation.phone),
        Rule("BillRefNumber", validation.between(0, 100), optional=True, suspicious=True),
    )
    if (no := validation.first_refusal(fields, rules)) is not None:
        return no
    if str(fields["ShortCode"]) != simulation.config.shortcode:
        return server_error("Merchant does not exist")
    payment = _payment(simulation, fields)
    if await _taken(simulation, payment):
        simulation.ledger.put_payment(payment)
        announcements.confirm(simulation, payment)
    return _accepted(simulation, "Accept the service request successfully.")


def _payment(simulation: Simulation, fields: dict[str, Any]) -> Payment:
    now = time.time()
    while simulation.ledger.payment(receipt := formats.receipt(now)) is not None:
        pass
    return Payment(
        receipt=receipt,
        source="c2b",
        shortcode=str(fields["ShortCode"]),
        amount=int(fields["Amount"]),
        phone=str(fields["Msisdn"]),
        account_reference=str(fields.get("BillRefNumber") or ""),
        at=now,
    )


async def _taken(simulation: Simulation, payment: Payment) -> bool:
    """Tell whether the payment goes through: by the shop's word, where it is asked for one."""
    registered = simulation.documents.get("c2b_urls", payment.shortcode)
    if registered is None or not simulation.switches(payment.phone).c2b_validation:
        return True
    answer = await announcements.validated(simulation, payment, registered["validation_url"])
    # Without an answer the type that was registered decides.
    return registered["response_type"] == "Completed" if answer is None else answer


def _accepted(simulation: Simulation, text: str) -> JSONResponse:
    # The misspelling is Daraja's own.
    answer = {"OriginatorCoversationID": formats.originator_conversation_id()}
    code = simulation.switches(None).c2b_response_code
    if code != "missing":
        answer["ResponseCode"] = code
    return JSONResponse({**answer, "ResponseDescription": text})
