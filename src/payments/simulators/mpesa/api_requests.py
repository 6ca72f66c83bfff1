"""Reversal and transaction status: acknowledged at once, answered later (fact sheet, sections 7 and 8)."""

import time
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse

from payments.simulators.mpesa import formats, requests, validation
from payments.simulators.mpesa.access import admitted
from payments.simulators.mpesa.api_answers import invalid, threat
from payments.simulators.mpesa.prompts import Request
from payments.simulators.mpesa.simulation import Simulation
from payments.simulators.mpesa.validation import Rule

_LONGEST_TEXT = 100
_LARGEST_REVERSAL = 10**9


async def reversal(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    """Acknowledge a reversal; whether it was carried out is told to `ResultURL`."""
    return await _acknowledged(simulation, request, "reversal")


async def status(simulation: Simulation, request: HttpRequest) -> JSONResponse:
    """Acknowledge a question about a transaction; its state is told to `ResultURL`."""
    return await _acknowledged(simulation, request, "status")


async def _acknowledged(simulation: Simulation, request: HttpRequest, kind: str) -> JSONResponse:
    fields = await admitted(simulation, request, kind)
    if isinstance(fields, JSONResponse):
        return fields
    strict = simulation.switches(None).strict
    rules = _reversal_rules(strict=strict) if kind == "reversal" else _status_rules(strict=strict)
    if (no := validation.first_refusal(fields, rules)) is not None:
        return no
    if kind == "status" and not (fields.get("TransactionID") or fields.get("OriginalConversationID")):
        return invalid("TransactionID")
    urls = (str(fields["ResultURL"]), str(fields["QueueTimeOutURL"]))
    if strict and any(validation.has_forbidden_word(url) for url in urls):
        return threat()
    accepted = _accepted(simulation, kind, fields)
    requests.accept(simulation, accepted)
    return JSONResponse(
        {
            "OriginatorConversationID": accepted.originator_conversation_id,
            "ConversationID": accepted.conversation_id,
            "ResponseCode": "0",
            "ResponseDescription": "Accept the service request successfully.",
        }
    )


def _initiator_rules(command: str) -> tuple[Rule, ...]:
    return (
        Rule("Initiator", validation.filled),
        Rule("SecurityCredential", validation.filled),
        Rule("CommandID", validation.one_of(command)),
    )


def _url_rules(*, strict: bool) -> tuple[Rule, ...]:
    return (
        Rule("ResultURL", validation.url(strict=strict)),
        Rule("QueueTimeOutURL", validation.url(strict=strict)),
        Rule("Remarks", validation.between(2, _LONGEST_TEXT), suspicious=True),
        Rule("Occasion", validation.between(0, _LONGEST_TEXT), optional=True, suspicious=True),
    )


def _reversal_rules(*, strict: bool) -> tuple[Rule, ...]:
    types = ("11",) if strict else ("11", "4")
    return (
        *_initiator_rules("TransactionReversal"),
        Rule("TransactionID", validation.filled),
        Rule("Amount", validation.whole_amount(_LARGEST_REVERSAL)),
        Rule("ReceiverParty", validation.shortcode),
        # The misspelling is Daraja's own: the right spelling is not found.
        Rule("RecieverIdentifierType", validation.one_of(*types)),
        *_url_rules(strict=strict),
    )


def _status_rules(*, strict: bool) -> tuple[Rule, ...]:
    return (
        *_initiator_rules("TransactionStatusQuery"),
        Rule("TransactionID", validation.between(0, _LONGEST_TEXT), optional=True),
        Rule("OriginalConversationID", validation.between(0, _LONGEST_TEXT), optional=True),
        Rule("PartyA", validation.filled),
        Rule("IdentifierType", validation.one_of("1", "2", "4")),
        *_url_rules(strict=strict),
    )


def _accepted(simulation: Simulation, kind: str, fields: dict[str, Any]) -> Request:
    now = time.time()
    transaction_id = str(fields.get("TransactionID") or "")
    original = str(fields.get("OriginalConversationID") or "")
    return Request(
        conversation_id=formats.conversation_id(now),
        originator_conversation_id=formats.originator_conversation_id(),
        kind=kind,
        transaction_id=transaction_id,
        original_conversation_id=original,
        amount=int(fields.get("Amount") or 0) if kind == "reversal" else 0,
        receiver=str(fields["ReceiverParty"] if kind == "reversal" else fields["PartyA"]),
        result_url=str(fields["ResultURL"]),
        queue_timeout_url=str(fields["QueueTimeOutURL"]),
        phone=requests.phone_of(simulation, transaction_id),
        created_at=now,
        refused_code=requests.initiator_refusal(
            simulation, str(fields["Initiator"]), str(fields["SecurityCredential"])
        ),
    )
