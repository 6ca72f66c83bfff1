"""The bodies sent to `ResultURL` and `QueueTimeOutURL` (fact sheet, sections 7 and 8)."""

from typing import Any

from payments.simulators.mpesa import formats, result_codes
from payments.simulators.mpesa.formats import Written
from payments.simulators.mpesa.merchant_account import balance_text
from payments.simulators.mpesa.prompts import Request
from payments.simulators.mpesa.simulation import Simulation
from payments.simulators.mpesa.switches import MpesaSwitches

_TIMED_OUT = "The request timed out in the queue."
_TIMED_OUT_CODE = "1"
_PAYER_NAME = "JOHN DOE"
Parameters = list[tuple[str, Any]]


def request_result(
    simulation: Simulation, request: Request, switches: MpesaSwitches, *, timed_out: bool
) -> str:
    """Return the exact text of a result; a queue's time-out is not documented and carries `ResultType` 1."""
    code = _TIMED_OUT_CODE if timed_out else request.code or result_codes.PAID
    said: dict[str, Any] = {
        "ResultType": 1 if timed_out else 0,
        "ResultCode": code if switches.result_codes_as == "string" else result_codes.as_number(code),
        "ResultDesc": _TIMED_OUT if timed_out else result_codes.on_callback(code),
        "OriginatorConversationID": request.originator_conversation_id,
        "ConversationID": request.conversation_id,
        "TransactionID": request.receipt or formats.receipt(request.created_at),
    }
    if not timed_out and code == result_codes.PAID:
        said["ResultParameters"] = {"ResultParameter": _parameters(simulation, request, switches)}
    item = {"Key": "QueueTimeoutURL", "Value": request.queue_timeout_url}
    reference = [item] if switches.result_reference == "list" else item
    said["ReferenceData"] = {"ReferenceItem": reference}
    return formats.json_text({"Result": said})


def _parameters(simulation: Simulation, request: Request, switches: MpesaSwitches) -> Any:
    if request.kind == "reversal":
        named = _reversal(simulation, request, switches)
    else:
        named = _status(simulation, request, switches.status_of_reversed)
    items = [{"Key": key} if value is None else {"Key": key, "Value": value} for key, value in named]
    return items[-1] if switches.result_parameters == "one_object" else items


def _reversal(simulation: Simulation, request: Request, switches: MpesaSwitches) -> Parameters:
    in_text = switches.result_values_as == "string"
    balance = balance_text(simulation)
    amount, at = f"{request.amount}.00", formats.timestamp(request.ended_at or request.created_at)
    return [
        ("DebitAccountBalance", f"Utility Account|KES|{balance}|{balance}|0.00|0.00"),
        ("Amount", amount if in_text else Written(amount)),
        ("TransCompletedTime", at if in_text else int(at)),
        ("OriginalTransactionID", request.transaction_id),
        ("Charge", "0.00" if in_text else Written("0.00")),
        ("CreditPartyPublicName", _payer(request.phone)),
        ("DebitPartyPublicName", _shop(simulation, request.receiver)),
    ]


def _status(simulation: Simulation, request: Request, of_reversed: str) -> Parameters:
    """Return the parameters of a status, all of them texts; the receipt is a payment's or a reversal's."""
    payment = simulation.ledger.payment(request.transaction_id)
    if payment is not None:
        told = "Completed" if payment.reversed_amount == 0 else of_reversed
        parties = (_payer(payment.phone), _shop(simulation, payment.shortcode))
        return _told(request, parties, payment.at, told, amount=payment.amount, reason="Pay Bill Online")
    moved = simulation.ledger.reversal(request.transaction_id)
    if moved is None:
        return []
    parties = (_shop(simulation, moved.receiver), _payer(moved.phone))
    at = moved.ended_at or moved.created_at
    return _told(request, parties, at, "Completed", amount=moved.amount, reason="Reversal")


def _told(
    request: Request, parties: tuple[str, str], at_s: float, status: str, *, amount: int, reason: str
) -> Parameters:
    debit, credit = parties
    at = formats.timestamp(at_s)
    return [
        ("DebitPartyName", debit),
        ("CreditPartyName", credit),
        ("OriginatorConversationID", request.originator_conversation_id),
        ("ConversationID", request.conversation_id),
        ("InitiatedTime", at),
        ("FinalisedTime", at),
        ("DebitAccountType", "MMF Account For Customer"),
        ("DebitPartyCharges", ""),
        ("TransactionReason", None),
        ("ReasonType", reason),
        ("TransactionStatus", status),
        ("Amount", str(amount)),
        ("ReceiptNo", request.transaction_id),
    ]


def _payer(phone: str | None) -> str:
    return f"{phone} - {_PAYER_NAME}"


def _shop(simulation: Simulation, shortcode: str) -> str:
    return f"{shortcode} - {simulation.config.organisation}"
