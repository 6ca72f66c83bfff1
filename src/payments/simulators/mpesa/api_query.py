"""STK query (fact sheet, section 5): what is told while a prompt is in flight, and after."""

import time
from http import HTTPStatus
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.mpesa import result_codes, validation
from payments.simulators.mpesa.access import admitted
from payments.simulators.mpesa.api_answers import error, invalid, server_error, spike_arrest
from payments.simulators.mpesa.api_push import credential_rules, wrong_credentials
from payments.simulators.mpesa.prompts import Prompt
from payments.simulators.mpesa.simulation import Simulation
from payments.simulators.mpesa.switches import IN_FLIGHT, MpesaSwitches
from payments.simulators.mpesa.validation import Rule

_DOES_NOT_EXIST = "The transaction does not Exist"
_BEING_PROCESSED = "The transaction is being processed"
_STILL = "The transaction is still under processing"
_STILL_CODE = "4999"


async def query(simulation: Simulation, request: Request) -> JSONResponse:
    """Tell what became of a prompt: a code and a text, never a receipt, an amount or a phone."""
    fields = await admitted(simulation, request, "query")
    if isinstance(fields, JSONResponse):
        return fields
    if (no := _too_many(simulation)) is not None:
        return no
    everywhere = simulation.switches(None)
    rules = (*credential_rules(everywhere), Rule("CheckoutRequestID", validation.filled))
    no = validation.first_refusal(fields, rules) or wrong_credentials(simulation, everywhere, fields)
    if no is not None:
        return no
    prompt = simulation.ledger.prompt(str(fields["CheckoutRequestID"]))
    if prompt is None:
        unknown = everywhere.query_unknown == "does_not_exist"
        return server_error(_DOES_NOT_EXIST) if unknown else invalid("CheckoutRequestID")
    return _told(simulation, prompt)


def _too_many(simulation: Simulation) -> JSONResponse | None:
    switches = simulation.switches(None)
    calls = switches.query_calls
    if simulation.query_limit.lets_pass(
        time.time(),
        calls=calls,
        period_s=switches.query_period_s * switches.time_scale,
        burst_one=switches.query_burst_one,
    ):
        return None
    return spike_arrest(calls)


def _told(simulation: Simulation, prompt: Prompt) -> JSONResponse:
    switches = simulation.switches(prompt.phone)
    if time.time() < prompt.created_at + switches.query_early_s * switches.time_scale:
        return invalid("CheckoutRequestID")
    polled = attrs.evolve(prompt, queries=prompt.queries + 1)
    simulation.ledger.put(polled)
    if switches.query_code is not None:
        return _result(polled, switches, switches.query_code, result_codes.on_query(switches.query_code))
    every = switches.query_hiccup_every
    if every and polled.queries % every == 0:
        return server_error("")
    if polled.state != "ended" or polled.code is None:
        return _in_flight(polled, switches)
    return _result(polled, switches, polled.code, result_codes.on_query(polled.code))


def _in_flight(prompt: Prompt, switches: MpesaSwitches) -> JSONResponse:
    shape = switches.query_in_flight
    if shape == "cycle":
        shape = IN_FLIGHT[(prompt.queries - 1) % len(IN_FLIGHT)]
    if shape == "being_processed":
        return server_error(_BEING_PROCESSED)
    if shape == "error_in_200":
        return error(HTTPStatus.OK, "500.001.1001", "")
    if shape == "does_not_exist":
        return server_error(_DOES_NOT_EXIST)
    return _result(prompt, switches, _STILL_CODE, _STILL)


def _result(prompt: Prompt, switches: MpesaSwitches, code: str, text: str) -> JSONResponse:
    told: Any = code if switches.query_codes_as == "string" else result_codes.as_number(code)
    return JSONResponse(
        {
            "ResponseCode": "0",
            # The misspelling is Daraja's own.
            "ResponseDescription": "The service request has been accepted successsfully",
            "MerchantRequestID": prompt.merchant_request_id,
            "CheckoutRequestID": prompt.checkout_request_id,
            "ResultCode": told,
            "ResultDesc": text,
        }
    )
